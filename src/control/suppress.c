#include "control/suppress.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "control/entry_json.h"
#include "control/peer.h"
#include "remote/format.h"
#include "remote/suppress.h"
#include "store/ledger.h"
#include "store/store.h"
#include "store/suppress.h"

enum { SKIPPED_MOST = 200, CHECKED_MOST = 50 };

_Static_assert((int)SUPPRESS_ROWS <= (int)SUPPRESS_BATCH, "an import's request is one entry");

// ---- what is said of all of a request

/* What an entry's rows have in common. */
struct common {
    char owner[2 * TEXT_NAME];
    usec_t since, until;
    bool is_trap, has_span; // has_span: `until` is what was asked for
    char *reason;           // owned, visible
};

static void common_deinit(struct common *c)
{
    xfree(c->reason);
}

// False: the request has been answered.
static bool read_common(struct request *r, const json_t *params, struct common *c)
{
    const char *owner = protocol_get_text(params, "customer", "");
    const char *span = protocol_get_text(params, "for", "");
    const char *reason = protocol_get_text(params, "reason", "");
    usec_t lasts = SUPPRESS_SPAN;
    bool is_never;
    *c = (struct common){
        .since = clock_wall(), .is_trap = protocol_get_flag(params, "trap"), .has_span = *span};
    is_never = strcmp(span, "never") == 0 || (!*span && c->is_trap);
    if (!suppress_is_owner(owner))
        request_fail(r, "usage", "customer: expected a customer or a list like acme/spring");
    else if (!is_never && *span && !text_parse_duration(&lasts, span))
        request_fail(r, "usage", "for: expected a duration like 30d, or never");
    else if (strlen(reason) > SUPPRESS_REASON)
        request_fail(r, "usage", "reason: expected at most 1,000 bytes");
    else {
        snprintf(c->owner, sizeof(c->owner), "%s", owner);
        c->until = is_never ? USEC_NEVER : c->since + lasts;
        c->reason = text_visible_new(bytes_str(reason));
        return true;
    }
    return false;
}

static struct entry *entry_by(struct request *r, enum kind kind, const char *owner,
                              const char *reason)
{
    struct world *w = &r->control->world;
    CLEANUP(xfree)
    char *target =
        *owner ? xasprintf("customer:%s", owner) : xasprintf("node:%s", w->settings.node);
    struct entry *e = entry_new(kind, request_peer(r)->user, target, reason);
    e->at = clock_wall();
    return e;
}

static void answer_act(struct request *request, int r, const struct entry *e, const char *hash,
                       const char *nothing)
{
    struct world *w = &request->control->world;
    if (r < 0) {
        request_fail(request, "failed", "the ledger could not be written (%s): nothing was done",
                     strerror(-r));
    } else if (!e) {
        request_fail(request, "refused", "%s", nothing);
    } else {
        world_add_entry(w, e, hash);
        request_answer(request, entry_json(w->state, e, hash));
    }
    world_asked(w);
}

static void on_removed(void *ctx, int r, const struct entry *e, const char *hash)
{
    answer_act(ctx, r, e, hash,
               "nothing of it stands for whom it was asked; suppress check says what does");
}

static void on_added(void *ctx, int r, const struct entry *e, const char *hash)
{
    answer_act(ctx, r, e, hash,
               "each stands already, as a spam trap or a person's wish, and stays so; suppress rm "
               "takes it out");
}

// ---- add and rm

// The minute that is whole by then: what was asked for is not cut short.
static uint32_t end_minute(usec_t until)
{
    return suppression_minute(until > USEC_NEVER - USEC_MINUTE ? USEC_NEVER
                                                               : until + USEC_MINUTE - 1);
}

static struct suppress_row row_of(const struct common *c, const char *what)
{
    unsigned flags = SUPPRESSION_MANUAL | (*what == '@' ? SUPPRESSION_DOMAIN : 0) |
                     (c->is_trap ? SUPPRESSION_TRAP : 0);
    return (struct suppress_row){.address = what,
                                 .owner = c->owner,
                                 .provider = "",
                                 .reason = c->reason,
                                 .s = {.since = suppression_minute(c->since),
                                       .until = end_minute(c->until),
                                       .class = CLASS_RECIPIENT_REFUSED,
                                       .flags = (uint8_t)flags}};
}

