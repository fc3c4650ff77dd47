/* The loop: keyboard, engine and signals in one poll(2). A picture is drawn when something changed,
 * at most ten times a second (twice on a slow line); keys are drawn at once. Once a second it looks at its own state, for
 * what comes with silence: stale, lost, locked. */
#include "ui/app.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "remote/command.h"
#include "ui/console.h"
#include "ui/figure.h"
#include "ui/guard.h"
#include "ui/keys.h"
#include "ui/row.h"
#include "ui/screen.h"
#include "ui/views/views.h"

#define LOCK_AFTER (10 * USEC_MINUTE)
#define UNLOCK_WITHIN (5 * USEC_SECOND)
enum { TICK_MS = 1000, MESSAGES_A_TURN = 200, KEYS_A_TURN = 200, EXIT_NO_ENGINE = 3 };

void console_say(struct console *c, enum pen pen, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it misses the va_start above
    (void)vsnprintf(c->said, sizeof(c->said), format, ap);
    va_end(ap);
    c->said_pen = pen;
    c->is_dirty = true;
}

bool console_is_lost(const struct console *c)
{
    return c->link.state != LINK_UP;
}

const char *console_why_not(const struct console *c)
{
    if (console_is_lost(c))
        return "Acting is off while the engine is not there.";
    if (c->options->is_read_only)
        return "Acting is off: the console was started with --read-only.";
    if (!model_is_operator(&c->model))
        return "Acting is off: you are a viewer here; control.operators names who may.";
    if (c->is_locked)
        return "Locked: U, then Enter, unlocks. Reading needs none.";
    return NULL;
}

static usec_t lock_after(const struct console *c)
{
    return c->options->lock_after ? c->options->lock_after : LOCK_AFTER;
}

static void touch_lock(struct console *c)
{
    bool is_idle = c->monotonic - c->touched > lock_after(c);
    if (c->is_locked || !is_idle || c->options->is_read_only)
        return;
    c->is_locked = c->is_dirty = true;
    c->is_unlocking = false;
    // The moment by the node's clock, as all times here.
    figure_time(c->locked_at, c->model.now, c->model.now);
    if (c->mode == MODE_DIALOG)
        act_do(c, DIALOG_LEAVE);
}

// False: the key was spent on the lock.
static bool passes_lock(struct console *c, int key)
{
    if (!c->is_locked || !c->is_unlocking)
        return true;
    c->is_unlocking = false;
    bool is_late = c->monotonic - c->unlocking_at > UNLOCK_WITHIN; // Enter is to come at once
    c->is_locked = is_late || key != '\n';
    console_say(c, PEN_NOTICE, c->is_locked ? "Still locked." : "Unlocked.");
    return false;
}

static void say_locked(struct console *c, const struct binding *b)
{
    char shown[16];
    console_say(c, PEN_WARNING,
                "Locked since %s: %s did nothing. U, then Enter, unlocks. Reading "
                "needs none.",
                c->locked_at, keys_shown(b, shown));
}

static void run_binding(struct console *c, const struct binding *b)
{
    const char *why = b->is_act ? console_why_not(c) : NULL;
    char lacks[VIEW_WHY];
    CLEANUP(buf_deinit) struct buf command = {0};
    if (!why && !console_fill(c, b->command, &command, lacks))
        why = lacks;
    if (why && c->is_locked && c->link.state == LINK_UP)
        say_locked(c, b);
    else if (why)
        console_say(c, PEN_WARNING, "%s", why);
    else
        command_run(c, (const char *)command.p);
}

static void on_normal_key(struct console *c, int key)
{
    bool asked = c->asked_to_leave;
    const struct binding *b = keys_find(console_top(c)->view, key);
    c->said[0] = '\0';
    for (size_t i = 0; i < CONSOLE_VIEWS; i++)
        if (views_roots[i]->digit == key)
            places_go(c, i);
    if (b)
        run_binding(c, b);
    if (asked)
        c->asked_to_leave = false;
}

static void apply_filter(struct console *c, const char *text)
{
    struct place *p = console_top(c);
    if (!console_is_table(c)) {
        snprintf(p->page.search, sizeof(p->page.search), "%.*s", (int)sizeof(p->page.search) - 1,
                 text);
        page_find(&p->page, true);
        return;
    }
    snprintf(p->table.filter, sizeof(p->table.filter), "%.*s", (int)sizeof(p->table.filter) - 1,
             text);
    places_ask_again(c);
}

static void on_filter_key(struct console *c, int key)
{
    enum prompt_wish wish = prompt_key(&c->prompt, key);
    if (wish == PROMPT_CHANGED)
        apply_filter(c, c->prompt.field.text);
    if (wish == PROMPT_LEAVE)
        apply_filter(c, "");
    if (wish == PROMPT_LEAVE || (wish == PROMPT_DONE && !c->prompt.error[0]))
        c->mode = MODE_NORMAL;
}

