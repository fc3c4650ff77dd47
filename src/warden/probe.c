#include "warden/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/text.h"
#include "core/policy.h"
#include "net/dns.h"
#include "net/timer.h"

// A target (an IP) waits for its timer, then in `waiting` for a place among PROBE_AT_ONCE, then goes
// through its questions one by one: zone after zone, its names, each name's addresses.

enum { NAMES = 4, ANSWER = 64 };
static const usec_t spread = USEC_MINUTE, complain_every = USEC_HOUR, every_least = USEC_SECOND;

struct target {
    struct probe *probe;
    char *address, *helo;
    struct dns_address bits;
    bool is_kept; // while the set of IPs changes
    bool is_gone; // none of ours any more: at its next turn its listings end, and it
    struct timer timer;
    struct list link;    // in waiting
    bool is_running;     // one of PROBE_AT_ONCE
    struct dns_ask *ask; // under way
    size_t zone;         // which one is asked
    char answer[ANSWER]; // its answer, while it is asked for 127.0.0.1
    char **listed;       // zones that list it; owned
    size_t listed_n;
    struct dns_records *names; // owned, while they are asked back
    size_t name;               // which one
    char confirmed[DNS_NAME];  // a name that leads back; "" none yet
    bool is_late;              // a name's addresses did not come
    bool is_reverse_known, is_reverse_wrong;
    char why[PROBE_WHY];
};

struct probe {
    struct probe_options o;
    struct map targets; // address → struct target
    struct list waiting;
    size_t running;
    struct map complaints; // zone → usec_t: when its errors were logged last
    usec_t heard_at;       // wall; of the last answer, good or bad
};

// ---- when

static void target_next(struct target *t);
static void target_leave(struct target *t);
static void begin_waiting(struct probe *p);

static double dice(void)
{
    uint32_t v;
    hash_random(&v, sizeof(v));
    return v / 4294967296.0;
}

static void on_due(void *ctx)
{
    struct target *t = ctx;
    if (t->is_gone) {
        target_leave(t);
        return;
    }
    list_remove(&t->link);
    list_add_last(&t->probe->waiting, &t->link);
    begin_waiting(t->probe);
}

static void target_due(struct target *t, usec_t in)
{
    timer_set(t->probe->o.timers, &t->timer, clock_monotonic() + in, on_due, t);
}

static usec_t every(const struct probe *p)
{
    usec_t span = p->o.policy->probe_every;
    return span < every_least ? every_least : span;
}

static void begin_waiting(struct probe *p)
{
    struct target *t;
    while (p->running < PROBE_AT_ONCE && (t = LIST_FIRST(&p->waiting, struct target, link))) {
        list_remove(&t->link);
        t->is_running = true;
        p->running++;
        t->zone = 0;
        target_next(t);
    }
}

// No question of it is under way afterwards.
static void target_stop(struct target *t)
{
    dns_ask_cancel(t->ask);
    t->ask = NULL;
    t->names = xfree(t->names);
    list_remove(&t->link);
    timer_stop(t->probe->o.timers, &t->timer);
    t->probe->running -= t->is_running;
    t->is_running = false;
}

static void target_done(struct target *t)
{
    target_stop(t);
    target_due(t, (usec_t)((double)every(t->probe) * (0.9 + 0.2 * dice())));
    begin_waiting(t->probe);
}

// ---- blocklists

static bool is_public(const struct dns_address *a)
{
    const uint8_t *b = a->bytes;
    static const uint8_t nobody[15];
    if (a->n == 16)
        return (b[0] & 0xfe) != 0xfc && !(b[0] == 0xfe && (b[1] & 0xc0) == 0x80) &&
               memcmp(b, nobody, sizeof(nobody)) != 0;
    return b[0] != 0 && b[0] != 10 && b[0] != 127 && !(b[0] == 100 && (b[1] & 0xc0) == 64) &&
           !(b[0] == 169 && b[1] == 254) && !(b[0] == 172 && (b[1] & 0xf0) == 16) &&
           !(b[0] == 192 && b[1] == 168);
}

static bool may_ask(const struct target *t, const char *zone)
{
    return is_public(&t->bits) || dns_is_nobodys(zone);
}

static void complain(struct probe *p, const char *zone, const char *what, const char *answer)
{
    usec_t now = clock_monotonic();
    usec_t *last = map_get_str(&p->complaints, zone);
    if (last && now - *last < complain_every)
        return;
    if (!last) {
        last = xcalloc(1, sizeof(*last));
        map_put_str(&p->complaints, zone, last);
    }
    *last = now;
    log_warning("probe", "%s %s (it answered %s): nothing is known from it now", what, zone,
                answer);
}

