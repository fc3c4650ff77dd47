// A report's way: to the reader, by what it says to history, from there to an outcome; then it is kept,
// and its sender hears 250. Several are under way at once; what two of them say of one recipient counts
// once, since what was told lately is remembered until history surely has it.
#include "warden/feedback.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "mail/token.h"
#include "settings/settings.h"
#include "smtp/reply.h"
#include "store/history.h"
#include "store/spool.h"
#include "store/trail.h"
#include "warden/feedback_match.h"
#include "warden/reader.h"
#include "warden/warden_room.h"

enum { LATELY = FEEDBACK_WAITING + 24, ROWS = 256 };

/* A report on its way. */
struct arrival {
    struct list link;
    struct warden *warden;
    struct buf mail;
    struct token tokens[FEEDBACK_TOKENS]; // that it was sent to
    size_t tokens_n, at;                  // which of them history is asked about
    struct feedback *said;                // NULL: not read yet, or never
    struct match_lead lead;
    bool is_anybody; // history was asked for the message alone
    struct trail trail;
    void (*done)(void *ctx, const struct smtp_reply *reply);
    void *ctx;
};

/* What was told of a recipient. */
struct told {
    struct message_id message;
    uint32_t recipient_no;
    enum outcome_kind kind;
};

struct incoming {
    struct list arrivals;
    size_t n, bytes;
    struct told lately[LATELY]; // a ring
    size_t told_n;
    struct feedback_figures figures;
    uint64_t said;  // of the refused, how many the log has
    usec_t said_at; // monotonic
    bool is_over;
};

void incoming_set_settings(struct warden *w)
{
    if (w->options.reader)
        reader_set_replies(w->options.reader, w->options.settings->replies,
                           w->options.settings->replies_n);
}

void incoming_init(struct warden *w)
{
    w->incoming = xcalloc(1, sizeof(*w->incoming));
    list_init(&w->incoming->arrivals);
    incoming_set_settings(w);
}

static void arrival_free(struct arrival *a)
{
    struct incoming *in = a->warden->incoming;
    list_remove(&a->link);
    in->n--;
    in->bytes -= a->mail.n;
    feedback_free(a->said);
    buf_deinit(&a->mail);
    xfree(a);
}

void incoming_deinit(struct warden *w)
{
    struct arrival *a;
    LIST_EACH (&w->incoming->arrivals, a, link)
        arrival_free(a);
    w->incoming = xfree(w->incoming);
}

void feedback_stop(struct warden *w)
{
    w->incoming->is_over = true;
}

void feedback_figures_get(const struct warden *w, struct feedback_figures *out)
{
    *out = w->incoming->figures;
}

// ---- the door

static bool is_for_complaints(const struct warden *w, const char *address)
{
    const struct settings *s = w->options.settings;
    for (size_t i = 0; i < s->domains.complaints_n; i++)
        if (strcasecmp(s->domains.complaints[i], address) == 0)
            return true;
    return false;
}

static int token_of(struct token *t, const struct warden *w, const char *address)
{
    return match_address(t, address, w->options.settings->domains.bounce, w->options.keys);
}

static bool is_stale(const struct token *t)
{
    return t->at + FEEDBACK_LIFE < clock_wall();
}

// At once, and then at most once a minute: a stranger decides how many there are.
static void say_refused(struct incoming *in)
{
    usec_t now = clock_monotonic();
    uint64_t n = in->figures.forged + in->figures.stale;
    if (in->said_at && now - in->said_at < USEC_MINUTE)
        return;
    log_notice("warden", "%" PRIu64 " more return addresses refused: forged or older than 30 days",
               n - in->said);
    in->said = n;
    in->said_at = now;
}

void feedback_query(struct warden *w, const char *address, struct smtp_reply *reply)
{
    struct token t;
    struct incoming *in = w->incoming;
    if (is_for_complaints(w, address))
        return;
    int r = token_of(&t, w, address);
    if (r == TOKEN_OK && !is_stale(&t))
        return;
    smtp_reply_set(reply, 550, "5.1.1", "%s",
                   r == TOKEN_OK ? "this return address is too old" : "no such address here");
    if (r == TOKEN_E_SHAPE)
        return;
    in->figures.stale += r == TOKEN_OK;
    in->figures.forged += r != TOKEN_OK;
    say_refused(in);
}