static void complete(struct console *c)
{
    enum { WORDS = 600 };
    const char *words[WORDS];
    size_t n = 0, i;
    const json_t *key;
    if (!strchr(c->prompt.field.text, ' ')) {
        for (i = 0; command_word(i); i++)
            words[n++] = command_word(i);
        for (i = 0; i < command_count() && n < WORDS; i++)
            words[n++] = command_at(i)->words;
    } else {
        for (i = 0; i < command_option_count() && n < WORDS; i++)
            words[n++] = command_option_at(i)->name;
        // The things of the view, by their names.
        json_array_foreach(console_top(c)->table.order, i, key)
        {
            const char *text = json_string_value(key), *colon = text ? strchr(text, ':') : NULL;
            if (colon && n < WORDS)
                words[n++] = colon + 1;
        }
    }
    prompt_complete(&c->prompt, words, n);
}

static void on_command_key(struct console *c, int key)
{
    if (key == '\t') {
        complete(c);
        return;
    }
    switch (prompt_key(&c->prompt, key)) {
    case PROMPT_NOTHING:
    case PROMPT_CHANGED:
        return;
    case PROMPT_LEAVE:
        c->mode = MODE_NORMAL;
        return;
    case PROMPT_DONE:
        break;
    }
    c->mode = MODE_NORMAL;
    prompt_remember(&c->prompt);
    command_run(c, c->prompt.field.text);
}

static void on_help_key(struct console *c, int key)
{
    int rows, columns;
    screen_size(&rows, &columns);
    size_t page = (size_t)(rows > 8 ? rows - 6 : 1);
    if (key == KEY_PAGE_DOWN || key == ' ' || key == CTRL_KEY('d') || key == 'j' ||
        key == KEY_ARROW_DOWN)
        c->help_top += page;
    else if (key == KEY_PAGE_UP || key == CTRL_KEY('u') || key == 'k' || key == KEY_ARROW_UP)
        c->help_top -= c->help_top > page ? page : c->help_top;
    else if (key == KEY_ESC || key == 'q' || key == 'h' || key == '?' || key == KEY_ARROW_LEFT)
        c->mode = MODE_NORMAL;
}

// A paste is text for a field that has the focus, and nothing anywhere else.
static void on_paste(struct console *c, const char *text)
{
    if (c->mode == MODE_DIALOG)
        dialog_paste(&c->dialog, text);
    else if (c->mode == MODE_COMMAND || c->mode == MODE_ASK)
        field_paste(&c->prompt.field, text);
    else if (c->mode == MODE_FILTER && field_paste(&c->prompt.field, text))
        apply_filter(c, c->prompt.field.text);
}

static void on_key(struct console *c, int key)
{
    c->touched = c->monotonic;
    c->is_dirty = true;
    if (!passes_lock(c, key == KEY_PASTE ? KEY_NONE : key))
        return;
    if (key == KEY_PASTE) {
        on_paste(c, screen_pasted());
        return;
    }
    switch (c->mode) {
    case MODE_NORMAL:
        on_normal_key(c, key);
        return;
    case MODE_FILTER:
        on_filter_key(c, key);
        return;
    case MODE_COMMAND:
        on_command_key(c, key);
        return;
    case MODE_ASK:
        act_ask_key(c, key);
        return;
    case MODE_HELP:
        on_help_key(c, key);
        return;
    case MODE_DIALOG:
        act_do(c, dialog_key(&c->dialog, key, c->monotonic));
        return;
    }
}

static void on_hello(struct console *c, const json_t *result)
{
    struct model *m = &c->model;
    model_hello(m, result);
    headline_since(&m->headline, m->node, m->node_id, m->now);
    if (strcmp(m->role, "none") == 0)
        console_say(c, PEN_WARNING,
                    "You may not look here: control.operators and control.viewers "
                    "in mxwarden.yaml name who may.");
}

static void on_managed(struct console *c, const json_t *result, const json_t *error)
{
    int64_t seq = row_count(result, "seq"), broken = row_count(result, "broken_seq");
    int64_t entries = row_count(result, "entries");
    c->manage_id = 0;
    if (error)
        console_say(c, PEN_WARNING, "%s", row_text(error, "message"));
    else if (broken > 0)
        console_say(c, PEN_CRITICAL, "The chain breaks at %lld: %s", (long long)broken,
                    row_text(result, "why"));
    else if (entries >= 0)
        console_say(c, PEN_GOOD, "The chain holds: %lld entries.", (long long)entries);
    else if (seq > 0)
        console_say(c, PEN_GOOD, "done: %lld stands in the ledger (8)", (long long)seq);
    else
        console_say(c, PEN_GOOD, "done");
}

static void on_message(struct console *c, const json_t *message)
{
    const json_t *result = json_object_get(message, "result");
    const json_t *error = json_object_get(message, "error");
    uint64_t id = (uint64_t)json_integer_value(json_object_get(message, "id"));
    c->is_dirty = true;
    if (row_maybe(message, "feed")) {
        model_push(&c->model, message, c->monotonic);
        places_push(c, message);
    } else if (id && id == c->hello_id && result)
        on_hello(c, result);
    else if (id && id == c->manage_id)
        on_managed(c, result, error);
    else if (!act_answer(c, id, result, error) && !headline_answer(&c->model.headline, id, result))
        places_answer(c, id, error);
}

