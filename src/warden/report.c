// Delivery reports (RFC 3464): the final failures of one message within a second go to its sender in
// one report. Never a report about a message with the null return path.
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "core/outcome.h"
#include "core/state.h"
#include "mail/report.h"
#include "settings/settings.h"
#include "store/spool.h"
#include "warden/notice.h"
#include "warden/warden_room.h"

enum { COLLECT_MS = 1000, REPORTS = 1000, FAILURES = 100, HEADERS = 16 << 10 };

/* One failed recipient; owns its strings, which the plan's rows borrow. */
struct failure {
    char *recipient, *reply;
    enum class class;
    unsigned code;
    usec_t at;
};

/* Failures of one message that are being collected. */
struct report {
    struct list link;
    struct message_id id;
    char *sender;
    usec_t arrived_at, due_at; // due: monotonic
    struct failure failures[FAILURES];
    size_t failures_n;
    struct buf headers; // the front of the message
};

static struct bytes key_of(const struct message_id *id)
{
    return bytes_of(id, sizeof(*id));
}

static void report_free(struct warden *w, struct report *r)
{
    map_remove(&w->reports, key_of(&r->id));
    list_remove(&r->link);
    for (size_t i = 0; i < r->failures_n; i++) {
        xfree(r->failures[i].recipient);
        xfree(r->failures[i].reply);
    }
    buf_deinit(&r->headers);
    xfree(r->sender);
    xfree(r);
}

void reports_deinit(struct warden *w)
{
    struct report *r;
    timer_stop(w->options.timers, &w->reports_due);
    LIST_EACH (&w->reports_in_order, r, link)
        report_free(w, r);
    map_deinit(&w->reports);
}

static void report_send(struct warden *w, struct report *r)
{
    struct report_failure rows[FAILURES];
    char id[ID_MESSAGE_TEXT];
    message_id_format(id, r->id);
    for (size_t i = 0; i < r->failures_n; i++)
        rows[i] = (struct report_failure){.recipient = r->failures[i].recipient,
                                          .reply = r->failures[i].reply,
                                          .provider_host = "",
                                          .class = r->failures[i].class,
                                          .code = r->failures[i].code,
                                          .last_attempt_at = r->failures[i].at};
    CLEANUP(buf_deinit) struct buf body = {0};
    report_format(&body, &(struct report_plan){.node = w->options.settings->node,
                                               .to = r->sender,
                                               .message_id = id,
                                               .arrived_at = r->arrived_at,
                                               .now = clock_wall(),
                                               .failures = rows,
                                               .failures_n = r->failures_n,
                                               .original = buf_bytes(&r->headers)});
    letter_send(w, r->sender, &body);
    report_free(w, r);
}

static void on_due(void *ctx)
{
    struct warden *w = ctx;
    struct report *r;
    usec_t now = clock_monotonic();
    while ((r = LIST_FIRST(&w->reports_in_order, struct report, link)) && r->due_at <= now)
        report_send(w, r);
    if (r)
        timer_set(w->options.timers, &w->reports_due, r->due_at, on_due, w);
}

static struct report *report_get(struct warden *w, const struct spool_message *m)
{
    struct report *r = map_get(&w->reports, key_of(&m->id));
    if (r)
        return r;
    if (w->reports.count == REPORTS) // a flood of failures: the oldest report goes out early
        report_send(w, LIST_FIRST(&w->reports_in_order, struct report, link));
    r = xcalloc(1, sizeof(*r));
    r->id = m->id;
    r->sender = xstrdup(m->sender);
    r->arrived_at = m->accepted_at;
    r->due_at = clock_monotonic() + COLLECT_MS * USEC_MS;
    if (m->body)
        buf_add(&r->headers, m->body, m->size < HEADERS ? m->size : HEADERS);
    map_put(&w->reports, key_of(&r->id), r);
    list_add_last(&w->reports_in_order, &r->link);
    if (!heap_has(&w->reports_due.node))
        timer_set(w->options.timers, &w->reports_due, r->due_at, on_due, w);
    return r;
}

void warden_on_outcome(struct warden *w, const struct outcome *o, const struct spool_message *m)
{
    if ((o->kind != OUTCOME_BOUNCED && o->kind != OUTCOME_EXPIRED) || !*m->sender)
        return;
    struct report *r = report_get(w, m);
    r->failures[r->failures_n++] = (struct failure){.recipient = xstrdup(o->recipient),
                                                    .reply = xstrdup(o->reply),
                                                    .class = o->class,
                                                    .code = o->code,
                                                    .at = o->at};
    if (r->failures_n == FAILURES)
        report_send(w, r);
}

void warden_flush(struct warden *w)
{
    struct report *r;
    LIST_EACH (&w->reports_in_order, r, link)
        report_send(w, r);
    notice_flush(w);
    suppressing_flush(w);
}