// ---- the end of a report's way

static void answer(struct arrival *a, bool is_kept)
{
    struct smtp_reply reply;
    if (is_kept)
        smtp_reply_set(&reply, 250, "2.0.0", "Ok: taken");
    else
        smtp_reply_set(&reply, 451, "4.3.0", "it can't be kept now, try again later");
    a->done(a->ctx, &reply);
    arrival_free(a);
}

static void on_kept(void *ctx, int r)
{
    struct arrival *a = ctx;
    if (!a->warden->incoming->is_over)
        answer(a, r == 0);
}

// What it says has been told; it stays with whoever sent it until that is on disk.
static void on_flushed(void *ctx, int r)
{
    struct arrival *a = ctx;
    if (a->warden->incoming->is_over)
        return;
    if (r != SPOOL_OK) {
        answer(a, false);
        return;
    }
    a->trail.kind = TRAIL_REPORT;
    a->trail.text = buf_bytes(&a->mail);
    if (!a->trail.at)
        a->trail.at = clock_wall();
    trail_add_durably(a->warden->options.store, &a->trail, on_kept, a);
}

static void keep(struct arrival *a)
{
    spool_flush(a->warden->options.store, on_flushed, a);
}

// ---- consequences

static bool was_told(const struct incoming *in, const struct outcome *o)
{
    for (size_t i = 0; i < in->told_n && i < LATELY; i++) {
        const struct told *t = &in->lately[i];
        if (t->kind == o->kind && t->recipient_no == o->recipient_no &&
            message_id_equal(t->message, o->message))
            return true;
    }
    return false;
}

static void tell(struct arrival *a, const struct outcome *o, const struct match *m)
{
    struct warden *w = a->warden;
    struct incoming *in = w->incoming;
    if (was_told(in, o))
        return;
    in->lately[in->told_n++ % LATELY] = (struct told){o->message, o->recipient_no, o->kind};
    w->options.on_late(w->options.ctx, o);
    struct spool_message gone = {
        .id = o->message, .sender = (char *)m->sender, .accepted_at = m->accepted_at};
    warden_on_outcome(w, o, &gone);
}

static void explain(struct arrival *a, const struct outcome *row)
{
    if (a->trail.message.hi || a->trail.message.lo)
        return; // of several the first
    a->trail.message = row->message;
    a->trail.recipient_no = row->recipient_no;
}

static void next(struct arrival *a);
static void ask_history(struct arrival *a);

static const char *named(const struct arrival *a)
{
    for (size_t i = 0; i < a->said->recipients_n; i++)
        if (*a->said->recipients[i].address)
            return a->said->recipients[i].address;
    return NULL;
}

static void on_history(void *ctx, const struct outcome *rows, size_t n)
{
    struct arrival *a = ctx;
    struct match m;
    struct outcome news;
    if (a->warden->incoming->is_over)
        return;
    if (!n && !a->lead.has_recipient_no && !a->is_anybody) {
        a->is_anybody = true; // it names somebody else, or nobody: does the message have just one?
        ask_history(a);
        return;
    }
    match_history(&m, rows, n < ROWS ? n : 0);
    if (m.is_known)
        explain(a, &rows[0]);
    else
        a->warden->incoming->figures.unmatched++;
    if (match_news(&news, &m, &a->lead, a->said, clock_wall())) {
        a->trail.at = news.at;
        tell(a, &news, &m);
    }
    next(a);
}

static void ask_history(struct arrival *a)
{
    char id[ID_MESSAGE_TEXT];
    message_id_format(id, a->lead.message);
    const char *who = a->lead.has_recipient_no || a->is_anybody ? NULL : named(a);
    a->is_anybody = a->is_anybody || !who;
    history_list(a->warden->options.store,
                 &(struct history_query){.message = id,
                                         .has_recipient_no = a->lead.has_recipient_no,
                                         .recipient_no = a->lead.recipient_no,
                                         .recipient = who,
                                         .limit = ROWS},
                 on_history, a);
}