/* The addresses of a request: canonical, in one piece. */
struct asked {
    char (*whats)[SUPPRESS_WHAT];
    struct suppress_row *rows;
    size_t n;
};

static void asked_deinit(struct asked *a)
{
    xfree(a->whats);
    xfree(a->rows);
}

// False: the request has been answered.
static bool read_asked(struct request *r, const json_t *params, const struct common *c,
                       struct asked *a)
{
    const json_t *all = json_object_get(params, "addresses");
    size_t n = json_array_size(all);
    *a = (struct asked){.n = n};
    if (!n || n > SUPPRESS_ROWS) {
        request_fail(r, "usage", "addresses: expected 1 to %d of them", (int)SUPPRESS_ROWS);
        return false;
    }
    a->whats = xcalloc(n, sizeof(*a->whats));
    a->rows = xcalloc(n, sizeof(*a->rows));
    for (size_t i = 0; i < n; i++) {
        const char *text = json_string_value(json_array_get(all, i));
        if (!text || !suppress_parse_what(a->whats[i], text)) {
            request_fail(r, "usage", "addresses: expected mail addresses or domains, got `%.80s`",
                         text ? text : "no text");
            return false;
        }
        a->rows[i] = row_of(c, a->whats[i]);
    }
    return true;
}

static void change(struct request *r, const json_t *params, enum kind kind)
{
    struct world *w = &r->control->world;
    struct common c = {.reason = NULL};
    struct asked a = {.n = 0};
    if (read_common(r, params, &c) && read_asked(r, params, &c, &a)) {
        struct entry *e = entry_by(r, kind, c.owner, c.reason);
        if (kind == KIND_SUPPRESS && c.until != USEC_NEVER)
            e->expires_at = c.until;
        if (c.is_trap)
            entry_add_field(e, "trap", "yes", false);
        world_ask(w);
        if (kind == KIND_SUPPRESS)
            w->engine->suppress(w->engine->ctx, e, a.rows, a.n, on_added, r);
        else
            w->engine->unsuppress(w->engine->ctx, e,
                                  &(struct suppress_removal){.rows = a.rows, .n = a.n}, on_removed,
                                  r);
    }
    asked_deinit(&a);
    common_deinit(&c);
}

void suppress_add_run(struct request *r, const json_t *params)
{
    change(r, params, KIND_SUPPRESS);
}

void suppress_rm_run(struct request *r, const json_t *params)
{
    change(r, params, KIND_UNSUPPRESS);
}

// ---- import

/* An import's request on its way. */
struct importing {
    struct request *request;
    json_t *skipped;
    size_t skipped_n;
    size_t rows_n; // that are asked for
};

struct import_rows {
    struct suppress_row *rows;
    char (*whats)[SUPPRESS_WHAT];
    char **reasons; // owned, visible
    size_t n;
};

static void import_rows_init(struct import_rows *r)
{
    *r = (struct import_rows){.rows = xcalloc(SUPPRESS_ROWS, sizeof(*r->rows)),
                              .whats = xcalloc(SUPPRESS_ROWS, sizeof(*r->whats)),
                              .reasons = xcalloc(SUPPRESS_ROWS, sizeof(*r->reasons))};
}

static void import_rows_deinit(struct import_rows *r)
{
    for (size_t i = 0; i < r->n; i++)
        xfree(r->reasons[i]);
    xfree(r->reasons);
    xfree(r->whats);
    xfree(r->rows);
}

// A trap never ends unless somebody says so.
static const char *read_times(struct suppression *s, char *fields[SUPPRESS_FIELDS],
                              const struct common *c)
{
    bool is_trap = s->flags & SUPPRESSION_TRAP;
    usec_t since = c->since, until = is_trap && !c->has_span ? USEC_NEVER : c->until;
    if (*fields[SUPPRESS_SINCE] &&
        (!suppress_parse_time(&since, fields[SUPPRESS_SINCE]) || since == USEC_NEVER))
        return "since: expected a date";
    if (*fields[SUPPRESS_UNTIL] && !suppress_parse_time(&until, fields[SUPPRESS_UNTIL]))
        return "until: expected a date or never";
    s->since = suppression_minute(since);
    s->until = end_minute(until);
    return NULL;
}

