#include "control/page_incident.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "control/harm.h"
#include "control/lines.h"
#include "control/table.h"
#include "remote/format.h"
#include "remote/protocol.h"

enum { REPORT_STORY = 100, LABEL = 6 };

// The rates of a day, as the customers' list has them; null where nobody knows the customer.
static void add_rates(struct world *w, json_t *culprit, const char *name, usec_t now)
{
    CLEANUP(xfree) char *whole = xasprintf("%.*s", (int)strcspn(name, "/+"), name);
    struct state_customer *c = state_customer_get(w->state, whole);
    json_object_set_new(culprit, "dead_rate",
                        protocol_rate(c ? harm_day_rate(&c->counter, COUNTER_DEAD, now) : -1));
    json_object_set_new(
        culprit, "complaint_rate",
        protocol_rate(c ? harm_day_rate(&c->counter, COUNTER_COMPLAINED, now) : -1));
}

static json_t *number_or_null(const json_t *v)
{
    return json_is_number(v) ? json_incref((json_t *)v) : json_null();
}

static void add_samples(json_t *replies, const char *customer, const json_t *samples)
{
    size_t i;
    const json_t *sample;
    json_array_foreach(samples, i, sample)
    {
        if (json_is_string(sample))
            json_array_append_new(replies,
                                  json_pack("{s:o,s:o}", "customer", protocol_text(customer),
                                            "reply", protocol_text(json_string_value(sample))));
    }
}

static void add_culprit(struct world *w, json_t *culprits, const char *name, const json_t *from,
                        const char *why, usec_t now)
{
    json_t *c = json_pack("{s:o,s:o,s:o,s:o}", "customer", protocol_text(name), "share",
                          number_or_null(json_object_get(from, "share")), "bad",
                          number_or_null(json_object_get(from, "bad")), "of",
                          number_or_null(json_object_get(from, "of")));
    add_rates(w, c, name, now);
    json_object_set_new(c, "why", protocol_text(why && *why ? why : NULL));
    json_array_append_new(culprits, c);
}

// Culprits and sample replies as the evidence has them; of a customer's own incident it is itself.
static void add_blame(struct world *w, json_t *page, const struct incident *i, usec_t now)
{
    CLEANUP(json_decref) json_t *evidence = json_loads(i->evidence, 0, NULL);
    json_t *culprits = json_array(), *replies = json_array();
    const json_t *blamed = json_object_get(evidence, "culprits"), *c;
    CLEANUP(xfree) char *why = *i->list ? xasprintf("list %s", i->list) : xstrdup("");
    const char *own = strncmp(i->culprit, "customer:", 9) == 0 ? i->culprit + 9 : NULL;
    size_t k;
    json_array_foreach(blamed, k, c)
    {
        const char *name = protocol_get_text(c, "customer", "");
        add_culprit(w, culprits, name, c, k ? NULL : why, now);
        add_samples(replies, name, json_object_get(c, "samples"));
    }
    if (!json_array_size(culprits) && own)
        add_culprit(w, culprits, own, evidence, why, now);
    add_samples(replies, own, json_object_get(evidence, "samples"));
    json_object_set_new(page, "culprits", culprits);
    json_object_set_new(page, "replies", replies);
    json_object_set_new(page, "replies_of", number_or_null(json_object_get(evidence, "bad")));
}

// It became worse, under the title that it has: what was done next says so.
static bool is_said(const struct incident *i, size_t at)
{
    for (size_t k = at; k-- > 0 && i->story[at].kind == KIND_INCIDENT;)
        if (i->story[k].kind == KIND_INCIDENT)
            return strcmp(i->story[k].text, i->story[at].text) == 0;
    return false;
}

// *said: lines left out, for they say nothing new.
static json_t *story_json(const struct incident *i, json_int_t *said)
{
    json_t *story = json_array();
    for (size_t k = 0; k < i->story_n; k++) {
        const struct incident_line *line = &i->story[k];
        if (is_said(i, k)) {
            ++*said;
            continue;
        }
        CLEANUP(buf_deinit) struct buf text = {0};
        lines_story(&text, line, line->at <= i->opened_at);
        json_array_append_new(story,
                              json_pack("{s:o,s:I,s:o,s:s,s:o}", "at", protocol_time(line->at),
                                        "seq", (json_int_t)line->name.seq, "actor",
                                        protocol_text(line->actor), "kind", kind_text(line->kind),
                                        "text", protocol_text((const char *)text.p)));
    }
    return story;
}

void page_incident(struct world *w, json_t *page, const struct incident *i, usec_t now)
{
    static const char *const same[] = {"severity", "opened_at", "closed_at", "state",
                                       "what",     "cause",     "done",      "next",
                                       "you",      "has_it",    "seen_by",   "subject"};
    char key[40];
    snprintf(key, sizeof(key), "incident:%u", i->number);
    json_t *row = table_row(&table_incidents, w, now, TABLE_BY_PROVIDER, key);
    json_object_set_new(page, "row", row);
    json_object_set_new(page, "id", json_integer(i->number));
    for (size_t k = 0; k < ARRAY_LEN(same); k++)
        json_object_set(page, same[k], json_object_get(row, same[k]));
    add_blame(w, page, i, now);
    json_int_t said = 0;
    json_object_set_new(page, "story", story_json(i, &said));
    json_object_set_new(page, "story_of", json_integer((json_int_t)i->story_of - said));
}