// Does what it says concern anybody at all?
static bool has_news(const struct arrival *a)
{
    switch (a->said->kind) {
    case FEEDBACK_BOUNCE:
    case FEEDBACK_COMPLAINT:
    case FEEDBACK_UNSUBSCRIBE:
        return true;
    case FEEDBACK_OTHER:
        return a->lead.kind == TOKEN_UNSUBSCRIBE;
    case FEEDBACK_AUTO_REPLY:
        break;
    }
    return false;
}

// The next of its tokens; without any, once what the report leads to.
static bool next_lead(struct arrival *a)
{
    const struct warden_options *o = &a->warden->options;
    if (a->at < a->tokens_n) {
        a->lead = match_token(&a->tokens[a->at++]);
        return true;
    }
    if (a->tokens_n || a->at++)
        return false;
    bool is_led = match_report(&a->lead, a->said, o->settings->domains.bounce, o->keys,
                               clock_wall(), FEEDBACK_LIFE);
    if (!is_led && has_news(a))
        a->warden->incoming->figures.unmatched++;
    return is_led;
}

static void next(struct arrival *a)
{
    while (next_lead(a)) {
        a->is_anybody = false;
        if (has_news(a)) {
            ask_history(a);
            return;
        }
        if (!a->trail.message.hi &&
            !a->trail.message.lo) { // what changes nothing is kept with it too
            a->trail.message = a->lead.message;
            a->trail.recipient_no = a->lead.recipient_no;
        }
    }
    keep(a);
}

static void count(struct arrival *a)
{
    struct feedback_figures *f = &a->warden->incoming->figures;
    switch (a->said->kind) {
    case FEEDBACK_BOUNCE:
        f->bounces++;
        return;
    case FEEDBACK_COMPLAINT:
        f->complaints++;
        return;
    case FEEDBACK_UNSUBSCRIBE:
        f->unsubscribes++;
        return;
    case FEEDBACK_AUTO_REPLY:
        f->auto_replies++;
        return;
    case FEEDBACK_OTHER:
        break;
    }
    if (a->tokens_n && a->tokens[0].kind == TOKEN_UNSUBSCRIBE)
        f->unsubscribes++;
    else
        f->others++;
}

static void on_read(void *ctx, struct feedback *said)
{
    struct arrival *a = ctx;
    a->said = said;
    if (!said) {
        a->warden->incoming->figures.died++;
        if (a->tokens_n) {
            a->trail.message = a->tokens[0].message;
            a->trail.recipient_no = a->tokens[0].recipient_no;
        }
        keep(a);
        return;
    }
    count(a);
    next(a);
}

// ---- its beginning

static void take_tokens(struct arrival *a, const char *const *recipients, size_t n)
{
    for (size_t i = 0; i < n && a->tokens_n < FEEDBACK_TOKENS; i++)
        if (token_of(&a->tokens[a->tokens_n], a->warden, recipients[i]) == TOKEN_OK)
            a->tokens_n++;
}

void feedback_take(struct warden *w, const char *const *recipients, size_t n, struct bytes mail,
                   void (*done)(void *ctx, const struct smtp_reply *reply), void *ctx)
{
    struct incoming *in = w->incoming;
    struct arrival *a = xcalloc(1, sizeof(*a));
    *a = (struct arrival){.warden = w, .done = done, .ctx = ctx};
    buf_add_bytes(&a->mail, mail);
    list_add_last(&in->arrivals, &a->link);
    in->n++;
    in->bytes += a->mail.n;
    take_tokens(a, recipients, n);
    bool is_taken = in->n <= FEEDBACK_WAITING && in->bytes <= FEEDBACK_BYTES && w->options.reader &&
                    reader_ask(w->options.reader, mail, on_read, a);
    if (is_taken)
        return;
    struct smtp_reply reply;
    smtp_reply_set(&reply, 451, "4.3.2", "too many reports wait to be read, try again later");
    done(ctx, &reply);
    arrival_free(a);
}