// NULL, or what is wrong with it.
static const char *read_row(struct suppress_row *row, char what[SUPPRESS_WHAT],
                            char *fields[SUPPRESS_FIELDS], const struct common *c)
{
    enum class class = CLASS_RECIPIENT_REFUSED;
    bool is_trap = strcmp(fields[SUPPRESS_TRAP], "yes") == 0;
    if (!suppress_parse_cell(what, fields[SUPPRESS_ADDRESS]))
        return "expected a mail address or @domain";
    if (!suppress_is_owner(fields[SUPPRESS_OWNER]))
        return "expected a customer like acme or acme/spring";
    if (*fields[SUPPRESS_CLASS] && !class_parse(&class, fields[SUPPRESS_CLASS]))
        return "expected a class like unknown-user";
    if (*fields[SUPPRESS_TRAP] && !is_trap && strcmp(fields[SUPPRESS_TRAP], "no") != 0)
        return "trap: expected yes or no";
    if (strlen(fields[SUPPRESS_WHY]) > SUPPRESS_REASON)
        return "reason: expected at most 1,000 bytes";
    *row = row_of(c, what);
    row->owner = *fields[SUPPRESS_OWNER] ? fields[SUPPRESS_OWNER] : c->owner;
    row->s.class = (uint8_t) class;
    if (is_trap)
        row->s.flags |= SUPPRESSION_TRAP;
    return read_times(&row->s, fields, c);
}

static void add_row(struct import_rows *out, const char *reason)
{
    size_t i = out->n++;
    if (!*reason)
        return; // what is said of all
    out->reasons[i] = text_visible_new(bytes_str(reason));
    out->rows[i].reason = out->reasons[i];
}

static void skip(struct importing *i, size_t line, const char *why)
{
    if (i->skipped_n++ < SKIPPED_MOST)
        json_array_append_new(i->skipped,
                              json_pack("{s:I,s:s}", "row", (json_int_t)line, "why", why));
}

// `text` is cut in place: a line a row.
static void read_rows(struct importing *i, char *text, const struct common *c,
                      struct import_rows *out)
{
    char *fields[SUPPRESS_FIELDS];
    for (size_t line = 0; *text && line < SUPPRESS_ROWS; line++) {
        char *end = strchr(text, '\n');
        char *next = end ? end + 1 : text + strlen(text);
        if (end)
            *end = '\0';
        const char *why = suppress_cut(text, '\t', fields)
                              ? read_row(&out->rows[out->n], out->whats[out->n], fields, c)
                              : "expected at most 7 fields";
        if (why)
            skip(i, line, why);
        else
            add_row(out, fields[SUPPRESS_WHY]);
        text = next;
    }
}

static void importing_answer(struct importing *i, const struct entry *e, const char *hash)
{
    struct world *w = &i->request->control->world;
    json_t *answer = e ? entry_json(w->state, e, hash) : json_object();
    const char *count = e ? entry_field_get(e, "addresses") : NULL;
    size_t added = count ? strtoull(count, NULL, 10) : 0;
    json_object_set(answer, "skipped", i->skipped);
    json_object_set_new(answer, "skipped_n", json_integer((json_int_t)i->skipped_n));
    json_object_set_new(answer, "left_n", json_integer((json_int_t)(i->rows_n - added)));
    request_answer(i->request, answer);
}

static void on_imported(void *ctx, int r, const struct entry *e, const char *hash)
{
    struct importing *i = ctx;
    struct world *w = &i->request->control->world;
    if (r < 0) {
        request_fail(i->request, "failed",
                     "the ledger could not be written (%s): nothing of this piece was done",
                     strerror(-r));
    } else {
        if (e)
            world_add_entry(w, e, hash);
        importing_answer(i, e, hash);
    }
    json_decref(i->skipped);
    xfree(i);
    world_asked(w);
}

static void import_write(struct importing *i, const struct common *c,
                         const struct import_rows *rows)
{
    struct world *w = &i->request->control->world;
    world_ask(w);
    i->rows_n = rows->n;
    if (!rows->n) {
        importing_answer(i, NULL, NULL);
        json_decref(i->skipped);
        xfree(i);
        world_asked(w);
        return;
    }
    struct entry *e = entry_by(i->request, KIND_SUPPRESS, c->owner, c->reason);
    if (c->is_trap)
        entry_add_field(e, "trap", "yes", false);
    w->engine->suppress(w->engine->ctx, e, rows->rows, rows->n, on_imported, i);
}

