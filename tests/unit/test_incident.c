/* The fold of incidents: the same from any order of arrival, within its bounds. */
#include "test.h"

#include <string.h>

#include "core/incident.h"

enum { NODE = 7 };

static struct incidents all;
static uint64_t seq;

static int begin(void **ctx)
{
    (void)ctx;
    all = (struct incidents){0};
    seq = 0;
    return 0;
}

static int finish(void **ctx)
{
    (void)ctx;
    incidents_deinit(&all);
    return 0;
}

// An entry as the ledger gives it: its number, its time and its hlc grow together.
static struct entry *entry_at(uint64_t n, enum kind kind, const char *actor, const char *target,
                              const char *reason)
{
    struct entry *e = entry_new(kind, actor, target, reason);
    e->name = (struct entry_name){.node.v = NODE, .seq = n};
    e->hlc = (int64_t)n * 1000;
    e->at = (usec_t)n * USEC_SECOND;
    return e;
}

static void add(struct entry *e)
{
    incidents_apply(&all, e);
    entry_free(e);
}

static struct entry *opening(uint64_t n, uint32_t number, const char *subject, const char *severity,
                             const char *title)
{
    CLEANUP(xfree) char *target = xasprintf("incident:%u", number);
    struct entry *e = entry_at(n, KIND_INCIDENT, "engine", target, title);
    entry_add_field(e, "subject", subject, false);
    entry_add_field(e, "severity", severity, false);
    return e;
}

static struct entry *about(uint64_t n, uint32_t number, enum kind kind, const char *actor,
                           const char *text)
{
    CLEANUP(xfree) char *target = xasprintf("incident:%u", number);
    return entry_at(n, kind, actor, target, text);
}

static struct entry *part(uint64_t n, uint32_t number, enum kind kind, const char *target)
{
    CLEANUP(xfree) char *text = xasprintf("%u", number);
    struct entry *e = entry_at(n, kind, "engine", target, "dead recipients 6.1 %");
    entry_add_field(e, "incident", text, false);
    return e;
}

static void an_incident_opens_is_acknowledged_and_closes(void **ctx)
{
    (void)ctx;
    unsigned counts[3];
    add(opening(1, 318, "lane:198.51.100.7/microsoft", "critical", "microsoft blocks it"));
    struct incident *i = incidents_get(&all, 318);
    assert_non_null(i);
    assert_true(incident_is_open(i));
    assert_int_equal(i->severity, SEVERITY_CRITICAL);
    assert_string_equal(i->what, "microsoft blocks it");
    assert_string_equal(i->has_it, "");
    add(part(2, 318, KIND_THROTTLE, "customer:acme"));
    add(about(3, 318, KIND_ACK, "ana", ""));
    assert_string_equal(i->has_it, "ana");
    add(about(4, 318, KIND_NOTE, "ben", "asked them"));
    incidents_count(&all, counts);
    assert_int_equal(counts[SEVERITY_CRITICAL], 1);
    add(about(5, 318, KIND_INCIDENT_END, "engine", "the lane is open again"));
    assert_false(incident_is_open(i));
    assert_false(i->is_resolved);
    assert_int_equal(i->closed_at, 5 * USEC_SECOND);
    assert_int_equal(i->story_n, 5);
    assert_int_equal(i->seen_n, 2);
    assert_string_equal(i->seen_by[0].name, "ana");
    incidents_count(&all, counts);
    assert_int_equal(counts[SEVERITY_CRITICAL], 0);
    assert_int_equal(all.last, 318);
}

static void who_gives_it_back_has_it_no_more(void **ctx)
{
    (void)ctx;
    add(opening(1, 1, "customer:acme", "warning", "acme"));
    add(about(2, 1, KIND_ACK, "ana", ""));
    struct entry *back = about(3, 1, KIND_ACK, "ana", "");
    entry_add_field(back, "gives_back", "yes", false);
    add(back);
    assert_string_equal(incidents_get(&all, 1)->has_it, "");
    add(about(4, 1, KIND_ACK, "ben", ""));
    assert_string_equal(incidents_get(&all, 1)->has_it, "ben");
}