static void greet(struct console *c)
{
    places_forget_feeds(c);
    headline_forget(&c->model.headline);
    c->fact.id = 0;
    c->model.heard_at = c->monotonic;
    c->model.role[0] = '\0';
    c->hello_id =
        link_send(&c->link, "hello", json_pack("{s:i, s:s}", "protocol", 1, "client", "console"));
}

static void hear(struct console *c)
{
    json_t *message;
    enum link_state before = c->link.state;
    link_ready(&c->link, c->monotonic);
    for (int i = 0; i < MESSAGES_A_TURN && (message = link_next(&c->link)); i++) {
        on_message(c, message);
        json_decref(message);
    }
    c->is_dirty |= c->link.state != before;
    if (c->link.state == LINK_LOST)
        places_forget_feeds(c);
}

static int watch_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGWINCH);
    sigaddset(&set, SIGTSTP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void on_signals(struct console *c, int fd)
{
    struct signalfd_siginfo info;
    while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGWINCH)
            screen_resized();
        else
            screen_stop();
        c->is_dirty = true;
    }
}

static void on_keys(struct console *c)
{
    int key;
    for (int i = 0; i < KEYS_A_TURN && !c->is_leaving && (key = screen_key()); i++)
        on_key(c, key);
}

// What silence brings: each second while something counts seconds on the screen.
static void tick(struct console *c)
{
    bool is_silent = c->monotonic - c->model.heard_at > 3 * USEC_SECOND;
    touch_lock(c);
    if (link_try(&c->link, c->monotonic))
        greet(c);
    c->is_dirty |= c->link.state != LINK_UP || is_silent || c->mode == MODE_DIALOG;
}

// Between two pictures nobody typed for.
static usec_t frame_least(void)
{
    return USEC_SECOND / screen_pictures_a_second();
}

static int timeout_ms(const struct console *c, usec_t drawn_at)
{
    usec_t wait = drawn_at + frame_least() - clock_monotonic();
    if (!c->is_dirty)
        return TICK_MS;
    return wait > 0 ? (int)(wait / USEC_MS) + 1 : 0;
}

static void turn(struct console *c, int signals, usec_t *drawn_at)
{
    struct pollfd fds[] = {
        {.fd = STDIN_FILENO, .events = POLLIN},
        {.fd = signals, .events = POLLIN},
        {.fd = link_fd(&c->link), .events = POLLIN},
    };
    if (link_wants_write(&c->link))
        fds[2].events |= POLLOUT;
    int ready = poll(fds, ARRAY_LEN(fds), timeout_ms(c, *drawn_at));
    c->monotonic = clock_monotonic();
    bool is_typed = ready > 0 && (fds[0].revents & POLLIN);
    if (ready > 0 && (fds[0].revents & (POLLHUP | POLLERR)) && !is_typed)
        c->is_leaving = true; // the terminal is gone
    if (ready > 0 && fds[1].revents)
        on_signals(c, signals);
    if (ready > 0 && fds[2].revents)
        hear(c);
    if (is_typed)
        on_keys(c);
    tick(c);
    places_ask(c);
    headline_ask(&c->model.headline, &c->link, model_ledger_seq(&c->model), c->monotonic);
    if (headline_rings(&c->model.headline))
        screen_alarm();
    if (c->is_dirty && (is_typed || c->monotonic - *drawn_at >= frame_least())) {
        frame_draw(c);
        *drawn_at = c->monotonic;
        c->is_dirty = false;
        places_ask(c); // the picture's height is known only now
    }
}

static bool may_start(struct console *c)
{
    if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
        return true;
    link_try(&c->link, clock_monotonic());
    if (c->link.state != LINK_UP)
        fprintf(stderr, "mxwarden: %s\n", c->link.why ? c->link.why : "the engine is not there");
    return false;
}

static int run(const void *ctx)
{
    const struct app_options *options = ctx;
    static struct console c; // large, and one a process
    usec_t drawn_at = 0;
    c = (struct console){.options = options, .has_panel = true, .is_dirty = true};
    link_init(&c.link, options->socket);
    model_init(&c.model);
    if (!may_start(&c)) {
        int code = c.link.state == LINK_UP ? 1 : EXIT_NO_ENGINE;
        if (code == 1)
            fprintf(stderr, "mxwarden: the console needs a terminal\n");
        link_deinit(&c.link);
        return code;
    }
    if (screen_open() != 0)
        return 1;
    places_init(&c);
    int signals = watch_signals();
    c.monotonic = c.touched = clock_monotonic();
    while (!c.is_leaving)
        turn(&c, signals, &drawn_at);
    screen_close();
    headline_leave(&c.model.headline, c.model.node, c.model.node_id, c.model.now,
                   model_ledger_seq(&c.model));
    close(signals);
    places_deinit(&c);
    prompt_deinit(&c.prompt);
    dialog_close(&c.dialog);
    json_decref(c.fact.targets);
    model_deinit(&c.model);
    link_deinit(&c.link);
    return 0;
}

int app_run(const struct app_options *options)
{
    return guard_run(run, options);
}
