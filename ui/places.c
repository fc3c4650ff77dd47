/* Each place on the screen has one feed. A new window, sort or filter is asked for under a new name,
 * and the old feed is let go only when the new one was accepted: so the last valid picture stays
 * while a filter is being typed, and a wrong one costs nothing. */
#include <stdio.h>
#include <string.h>

#include "ui/console.h"
#include "ui/row.h"
#include "ui/screen.h"
#include "ui/views/views.h"

void places_init(struct console *c)
{
    for (size_t i = 0; i < CONSOLE_VIEWS; i++) {
        c->roots[i].view = views_roots[i];
        table_init(&c->roots[i].table, views_roots[i]);
    }
}

static void place_deinit(struct place *p)
{
    if (p->view && !p->view->build)
        table_deinit(&p->table);
    page_deinit(&p->page);
    json_decref(p->object);
    json_decref(p->pending_params);
    *p = (struct place){0};
}

void places_deinit(struct console *c)
{
    for (size_t i = 0; i < CONSOLE_VIEWS; i++)
        place_deinit(&c->roots[i]);
    for (size_t i = 0; i < c->pages_n; i++)
        place_deinit(&c->pages[i]);
    place_deinit(&c->panel);
}

struct place *console_top(struct console *c)
{
    return c->pages_n ? &c->pages[c->pages_n - 1] : &c->roots[c->root];
}

bool console_is_table(const struct console *c)
{
    return c->pages_n == 0;
}

static void let_go(struct console *c, char feed[FEED_NAME])
{
    if (feed[0])
        link_send(&c->link, "unfeed", json_pack("{s:s}", "feed", feed));
    feed[0] = '\0';
}

static void forget_pending(struct console *c, struct place *p, bool tell)
{
    if (tell)
        let_go(c, p->pending);
    p->pending[0] = '\0';
    p->pending_id = 0;
    json_decref(p->pending_params);
    p->pending_params = NULL;
}

static void rest(struct console *c, struct place *p)
{
    forget_pending(c, p, true);
    let_go(c, p->feed);
}

static void ask(struct console *c, struct place *p)
{
    if (!p->view || p->view->is_local || c->link.state != LINK_UP || !c->model.role[0])
        return;
    forget_pending(c, p, true);
    char other[TABLE_KEY];
    const char *target = p->view->asks ? p->view->asks(p->target, other, sizeof(other)) : p->target;
    p->pending_params = p->view->build ? json_pack("{s:s, s:s}", "table", "show", "target", target)
                                       : table_params(&p->table);
    snprintf(p->pending, sizeof(p->pending), "f%u", ++c->feeds);
    json_t *params = json_copy(p->pending_params);
    json_object_set_new(params, "feed", json_string(p->pending));
    p->pending_id = link_send(&c->link, "feed", params);
}

static void ask_panel(struct console *c)
{
    const json_t *row = table_row(&console_top(c)->table);
    const struct view *v = console_top(c)->view, *page = v->panel ? v->panel : v->page;
    struct place *p = &c->panel;
    const char *target = row && page ? row_text(row, "key") : "";
    if (p->view == page && strcmp(p->target, target) == 0 && (p->feed[0] || p->pending[0]))
        return;
    rest(c, p);
    place_deinit(p);
    if (!*target)
        return;
    p->view = page;
    snprintf(p->target, sizeof(p->target), "%s", target);
    if (page->is_local)
        p->object = json_deep_copy(row);
    ask(c, p);
}

static bool is_beside(const struct console *c)
{
    int rows, columns;
    screen_size(&rows, &columns);
    return console_shows_panel(c, columns);
}

void places_ask(struct console *c)
{
    struct place *p = console_top(c);
    bool wants = console_is_table(c) && table_wants_window(&p->table) && !p->pending[0];
    if ((!p->feed[0] && !p->pending[0]) || wants)
        ask(c, p);
    if (is_beside(c))
        ask_panel(c);
    else if (c->panel.view) {
        rest(c, &c->panel);
        place_deinit(&c->panel);
    }
}