void suppress_import_run(struct request *r, const json_t *params)
{
    struct common c = {.reason = NULL};
    const char *text = protocol_get_text(params, "rows", NULL);
    const struct store *store = r->control->world.store;
    if (store && !store_may_accept(store)) {
        request_fail(r, "failed", "there is no space for an import: what is left is for mail");
        return;
    }
    if (!text) {
        request_fail(r, "usage",
                     "rows: expected lines of address, owner, class, since, until and "
                     "reason with tabs between");
        return;
    }
    if (!read_common(r, params, &c))
        return;
    CLEANUP(xfree) char *copy = xstrdup(text);
    struct import_rows rows;
    import_rows_init(&rows);
    struct importing *i = xcalloc(1, sizeof(*i));
    *i = (struct importing){.request = r, .skipped = json_array()};
    read_rows(i, copy, &c, &rows);
    import_write(i, &c, &rows);
    import_rows_deinit(&rows);
    common_deinit(&c);
}

// ---- check and export

json_t *suppress_row_json(const struct suppress_row *row)
{
    unsigned flags = row->s.flags;
    return json_pack(
        "{s:o,s:o,s:s,s:o,s:o,s:o,s:o,s:b,s:b,s:b}", "address", protocol_text(row->address),
        "customer", *row->owner ? protocol_text(row->owner) : json_null(), "class",
        class_text((enum class)row->s.class), "since",
        protocol_time(suppression_usec(row->s.since)), "until",
        protocol_time(suppression_usec(row->s.until)), "provider",
        *row->provider ? protocol_text(row->provider) : json_null(), "reason",
        protocol_text(row->reason), "suspect", (flags & SUPPRESSION_SUSPECT) != 0, "trap",
        (flags & SUPPRESSION_TRAP) != 0, "manual", (flags & SUPPRESSION_MANUAL) != 0);
}

void suppress_row_words(char out[SUPPRESS_WORDS], const struct suppress_row *row, usec_t now)
{
    char since[FORMAT_TEXT], until[FORMAT_TEXT];
    bool is_sign = row->s.flags & SUPPRESSION_SUSPECT;
    format_time(since, suppression_usec(row->s.since), now);
    if (row->s.until != UINT32_MAX)
        format_time(until, suppression_usec(row->s.until), now);
    snprintf(out, SUPPRESS_WORDS, "%s%s: %s%s for %s%.129s since %s, %s%s%s%.64s%s%.300s",
             row->address[0] == '@' ? "all of " : "", row->address,
             row->s.flags & SUPPRESSION_TRAP ? "a spam trap" : class_text((enum class)row->s.class),
             is_sign ? " was said once, which refuses nobody yet," : "",
             *row->owner ? "customer " : "everybody", row->owner, since,
             row->s.until == UINT32_MAX ? "with no end" : "until ",
             row->s.until == UINT32_MAX ? "" : until, *row->provider ? ", as said by " : "",
             row->provider, *row->reason ? ": " : "", row->reason);
}

/* Addresses that are looked up one after the other, each and its domain. */
struct checking {
    struct request *request;
    json_t *addresses, *rows; // of the answer; rows of the one in hand
    size_t i;
    bool is_domain; // asked for its domain now
    bool is_suppressed;
};

static void check_next(struct checking *c);

static void on_checked(void *ctx, const struct suppress_row *rows, size_t n, bool has_more)
{
    struct checking *c = ctx;
    struct world *w = &c->request->control->world;
    usec_t now = clock_wall();
    char words[SUPPRESS_WORDS];
    (void)has_more;
    for (size_t i = 0; i < n; i++) {
        if (suppression_usec(rows[i].s.until) <= now)
            continue;
        json_t *row = suppress_row_json(&rows[i]);
        suppress_row_words(words, &rows[i], now);
        json_object_set_new(row, "words", protocol_text(words));
        json_array_append_new(c->rows, row);
        c->is_suppressed |= suppression_stands(&rows[i].s, now);
    }
    check_next(c);
    world_asked(w);
}

