#include "ui/headline.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ui/link.h"
#include "ui/row.h"

#define ASK_LEAST USEC_SECOND
// What the engine did by itself, beside keeping the books.
#define BY_ITSELF                                                                                  \
    "who:engine !did:incident !did:start !did:reload !did:call-operator !did:observed "            \
    "!did:suppress"

void headline_init(struct headline *h)
{
    *h = (struct headline){.looked = {.seq = -1, .incident = -1},
                           .incidents = -1,
                           .actions = -1,
                           .asked_seq = -1,
                           .highest = -1};
}

void headline_deinit(struct headline *h)
{
    json_decref(h->open);
    json_decref(h->closed);
    h->open = h->closed = NULL;
}

void headline_since(struct headline *h, const char *node, const char *node_id, usec_t now)
{
    if (h->looked.at)
        return;
    if (!looked_load(&h->looked, node, node_id) || h->looked.at > now)
        h->looked = (struct looked){.at = now, .seq = -1, .incident = -1};
}

void headline_leave(const struct headline *h, const char *node, const char *node_id, usec_t now,
                    int64_t seq)
{
    if (*node && now && seq >= 0 && h->highest >= 0)
        looked_save(&(struct looked){.at = now, .seq = seq, .incident = h->highest}, node, node_id);
}

void headline_forget(struct headline *h)
{
    memset(h->ids, 0, sizeof(h->ids));
    h->asked_seq = -1;
    h->asked_at = 0;
}

static uint64_t ask_list(struct link *link, const char *table, const char *filter, const char *sort,
                         int limit)
{
    json_t *params = json_pack("{s:s, s:i}", "table", table, "limit", limit);
    if (filter)
        json_object_set_new(params, "filter", json_string(filter));
    if (sort)
        json_object_set_new(params, "sort", json_string(sort));
    return link_send(link, "list", params);
}

// A ledger that ends before where one left is another one: from here on, then.
static void settle_since(struct headline *h, int64_t seq)
{
    if (h->looked.seq >= 0 && h->looked.seq <= seq)
        return;
    h->looked.seq = seq;
    h->looked.incident = -1;
}

void headline_ask(struct headline *h, struct link *link, int64_t seq, usec_t monotonic)
{
    char filter[160];
    if (seq < 0 || seq == h->asked_seq || link->state != LINK_UP)
        return;
    if (h->asked_at && monotonic - h->asked_at < ASK_LEAST)
        return;
    settle_since(h, seq);
    h->asked_seq = seq;
    h->asked_at = monotonic;
    h->ids[ASK_OPEN] = ask_list(link, "incidents", NULL, NULL, HEADLINE_OPEN);
    // A filter by number looks at the closed ones too.
    int64_t from = h->looked.incident < 0 ? 0 : h->looked.incident;
    snprintf(filter, sizeof(filter), "number>%lld", (long long)from);
    h->ids[ASK_NEW] = ask_list(link, "incidents", filter, "-number", 1);
    h->ids[ASK_CLOSED] = ask_list(link, "incidents", "number>0", "-closed_at", 1);
    snprintf(filter, sizeof(filter), "%s seq>%lld", BY_ITSELF, (long long)h->looked.seq);
    h->ids[ASK_ACTIONS] = ask_list(link, "log", filter, NULL, 1);
}

static bool was_known(const struct headline *h, int64_t number)
{
    for (size_t i = 0; i < h->known_n; i++)
        if (h->known[i] == number)
            return true;
    return false;
}

static void count(struct headline *h, const json_t *row)
{
    const char *severity = row_text(row, "severity");
    h->critical += strcmp(severity, "critical") == 0;
    h->warning += strcmp(severity, "warning") == 0;
    h->notice += strcmp(severity, "notice") == 0;
    h->nobody += strcmp(row_text(row, "has_it"), "nobody") == 0;
}

// What was there when one came rings no bell; what came, or became critical, since then does.
static void take_open(struct headline *h, json_t *rows)
{
    bool is_first = !h->open;
    int64_t now[HEADLINE_CRITICAL] = {0};
    size_t i, n = 0;
    const json_t *row;
    h->critical = h->warning = h->notice = h->nobody = 0;
    json_array_foreach(rows, i, row)
    {
        int64_t number = row_count(row, "number");
        count(h, row);
        if (strcmp(row_text(row, "severity"), "critical") != 0 || n == HEADLINE_CRITICAL)
            continue;
        h->is_new |= !is_first && !was_known(h, number);
        now[n++] = number;
    }
    memcpy(h->known, now, n * sizeof(now[0]));
    h->known_n = n;
    json_decref(h->open);
    h->open = json_incref(rows);
}

static void take_new(struct headline *h, const json_t *result, const json_t *rows)
{
    int64_t highest = row_count(json_array_get(rows, 0), "number");
    int64_t matched = row_count(result, "matched");
    if (highest > h->highest)
        h->highest = highest;
    if (h->looked.incident < 0) { // the first look: it counts from here
        h->looked.incident = h->highest > 0 ? h->highest : 0;
        matched = 0;
    }
    if (h->highest < h->looked.incident)
        h->highest = h->looked.incident;
    h->incidents = matched < 0 ? 0 : matched;
}

static void take_closed(struct headline *h, json_t *row)
{
    json_decref(h->closed);
    h->closed = row_time(row, "closed_at") ? json_incref(row) : NULL;
}

bool headline_answer(struct headline *h, uint64_t id, const json_t *result)
{
    json_t *rows = json_object_get(result, "rows");
    enum headline_ask which = ASK_OPEN;
    while (which < HEADLINE_ASKS && h->ids[which] != id)
        which++;
    if (!id || which == HEADLINE_ASKS)
        return false;
    h->ids[which] = 0;
    if (!json_is_array(rows)) // refused: what was known stays
        return true;
    switch (which) {
    case ASK_OPEN:
        take_open(h, rows);
        break;
    case ASK_NEW:
        take_new(h, result, rows);
        break;
    case ASK_CLOSED:
        take_closed(h, json_array_get(rows, 0));
        break;
    case ASK_ACTIONS:
        h->actions = row_count(result, "matched");
        break;
    case HEADLINE_ASKS:
        break;
    }
    return true;
}

const json_t *headline_about(const struct headline *h, const char *target)
{
    static const char *const fields[] = {"key", "culprit", "subject"};
    size_t i;
    const json_t *row;
    for (size_t k = 0; k < ARRAY_LEN(fields); k++)
        json_array_foreach(h->open, i,
                           row) if (strcmp(row_text(row, fields[k]), target) == 0) return row;
    return NULL;
}

bool headline_rings(struct headline *h)
{
    bool rings = h->is_new;
    h->is_new = false;
    return rings;
}
