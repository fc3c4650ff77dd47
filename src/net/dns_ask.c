#include "net/dns_ask.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <stdio.h>
#include <string.h>
#include <unbound.h>

#include "base/text.h"
#include "net/dns.h"
#include "net/dns_answer.h"

// A question goes from `waiting` to `running` to `ready`; its `done` is called from there, outside of
// libunbound's callbacks, so that it may do anything, dns_free() included.

enum { ALIASES = 8 };
static const usec_t wait_most = 10 * USEC_SECOND;

struct dns_ask {
    struct list link;
    struct dns_asks *asks;
    char *name;
    int type, id; // id of libunbound, while is_open
    bool is_open, is_ready;
    unsigned aliases; // CNAMEs followed
    struct timer timer;
    void (*done)(void *ctx, const struct dns_records *records);
    void *ctx;
    struct dns_records *records; // owned, once answered
};

static struct dns_ask *ask_free(struct dns_ask *a)
{
    struct dns_asks *s = a->asks;
    if (a->is_open)
        ub_cancel(s->ub, a->id);
    timer_stop(s->timers, &a->timer);
    list_remove(&a->link);
    xfree(a->records);
    xfree(a->name);
    return xfree(a);
}

void dns_asks_init(struct dns_asks *s, struct ub_ctx *ub, struct timers *timers,
                   const bool *is_freed)
{
    *s = (struct dns_asks){.ub = ub, .timers = timers, .is_freed = is_freed};
    list_init(&s->waiting);
    list_init(&s->running);
    list_init(&s->ready);
}

void dns_asks_deinit(struct dns_asks *s)
{
    struct list *const all[] = {&s->waiting, &s->running, &s->ready};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct dns_ask *a;
        LIST_EACH (all[i], a, link) {
            ask_free(a);
        }
    }
}

static void on_soon(void *ctx)
{
    dns_asks_deliver(ctx);
}

// The question leaves those under way or waiting; its answer is handed out soon.
static void ask_end(struct dns_ask *a, enum dns_result result, const char *why)
{
    struct dns_asks *s = a->asks;
    a->records->result = result;
    if (result != DNS_OK) {
        a->records->n = 0;
        char text[2 * DNS_NAME];
        int n = snprintf(text, sizeof(text), "%s: %s", a->name, why);
        text_visible(a->records->why, sizeof(a->records->why), text, (size_t)n);
    }
    a->is_ready = true;
    timer_stop(s->timers, &a->timer);
    list_remove(&a->link);
    list_add_last(&s->ready, &a->link);
    timer_set(s->timers, &s->soon, 0, on_soon, s);
}

static void on_wait_over(void *ctx)
{
    struct dns_ask *a = ctx;
    if (a->is_open)
        ub_cancel(a->asks->ub, a->id);
    a->is_open = false;
    a->asks->running_n--;
    ask_end(a, DNS_LATER, "no answer from DNS");
}

static void on_answer(void *ctx, int error, struct ub_result *r);

static int ask_send(struct dns_ask *a, const char *name)
{
    int error = ub_resolve_async(a->asks->ub, name, a->type, ns_c_in, a, on_answer, &a->id);
    a->is_open = error == 0;
    return error;
}

static void take_records(struct dns_ask *a, const struct ub_result *r)
{
    struct dns_records *out = a->records;
    size_t address_n = a->type == ns_t_a ? 4 : 16;
    for (size_t i = 0; r->havedata && r->data[i] && out->n < DNS_RECORDS; i++) {
        size_t n = (size_t)r->len[i];
        if (a->type == ns_t_ptr) {
            bool is_name = dns_name_parse(out->names[out->n], bytes_of(r->data[i], n));
            out->n += is_name && out->names[out->n][0];
        } else if (n == address_n) {
            out->addresses[out->n].n = (uint8_t)n;
            memcpy(out->addresses[out->n++].bytes, r->data[i], n);
        }
    }
}

// Local data answer an alias with the CNAME alone; then we follow it. True: asked again.
static bool follow_alias(struct dns_ask *a, const struct ub_result *r)
{
    if (r->havedata || r->nxdomain || !r->canonname || a->aliases >= ALIASES ||
        strcasecmp(r->canonname, r->qname) == 0)
        return false;
    a->aliases++;
    return ask_send(a, r->canonname) == 0;
}

static void on_answer(void *ctx, int error, struct ub_result *r)
{
    struct dns_ask *a = ctx;
    a->is_open = false;
    bool is_answer = !error && r && !r->bogus;
    bool is_none = is_answer && (r->rcode == ns_r_noerror || r->rcode == ns_r_nxdomain);
    if (is_none && follow_alias(a, r)) {
        ub_resolve_free(r);
        return;
    }
    a->asks->running_n--;
    if (is_none) {
        take_records(a, r);
        ask_end(a, a->records->n ? DNS_OK : DNS_NONE,
                r->nxdomain ? "does not exist" : "has no such record");
    } else if (error == UB_SYNTAX) {
        ask_end(a, DNS_NONE, "is no domain name");
    } else {
        ask_end(a, DNS_LATER,
                error                           ? ub_strerror(error)
                : r && r->bogus                 ? "the answer's DNSSEC signature is wrong"
                : r && r->rcode == ns_r_refused ? "refused"
                                                : "server failure");
    }
    ub_resolve_free(r);
}

