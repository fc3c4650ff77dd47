#include "smtp/client.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "core/conversation.h"
#include "smtp/command.h"
#include "smtp/turn.h"

enum {
    TURNS = 2,
    EVENTS_KEPT = 16,        // an event is a kilobyte
    GREETING_SAID = 8 << 10, // of each end of what is recorded
    TURN_SAID = 24 << 10,
    NONSENSE_SAID = 256,
};

// What is awaited.
enum client_step {
    STEP_BANNER,
    STEP_EHLO,
    STEP_HELO,
    STEP_IDLE,
    STEP_RSET,
    STEP_MAIL,
    STEP_RCPT,
    STEP_DATA,
    STEP_BODY, // the owner to write on
    STEP_DOT,
    STEP_QUIT,
    STEP_OVER,
};
#define S(step) (1U << STEP_##step)

// Which steps may follow, and how long it is waited for (RFC 5321 §4.5.3.2).
// clang-format off
static const struct {
    const char *name;
    enum phase phase;
    usec_t patience;
    unsigned next;
} steps[] = {
    [STEP_BANNER] = {"banner", PHASE_BANNER, 5 * USEC_MINUTE, S(EHLO) | S(OVER)},
    [STEP_EHLO]   = {"EHLO", PHASE_HELO, 5 * USEC_MINUTE, S(HELO) | S(IDLE) | S(OVER)},
    [STEP_HELO]   = {"HELO", PHASE_HELO, 5 * USEC_MINUTE, S(IDLE) | S(OVER)},
    [STEP_IDLE]   = {"idle", PHASE_NONE, USEC_NEVER, S(RSET) | S(MAIL) | S(QUIT) | S(OVER)},
    [STEP_RSET]   = {"RSET", PHASE_MAIL, 5 * USEC_MINUTE, S(MAIL) | S(OVER)},
    [STEP_MAIL]   = {"MAIL", PHASE_MAIL, 5 * USEC_MINUTE, S(RCPT) | S(IDLE) | S(OVER)},
    [STEP_RCPT]   = {"RCPT", PHASE_RCPT, 5 * USEC_MINUTE, S(RCPT) | S(DATA) | S(IDLE) | S(OVER)},
    [STEP_DATA]   = {"DATA", PHASE_DATA, 2 * USEC_MINUTE, S(BODY) | S(DOT) | S(IDLE) | S(OVER)},
    [STEP_BODY]   = {"body", PHASE_DATA, 3 * USEC_MINUTE, S(DOT) | S(OVER)},
    [STEP_DOT]    = {"dot", PHASE_DATA, 10 * USEC_MINUTE, S(MAIL) | S(IDLE) | S(OVER)},
    [STEP_QUIT]   = {"QUIT", PHASE_NONE, 5 * USEC_SECOND, S(OVER)},
    [STEP_OVER]   = {"over", PHASE_NONE, USEC_NEVER, 0},
};
// clang-format on

struct smtp_client {
    const struct smtp_client_plan *plan;
    enum client_step step;
    usec_t now, deadline;
    bool has_moved; // the body went on since the deadline was set
    struct buf in, out;

    struct turn_offer offer; // the server's

    struct turn turns[TURNS]; // the front one first; the second goes right behind its dot
    size_t turns_n;
    uint32_t taken;  // envelopes begun
    uint32_t ended;  // and over
    bool needs_rset; // a transaction stands open at the server
    bool wants_quit;

    usec_t opened_at;
    struct conversation greeting, said[TURNS]; // said: of the turn of the same place
    uint8_t *given; // the conversation of the event that was fetched last; owned

    struct smtp_client_event *events; // owned; [events_at, events_n) are not fetched yet
    size_t events_at, events_n, events_room;
};

static void enter(struct smtp_client *c, enum client_step step)
{
    must(steps[c->step].next & 1U << step);
    log_debug("smtp", "client: %s -> %s", steps[c->step].name, steps[step].name);
    c->step = step;
    c->has_moved = false;
    usec_t patience = steps[step].patience;
    c->deadline = patience == USEC_NEVER ? USEC_NEVER : c->now + patience;
}