// What the list's errors mean (Spamhaus and others use the same).
static const char *error_text(uint8_t code)
{
    switch (code) {
    case 252:
        return "no such list, the zone's name is mistyped:";
    case 254:
        return "an open or public resolver may not ask, the resolver is refused by";
    case 255:
        return "too many questions, the resolver is refused by";
    default:
        return "the resolver is refused by";
    }
}

static void hear(struct probe *p, const struct dns_records *r)
{
    if (r->result != DNS_LATER)
        p->heard_at = clock_wall();
}

usec_t probe_heard_at(const struct probe *p)
{
    return p ? p->heard_at : 0;
}

enum reading { CLEAN, LISTED, NOTHING };

static int by_bytes(const void *a, const void *b)
{
    const struct dns_address *x = a, *y = b;
    return memcmp(x->bytes, y->bytes, sizeof(x->bytes));
}

// `answer` gets the addresses that list it, in order, else a strange one.
static enum reading read_answer(struct probe *p, const char *zone, const struct dns_records *r,
                                char answer[ANSWER])
{
    answer[0] = '\0';
    hear(p, r);
    if (r->result != DNS_OK)
        return r->result == DNS_LATER ? NOTHING : CLEAN;
    size_t n = 0;
    const struct dns_address *odd = NULL;
    struct dns_address sorted[DNS_RECORDS]; // they come in any order
    memcpy(sorted, r->addresses, r->n * sizeof(sorted[0]));
    qsort(sorted, r->n, sizeof(sorted[0]), by_bytes);
    for (size_t i = 0; i < r->n; i++) {
        const uint8_t *b = sorted[i].bytes;
        char text[DNS_ADDRESS_TEXT];
        if (b[0] != 127 || (b[1] == 255 && b[2] == 255)) {
            odd = &sorted[i];
            continue;
        }
        dns_address_format(text, &sorted[i]);
        if (n + strlen(text) + 2 < ANSWER)
            n += (size_t)snprintf(answer + n, ANSWER - n, "%s%s", n ? " " : "", text);
    }
    if (n || !odd)
        return n ? LISTED : CLEAN;
    dns_address_format(answer, odd);
    complain(p, zone,
             odd->bytes[0] == 127 ? error_text(odd->bytes[3]) : "no blocklist any more:", answer);
    return NOTHING;
}

static size_t listing_find(const struct target *t, const char *zone)
{
    size_t i = 0;
    while (i < t->listed_n && strcmp(t->listed[i], zone) != 0)
        i++;
    return i;
}

static void listing_add(struct target *t, const char *zone)
{
    t->listed = xrealloc(t->listed, t->listed_n + 1, sizeof(t->listed[0]));
    t->listed[t->listed_n++] = xstrdup(zone);
}

static void tell(struct target *t, enum outcome_kind kind, const char *zone, const char *answer)
{
    char reply[2 * DNS_NAME];
    snprintf(reply, sizeof(reply),
             kind == OUTCOME_LISTED ? "%s lists %s: %s"
             : t->is_gone           ? "%s is not asked about %s any more"
                                    : "%s lists %s no more",
             zone, t->address, answer);
    t->probe->o.on_outcome(t->probe->o.ctx, &(struct outcome){.at = clock_wall(),
                                                              .kind = kind,
                                                              .customer = "",
                                                              .list = "",
                                                              .ip = t->address,
                                                              .provider = "",
                                                              .recipient = "",
                                                              .reply = reply,
                                                              .zone = zone,
                                                              .answer = answer});
}

static void listing_remove(struct target *t, size_t i)
{
    char *zone = t->listed[i];
    t->listed[i] = t->listed[--t->listed_n];
    tell(t, OUTCOME_DELISTED, zone, "");
    xfree(zone);
}

static void zone_done(struct target *t)
{
    t->zone++;
    target_next(t);
}

static const char *zone_name(const struct target *t)
{
    return t->probe->o.policy->zones[t->zone].name;
}

// Whether 127.0.0.1 is on the list that says our IP is.
static void on_control(void *ctx, const struct dns_records *r)
{
    struct target *t = ctx;
    const char *zone = zone_name(t);
    char answer[ANSWER];
    t->ask = NULL;
    enum reading reading = read_answer(t->probe, zone, r, answer);
    if (reading == LISTED)
        complain(t->probe, zone, "it lists the whole world, so nobody:", answer);
    if (reading == CLEAN) {
        listing_add(t, zone);
        tell(t, OUTCOME_LISTED, zone, t->answer);
    }
    zone_done(t);
}

