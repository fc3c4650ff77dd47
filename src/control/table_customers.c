/* Customers: who submits, how they stand, what harm their mail did in 24 hours, what waits. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "control/harm.h"
#include "control/lines.h"
#include "control/table.h"
#include "core/reputation.h"
#include "remote/protocol.h"

// Rows are the state's own; counters move on by being read.
static struct state_customer *of(const void *row)
{
    return (struct state_customer *)row;
}

static uint64_t day(const struct table_rows *rows, const void *row, enum counter_what what)
{
    return counter_day(&of(row)->counter, what, rows->now);
}

static double day_rate(const struct table_rows *rows, const void *row, enum counter_what what)
{
    return harm_day_rate(&of(row)->counter, what, rows->now);
}

static enum standing standing_of(const struct table_rows *rows, const void *row,
                                 const struct entry **why)
{
    return state_standing(rows->world->state, of(row)->name, "", rows->now, why);
}

COLUMN(get_key)
{
    value_printf(v, "customer:%s", of(row)->name);
}
COLUMN(get_id)
{
    value_text(v, of(row)->name);
}
COLUMN(get_standing)
{
    enum standing s = standing_of(rows, row, NULL);
    value_word(v, standing_text(s), (int)s);
}
COLUMN(get_standing_until)
{
    const struct entry *why;
    standing_of(rows, row, &why);
    value_time(v, why ? why->expires_at : 0);
}
COLUMN(get_standing_reason)
{
    const struct entry *why;
    standing_of(rows, row, &why);
    value_text_or_none(v, why ? why->reason : NULL);
}
COLUMN(get_rate)
{
    char text[TEXT_VALUE];
    uint32_t count;
    usec_t per;
    // the throttle in force, else its own limit
    if (!state_throttle(rows->world->state, of(row)->name, "", rows->now, &count, &per)) {
        count = of(row)->rate;
        per = of(row)->rate_per;
    }
    if (!per)
        return;
    text_format_rate(text, count, per);
    value_printf(v, "%s", text);
}
COLUMN(get_pool)
{
    value_text_or_none(v, world_pool_of(rows->world, of(row)));
}
COLUMN(get_contact)
{
    value_text_or_none(v, of(row)->contact);
}
COLUMN(get_language)
{
    const char *language = of(row)->language;
    value_text(v, *language ? language : "en");
}
COLUMN(get_sent_24h)
{
    value_count(v, day(rows, row, COUNTER_DELIVERED));
}
COLUMN(get_sent_1h)
{
    value_count(v, counter_hour(&of(row)->counter, COUNTER_DELIVERED, rows->now));
}
COLUMN(get_bounced_24h)
{
    value_count(v, day(rows, row, COUNTER_BOUNCED));
}
COLUMN(get_bounce_rate)
{
    value_rate(v, day_rate(rows, row, COUNTER_BOUNCED));
}
COLUMN(get_unknown_rate)
{
    value_rate(v, day_rate(rows, row, COUNTER_DEAD));
}
COLUMN(get_complaint_rate)
{
    value_rate(v, day_rate(rows, row, COUNTER_COMPLAINED));
}
COLUMN(get_spam_rate)
{
    value_rate(v, day_rate(rows, row, COUNTER_SPAM));
}
COLUMN(get_queued)
{
    value_count(v, world_waiting(of(row)));
}
COLUMN(get_held)
{
    value_count(v, of(row)->held);
}
COLUMN(get_optin_pending)
{
    value_count(v, 0); // nobody is asked yet
}
static bool next_rung(const struct table_rows *rows, const void *row, struct reputation_rung *out)
{
    const struct control_engine *e = rows->world->engine;
    return e->next_rung && e->next_rung(e->ctx, of(row)->name, out);
}

COLUMN(get_next_rung)
{
    struct reputation_rung rung;
    if (next_rung(rows, row, &rung))
        value_word(v, rung_text(rung.next), (int)rung.next);
}
COLUMN(get_next_level)
{
    struct reputation_rung rung;
    if (next_rung(rows, row, &rung))
        value_count(v, (uint64_t)rung.level);
}
COLUMN(get_next_harm)
{
    struct reputation_rung rung;
    if (next_rung(rows, row, &rung))
        value_text(v, harm_text(rung.harm));
}
COLUMN(get_incident)
{
    char subject[TEXT_NAME + 16];
    snprintf(subject, sizeof(subject), "customer:%s", of(row)->name);
    uint32_t number = lines_about(rows->world, subject);
    if (number)
        value_count(v, number);
}
COLUMN(get_reasons)
{
    json_t *reasons = harm_reasons(&of(row)->counter, rows->now);
    const struct entry *why;
    if (standing_of(rows, row, &why) != STANDING_GOOD && why && why->reason[0])
        json_array_insert_new(reasons, 0, protocol_text(why->reason));
    value_json(v, reasons);
}
COLUMN(get_history)
{
    value_json(v, table_history_hours(&of(row)->counter, rows->now));
}

// clang-format off
static const struct column columns[] = {
    {"key", get_key},
    {"id", get_id},
    {"standing", get_standing},
    {"standing_until", get_standing_until, "until"},
    {"standing_reason", get_standing_reason, "reason"},
    {"rate", get_rate},
    {"pool", get_pool},
    {"contact", get_contact},
    {"language", get_language},
    {"sent_24h", get_sent_24h, "sent"},
    {"sent_1h", get_sent_1h},
    {"bounced_24h", get_bounced_24h},
    {"bounce_rate_24h", get_bounce_rate, "bounce"},
    {"unknown_user_rate_24h", get_unknown_rate, "dead"},
    {"complaint_rate_24h", get_complaint_rate, "compl"},
    {"spam_rate_24h", get_spam_rate, "spam"},
    {"queued", get_queued},
    {"held", get_held},
    {"optin_pending", get_optin_pending},
    {"next_rung", get_next_rung},
    {"next_level", get_next_level, "level"},
    {"next_harm", get_next_harm},
    {"incident", get_incident},
    {"reasons", get_reasons, .is_json = true},
    {"history", get_history, .is_json = true},
};
// clang-format on

static bool is_row(const struct state_customer *c)
{
    return c->is_known || c->queued || c->held || c->counter.last_at;
}

static void collect(struct table_rows *rows)
{
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&rows->world->state->customers, &i));)
        if (is_row(item->value))
            table_rows_add(rows, item->value);
}

static void *find(struct table_rows *rows, const char *key)
{
    return strncmp(key, "customer:", 9) == 0 ? state_customer_get(rows->world->state, key + 9)
                                             : NULL;
}

const struct table table_customers = {
    .name = "customers",
    .columns = columns,
    .columns_n = ARRAY_LEN(columns),
    .order = "-standing,-unknown_user_rate_24h,-sent_24h,id",
    .collect = collect,
    .find = find,
};
