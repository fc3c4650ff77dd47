/* Acts go preview first: open the dialog, ask the engine what it would do, apply with the preview's
 * version. Behind the dialog the order stands still. */
#include <stdio.h>
#include <string.h>

#include "ui/console.h"
#include "ui/row.h"
#include "ui/screen.h"

static void freeze(struct console *c, bool is_frozen)
{
    struct place *p = console_top(c);
    if (console_is_table(c))
        p->table.is_frozen = is_frozen;
    if (!is_frozen)
        places_ask_again(c);
}

static void leave(struct console *c)
{
    dialog_close(&c->dialog);
    c->mode = MODE_NORMAL;
    freeze(c, false);
}

void act_begin(struct console *c, const char *command, json_t *targets, const char *span,
               const char *rate, const char *reason)
{
    char marked[128] = "";
    const struct table *t = console_is_table(c) ? &console_top(c)->table : NULL;
    size_t n = json_array_size(targets);
    if (t && t->marks.count && n == t->marks.count && n > 1) {
        const char *colon = strchr(t->selected, ':');
        bool is_marked = map_get_str(&t->marks, t->selected);
        snprintf(marked, sizeof(marked),
                 is_marked ? "%zu marked" : "%zu marked, not the cursor (%s)", n,
                 colon ? colon + 1 : t->selected);
    }
    dialog_open(&c->dialog, command, targets, marked);
    field_set(&c->dialog.span, span ? span : "");
    field_set(&c->dialog.rate, rate ? rate : "");
    field_set(&c->dialog.reason, reason ? reason : "");
    c->mode = MODE_DIALOG;
    freeze(c, true);
    act_do(c, DIALOG_PREVIEW);
}

void act_do(struct console *c, enum dialog_wish wish)
{
    const char *phase = wish == DIALOG_APPLY ? "apply" : "preview";
    const char *why = console_why_not(c);
    switch (wish) {
    case DIALOG_NOTHING:
        return;
    case DIALOG_LEAVE:
        leave(c);
        return;
    case DIALOG_PREVIEW:
    case DIALOG_APPLY:
        break;
    }
    if (why) { // the line was lost, or the lock fell, while it was open
        dialog_refused(&c->dialog, "refused", why);
        return;
    }
    c->dialog.request = link_send(&c->link, "act", dialog_params(&c->dialog, phase));
}

static int64_t seq_of(const json_t *result)
{
    const json_t *entries = json_object_get(result, "entries");
    return row_count(entries ? json_array_get(entries, 0) : result, "seq");
}

static const char *without_kind(const char *target)
{
    const char *colon = strchr(target, ':');
    return colon ? colon + 1 : target;
}

// "done: suspend acme-news (4479), u undoes it"
static void say_done(struct console *c, const json_t *result)
{
    const json_t *entries = json_object_get(result, "entries"), *skipped;
    int64_t seq = seq_of(result);
    size_t n = entries ? json_array_size(entries) : 1;
    skipped = json_object_get(result, "skipped");
    if (seq < 0) {
        console_say(c, PEN_NOTICE, "done: %s; nothing had to change", c->dialog.command);
        return;
    }
    c->my_action = seq;
    console_say(c, PEN_GOOD, "done: %s %s (%lld%s), u undoes it%s", c->dialog.command,
                without_kind(row_text(entries ? json_array_get(entries, 0) : result, "target")),
                (long long)seq, n > 1 ? " and following" : "",
                json_array_size(skipped) ? "; some were skipped" : "");
}

static void forget_fact(struct console *c)
{
    json_decref(c->fact.targets);
    c->fact.targets = NULL;
    c->fact.command = NULL;
}

void act_fact(struct console *c, const char *command, json_t *targets, const char *reason,
              const char *said)
{
    const char *why = console_why_not(c);
    json_t *params =
        json_pack("{s:s, s:s, s:o}", "phase", "apply", "command", command, "targets", targets);
    if (reason && *reason)
        json_object_set_new(params, "reason", json_string(reason));
    snprintf(c->fact.said, sizeof(c->fact.said), "%s", said);
    if (why) {
        json_decref(params);
        console_say(c, PEN_WARNING, "%s", why);
        return;
    }
    c->fact.id = link_send(&c->link, "act", params);
}

void act_ask(struct console *c, const char *command, json_t *targets, const char *label,
             bool needs_text)
{
    forget_fact(c);
    c->fact.command = command;
    c->fact.targets = targets;
    c->fact.needs_text = needs_text;
    c->mode = MODE_ASK;
    prompt_ask(&c->prompt, label);
}

void act_ask_key(struct console *c, int key)
{
    char said[sizeof(c->fact.said)];
    enum prompt_wish wish = prompt_key(&c->prompt, key);
    const char *text = c->prompt.field.text;
    if (wish == PROMPT_NOTHING || wish == PROMPT_CHANGED)
        return;
    if (wish == PROMPT_DONE && c->fact.needs_text && !text[strspn(text, " ")])
        return; // there is nothing to note yet
    c->mode = MODE_NORMAL;
    snprintf(said, sizeof(said), "%s %s", c->fact.command,
             without_kind(json_string_value(json_array_get(c->fact.targets, 0))));
    if (wish == PROMPT_DONE)
        act_fact(c, c->fact.command, json_incref(c->fact.targets), text, said);
    forget_fact(c);
}

static void fact_answer(struct console *c, const json_t *result, const json_t *error)
{
    int64_t seq = seq_of(result);
    c->fact.id = 0;
    if (error)
        console_say(c, PEN_WARNING, "%s", row_text(error, "message"));
    else if (seq < 0)
        console_say(c, PEN_NOTICE, "%s; nothing had to change", c->fact.said);
    else
        console_say(c, PEN_GOOD, "done: %s (%lld)", c->fact.said, (long long)seq);
}

bool act_answer(struct console *c, uint64_t id, const json_t *result, const json_t *error)
{
    if (id && id == c->fact.id) {
        fact_answer(c, result, error);
        return true;
    }
    if (c->mode != MODE_DIALOG || !id || id != c->dialog.request)
        return false;
    if (error) {
        act_do(c, dialog_refused(&c->dialog, row_text(error, "code"), row_text(error, "message")));
        return true;
    }
    if (c->dialog.is_applying) {
        say_done(c, result);
        if (console_is_table(c))
            table_mark_none(&console_top(c)->table);
        leave(c);
        return true;
    }
    dialog_preview(&c->dialog, result, c->monotonic);
    screen_flush_keys(); // what was typed ahead was not meant for this picture
    return true;
}