void places_ask_again(struct console *c)
{
    ask(c, console_top(c));
}

void places_forget_feeds(struct console *c)
{
    struct place *all[CONSOLE_VIEWS + CONSOLE_PAGES + 1];
    size_t n = 0;
    for (size_t i = 0; i < CONSOLE_VIEWS; i++)
        all[n++] = &c->roots[i];
    for (size_t i = 0; i < c->pages_n; i++)
        all[n++] = &c->pages[i];
    all[n++] = &c->panel;
    for (size_t i = 0; i < n; i++) {
        forget_pending(c, all[i], false);
        all[i]->feed[0] = '\0';
    }
}

void places_go(struct console *c, size_t root)
{
    rest(c, console_top(c));
    while (c->pages_n)
        place_deinit(&c->pages[--c->pages_n]);
    if (root != c->root)
        rest(c, &c->roots[c->root]);
    c->root = root;
}

void places_open(struct console *c, const struct view *page, const char *target)
{
    if (c->pages_n == CONSOLE_PAGES) {
        console_say(c, PEN_NOTICE, "That is deep enough: Esc goes back.");
        return;
    }
    const json_t *row = console_is_table(c) ? table_row(&console_top(c)->table) : NULL;
    rest(c, console_top(c));
    struct place *p = &c->pages[c->pages_n++];
    *p = (struct place){.view = page, .is_frozen = page->is_once};
    if (page->is_local)
        p->object = json_deep_copy(row);
    snprintf(p->target, sizeof(p->target), "%s", target);
}

bool places_back(struct console *c)
{
    if (!c->pages_n)
        return false;
    rest(c, console_top(c));
    place_deinit(&c->pages[--c->pages_n]);
    return true;
}

static struct place *of_answer(struct console *c, uint64_t id)
{
    if (id && c->panel.pending_id == id)
        return &c->panel;
    struct place *top = console_top(c);
    return id && top->pending_id == id ? top : NULL;
}

static void refused(struct console *c, struct place *p, const json_t *error)
{
    const char *message = row_text(error, "message");
    forget_pending(c, p, false);
    if (c->mode == MODE_FILTER)
        snprintf(c->prompt.error, sizeof(c->prompt.error), "%s", message);
    else if (p->view->build)
        snprintf(p->problem, sizeof(p->problem), "%s", message);
    else
        console_say(c, PEN_WARNING, "%s", message);
    // Not asked again by itself: a name keeps places_ask() from trying at every turn.
    if (!p->feed[0])
        snprintf(p->feed, sizeof(p->feed), "-");
}

bool places_answer(struct console *c, uint64_t id, const json_t *error)
{
    struct place *p = of_answer(c, id);
    if (!p)
        return false;
    if (error) {
        refused(c, p, error);
        return true;
    }
    if (strcmp(p->feed, "-") != 0)
        let_go(c, p->feed);
    memcpy(p->feed, p->pending, sizeof(p->feed));
    p->pending[0] = '\0';
    c->prompt.error[0] = '\0';
    p->problem[0] = '\0';
    if (!p->view->build)
        table_adopt(&p->table, p->pending_params);
    forget_pending(c, p, false);
    return true;
}

static void push_to(struct place *p, const json_t *push)
{
    json_t *page = json_object_get(push, "page");
    if (!p->view->build) {
        table_push(&p->table, push);
        return;
    }
    if (!json_is_object(page) || (p->is_frozen && p->object))
        return;
    json_decref(p->object);
    p->object = json_incref(page);
}

void places_push(struct console *c, const json_t *push)
{
    struct place *places[] = {console_top(c), &c->panel};
    const char *feed = row_text(push, "feed");
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (places[i]->view && *feed && strcmp(places[i]->feed, feed) == 0)
            push_to(places[i], push);
}

const struct view *places_page_for(const char *target)
{
    size_t kind = strcspn(target, ":");
    for (size_t i = 0; i < views_pages_n; i++)
        if (strlen(views_pages[i].kind) == kind && !strncmp(views_pages[i].kind, target, kind))
            return views_pages[i].view;
    return NULL;
}