static void it_is_said_better_by_the_newest_of_its_entries(void **ctx)
{
    (void)ctx;
    struct entry *better = opening(5, 1, "lane:198.51.100.7/gmx", "critical", "gmx blocks it");
    entry_add_field(better, "culprit", "customer:acme", false);
    entry_add_field(better, "share", "0.91", false);
    add(better);
    add(opening(2, 1, "customer:acme", "notice", "acme: dead recipients"));
    struct incident *i = incidents_get(&all, 1);
    assert_string_equal(i->what, "gmx blocks it");
    assert_int_equal(i->severity, SEVERITY_CRITICAL);
    assert_true(i->share > 0.9 && i->share < 0.92);
    assert_int_equal(i->opened_at, 2 * USEC_SECOND);
}

static void an_entry_on_its_way_counts_at_once_and_gives_way_to_itself(void **ctx)
{
    (void)ctx;
    struct entry *e = opening(0, 1, "customer:acme", "warning", "acme");
    e->at = 3 * USEC_SECOND;
    add(e);
    struct incident *i = incidents_get(&all, 1);
    assert_true(incident_is_open(i));
    assert_int_equal(all.last, 1);
    assert_int_equal(i->story_n, 0);
    add(opening(9, 1, "customer:acme", "warning", "acme"));
    assert_int_equal(i->story_n, 1);
    assert_int_equal(i->story[0].name.seq, 9);
    struct entry *end = about(0, 1, KIND_INCIDENT_END, "engine", "over");
    end->at = 20 * USEC_SECOND;
    add(end);
    assert_false(incident_is_open(i));
    add(about(11, 1, KIND_INCIDENT_END, "engine", "over"));
    assert_int_equal(i->closed_at, 11 * USEC_SECOND);
}

static void what_nothing_but_a_later_entry_names_is_shown_to_nobody(void **ctx)
{
    (void)ctx;
    add(about(3, 12, KIND_ACK, "ana", ""));
    assert_false(incidents_get(&all, 12)->is_known);
    assert_int_equal(all.last, 0);
    add(opening(2, 12, "node:mta1", "notice", "disk"));
    assert_true(incident_is_open(incidents_get(&all, 12)));
    assert_string_equal(incidents_get(&all, 12)->has_it, "ana");
}

static void the_open_one_is_found_by_subject_culprit_and_address(void **ctx)
{
    (void)ctx;
    static const struct {
        const char *subject;
        uint32_t found; // 0: none
    } rows[] = {
        {"lane:198.51.100.7/microsoft", 1},
        {"customer:acme", 1},
        {"customer:acme/spring", 1},
        {"customer:acme+web", 1},
        {"customer:acme-news", 0},
        {"ip:198.51.100.7", 1},
        {"lane:198.51.100.7/gmx", 1},
        {"ip:198.51.100.70", 0},
        {"provider:yahoo", 2},
        {"provider:yahoo.example", 0},
        {"ip:198.51.100.9#reverse", 3},
        {"ip:198.51.100.9", 0},
        {"customer:gone", 0}, // closed
        {"customer:", 0},
        {"", 0},
    };
    struct entry *lane = opening(1, 1, "lane:198.51.100.7/microsoft", "critical", "blocked");
    entry_add_field(lane, "culprit", "customer:acme", false);
    add(lane);
    add(opening(2, 2, "provider:yahoo", "warning", "yahoo"));
    struct entry *reverse = opening(3, 3, "ip:198.51.100.9#reverse", "notice", "no reverse DNS");
    entry_add_field(reverse, "condition", "yes", false);
    add(reverse);
    add(opening(4, 4, "customer:gone", "warning", "gone"));
    add(about(5, 4, KIND_RESOLVE, "ana", "talked to them"));
    assert_true(incidents_get(&all, 4)->is_resolved);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct incident *found = incidents_open_about(&all, rows[i].subject);
        if ((found ? found->number : 0) != rows[i].found)
            fail_msg("%s: %u", rows[i].subject, found ? found->number : 0);
    }
    assert_int_equal(incidents_condition(&all, "ip:198.51.100.9#reverse")->number, 3);
    assert_null(incidents_condition(&all, "provider:yahoo"));
}