// 127.0.0.1, and ::ffff:127.0.0.1 where IPv6 is listed (RFC 5782 §5).
static bool control_ask(struct target *t, const char *zone)
{
    static const struct dns_address v4 = {4, {127, 0, 0, 1}},
                                    v6 = {16, {[10] = 0xff, 0xff, 127, 0, 0, 1}};
    const struct dns_address *a = t->bits.n == 4 ? &v4 : &v6;
    char name[DNS_NAME];
    if (memcmp(a->bytes, t->bits.bytes, a->n) == 0 || !dns_address_reverse(name, a, zone))
        return false;
    t->ask = dns_query_addresses(t->probe->o.dns, name, false, on_control, t);
    return true;
}

static void on_zone(void *ctx, const struct dns_records *r)
{
    struct target *t = ctx;
    const char *zone = zone_name(t);
    size_t i = listing_find(t, zone);
    t->ask = NULL;
    enum reading reading = read_answer(t->probe, zone, r, t->answer);
    if (reading == LISTED && i == t->listed_n) {
        if (control_ask(t, zone))
            return;
        listing_add(t, zone);
        tell(t, OUTCOME_LISTED, zone, t->answer);
    } else if (reading == CLEAN && i < t->listed_n) {
        listing_remove(t, i);
    }
    zone_done(t);
}

static bool zone_is_known(const struct probe *p, const char *zone)
{
    for (size_t i = 0; i < p->o.policy->zones_n; i++)
        if (strcmp(p->o.policy->zones[i].name, zone) == 0)
            return true;
    return false;
}

// Zones that the policy names no more.
static void forget_zones(struct target *t)
{
    for (size_t i = t->listed_n; i--;)
        if (!zone_is_known(t->probe, t->listed[i]))
            listing_remove(t, i);
}

// ---- reverse DNS

static void reverse_done(struct target *t, bool is_wrong, const char *why)
{
    bool is_news =
        !t->is_reverse_known || is_wrong != t->is_reverse_wrong || strcmp(why, t->why) != 0;
    t->is_reverse_known = true;
    t->is_reverse_wrong = is_wrong;
    if (is_news) {
        snprintf(t->why, sizeof(t->why), "%s", why);
        t->probe->o.on_reverse(t->probe->o.ctx, t->address, is_wrong, t->why);
    }
    target_done(t);
}

static void names_done(struct target *t)
{
    char why[PROBE_WHY] = "";
    bool is_wrong = !t->confirmed[0];
    if (is_wrong && t->is_late) {
        target_done(t); // not known now
        return;
    }
    if (is_wrong)
        snprintf(why, sizeof(why), "reverse DNS says %s, but that name does not lead back to %s",
                 t->names->names[0], t->address);
    else if (t->helo[0] && strcasecmp(t->confirmed, t->helo) != 0)
        snprintf(why, sizeof(why), "it greets as %.250s, but its name is %s", t->helo,
                 t->confirmed);
    reverse_done(t, is_wrong, why);
}

static void ask_back(struct target *t);

static void on_back(void *ctx, const struct dns_records *r)
{
    struct target *t = ctx;
    const char *name = t->names->names[t->name++];
    t->ask = NULL;
    t->is_late |= r->result == DNS_LATER;
    for (size_t i = 0; i < r->n; i++) {
        const struct dns_address *a = &r->addresses[i];
        bool is_it = a->n == t->bits.n && memcmp(a->bytes, t->bits.bytes, a->n) == 0;
        // The name that it greets with is the one to show, wherever it stands.
        if (is_it && (!t->confirmed[0] || strcasecmp(name, t->helo) == 0))
            memcpy(t->confirmed, name, strlen(name) + 1);
    }
    ask_back(t);
}

static void ask_back(struct target *t)
{
    if (t->name == t->names->n || t->name == NAMES)
        names_done(t);
    else
        t->ask = dns_query_addresses(t->probe->o.dns, t->names->names[t->name], t->bits.n == 16,
                                     on_back, t);
}

static void on_names(void *ctx, const struct dns_records *r)
{
    struct target *t = ctx;
    char why[PROBE_WHY];
    t->ask = NULL;
    hear(t->probe, r);
    if (r->result == DNS_OK) {
        t->names = xmalloc(sizeof(*r));
        *t->names = *r;
        t->name = 0;
        t->confirmed[0] = '\0';
        t->is_late = false;
        ask_back(t);
    } else if (r->result == DNS_LATER || !is_public(&t->bits)) {
        target_done(t);
    } else {
        snprintf(why, sizeof(why), "%s has no reverse DNS (PTR)", t->address);
        reverse_done(t, true, why);
    }
}