static struct smtp_client_event *add_event(struct smtp_client *c, enum smtp_client_event_kind kind)
{
    if (c->events_n == c->events_room) {
        c->events_room = c->events_room ? c->events_room * 2 : 4;
        c->events = xrealloc(c->events, c->events_room, sizeof(*c->events));
    }
    struct smtp_client_event *event = &c->events[c->events_n++];
    event->kind = kind;
    event->envelope = NULL;
    event->recipient = 0;
    event->phase = PHASE_NONE;
    event->was_tried = false;
    event->reply.code = 0;
    event->reply.enhanced[0] = event->reply.text[0] = '\0';
    event->conversation = bytes_of(NULL, 0);
    return event;
}

// What was said so far in the greeting and, unless NULL, in a turn. The event owns it.
static void give_conversation(const struct smtp_client *c, struct smtp_client_event *event,
                              const struct conversation *turn)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    conversation_format(&text, &c->greeting, c->opened_at);
    if (turn)
        conversation_format(&text, turn, c->opened_at);
    size_t n = text.n;
    event->conversation = bytes_of(buf_take_str(&text), n);
}

// Where what they say now belongs. NULL: to no turn, they speak of the connection.
static struct conversation *listening(struct smtp_client *c)
{
    if (c->step <= STEP_HELO)
        return &c->greeting;
    return c->turns_n ? &c->said[0] : NULL;
}

static void note(struct smtp_client *c, const char *what)
{
    struct conversation *to = listening(c);
    if (to)
        conversation_add(to, c->now, CONVERSATION_NOTE, bytes_str(what));
}

static void add_result(struct smtp_client *c, const struct smtp_envelope *e, size_t recipient,
                       enum phase phase, const struct smtp_reply *reply, bool was_tried)
{
    struct smtp_client_event *event = add_event(c, SMTP_CLIENT_RECIPIENT);
    event->envelope = e;
    event->recipient = recipient;
    event->phase = phase;
    event->reply = *reply;
    event->was_tried = was_tried;
}

static void decide(struct smtp_client *c, struct turn *t, size_t recipient, enum phase phase,
                   const struct smtp_reply *reply, bool was_tried)
{
    if (t->is_decided[recipient])
        return;
    t->is_decided[recipient] = true;
    t->has_failed |= was_tried && !smtp_reply_is_ok(reply);
    t->undecided--;
    add_result(c, t->e, recipient, phase, reply, was_tried);
}

static void decide_all(struct smtp_client *c, struct turn *t, enum phase phase,
                       const struct smtp_reply *reply, bool was_tried)
{
    for (size_t i = 0; i < t->e->recipients_n; i++)
        decide(c, t, i, phase, reply, was_tried);
}

static void end_front(struct smtp_client *c)
{
    struct smtp_client_event *event = add_event(c, SMTP_CLIENT_DONE);
    event->envelope = c->turns[0].e;
    if (c->turns[0].has_failed)
        give_conversation(c, event, &c->said[0]);
    turn_deinit(&c->turns[0]);
    c->turns[0] = c->turns[1];
    c->turns[1] = (struct turn){0};
    struct conversation over = c->said[0];
    c->said[0] = c->said[1];
    c->said[1] = over;
    conversation_clear(&c->said[1]);
    c->turns_n--;
    c->ended++;
}

// The connection is of no use any more. `was_tried`: what is said of the front envelope.
static void over(struct smtp_client *c, enum phase phase, const struct smtp_reply *reply,
                 bool was_tried)
{
    for (bool is_front = true; c->turns_n; is_front = false) {
        decide_all(c, &c->turns[0], is_front && phase != PHASE_NONE ? phase : PHASE_MAIL, reply,
                   is_front && was_tried);
        end_front(c);
    }
    struct smtp_client_event *event = add_event(c, SMTP_CLIENT_OVER);
    event->phase = phase;
    event->reply = *reply;
    if (c->step <= STEP_HELO)
        give_conversation(c, event, NULL);
    enter(c, STEP_OVER);
}