static void the_exact_subject_is_found_before_the_culprit(void **ctx)
{
    (void)ctx;
    struct entry *lane = opening(1, 1, "lane:198.51.100.7/gmx", "critical", "blocked");
    entry_add_field(lane, "culprit", "customer:acme", false);
    add(lane);
    add(opening(2, 2, "customer:acme", "notice", "acme"));
    assert_int_equal(incidents_open_about(&all, "customer:acme")->number, 2);
}

static void what_is_no_number_belongs_to_nothing(void **ctx)
{
    (void)ctx;
    static const char *const targets[] = {"incident:0",
                                          "incident:",
                                          "incident:-1",
                                          "incident:x",
                                          "incident:1x",
                                          "customer:1",
                                          "",
                                          "incident:9999999999999999999"};
    for (size_t i = 0; i < ARRAY_LEN(targets); i++)
        add(entry_at(i + 1, KIND_NOTE, "ana", targets[i], "x"));
    assert_int_equal(all.n, 0);
    assert_int_equal(all.version, 0);
}

static void a_story_keeps_its_newest_lines(void **ctx)
{
    (void)ctx;
    add(opening(1, 1, "customer:acme", "warning", "acme"));
    add(about(2, 1, KIND_ACK, "ana", ""));
    for (uint64_t n = 3; n < 3 + 2 * INCIDENT_STORY; n++)
        add(about(n, 1, KIND_NOTE, "ben", "again"));
    struct incident *i = incidents_get(&all, 1);
    assert_int_equal(i->story_n, INCIDENT_STORY);
    assert_int_equal(i->story_of, 2 + 2 * INCIDENT_STORY);
    assert_int_equal(i->story[INCIDENT_STORY - 1].name.seq, 2 + 2 * INCIDENT_STORY);
    assert_string_equal(i->has_it, "ana"); // although its line is gone
    assert_string_equal(i->seen_by[0].name, "ana");
    assert_int_equal(i->opened_at, USEC_SECOND);
}

static void closed_ones_are_forgotten_from_the_oldest_open_ones_never(void **ctx)
{
    (void)ctx;
    uint64_t n = 0;
    add(opening(++n, 1, "customer:old", "warning", "stays open"));
    for (uint32_t number = 2; number < INCIDENT_KEPT + 12; number++) {
        add(opening(++n, number, "customer:acme", "warning", "acme"));
        add(about(++n, number, KIND_INCIDENT_END, "engine", "over"));
    }
    assert_int_equal(all.n, INCIDENT_KEPT + 1);
    assert_non_null(incidents_get(&all, 1));
    assert_null(incidents_get(&all, 11));
    assert_non_null(incidents_get(&all, 12));
    assert_int_equal(all.last, INCIDENT_KEPT + 11);
    for (uint32_t number = 1000; number < 1000 + 2 * INCIDENT_KEPT; number++)
        add(about(++n, number, KIND_NOTE, "ana", "of nothing"));
    assert_int_equal(all.n, 2 * INCIDENT_KEPT + 1);
}

// ---- any order

enum { ENTRIES = 60, ORDERS = 200 };