// ---- one question after the other

static void target_next(struct target *t)
{
    const struct policy *policy = t->probe->o.policy;
    char name[DNS_NAME];
    if (t->zone == 0)
        forget_zones(t);
    for (; t->zone < policy->zones_n; t->zone++) {
        const char *zone = policy->zones[t->zone].name;
        if (!may_ask(t, zone) || !dns_address_reverse(name, &t->bits, zone))
            continue;
        t->ask = dns_query_addresses(t->probe->o.dns, name, false, on_zone, t);
        return;
    }
    t->ask = dns_query_names(t->probe->o.dns, &t->bits, on_names, t);
}

// ---- the set of IPs

static void target_free(struct target *t)
{
    target_stop(t);
    for (size_t i = 0; i < t->listed_n; i++)
        xfree(t->listed[i]);
    xfree(t->listed);
    xfree(t->address);
    xfree(t->helo);
    xfree(t);
}

// What was known of it must end for everybody who was told, or it would be listed for ever.
static void target_leave(struct target *t)
{
    while (t->listed_n)
        listing_remove(t, t->listed_n - 1);
    map_remove_str(&t->probe->targets, t->address);
    target_free(t);
}

static struct target *target_new(struct probe *p, const char *address, const char *helo)
{
    struct target *t = xcalloc(1, sizeof(*t));
    t->probe = p;
    if (!dns_address_parse(&t->bits, address))
        return xfree(t);
    t->address = xstrdup(address);
    t->helo = xstrdup(helo ? helo : "");
    list_init(&t->link);
    map_put_str(&p->targets, t->address, t);
    return t;
}

static void target_add(struct probe *p, const struct probe_ip *ip)
{
    struct target *t = target_new(p, ip->address, ip->helo);
    usec_t most = every(p) < spread ? every(p) : spread;
    if (!t)
        return;
    t->is_kept = true;
    target_due(t, (usec_t)((double)most * dice()));
}

// Not at once: nobody is told inside a call.
static void target_go(struct target *t)
{
    target_stop(t);
    t->is_gone = true;
    target_due(t, 0);
}

void probe_set_ips(struct probe *p, const struct probe_ip *ips, size_t n)
{
    struct map_item *item;
    for (size_t i = 0; i < n; i++) {
        struct target *t = map_get_str(&p->targets, ips[i].address);
        if (!t) {
            target_add(p, &ips[i]);
            continue;
        }
        t->is_kept = true;
        t->is_gone = false; // its turn comes as soon
        xfree(t->helo);
        t->helo = xstrdup(ips[i].helo ? ips[i].helo : "");
    }
    for (size_t i = 0; (item = map_next(&p->targets, &i));) {
        struct target *t = item->value;
        if (!t->is_kept)
            target_go(t);
        t->is_kept = false;
    }
    begin_waiting(p);
}

void probe_believe(struct probe *p, const char *address, const char *zone)
{
    struct target *t = map_get_str(&p->targets, address);
    if (!t && (t = target_new(p, address, NULL)))
        target_go(t);
    if (t && listing_find(t, zone) == t->listed_n)
        listing_add(t, zone);
}

// Each that `is_all`, or that was at it, begins anew, soon.
static void begin_anew(struct probe *p, bool is_all)
{
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&p->targets, &i));) {
        struct target *t = item->value;
        if (!is_all && !t->is_running)
            continue;
        target_stop(t);
        target_due(t, 0);
    }
}

void probe_now(struct probe *p)
{
    begin_anew(p, true);
}

void probe_set_policy(struct probe *p, const struct policy *policy)
{
    p->o.policy = policy;
    begin_anew(p, true);
}

void probe_set_dns(struct probe *p, struct dns *dns)
{
    begin_anew(p, false);
    p->o.dns = dns;
}

struct probe *probe_new(const struct probe_options *options)
{
    struct probe *p = xcalloc(1, sizeof(*p));
    p->o = *options;
    list_init(&p->waiting);
    return p;
}

struct probe *probe_free(struct probe *p)
{
    if (!p)
        return NULL;
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&p->targets, &i));)
        target_free(item->value);
    for (size_t i = 0; (item = map_next(&p->complaints, &i));)
        xfree(item->value);
    map_deinit(&p->targets);
    map_deinit(&p->complaints);
    return xfree(p);
}
