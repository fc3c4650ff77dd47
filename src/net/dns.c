#include "net/dns.h"

#include <arpa/nameser.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unbound.h>
#include <uv.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/dns_answer.h"
#include "net/dns_ask.h"
#include "net/dns_resolver.h"
#include "net/timer.h"

// A *waiter* is one who asked; a *lookup* is one domain being asked for, with its waiters. Every answer
// goes into the cache first and reaches its waiters from there, in deliver(), outside of libunbound's
// own callbacks: so `done` may do anything, dns_free() included.

enum {
    KEPT_BYTES = 16 << 20,
    ALIASES = 8, // CNAMEs followed for one question
    QUESTIONS = 1 + 2 * DNS_HOSTS,
};

static const usec_t wait_most = 10 * USEC_SECOND;
static const usec_t kept_least = 60 * USEC_SECOND, kept_most = USEC_HOUR,
                    kept_most_negative = 5 * USEC_MINUTE;

struct dns {
    struct ub_ctx *ub;
    uv_poll_t poll;
    struct timers *timers;
    struct timer soon;   // delivers what is ready
    struct list ready;   // waiters whose answer is in the cache, or whose domain is a literal
    struct map lookups;  // domain → struct lookup
    struct list waiting; // lookups not begun
    size_t running;
    struct map kept;  // domain → struct kept
    struct list ages; // of kept, oldest first
    size_t kept_bytes;
    struct dns_asks asks;
    bool is_freed;
    struct dns_mx scratch; // the answer being delivered
};

struct waiter {
    struct list link;
    char *domain;
    void (*done)(void *ctx, const struct dns_mx *mx);
    void *ctx;
};

struct kept {
    struct list link;
    char *domain;
    struct dns_answer answer;
};

struct question {
    struct lookup *lookup;
    struct dns_found_host *host; // NULL: the MX question
    int type, id;                // id of libunbound, while it is asked
    unsigned aliases;            // CNAMEs followed
    bool is_open;
};

struct lookup {
    struct list link; // in waiting, while not begun
    struct dns *dns;
    char *domain;
    struct list waiters;
    struct timer timer;    // gives up
    struct asking *asking; // NULL: not begun
    size_t open;           // questions without an answer
    bool is_late;          // for a host no answer came
    uint32_t ttl;          // the shortest, s
};

// What a lookup needs only while it runs.
struct asking {
    struct dns_found found;
    struct question questions[QUESTIONS];
    size_t questions_n;
};

// ---- the cache

static size_t kept_size(const struct kept *k)
{
    return sizeof(*k) + k->answer.hosts.room + 2 * strlen(k->domain);
}

static void kept_drop(struct dns *d, struct kept *k)
{
    d->kept_bytes -= kept_size(k);
    map_remove_str(&d->kept, k->domain);
    list_remove(&k->link);
    buf_deinit(&k->answer.hosts);
    xfree(k->domain);
    xfree(k);
}

static struct kept *kept_get(struct dns *d, const char *domain)
{
    struct kept *k = map_get_str(&d->kept, domain);
    return k && k->answer.expires_at > clock_monotonic() ? k : NULL;
}

// Takes the answer's hosts over.
static void kept_put(struct dns *d, const char *domain, const struct dns_answer *answer)
{
    struct kept *old = map_get_str(&d->kept, domain);
    if (old)
        kept_drop(d, old);
    struct kept *k = xcalloc(1, sizeof(*k));
    k->domain = xstrdup(domain);
    k->answer = *answer;
    map_put_str(&d->kept, domain, k);
    list_add_last(&d->ages, &k->link);
    d->kept_bytes += kept_size(k);
    LIST_EACH (&d->ages, old, link) {
        if (d->kept.count <= DNS_KEPT && (d->kept_bytes <= KEPT_BYTES || old == k))
            break;
        kept_drop(d, old);
    }
}

// ---- lookups

static void waiter_free(struct waiter *w)
{
    list_remove(&w->link);
    xfree(w->domain);
    xfree(w);
}

static void drop_waiters(struct list *waiters)
{
    struct waiter *w;
    LIST_EACH (waiters, w, link) {
        waiter_free(w);
    }
}