static uint32_t dice(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

// A story of three incidents, as an engine would write it and people would act on it.
static struct entry *random_entry(uint64_t n, uint32_t *state)
{
    static const char *const names[] = {"ana", "ben", "carla"};
    static const char *const severities[] = {"notice", "warning", "critical"};
    uint32_t number = 1 + dice(state) % 3;
    const char *who = names[dice(state) % 3];
    CLEANUP(xfree) char *text = xasprintf("line %u", (unsigned)n);
    switch (dice(state) % 8) {
    case 0:
    case 1:
        return opening(n, number, "customer:acme", severities[dice(state) % 3], text);
    case 2: {
        struct entry *e = about(n, number, KIND_ACK, who, text);
        if (dice(state) % 3 == 0)
            entry_add_field(e, "gives_back", "yes", false);
        return e;
    }
    case 3:
        return about(n, number, dice(state) % 2 ? KIND_RESOLVE : KIND_INCIDENT_END, who, text);
    case 4:
        return about(n, number, KIND_NOTE, who, text);
    default:
        return part(n, number, KIND_THROTTLE, "customer:acme");
    }
}

static void assert_same(const struct incidents *a, const struct incidents *b)
{
    assert_int_equal(a->n, b->n);
    assert_int_equal(a->last, b->last);
    for (size_t i = 0; i < a->n; i++) {
        const struct incident *x = a->items[i], *y = b->items[i];
        assert_int_equal(x->number, y->number);
        assert_int_equal(x->is_known, y->is_known);
        assert_int_equal(x->severity, y->severity);
        assert_int_equal(x->opened_at, y->opened_at);
        assert_int_equal(x->closed_at, y->closed_at);
        assert_int_equal(x->is_resolved, y->is_resolved);
        assert_string_equal(x->what, y->what);
        assert_string_equal(x->has_it, y->has_it);
        assert_int_equal(x->seen_n, y->seen_n);
        for (size_t k = 0; k < x->seen_n; k++)
            assert_string_equal(x->seen_by[k].name, y->seen_by[k].name);
        assert_int_equal(x->story_n, y->story_n);
        for (size_t k = 0; k < x->story_n; k++)
            assert_int_equal(x->story[k].name.seq, y->story[k].name.seq);
    }
}

static void any_order_of_arrival_and_any_repetition_gives_the_same(void **ctx)
{
    (void)ctx;
    for (uint32_t seed = 1; seed <= ORDERS; seed++) {
        uint32_t state = seed;
        struct entry *entries[ENTRIES];
        struct incidents other = {0};
        for (uint64_t n = 0; n < ENTRIES; n++) {
            entries[n] = random_entry(n + 1, &state);
            incidents_apply(&all, entries[n]);
        }
        for (size_t n = ENTRIES; n > 1; n--) {
            size_t k = dice(&state) % n;
            struct entry *swapped = entries[n - 1];
            entries[n - 1] = entries[k];
            entries[k] = swapped;
        }
        for (size_t n = 0; n < ENTRIES; n++) {
            incidents_apply(&other, entries[n]);
            incidents_apply(&other, entries[dice(&state) % (n + 1)]);
        }
        assert_same(&all, &other);
        for (size_t n = 0; n < ENTRIES; n++)
            entry_free(entries[n]);
        incidents_deinit(&other);
        incidents_deinit(&all);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, finish)

static const struct CMUnitTest tests[] = {
    CASE(an_incident_opens_is_acknowledged_and_closes),
    CASE(who_gives_it_back_has_it_no_more),
    CASE(it_is_said_better_by_the_newest_of_its_entries),
    CASE(an_entry_on_its_way_counts_at_once_and_gives_way_to_itself),
    CASE(what_nothing_but_a_later_entry_names_is_shown_to_nobody),
    CASE(the_open_one_is_found_by_subject_culprit_and_address),
    CASE(the_exact_subject_is_found_before_the_culprit),
    CASE(what_is_no_number_belongs_to_nothing),
    CASE(a_story_keeps_its_newest_lines),
    CASE(closed_ones_are_forgotten_from_the_oldest_open_ones_never),
    CASE(any_order_of_arrival_and_any_repetition_gives_the_same),
};

TEST_MAIN(tests)
