/* The console's own words are a table here; everything else is a command of the engine, checked by
 * the one table of commands (remote/command.h): a list or page is gone to, an act opens its dialog,
 * the rest is asked for and its answer said. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "remote/command.h"
#include "ui/console.h"
#include "ui/keys.h"
#include "ui/row.h"
#include "ui/screen.h"
#include "ui/views/views.h"

static long distance(const struct console *c, const char *text)
{
    struct place *p = console_top((struct console *)c);
    long height = (long)(console_is_table(c) ? p->table.height : p->page.height);
    long sign = *text == '-' ? -1 : 1;
    text += *text == '-';
    if (strcmp(text, "half") == 0)
        return sign * (height > 1 ? height / 2 : 1);
    if (strcmp(text, "page") == 0)
        return sign * height;
    int64_t by = 1;
    text_parse_number(&by, text, 1, 1000000);
    return sign * (long)by;
}

static void move_to_end(struct console *c, bool is_last)
{
    struct place *p = console_top(c);
    if (!console_is_table(c)) {
        page_scroll(&p->page, is_last ? PAGE_LINES : -PAGE_LINES);
        return;
    }
    table_move_to(&p->table, !is_last || !p->table.matched ? 0 : p->table.matched - 1);
}

static void on_move(struct console *c, const char *how)
{
    struct place *p = console_top(c);
    long by = distance(c, how);
    if (strcmp(how, "first") == 0 || strcmp(how, "last") == 0)
        move_to_end(c, *how == 'l');
    else if (console_is_table(c))
        table_move(&p->table, by);
    else if (by == 1 || by == -1)
        page_move(&p->page, by);
    else
        page_scroll(&p->page, by);
}

static void on_open(struct console *c, const char *args)
{
    struct place *p = console_top(c);
    const char *key = console_is_table(c) ? p->table.selected : p->page.selected;
    const struct view *page = console_is_table(c) ? p->view->page : places_page_for(key);
    (void)args;
    if (!*key || !page || (!console_is_table(c) && strcmp(key, p->target) == 0))
        return;
    char target[TABLE_KEY]; // the place that holds it may go
    snprintf(target, sizeof(target), "%s", key);
    places_open(c, page, target);
}

static void on_back(struct console *c, const char *how)
{
    if (places_back(c))
        return;
    struct table *t = &console_top(c)->table;
    if (*how) {
        c->is_leaving = c->asked_to_leave;
        c->asked_to_leave = true;
        if (!c->is_leaving)
            console_say(c, PEN_NOTICE, "q again leaves; the engine goes on by itself.");
    } else if (t->filter[0]) {
        t->filter[0] = '\0';
        places_ask_again(c);
    }
}

static void on_filter(struct console *c, const char *text)
{
    struct place *p = console_top(c);
    c->mode = MODE_FILTER;
    prompt_open(&c->prompt, '/', *text ? text : console_is_table(c) ? p->table.filter : "");
}

static void on_prompt(struct console *c, const char *text)
{
    c->mode = MODE_COMMAND;
    prompt_open(&c->prompt, ':', text);
}

static void find(struct console *c, bool is_forward)
{
    struct place *p = console_top(c);
    if (console_is_table(c)) // all that shows matches
        table_move(&p->table, is_forward ? 1 : -1);
    else if (!page_find(&p->page, is_forward))
        console_say(c, PEN_NOTICE, p->page.search[0] ? "Nothing here has \"%s\"." : "/ searches.",
                    p->page.search);
}

// The page of the row beside this one, of those that the table holds.
static void open_beside(struct console *c, bool is_below)
{
    struct table *t = &c->roots[c->root].table;
    const struct view *page = console_top(c)->view;
    size_t to = is_below ? t->cursor + 1 : t->cursor - 1;
    if (c->pages_n != 1 || (!is_below && !t->cursor) || !table_row_at(t, to)) {
        console_say(c, PEN_NOTICE, "Nothing more here: Esc goes back.");
        return;
    }
    places_back(c);
    table_move_to(t, to);
    char target[TABLE_KEY];
    snprintf(target, sizeof(target), "%s", t->selected);
    places_open(c, page, target);
}

static void go_on(struct console *c, bool is_forward)
{
    struct place *p = console_top(c);
    if (p->view->is_of_row && !p->page.search[0])
        open_beside(c, is_forward);
    else
        find(c, is_forward);
}

static void on_next(struct console *c, const char *args)
{
    (void)args;
    go_on(c, true);
}

static void on_previous(struct console *c, const char *args)
{
    (void)args;
    go_on(c, false);
}

static void on_sort(struct console *c, const char *how)
{
    struct table *t = &console_top(c)->table;
    if (!console_is_table(c))
        return;
    if (strcmp(how, "inverse") != 0)
        table_sort_next(t);
    else if (t->sort >= 0)
        t->is_descending = !t->is_descending;
    else {
        console_say(c, PEN_NOTICE,
                    "This is the view's own order, worst first: o sorts by a column.");
        return;
    }
    if (t->sort >= 0)
        console_say(c, PEN_DIM, "sorted by %s, %s first", t->view->columns[t->sort].name,
                    t->is_descending ? "largest" : "smallest");
    places_ask_again(c);
}

static void on_mark(struct console *c, const char *how)
{
    struct table *t = &console_top(c)->table;
    if (!console_is_table(c))
        return;
    if (strcmp(how, "none") == 0)
        table_mark_none(t);
    else if (strcmp(how, "all") == 0)
        table_mark_all(t);
    else if (!table_mark(t))
        console_say(c, PEN_NOTICE, "No more than %d can be marked.", TABLE_MARKS);
}

static void on_help(struct console *c, const char *args)
{
    (void)args;
    c->mode = MODE_HELP;
    c->help_top = 0;
}

static void on_undo(struct console *c, const char *args)
{
    char target[32];
    (void)args;
    if (!c->my_action) {
        console_say(c, PEN_NOTICE,
                    "Nothing of yours to undo yet; 8 has every action, u there undoes "
                    "the selected one.");
        return;
    }
    snprintf(target, sizeof(target), "log:%lld", (long long)c->my_action);
    act_begin(c, "undo", json_pack("[s]", target), NULL, NULL, NULL);
}

static void on_freeze(struct console *c, const char *args)
{
    struct place *p = console_top(c);
    (void)args;
    bool is_frozen = console_is_table(c) ? (p->table.is_frozen = !p->table.is_frozen)
                                         : (p->is_frozen = !p->is_frozen);
    console_say(c, PEN_NOTICE, is_frozen ? "Frozen: f goes on." : "Goes on.");
    if (!is_frozen)
        places_ask_again(c);
}

static void on_panel(struct console *c, const char *args)
{
    int rows, columns;
    (void)args;
    screen_size(&rows, &columns);
    if (columns < CONSOLE_WIDE)
        console_say(c, PEN_NOTICE, "The side panel wants 150 columns; Enter opens the page.");
    else
        c->has_panel = !c->has_panel;
}

static void on_theme(struct console *c, const char *args)
{
    (void)args;
    console_say(c, PEN_NOTICE, "theme: %s", screen_next_theme());
}

static void on_copy(struct console *c, const char *args)
{
    struct place *p = console_top(c);
    (void)args;
    const char *whole = p->view->copies ? row_maybe(p->object, p->view->copies) : NULL;
    if (whole) {
        screen_copy(whole);
        console_say(c, PEN_NOTICE, "copied: the %s, %zu lines", p->view->name, p->page.n);
        return;
    }
    if (!console_is_table(c)) {
        CLEANUP(xfree) char *text = page_text(&p->page);
        screen_copy(text);
        console_say(c, PEN_NOTICE, "copied: this page, %zu lines", p->page.n + 1);
        return;
    }
    const char *colon = strchr(p->table.selected, ':');
    if (!colon)
        return;
    screen_copy(colon + 1);
    console_say(c, PEN_NOTICE, "copied: %s", colon + 1);
}

static void on_redraw(struct console *c, const char *args)
{
    (void)c;
    (void)args;
    screen_redraw();
}

static void on_unlock(struct console *c, const char *args)
{
    (void)args;
    c->is_unlocking = c->is_locked;
    c->unlocking_at = c->monotonic;
    screen_flush_keys();
    console_say(c, PEN_NOTICE,
                c->is_locked ? "Enter unlocks; any other key leaves it locked."
                             : "It is not locked.");
}

static void on_reconnect(struct console *c, const char *args)
{
    (void)args;
    link_hurry(&c->link);
}

static void on_by(struct console *c, const char *args)
{
    struct table *t = &console_top(c)->table;
    (void)args;
    if (!console_is_table(c) || !t->view->by)
        return;
    t->by = t->view->by[t->by + 1] ? t->by + 1 : 0;
    t->selected[0] = '\0';
    table_mark_none(t);
    table_move_to(t, 0);
    places_ask_again(c);
}

// `318`, `incident:318`, several of them: as targets. NULL, and said, when one is no incident.
static json_t *incidents_of(struct console *c, const char *args)
{
    json_t *targets = json_array();
    for (const char *at = args + strspn(args, " "); *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");
        const char *digits = strncmp(at, "incident:", 9) == 0 ? at + 9 : at;
        int64_t number;
        CLEANUP(xfree) char *text = xmemdup0(digits, n - (size_t)(digits - at));
        if (!text_parse_number(&number, text, 1, UINT32_MAX)) {
            console_say(c, PEN_WARNING, "`%s` is no incident's number", text);
            json_decref(targets);
            return NULL;
        }
        json_array_append_new(targets, json_sprintf("incident:%lld", (long long)number));
        at += n;
    }
    if (json_array_size(targets))
        return targets;
    console_say(c, PEN_NOTICE, "Which incident? Its number is wanted.");
    json_decref(targets);
    return NULL;
}

static const char *number_of(const json_t *targets)
{
    return json_string_value(json_array_get(targets, 0)) + strlen("incident:");
}

// Who has it and acknowledges it again gives it back.
static void on_ack(struct console *c, const char *args)
{
    json_t *targets = incidents_of(c, args);
    char said[128];
    if (!targets)
        return;
    const json_t *row =
        headline_about(&c->model.headline, json_string_value(json_array_get(targets, 0)));
    bool is_mine = *c->model.user && strcmp(row_text(row, "has_it"), c->model.user) == 0;
    snprintf(said, sizeof(said), is_mine ? "%s is given back" : "%s is yours, a gives it back",
             number_of(targets));
    act_fact(c, "ack", targets, NULL, said);
}

// The label: "note on 318: ", "close 318, because: ".
static void ask_about(struct console *c, const char *args, const char *command, const char *lead,
                      const char *tail, bool needs_text)
{
    json_t *targets = incidents_of(c, args);
    const char *why = console_why_not(c);
    char text[64];
    if (!targets)
        return;
    if (why) {
        console_say(c, PEN_WARNING, "%s", why);
        json_decref(targets);
        return;
    }
    snprintf(text, sizeof(text), "%s %s%s: ", lead, number_of(targets), tail);
    act_ask(c, command, targets, text, needs_text);
}

static void on_note(struct console *c, const char *args)
{
    ask_about(c, args, "note", "note on", "", true);
}

static void on_solve(struct console *c, const char *args)
{
    ask_about(c, args, "resolve", "close", ", because", false);
}

static void on_report(struct console *c, const char *args)
{
    json_t *targets = incidents_of(c, args);
    if (targets)
        places_open(c, &page_report, json_string_value(json_array_get(targets, 0)));
    json_decref(targets);
}

static void on_quit(struct console *c, const char *args)
{
    (void)args;
    c->is_leaving = true;
}

static const struct word {
    const char *name;
    void (*run)(struct console *c, const char *args);
} words[] = {
    {"move", on_move},
    {"open", on_open},
    {"back", on_back},
    {"filter", on_filter},
    {"prompt", on_prompt},
    {"next", on_next},
    {"previous", on_previous},
    {"sort", on_sort},
    {"mark", on_mark},
    {"help", on_help},
    {"freeze", on_freeze},
    {"panel", on_panel},
    {"theme", on_theme},
    {"copy", on_copy},
    {"redraw", on_redraw},
    {"unlock", on_unlock},
    {"reconnect", on_reconnect},
    {"by", on_by},
    {"ack", on_ack},
    {"note", on_note},
    {"solve", on_solve},
    {"resolve", on_solve},
    {"report", on_report},
    {"quit", on_quit},
    {"q", on_quit},
};

const char *command_word(size_t i)
{
    return i < ARRAY_LEN(words) ? words[i].name : NULL;
}

static bool run_own(struct console *c, const char *text)
{
    size_t n = strcspn(text, " ");
    if (strcmp(text, "undo") == 0) { // without a number it is mine; with one, the engine's command
        on_undo(c, "");
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strlen(words[i].name) != n || strncmp(words[i].name, text, n) != 0)
            continue;
        words[i].run(c, text + n + strspn(text + n, " "));
        return true;
    }
    return false;
}

static void look(struct console *c, const struct command_call *call)
{
    const char *table = call->command->table;
    for (size_t i = 0; table && i < CONSOLE_VIEWS; i++) {
        if (strcmp(views_roots[i]->table, table) != 0)
            continue;
        places_go(c, i);
        if (call->filter)
            snprintf(console_top(c)->table.filter, TABLE_FILTER, "%s", call->filter);
        return;
    }
    const struct view *page = call->targets_n ? places_page_for(call->targets[0]) : NULL;
    if (page)
        places_open(c, page, call->targets[0]);
    else
        console_say(c, PEN_NOTICE, "%s has no view here: use mxwarden %s", call->command->words,
                    call->command->words);
}

static void act(struct console *c, const struct command_call *call)
{
    json_t *targets = json_array();
    for (size_t i = 0; i < call->targets_n; i++)
        json_array_append_new(targets, json_string(call->targets[i]));
    act_begin(c, call->command->words, targets, call->span, call->rate, call->reason);
}

static void add(json_t *params, const char *name, const char *value)
{
    if (value)
        json_object_set_new(params, name, json_string(value));
}

static void manage(struct console *c, const struct command_call *call)
{
    json_t *params = json_pack("{s:s}", "command", call->command->words);
    if (call->command->arguments == ARGUMENTS_ADDRESSES) {
        json_t *addresses = json_array();
        for (size_t i = 0; i < call->targets_n; i++)
            json_array_append_new(addresses, json_string(call->targets[i]));
        json_object_set_new(params, "addresses", addresses);
        add(params, "customer", call->customer);
        add(params, "for", call->span);
        json_object_set_new(params, "trap", json_boolean(call->is_trap));
    } else if (call->targets_n) {
        const char *colon = strchr(call->targets[0], ':');
        add(params, "customer", colon ? colon + 1 : call->targets[0]);
    }
    add(params, "contact", call->contact);
    add(params, "language", call->language);
    add(params, "pool", call->pool);
    add(params, "rate", call->rate);
    add(params, "reason", call->reason);
    c->manage_id = link_send(&c->link, "manage", params);
    console_say(c, PEN_DIM, "asked: %s …", call->command->words);
}

// An act without a reason is no mistake here: the dialog asks for it. To the parser every act of
// the console is a dry run, for it begins with the preview.
static char *as_preview(const char *text)
{
    CLEANUP(xfree) char *word = xmemdup0(text, strcspn(text, " "));
    const struct command *command = command_get(word);
    bool is_act = command && command->kind == COMMAND_ACT;
    return xasprintf("%s%s", text, is_act ? " --dry-run" : "");
}

static void run_engine(struct console *c, const char *text)
{
    CLEANUP(command_call_deinit) struct command_call call = {0};
    CLEANUP(xfree) char *why = NULL;
    CLEANUP(xfree) char *line = as_preview(text);
    if (command_parse_text(&call, line, &why) != 0 || !call.command) {
        console_say(c, PEN_WARNING, "%s", why ? why : "no such command; ? lists the keys");
        return;
    }
    const char *not_now = call.command->role == ROLE_OPERATOR ? console_why_not(c) : NULL;
    if (not_now)
        console_say(c, PEN_WARNING, "%s", not_now);
    else if (call.command->kind == COMMAND_LOOK)
        look(c, &call);
    else if (call.command->kind == COMMAND_ACT)
        act(c, &call);
    else if (strcmp(call.command->words, "suppress import") == 0 ||
             strcmp(call.command->words, "suppress export") == 0 ||
             strcmp(call.command->words, "suppress check") == 0)
        console_say(c, PEN_NOTICE, "%s: run it in a shell", call.command->words);
    else if (call.command->kind == COMMAND_MANAGE)
        manage(c, &call);
    else
        console_say(c, PEN_NOTICE, "%s needs no engine: run it in a shell", call.command->words);
}

const json_t *console_subject(const struct console *c)
{
    struct place *p = console_top((struct console *)c);
    if (console_is_table(c))
        return table_row(&p->table);
    const json_t *row = json_object_get(p->object, "row");
    return row ? row : p->object;
}

// `$key`: all marked things, else the selected one, else what the page is about.
static bool add_targets(const struct console *c, struct buf *b)
{
    struct place *p = console_top((struct console *)c);
    const struct map_item *item;
    size_t i = 0;
    if (!console_is_table(c)) {
        buf_add_str(b, p->target);
        return true;
    }
    while ((item = map_next(&p->table.marks, &i)))
        buf_printf(b, "%.*s ", (int)item->key_n, (const char *)item->key);
    if (!p->table.marks.count)
        buf_add_str(b, p->table.selected);
    return p->table.marks.count || p->table.selected[0];
}

static bool add_hole(const struct console *c, const char *name, struct buf *b, char why[VIEW_WHY])
{
    struct place *p = console_top((struct console *)c);
    char text[TABLE_KEY];
    snprintf(why, VIEW_WHY, "Nothing is selected.");
    if (strcmp(name, "key") == 0)
        return add_targets(c, b);
    const json_t *row = console_subject(c);
    const char *selected = console_is_table(c) ? "" : p->page.selected;
    if (!row || !p->view->fill || !p->view->fill(name, row, selected, text, sizeof(text), why))
        return false;
    buf_add_str(b, text);
    return true;
}

bool console_fill(const struct console *c, const char *command, struct buf *out, char why[VIEW_WHY])
{
    char name[16];
    for (const char *hole; (hole = strchr(command, '$'));) {
        size_t n = strspn(hole + 1, "abcdefghijklmnopqrstuvwxyz");
        buf_add(out, command, (size_t)(hole - command));
        snprintf(name, sizeof(name), "%.*s", (int)n, hole + 1);
        if (!add_hole(c, name, out, why))
            return false;
        command = hole + 1 + n;
    }
    buf_add_str(out, command);
    buf_add_byte(out, '\0');
    return true;
}

void command_run(struct console *c, const char *text)
{
    text += strspn(text, " ");
    if (*text && !run_own(c, text))
        run_engine(c, text);
}