// It broke: closed, timed out, or talked nonsense. `why` becomes the text of code 0.
static void break_off(struct smtp_client *c, const char *why, bool is_peaceful)
{
    struct smtp_reply reply;
    smtp_reply_set(&reply, 0, NULL, "%s", why);
    note(c, reply.text);
    bool is_between = c->step == STEP_IDLE || c->step == STEP_QUIT ||
                      (c->ended && (c->step == STEP_MAIL || c->step == STEP_RSET));
    enum phase phase = steps[c->step].phase;
    if (is_peaceful && is_between)
        phase = PHASE_NONE;
    else if (phase == PHASE_NONE)
        phase = PHASE_MAIL; // it would have come next
    over(c, phase, &reply, c->turns_n && c->turns[0].got > TURN_MAIL);
}

static void break_off_nonsense(struct smtp_client *c, const char *what)
{
    char why[SMTP_REPLY_TEXT];
    snprintf(why, sizeof(why), "unexpected answer to %s: %s", steps[c->step].name, what);
    break_off(c, why, false);
}

// Records the commands as they go out, of the text its size alone.
static void send_turn(struct smtp_client *c, size_t place)
{
    struct turn *t = &c->turns[place];
    size_t from = c->out.n;
    if (!t->is_open) {
        turn_send(t, &c->out, &c->offer);
        if (c->out.n > from)
            conversation_add(&c->said[place], c->now, CONVERSATION_WE,
                             bytes_of(c->out.p + from, c->out.n - from));
        return;
    }
    if (!t->undecided)
        conversation_add(&c->said[place], c->now, CONVERSATION_WE, bytes_str("."));
    else if (!t->body_at)
        conversation_add_body(&c->said[place], c->now, t->e->body.n);
    turn_send(t, &c->out, &c->offer);
}

static void send_what_may_go(struct smtp_client *c)
{
    for (size_t i = 0; i < c->turns_n; i++) {
        send_turn(c, i);
        if (!turn_is_sent(&c->turns[i]))
            return;
    }
}

static enum client_step awaited(const struct smtp_client *c)
{
    if (!c->turns_n)
        return STEP_IDLE;
    switch (turn_awaits(&c->turns[0])) {
    case TURN_RSET:
        return STEP_RSET;
    case TURN_MAIL:
        return STEP_MAIL;
    case TURN_RCPT:
        return STEP_RCPT;
    case TURN_DATA:
        return STEP_DATA;
    case TURN_DOT:
        break;
    }
    return c->turns[0].is_open ? STEP_BODY : STEP_DOT;
}

static bool is_limit_reached(const struct smtp_client *c)
{
    return c->plan->messages_max && c->taken >= c->plan->messages_max;
}

// After anything that happened: sends what may go now, and sets what is awaited.
static void go_on(struct smtp_client *c)
{
    if (c->turns_n && turn_is_finished(&c->turns[0])) {
        c->needs_rset = c->turns[0].is_mail_ok && !turn_is_sent(&c->turns[0]);
        end_front(c);
    }
    send_what_may_go(c);
    enum client_step step = awaited(c);
    if (step != c->step || step == STEP_RCPT)
        enter(c, step);
    if (step == STEP_IDLE && (c->wants_quit || is_limit_reached(c))) {
        buf_add_str(&c->out, "QUIT\r\n");
        enter(c, STEP_QUIT);
    }
}

static void become_ready(struct smtp_client *c)
{
    enter(c, STEP_IDLE);
    if (!c->wants_quit)
        add_event(c, SMTP_CLIENT_READY);
    go_on(c);
}

static void read_size(struct smtp_client *c, struct bytes value)
{
    if (!smtp_param_size(&c->offer.size_max, value))
        c->offer.size_max = 0;
}

