/* The console's one state, and what its parts share: where one is (places), what is typed (mode),
 * what was said last. app.c owns it and runs the loop. One thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "ui/app.h"
#include "ui/link.h"
#include "ui/model.h"
#include "ui/view.h"
#include "ui/widgets/dialog.h"
#include "ui/widgets/field.h"
#include "ui/widgets/page.h"
#include "ui/widgets/prompt.h"
#include "ui/widgets/table.h"

struct buf;

// From CONSOLE_WIDE columns on there is room for words and the side panel.
enum {
    CONSOLE_WIDE = 150,
    CONSOLE_VIEWS = 7,
    CONSOLE_PAGES = 8,
    CONSOLE_SAID = 512,
    FEED_NAME = 24
};

/* What is shown, or was: a table or a page, and the feed that keeps it current. */
struct place {
    const struct view *view; // NULL: unused
    char target[TABLE_KEY];  // of a page
    struct table table;
    struct page page;
    json_t *object;             // the page's last object, or NULL
    char problem[CONSOLE_SAID]; // why there is no page, in the engine's words
    char feed[FEED_NAME];       // its pushes' name; "": none
    char pending[FEED_NAME];    // asked for, not accepted yet
    uint64_t pending_id;
    json_t *pending_params;
    bool is_frozen; // a page keeps its object
};

enum mode { MODE_NORMAL, MODE_FILTER, MODE_COMMAND, MODE_ASK, MODE_DIALOG, MODE_HELP };

/* An act without preview: it changes no mail (an incident's ack, note, solve). */
struct fact {
    const char *command; // as the protocol says it; NULL: none is being asked for
    json_t *targets;     // owned
    bool needs_text;
    uint64_t id;    // under way
    char said[128]; // what to say when it is done
};

struct console {
    const struct app_options *options;
    struct link link;
    struct model model;
    usec_t monotonic; // when this turn of the loop began
    struct place roots[CONSOLE_VIEWS];
    size_t root;
    struct place pages[CONSOLE_PAGES];
    size_t pages_n;
    struct place panel; // beside the table, from 150 columns
    bool has_panel;     // wanted
    unsigned feeds;     // counts feed names
    enum mode mode;
    struct prompt prompt;
    struct dialog dialog;
    struct fact fact;
    size_t help_top;
    char said[CONSOLE_SAID]; // row 23
    enum pen said_pen;
    bool is_locked;
    char locked_at[32];  // "11:59Z"
    usec_t unlocking_at; // monotonic: when U was pressed
    bool is_unlocking;   // U was pressed: Enter is next
    usec_t touched;      // monotonic: the last key
    uint64_t hello_id, manage_id;
    int64_t my_action;   // seq of my last act, for undo; 0: none
    bool asked_to_leave; // the last q
    bool is_leaving;
    bool is_dirty;   // a picture is due
    bool wants_stop; // Ctrl-Z
};

struct place *console_top(struct console *c);
/* Where acts and motions go: a table is on top, not a page. */
bool console_is_table(const struct console *c);
void console_say(struct console *c, enum pen pen, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* NULL when one may act now; else why not, in words. */
const char *console_why_not(const struct console *c);
/* No engine at the other end: what shows is the last state. */
bool console_is_lost(const struct console *c);
/* The row that a key acts on: the selected one, or what a page is about; may be NULL. */
const json_t *console_subject(const struct console *c);
/* What a key's command says here and now, `$holes` filled. False, and why not. */
bool console_fill(const struct console *c, const char *command, struct buf *out,
                  char why[VIEW_WHY]);
/* The panel shows: it is wanted, wide enough, and a table is on top. */
bool console_shows_panel(const struct console *c, int columns);

/* places.c: going about, and the feeds that follow. */
void places_init(struct console *c);
void places_deinit(struct console *c);
/* Asks for what is now to be seen where it is not asked for already. */
void places_ask(struct console *c);
/* The top anew: filter, sort or window changed, or thawed. */
void places_ask_again(struct console *c);
/* After a (re)connection no feed lives. */
void places_forget_feeds(struct console *c);
void places_go(struct console *c, size_t root);
void places_open(struct console *c, const struct view *page, const char *target);
/* False: at the root already. */
bool places_back(struct console *c);
/* Takes an answer or a push if it is for a place. */
bool places_answer(struct console *c, uint64_t id, const json_t *error);
void places_push(struct console *c, const json_t *push);
/* The page view for a target like `customer:acme`, or NULL. */
const struct view *places_page_for(const char *target);

/* act.c: the dialog's traffic. */
void act_begin(struct console *c, const char *command, json_t *targets, const char *span,
               const char *rate, const char *reason);
void act_do(struct console *c, enum dialog_wish wish);
/* Applies at once. targets are taken; `said`: what it came to, "318 is yours". reason may be NULL. */
void act_fact(struct console *c, const char *command, json_t *targets, const char *reason,
              const char *said);
/* Asks for a text in row 23 first. */
void act_ask(struct console *c, const char *command, json_t *targets, const char *label,
             bool needs_text);
void act_ask_key(struct console *c, int key);
bool act_answer(struct console *c, uint64_t id, const json_t *result, const json_t *error);

/* frame.c: the whole picture; frame_keys.c: its last row. */
void frame_draw(struct console *c);
void frame_keys(struct console *c, int row, int columns);