static void lookup_free(struct lookup *l)
{
    struct dns *d = l->dns;
    for (size_t i = 0; l->asking && i < l->asking->questions_n; i++)
        if (l->asking->questions[i].is_open)
            ub_cancel(d->ub, l->asking->questions[i].id);
    if (l->asking)
        d->running--;
    xfree(l->asking);
    timer_stop(d->timers, &l->timer);
    map_remove_str(&d->lookups, l->domain);
    list_remove(&l->link);
    xfree(l->domain);
    xfree(l);
}

static usec_t keep_for(const struct lookup *l, enum dns_result result)
{
    usec_t most = result == DNS_OK ? kept_most : kept_most_negative;
    usec_t ttl = (usec_t)l->ttl * USEC_SECOND;
    if (result == DNS_LATER || ttl < kept_least)
        return kept_least;
    return ttl > most ? most : ttl;
}

static void on_soon(void *ctx);

// The answer is there: it is kept, and the waiters become ready.
static void lookup_end(struct lookup *l, enum dns_result result, const char *why)
{
    struct dns *d = l->dns;
    struct dns_answer answer = {.result = result};
    answer.expires_at = clock_monotonic() + keep_for(l, result);
    text_visible(answer.why, sizeof(answer.why), why, strlen(why));
    if (result == DNS_OK)
        dns_answer_pack(&answer, &l->asking->found);
    kept_put(d, l->domain, &answer);
    while (!list_is_empty(&l->waiters)) {
        struct list *w = list_first(&l->waiters);
        list_remove(w);
        list_add_last(&d->ready, w);
    }
    lookup_free(l);
    if (!list_is_empty(&d->ready))
        timer_set(d->timers, &d->soon, 0, on_soon, d);
}