static void read_pipelining(struct smtp_client *c, struct bytes value)
{
    (void)value;
    c->offer.has_pipelining = true;
}

static void read_8bitmime(struct smtp_client *c, struct bytes value)
{
    (void)value;
    c->offer.has_8bitmime = true;
}

static const struct extension {
    const char *name;
    void (*read)(struct smtp_client *c, struct bytes value);
} extensions[] = {
    {"PIPELINING", read_pipelining}, // RFC 2920
    {"SIZE", read_size},             // RFC 1870
    {"8BITMIME", read_8bitmime},     // RFC 6152
};

static void read_extensions(struct smtp_client *c, struct bytes reply)
{
    struct bytes line;
    smtp_reply_next_line(&line, &reply); // the greeting
    while (smtp_reply_next_line(&line, &reply)) {
        const uint8_t *blank = line.n ? memchr(line.p, ' ', line.n) : NULL;
        size_t n = blank ? (size_t)(blank - line.p) : line.n;
        for (size_t i = 0; i < ARRAY_LEN(extensions); i++)
            if (bytes_equal_nocase(bytes_of(line.p, n), bytes_str(extensions[i].name)))
                extensions[i].read(c, bytes_skip(line, n + 1));
    }
}

static void greet(struct smtp_client *c, const char *verb)
{
    size_t from = c->out.n;
    buf_printf(&c->out, "%s %s\r\n", verb, c->plan->helo);
    conversation_add(&c->greeting, c->now, CONVERSATION_WE,
                     bytes_of(c->out.p + from, c->out.n - from));
}

static void on_banner(struct smtp_client *c, const struct smtp_reply *r, struct bytes raw)
{
    (void)raw;
    if (!smtp_reply_is_ok(r)) {
        over(c, PHASE_BANNER, r, false);
        return;
    }
    greet(c, "EHLO");
    enter(c, STEP_EHLO);
}

static void on_ehlo(struct smtp_client *c, const struct smtp_reply *r, struct bytes raw)
{
    if (smtp_reply_is_ok(r)) {
        read_extensions(c, raw);
        become_ready(c);
    } else if (r->code >= 500) {
        greet(c, "HELO");
        enter(c, STEP_HELO);
    } else {
        over(c, PHASE_HELO, r, false);
    }
}

static void on_helo(struct smtp_client *c, const struct smtp_reply *r, struct bytes raw)
{
    (void)raw;
    if (smtp_reply_is_ok(r))
        become_ready(c);
    else
        over(c, PHASE_HELO, r, false);
}

// 421 to a command of the front envelope; what comes behind it is lost.
static void on_closing(struct smtp_client *c, const struct smtp_reply *r)
{
    struct turn *t = &c->turns[0];
    bool was_tried = true;
    if (c->step == STEP_RSET || (c->step == STEP_MAIL && c->ended)) {
        was_tried = false; // it speaks of the connection
    } else if (c->step == STEP_RCPT) {
        decide(c, t, turn_recipient(t), PHASE_RCPT, r, true);
        was_tried = false;
    }
    over(c, steps[c->step].phase, r, was_tried);
}

// An answer to a command of the front envelope, neither 421 nor 3xx to what is no DATA.
static void on_answer(struct smtp_client *c, const struct smtp_reply *r)
{
    struct turn *t = &c->turns[0];
    enum phase phase = steps[c->step].phase;
    bool is_ok = smtp_reply_is_ok(r);
    if (c->step == STEP_RCPT && !is_ok)
        decide(c, t, turn_recipient(t), phase, r, true);
    else if (c->step == STEP_DOT || (c->step == STEP_MAIL && !is_ok))
        decide_all(c, t, phase, r, true);
    t->is_mail_ok |= c->step == STEP_MAIL && is_ok;
    t->got++;
    go_on(c);
}