static void check_ask(struct checking *c, const char *what)
{
    struct world *w = &c->request->control->world;
    world_ask(w);
    suppress_list(
        w->store,
        &(struct suppress_query){.what = what, .has_suspects = true, .limit = CHECKED_MOST},
        on_checked, c);
}

static void check_next(struct checking *c)
{
    json_t *address = json_array_get(c->addresses, c->i);
    const char *what = address ? protocol_get_text(address, "address", "") : "";
    const char *at = strrchr(what, '@');
    if (address && !c->is_domain && at > what) { // then its domain
        c->is_domain = true;
        check_ask(c, at);
        return;
    }
    if (address) {
        json_object_set_new(address, "suppressed", json_boolean(c->is_suppressed));
        json_object_set_new(address, "rows", c->rows);
        c->rows = json_array();
        c->is_domain = c->is_suppressed = false;
        address = json_array_get(c->addresses, ++c->i);
    }
    if (address) {
        check_ask(c, protocol_get_text(address, "address", ""));
        return;
    }
    request_answer(c->request, json_pack("{s:O}", "addresses", c->addresses));
    json_decref(c->addresses);
    json_decref(c->rows);
    xfree(c);
}

void suppress_check_run(struct request *r, const json_t *params)
{
    struct common c = {.reason = NULL};
    struct asked a = {.n = 0};
    if (!r->control->world.store) {
        request_fail(r, "failed", "there is no store to ask");
    } else if (json_array_size(json_object_get(params, "addresses")) > CHECKED_MOST) {
        request_fail(r, "usage", "addresses: expected 1 to %d of them", (int)CHECKED_MOST);
    } else if (read_asked(r, params, &c, &a)) {
        struct checking *k = xcalloc(1, sizeof(*k));
        *k = (struct checking){.request = r, .addresses = json_array(), .rows = json_array()};
        for (size_t i = 0; i < a.n; i++)
            json_array_append_new(k->addresses,
                                  json_pack("{s:o}", "address", protocol_text(a.whats[i])));
        check_ask(k, a.whats[0]);
    }
    asked_deinit(&a);
}

static void time_cell(struct buf *out, uint32_t minute)
{
    char text[CLOCK_TEXT];
    clock_format(text, suppression_usec(minute));
    buf_printf(out, "\t%s", minute == UINT32_MAX ? "never" : text);
}

// The fields of enum suppress_field; stored texts are visible, so no tab or line end is in them.
static void line_of(struct buf *out, const struct suppress_row *row)
{
    buf_printf(out, "%s\t%s\t%s", row->address, row->owner, class_text((enum class)row->s.class));
    time_cell(out, row->s.since);
    time_cell(out, row->s.until);
    buf_printf(out, "\t%s\t%s\n", row->reason, row->s.flags & SUPPRESSION_TRAP ? "yes" : "");
}

static void on_page(void *ctx, const struct suppress_row *rows, size_t n, bool has_more)
{
    struct request *r = ctx;
    struct world *w = &r->control->world;
    CLEANUP(buf_deinit) struct buf text = {0};
    json_t *next = json_null();
    size_t i = 0;
    for (; i < n && text.n < PROTOCOL_LINE / 2; i++)
        line_of(&text, &rows[i]);
    if (i && (has_more || i < n))
        next = json_sprintf("%016" PRIx64 "-%08" PRIx32, rows[i - 1].s.key, rows[i - 1].s.owner);
    json_t *lines = json_stringn(text.n ? (const char *)text.p : "", text.n);
    if (lines)
        request_answer(r, json_pack("{s:o,s:o}", "rows", lines, "next", next));
    else
        request_fail(r, "failed", "a row is no text");
    world_asked(w);
}

void suppress_export_run(struct request *r, const json_t *params)
{
    struct world *w = &r->control->world;
    const char *owner = protocol_get_text(params, "customer", NULL);
    const char *after = protocol_get_text(params, "after", NULL);
    struct suppress_query q = {.owner = owner, .limit = SUPPRESS_PAGE};
    char *end = NULL;
    if (after) {
        q.after_key = strtoull(after, &end, 16);
        q.after_owner = *end == '-' ? (uint32_t)strtoul(end + 1, NULL, 16) : 0;
    }
    if (!w->store) {
        request_fail(r, "failed", "there is no store to ask");
    } else if (owner && !suppress_is_owner(owner)) {
        request_fail(r, "usage", "customer: expected a customer or a list like acme/spring");
    } else {
        world_ask(w);
        suppress_list(w->store, &q, on_page, r);
    }
}