// ---- the report

static void add_line(struct buf *b, const char *name, const char *text)
{
    if (text && *text)
        buf_printf(b, "%-*s %s\n", LABEL, name, text);
}

static usec_t time_of(const json_t *o, const char *name)
{
    usec_t at;
    const char *text = protocol_get_text(o, name, NULL);
    return text && clock_parse(&at, text) ? at : 0;
}

enum { WHEN = 24 };

// "2026-11-24 11:55Z"; not known: –
static const char *when(char out[WHEN], const json_t *o, const char *name)
{
    const char *text = protocol_get_text(o, name, "");
    if (strlen(text) < 20)
        snprintf(out, WHEN, "–");
    else
        snprintf(out, WHEN, "%.10s %.5sZ", text, text + 11);
    return out;
}

// "Incident 318 on mta1, CRITICAL, open since 2026-11-24 11:55Z (9 m), nobody has it"
static void add_head(struct buf *b, const struct world *w, const json_t *page, usec_t now)
{
    char age[FORMAT_TEXT], severity[16], opened[WHEN], closed[WHEN];
    bool is_closed = json_is_string(json_object_get(page, "closed_at"));
    snprintf(severity, sizeof(severity), "%s", protocol_get_text(page, "severity", ""));
    for (char *p = severity; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    format_age(age, time_of(page, "opened_at"), now);
    buf_printf(b, "Incident %jd on %s, %s, ", (intmax_t)protocol_get_number(page, "id", 0),
               w->settings.node, severity);
    when(opened, page, "opened_at");
    if (is_closed)
        buf_printf(b, "%s %s, opened %s\n", protocol_get_text(page, "state", "closed"),
                   when(closed, page, "closed_at"), opened);
    else
        buf_printf(b, "open since %s (%s), %s has it\n", opened, age,
                   protocol_get_text(page, "has_it", "nobody"));
}

static void add_share(struct buf *b, const json_t *v)
{
    if (json_is_number(v))
        buf_printf(b, "%3.0f %%  ", json_number_value(v) * 100);
}

static void add_rate(struct buf *b, const char *name, const json_t *v)
{
    char text[FORMAT_TEXT];
    if (!json_is_number(v))
        return;
    format_rate(text, json_number_value(v));
    buf_printf(b, "  %s %s %%", name, text);
}

static void add_culprits(struct buf *b, const json_t *page)
{
    const json_t *all = json_object_get(page, "culprits"), *c;
    char bad[FORMAT_TEXT], of[FORMAT_TEXT];
    size_t i;
    if (json_array_size(all))
        buf_add_str(b, "\nculprits\n");
    json_array_foreach(all, i, c)
    {
        buf_printf(b, "  %-16s ", protocol_get_text(c, "customer", ""));
        add_share(b, json_object_get(c, "share"));
        format_count_full(bad, protocol_get_number(c, "bad", 0));
        format_count_full(of, protocol_get_number(c, "of", 0));
        buf_printf(b, "%s of %s bad", bad, of);
        add_rate(b, "dead", json_object_get(c, "dead_rate"));
        add_rate(b, "complaints", json_object_get(c, "complaint_rate"));
        const char *why = protocol_get_text(c, "why", NULL);
        buf_printf(b, "%s%s\n", why ? "  " : "", why ? why : "");
    }
}

static void add_replies(struct buf *b, const json_t *page)
{
    const json_t *all = json_object_get(page, "replies"), *r;
    size_t i;
    if (json_array_size(all))
        buf_add_str(b, "\nreplies\n");
    json_array_foreach(all, i, r)
    {
        const char *customer = protocol_get_text(r, "customer", NULL);
        buf_printf(b, "  %s%s%s\n", customer ? customer : "", customer ? "  " : "",
                   protocol_get_text(r, "reply", ""));
    }
}

static void add_story(struct buf *b, const json_t *page)
{
    const json_t *all = json_object_get(page, "story"), *line;
    size_t i, n = json_array_size(all), from = n > REPORT_STORY ? n - REPORT_STORY : 0;
    buf_add_str(b, "\nstory\n");
    if (from)
        buf_printf(b, "  %zu earlier lines left out\n", from);
    for (i = from; (line = json_array_get(all, i)); i++) {
        const char *at = protocol_get_text(line, "at", "                       ");
        buf_printf(b, "  %.10s %.8sZ  %s %s  (%jd)\n", at, at + 11,
                   protocol_get_text(line, "actor", ""), protocol_get_text(line, "text", ""),
                   (intmax_t)protocol_get_number(line, "seq", 0));
    }
}

void page_incident_report(struct world *w, json_t *page, usec_t now)
{
    static const char *const lines[] = {"what", "cause", "done", "next"};
    CLEANUP(buf_deinit) struct buf b = {0};
    add_head(&b, w, page, now);
    buf_add_byte(&b, '\n');
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        add_line(&b, lines[i], protocol_get_text(page, lines[i], NULL));
    add_line(&b, "you", protocol_get_text(json_object_get(page, "you"), "text", NULL));
    add_culprits(&b, page);
    add_replies(&b, page);
    add_story(&b, page);
    // Its parts are visible already; its newlines are ours.
    json_object_set_new(page, "report", json_stringn((const char *)b.p, b.n));
}