static void lookup_endf(struct lookup *l, enum dns_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void lookup_endf(struct lookup *l, enum dns_result result, const char *format, ...)
{
    char why[2 * DNS_NAME];
    va_list ap;
    va_start(ap, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it misses the va_start above
    (void)vsnprintf(why, sizeof(why), format, ap);
    va_end(ap);
    lookup_end(l, result, why);
}

static void on_wait_over(void *ctx)
{
    struct lookup *l = ctx;
    lookup_endf(l, DNS_LATER, "no answer from DNS for %s in %d s", l->domain,
                (int)(wait_most / USEC_SECOND));
}

// ---- questions

static void on_answer(void *ctx, int error, struct ub_result *r);

// False: it cannot even be asked (no domain name).
static bool question_ask(struct question *q, const char *name)
{
    struct lookup *l = q->lookup;
    if (ub_resolve_async(l->dns->ub, name, q->type, ns_c_in, q, on_answer, &q->id) != 0)
        return false;
    q->is_open = true;
    l->open++;
    return true;
}

static bool lookup_ask(struct lookup *l, struct dns_found_host *host, int type, const char *name)
{
    must(l->asking->questions_n < QUESTIONS);
    struct question *q = &l->asking->questions[l->asking->questions_n++];
    *q = (struct question){l, host, .type = type};
    return question_ask(q, name);
}

static void lookup_begin(struct lookup *l)
{
    list_remove(&l->link);
    l->asking = xcalloc(1, sizeof(*l->asking));
    l->dns->running++;
    l->ttl = UINT32_MAX;
    timer_set(l->dns->timers, &l->timer, clock_monotonic() + wait_most, on_wait_over, l);
    if (!lookup_ask(l, NULL, ns_t_mx, l->domain))
        lookup_endf(l, DNS_NONE, "%s is no domain name", l->domain);
}

static void begin_waiting(struct dns *d)
{
    struct lookup *l;
    while (d->running < DNS_AT_ONCE && (l = LIST_FIRST(&d->waiting, struct lookup, link)))
        lookup_begin(l);
}

static void conclude(struct lookup *l)
{
    const struct dns_found *f = &l->asking->found;
    bool has_address = false;
    for (size_t i = 0; i < f->hosts_n; i++)
        has_address |= f->hosts[i].v4_n || f->hosts[i].v6_n;
    if (has_address)
        lookup_end(l, DNS_OK, "");
    else if (l->is_late)
        lookup_endf(l, DNS_LATER, "no answer from DNS for the mail hosts of %s", l->domain);
    else if (f->hosts_n == 1 && strcmp(f->hosts[0].name, l->domain) == 0)
        lookup_endf(l, DNS_NONE, "%s has neither MX nor address", l->domain);
    else
        lookup_endf(l, DNS_NONE, "no mail host of %s has an address", l->domain);
}

static void ask_for_addresses(struct lookup *l)
{
    struct dns_found *f = &l->asking->found;
    for (size_t i = 0; i < f->hosts_n; i++) {
        struct dns_found_host *host = &f->hosts[i];
        lookup_ask(l, host, ns_t_a, host->name);
        lookup_ask(l, host, ns_t_aaaa, host->name);
    }
    if (!l->open)
        conclude(l);
}

static size_t result_records(const struct ub_result *r, struct bytes *out, size_t room)
{
    size_t n = 0;
    for (; r->havedata && n < room && r->data[n]; n++)
        out[n] = bytes_of(r->data[n], (size_t)r->len[n]);
    return n;
}

static void on_exchanges(struct lookup *l, const struct ub_result *r)
{
    enum { RECORDS = 256 };
    struct bytes records[RECORDS];
    size_t n = result_records(r, records, RECORDS);
    struct dns_found *f = &l->asking->found;
    if (r->nxdomain) {
        lookup_endf(l, DNS_NONE, "the domain %s does not exist", l->domain);
    } else if (!n) { // implicit MX: the domain is its own mail host (RFC 5321 §5.1)
        snprintf(f->hosts[0].name, sizeof(f->hosts[0].name), "%s", l->domain);
        f->hosts_n = 1;
        ask_for_addresses(l);
    } else if (dns_found_exchanges(f, records, n)) {
        lookup_endf(l, DNS_NULL_MX, "%s takes no mail (null MX)", l->domain);
    } else {
        ask_for_addresses(l);
    }
}

static void on_addresses(struct question *q, const struct ub_result *r)
{
    struct bytes records[DNS_ADDRESSES * 2];
    size_t n = result_records(r, records, ARRAY_LEN(records));
    for (size_t i = 0; i < n; i++)
        dns_found_address(q->host, records[i]);
}

static bool has_failed(int error, const struct ub_result *r)
{
    return error || !r || r->bogus || (r->rcode != ns_r_noerror && r->rcode != ns_r_nxdomain);
}

// Local data answer an alias with the CNAME alone; then we follow it. True: asked again.
static bool follow_alias(struct question *q, const struct ub_result *r)
{
    if (r->havedata || r->nxdomain || !r->canonname || q->aliases >= ALIASES ||
        strcasecmp(r->canonname, r->qname) == 0)
        return false;
    q->aliases++;
    return question_ask(q, r->canonname);
}

static const char *failure(int error, const struct ub_result *r)
{
    if (error)
        return ub_strerror(error);
    if (r && r->bogus)
        return "the answer's DNSSEC signature is wrong";
    return r && r->rcode == ns_r_refused ? "refused" : "server failure";
}

static void on_answer(void *ctx, int error, struct ub_result *r)
{
    struct question *q = ctx;
    struct lookup *l = q->lookup;
    q->is_open = false;
    l->open--;
    bool failed = has_failed(error, r);
    if (!failed && !follow_alias(q, r) && r->ttl >= 0 && (uint32_t)r->ttl < l->ttl)
        l->ttl = (uint32_t)r->ttl;
    if (q->is_open) { // asked again
    } else if (error == UB_SYNTAX && !q->host) {
        lookup_endf(l, DNS_NONE, "%s is no domain name", l->domain);
    } else if (failed && !q->host) {
        lookup_endf(l, DNS_LATER, "DNS has no answer for %s now: %s", l->domain, failure(error, r));
    } else if (!q->host) {
        on_exchanges(l, r);
    } else {
        if (failed)
            l->is_late = true;
        else
            on_addresses(q, r);
        if (!l->open)
            conclude(l);
    }
    ub_resolve_free(r);
}

// ---- asking and being told

static void wait_for(struct dns *d, struct waiter *w)
{
    struct lookup *l = map_get_str(&d->lookups, w->domain);
    if (!l) {
        l = xcalloc(1, sizeof(*l));
        l->dns = d;
        l->domain = xstrdup(w->domain);
        list_init(&l->waiters);
        map_put_str(&d->lookups, l->domain, l);
        list_add_last(&d->waiting, &l->link);
    }
    list_add_last(&l->waiters, &w->link);
}

// Into d->scratch.
static void answer_literal(struct dns *d, const char *domain)
{
    struct dns_found found;
    struct dns_answer answer = {.expires_at = clock_monotonic() + kept_most};
    if (dns_found_literal(&found, domain))
        dns_answer_pack(&answer, &found);
    if (!answer.hosts.n) {
        answer.result = DNS_NONE;
        snprintf(answer.why, sizeof(answer.why), "%.64s is no address of a host", domain);
    }
    dns_answer_unpack(&d->scratch, &answer);
    buf_deinit(&answer.hosts);
}

static void deliver(struct dns *d)
{
    struct list now;
    list_insert_before(&d->ready, &now); // `now` takes the whole ring over
    list_remove(&d->ready);
    struct waiter *w;
    while (!d->is_freed && (w = LIST_FIRST(&now, struct waiter, link))) {
        list_remove(&w->link);
        const struct kept *k = kept_get(d, w->domain);
        if (k) {
            dns_answer_unpack(&d->scratch, &k->answer);
        } else if (w->domain[0] == '[') {
            answer_literal(d, w->domain);
        } else {
            wait_for(d, w); // pushed out of the cache meanwhile
            continue;
        }
        w->done(w->ctx, &d->scratch);
        waiter_free(w);
    }
    drop_waiters(&now);
    if (!d->is_freed)
        begin_waiting(d);
}

static void on_soon(void *ctx)
{
    deliver(ctx);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct dns *d = CONTAINER_OF(poll, struct dns, poll);
    ub_process(d->ub);
    timer_stop(d->timers, &d->soon);
    deliver(d);
    if (!d->is_freed)
        dns_asks_deliver(&d->asks);
}

struct dns_asks *dns_asks_of(struct dns *d)
{
    return &d->asks;
}

void dns_query_mx(struct dns *d, const char *domain,
                  void (*done)(void *ctx, const struct dns_mx *mx), void *ctx)
{
    struct waiter *w = xcalloc(1, sizeof(*w));
    *w = (struct waiter){.domain = xstrdup(domain), .done = done, .ctx = ctx};
    if (domain[0] == '[' || kept_get(d, domain)) {
        list_add_last(&d->ready, &w->link);
        timer_set(d->timers, &d->soon, 0, on_soon, d);
        return;
    }
    wait_for(d, w);
    begin_waiting(d);
}

// ---- opening and closing

struct dns *dns_new(struct uv_loop_s *loop, const struct dns_options *options, char **why)
{
    struct ub_ctx *ub = dns_resolver_new(options, why);
    if (!ub)
        return NULL;
    struct dns *d = xcalloc(1, sizeof(*d));
    if (uv_poll_init(loop, &d->poll, ub_fd(ub)) != 0) {
        *why = xstrdup("the resolver's descriptor cannot be watched");
        ub_ctx_delete(ub);
        return xfree(d);
    }
    d->ub = ub;
    d->timers = timers_new(loop);
    list_init(&d->ready);
    list_init(&d->waiting);
    list_init(&d->ages);
    dns_asks_init(&d->asks, ub, d->timers, &d->is_freed);
    uv_poll_start(&d->poll, UV_READABLE, on_poll);
    return d;
}

static void on_closed(uv_handle_t *handle)
{
    xfree(CONTAINER_OF(handle, struct dns, poll));
}

struct dns *dns_free(struct dns *d)
{
    if (!d)
        return NULL;
    d->is_freed = true;
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&d->lookups, &i));) {
        struct lookup *l = item->value;
        drop_waiters(&l->waiters);
        lookup_free(l);
    }
    drop_waiters(&d->ready);
    dns_asks_deinit(&d->asks);
    struct kept *k;
    LIST_EACH (&d->ages, k, link) {
        kept_drop(d, k);
    }
    map_deinit(&d->lookups);
    map_deinit(&d->kept);
    timers_free(d->timers);
    uv_close((uv_handle_t *)&d->poll, on_closed);
    ub_ctx_delete(d->ub);
    return NULL;
}