// ---- undo

struct undoing {
    struct request *request;
    json_t *params; // a reference
};

static const char *undone_target(const json_t *params)
{
    const json_t *targets = json_object_get(params, "targets");
    const char *text = json_string_value(json_array_get(targets, 0));
    bool is_one = strcmp(protocol_get_text(params, "command", ""), "undo") == 0 &&
                  json_array_size(targets) == 1;
    return is_one && text ? text : "";
}

// The same keys as of every other preview (control/preview.c).
static json_t *undo_preview(const struct entry *e)
{
    const char *n = entry_field_get(e, "addresses");
    json_t *p = json_pack(
        "{s:s,s:s,s:[o],s:o,s:[],s:[o],s:[],s:s,s:[],s:n}", "version", "", "command", "undo",
        "targets", json_sprintf("log:%ju", (uintmax_t)e->name.seq), "title",
        json_sprintf("undo %ju", (uintmax_t)e->name.seq), "now", "will",
        json_sprintf("mail may go again to what is left of the %s address%s of it", n ? n : "",
                     n && strcmp(n, "1") == 0 ? "" : "es"),
        "others", "ends", "not by itself; suppress add adds them again", "skipped", "guard");
    json_object_set_new(p, "for", json_null());
    json_object_set_new(p, "rate", json_null());
    json_object_set_new(p, "reason", json_sprintf("takes %ju back", (uintmax_t)e->name.seq));
    json_object_set_new(p, "tell", json_string("no"));
    json_object_set_new(p, "ceremony", json_string("enter"));
    json_object_set_new(p, "type", json_null());
    return p;
}

static void undo(struct request *r, const json_t *params, const struct entry *e)
{
    struct world *w = &r->control->world;
    const char *reason = protocol_get_text(params, "reason", "");
    if (strcmp(protocol_get_text(params, "phase", ""), "preview") == 0) {
        request_answer(r, undo_preview(e));
    } else if (!reason[strspn(reason, " \t\r\n")] || strlen(reason) > SUPPRESS_REASON) {
        request_fail(r, "usage",
                     "a reason is needed, of at most 1,000 bytes: it stands in the "
                     "ledger");
    } else {
        CLEANUP(xfree) char *visible = text_visible_new(bytes_str(reason));
        struct entry *undoing =
            entry_new(KIND_UNSUPPRESS, request_peer(r)->user, e->target, visible);
        undoing->at = clock_wall();
        entry_add_name(undoing, e->name);
        world_ask(w);
        w->engine->unsuppress(w->engine->ctx, undoing,
                              &(struct suppress_removal){.entry_seq = e->name.seq}, on_removed, r);
    }
}

static void on_undone_entry(void *ctx, struct ledger_row *rows, size_t n, uint64_t total)
{
    struct undoing *u = ctx;
    struct world *w = &u->request->control->world;
    (void)total;
    if (!request_peer(u->request))
        request_fail(u->request, "failed", "it has left");
    else if (n && rows[0].entry->kind == KIND_SUPPRESS)
        undo(u->request, u->params, rows[0].entry);
    else
        act_run_folded(u->request, u->params);
    ledger_rows_free(rows, n);
    json_decref(u->params);
    xfree(u);
    world_asked(w);
}

bool suppress_undo_run(struct request *r, const json_t *params)
{
    struct world *w = &r->control->world;
    struct target t;
    CLEANUP(xfree) char *why = NULL;
    struct entry_name name;
    const char *text = undone_target(params);
    if (!*text || !w->store || target_parse_kind(&t, TARGET_LOG, text, &why) ||
        !node_id_parse(&name.node, w->settings.node_id))
        return false;
    name.seq = t.seq;
    if (state_entry_get(w->state, name))
        return false;
    struct undoing *u = xcalloc(1, sizeof(*u));
    *u = (struct undoing){r, json_deep_copy(params)};
    world_ask(w);
    ledger_get(w->store, t.seq, on_undone_entry, u);
    return true;
}