static void ask_begin(struct dns_ask *a)
{
    struct dns_asks *s = a->asks;
    s->waiting_n--;
    list_remove(&a->link);
    if (ask_send(a, a->name) != 0) {
        ask_end(a, DNS_NONE, "is no domain name");
        return;
    }
    s->running_n++;
    list_add_last(&s->running, &a->link);
    timer_set(s->timers, &a->timer, clock_monotonic() + wait_most, on_wait_over, a);
}

static void begin_waiting(struct dns_asks *s)
{
    struct dns_ask *a;
    while (s->running_n < DNS_AT_ONCE && (a = LIST_FIRST(&s->waiting, struct dns_ask, link)))
        ask_begin(a);
}

void dns_asks_deliver(struct dns_asks *s)
{
    const bool *is_freed = s->is_freed;
    struct list now; // what becomes ready meanwhile comes next time: no `done` starves the loop
    list_insert_before(&s->ready, &now);
    list_remove(&s->ready);
    struct dns_ask *a;
    while (!*is_freed && (a = LIST_FIRST(&now, struct dns_ask, link))) {
        list_remove(&a->link);
        struct dns_records *records = MOVE(a->records);
        void (*done)(void *, const struct dns_records *) = a->done;
        void *done_ctx = a->ctx;
        ask_free(a);
        done(done_ctx, records);
        xfree(records);
    }
    LIST_EACH (&now, a, link) {
        ask_free(a);
    }
    if (!*is_freed)
        begin_waiting(s);
}

static struct dns_ask *ask_new(struct dns_asks *s, const char *name, int type)
{
    struct dns_ask *a = xcalloc(1, sizeof(*a));
    a->asks = s;
    a->name = xstrdup(name);
    a->type = type;
    a->records = xcalloc(1, sizeof(*a->records));
    s->waiting_n++;
    list_add_last(&s->waiting, &a->link);
    if (s->waiting_n > DNS_ASKS) {
        s->waiting_n--;
        ask_end(a, DNS_LATER, "too many questions at once");
    }
    return a;
}

struct dns_ask *dns_query_addresses(struct dns *d, const char *name, bool is_v6,
                                    void (*done)(void *ctx, const struct dns_records *records),
                                    void *ctx)
{
    struct dns_ask *a = ask_new(dns_asks_of(d), name, is_v6 ? ns_t_aaaa : ns_t_a);
    a->done = done;
    a->ctx = ctx;
    begin_waiting(a->asks);
    return a;
}

struct dns_ask *dns_query_names(struct dns *d, const struct dns_address *address,
                                void (*done)(void *ctx, const struct dns_records *records),
                                void *ctx)
{
    char name[DNS_NAME] = "";
    dns_address_reverse(name, address, address->n == 4 ? "in-addr.arpa" : "ip6.arpa");
    struct dns_ask *a = ask_new(dns_asks_of(d), name, ns_t_ptr);
    a->done = done;
    a->ctx = ctx;
    begin_waiting(a->asks);
    return a;
}

void dns_ask_cancel(struct dns_ask *a)
{
    if (!a)
        return;
    struct dns_asks *s = a->asks;
    if (a->is_open)
        s->running_n--;
    else if (!a->is_ready)
        s->waiting_n--;
    ask_free(a);
}

// ---- addresses

bool dns_address_parse(struct dns_address *a, const char *text)
{
    *a = (struct dns_address){.n = strchr(text, ':') ? 16 : 4};
    return inet_pton(a->n == 16 ? AF_INET6 : AF_INET, text, a->bytes) == 1;
}

void dns_address_format(char out[DNS_ADDRESS_TEXT], const struct dns_address *a)
{
    if (!inet_ntop(a->n == 16 ? AF_INET6 : AF_INET, a->bytes, out, DNS_ADDRESS_TEXT))
        out[0] = '\0';
}

bool dns_address_reverse(char out[DNS_NAME], const struct dns_address *a, const char *zone)
{
    size_t n = 0;
    for (size_t i = a->n; i; i--) {
        unsigned byte = a->bytes[i - 1];
        n += (size_t)(a->n == 4 ? snprintf(out + n, DNS_NAME - n, "%u.", byte)
                                : snprintf(out + n, DNS_NAME - n, "%x.%x.", byte & 15, byte >> 4));
    }
    if (n + strlen(zone) >= DNS_NAME)
        return false;
    memcpy(out + n, zone, strlen(zone) + 1);
    return true;
}