static void on_data_answer(struct smtp_client *c, const struct smtp_reply *r)
{
    struct turn *t = &c->turns[0];
    if (r->code < 400)
        t->is_open = true;
    else
        decide_all(c, t, PHASE_DATA, r, true);
    t->got++;
    go_on(c);
}

// Is this code no answer to what was asked?
static bool is_nonsense(const struct smtp_client *c, const struct smtp_reply *r)
{
    bool is_go_ahead = r->code >= 300 && r->code < 400;
    if (c->step == STEP_IDLE || c->step == STEP_BODY)
        return true;
    if (c->step == STEP_DATA)
        return smtp_reply_is_ok(r);
    if (c->step == STEP_RSET) // what state the server is in is unknown now
        return !smtp_reply_is_ok(r);
    return is_go_ahead;
}

static void on_transaction(struct smtp_client *c, const struct smtp_reply *r, struct bytes raw)
{
    (void)raw;
    bool is_refusal = r->code >= 400;
    if (r->code == 421 && c->turns_n)
        on_closing(c, r);
    else if (r->code == 421)
        over(c, PHASE_NONE, r, false);
    else if (c->step == STEP_BODY && is_refusal)
        over(c, PHASE_DATA, r, true); // before the dot: where we are is lost, the answer is not
    else if (is_nonsense(c, r))
        break_off_nonsense(c, r->text);
    else if (c->step == STEP_DATA)
        on_data_answer(c, r);
    else
        on_answer(c, r);
}

static const char *farewell(const struct smtp_client *c)
{
    return c->wants_quit ? "closed as asked" : "as many messages as one connection may carry";
}

static void on_quit(struct smtp_client *c, const struct smtp_reply *r, struct bytes raw)
{
    (void)r, (void)raw;
    break_off(c, farewell(c), true);
}

typedef void on_reply_fn(struct smtp_client *c, const struct smtp_reply *r, struct bytes raw);
static on_reply_fn *const on_reply[] = {
    [STEP_BANNER] = on_banner,    [STEP_EHLO] = on_ehlo,        [STEP_HELO] = on_helo,
    [STEP_IDLE] = on_transaction, [STEP_RSET] = on_transaction, [STEP_MAIL] = on_transaction,
    [STEP_RCPT] = on_transaction, [STEP_DATA] = on_transaction, [STEP_BODY] = on_transaction,
    [STEP_DOT] = on_transaction,  [STEP_QUIT] = on_quit,
};

struct smtp_client *smtp_client_new(const struct smtp_client_plan *plan, usec_t now)
{
    struct smtp_client *c = xcalloc(1, sizeof(*c));
    c->plan = plan;
    c->now = now;
    c->opened_at = now;
    c->greeting.half = GREETING_SAID;
    for (size_t i = 0; i < TURNS; i++)
        c->said[i].half = TURN_SAID;
    c->deadline = now + steps[STEP_BANNER].patience;
    return c;
}

struct smtp_client *smtp_client_free(struct smtp_client *c)
{
    if (!c)
        return NULL;
    for (size_t i = 0; i < c->turns_n; i++)
        turn_deinit(&c->turns[i]);
    for (size_t i = c->events_at; i < c->events_n; i++)
        xfree((void *)c->events[i].conversation.p);
    conversation_deinit(&c->greeting);
    for (size_t i = 0; i < TURNS; i++)
        conversation_deinit(&c->said[i]);
    buf_deinit(&c->in);
    buf_deinit(&c->out);
    xfree(c->given);
    xfree(c->events);
    return xfree(c);
}

bool smtp_client_may_send(const struct smtp_client *c)
{
    bool is_usable = c->step >= STEP_IDLE && c->step <= STEP_DOT && !c->wants_quit;
    if (!is_usable || is_limit_reached(c))
        return false;
    bool is_behind_dot = c->turns_n == 1 && c->offer.has_pipelining && turn_is_sent(&c->turns[0]);
    return c->turns_n == 0 || is_behind_dot;
}

bool smtp_client_is_idle(const struct smtp_client *c)
{
    return c->turns_n == 0;
}

void smtp_client_send(struct smtp_client *c, const struct smtp_envelope *e, usec_t now)
{
    struct smtp_reply reply;
    must(smtp_client_may_send(c));
    c->now = now;
    if (turn_is_impossible(e, &c->offer, &reply) || !e->recipients_n) {
        for (size_t i = 0; i < e->recipients_n; i++)
            add_result(c, e, i, PHASE_MAIL, &reply, true);
        add_event(c, SMTP_CLIENT_DONE)->envelope = e; // nothing was said
        return;
    }
    turn_init(&c->turns[c->turns_n++], e, c->needs_rset);
    c->needs_rset = false;
    c->taken++;
    if (c->turns_n == 1)
        go_on(c);
    else
        send_what_may_go(c);
}

void smtp_client_quit(struct smtp_client *c, usec_t now)
{
    c->now = now;
    c->wants_quit = true;
    if (c->step == STEP_IDLE)
        go_on(c);
}

static void hear(struct smtp_client *c, struct bytes said)
{
    struct conversation *to = listening(c);
    if (to)
        conversation_add(to, c->now, CONVERSATION_THEY, said);
}

void smtp_client_feed(struct smtp_client *c, struct bytes in, usec_t now)
{
    struct smtp_reply reply;
    enum smtp_reply_result result = SMTP_REPLY_DONE;
    size_t used;
    if (c->step == STEP_OVER || !in.n)
        return;
    c->now = now;
    buf_add_bytes(&c->in, in);
    while (c->step != STEP_OVER && c->in.n && result == SMTP_REPLY_DONE) {
        struct bytes raw = buf_bytes(&c->in);
        result = smtp_reply_parse(&reply, &used, raw);
        if (result == SMTP_REPLY_BAD) {
            char start[80];
            text_visible(start, sizeof(start), raw.p, raw.n);
            hear(c, bytes_of(raw.p, raw.n < NONSENSE_SAID ? raw.n : NONSENSE_SAID));
            break_off_nonsense(c, start);
        } else if (result == SMTP_REPLY_DONE) {
            hear(c, bytes_of(raw.p, used));
            on_reply[c->step](c, &reply, bytes_of(raw.p, used));
            buf_consume(&c->in, used);
        }
    }
}

void smtp_client_lost(struct smtp_client *c, const char *why, usec_t now)
{
    c->now = now;
    if (c->step == STEP_QUIT)
        why = farewell(c);
    if (c->step != STEP_OVER)
        break_off(c, why, true);
}

void smtp_client_tick(struct smtp_client *c, usec_t now)
{
    if (now < c->deadline || c->step == STEP_OVER)
        return;
    c->now = now;
    if (c->has_moved) {
        c->has_moved = false;
        c->deadline = now + steps[c->step].patience;
        return;
    }
    char why[80];
    snprintf(why, sizeof(why), "timeout: no answer to %s in %lld s", steps[c->step].name,
             (long long)(steps[c->step].patience / USEC_SECOND));
    break_off(c, c->step == STEP_QUIT ? farewell(c) : why, c->step == STEP_QUIT);
}

bool smtp_client_next(struct smtp_client *c, struct smtp_client_event *event)
{
    c->given = xfree(c->given);
    if (c->events_at == c->events_n)
        return false;
    *event = c->events[c->events_at++];
    c->given = (uint8_t *)event->conversation.p;
    if (c->events_at < c->events_n)
        return true;
    c->events_at = c->events_n = 0;
    if (c->events_room > EVENTS_KEPT) {
        c->events = xfree(c->events);
        c->events_room = 0;
    }
    return true;
}

struct buf *smtp_client_out(struct smtp_client *c)
{
    if (c->step == STEP_BODY && c->out.n < TURN_PIECE) {
        go_on(c);
        c->has_moved = true;
    }
    return &c->out;
}

usec_t smtp_client_deadline(const struct smtp_client *c)
{
    return c->deadline;
}
