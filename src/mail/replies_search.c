#include "mail/replies_search.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"

uint16_t search_add(struct search *s, const char *text, size_t n)
{
    struct bytes key = bytes_of(text, n);
    void *id = map_get(&s->ids, key);
    if (id)
        return (uint16_t)((uintptr_t)id - 1);
    must(s->n < SEARCH_FRAGMENTS);
    if (s->n == s->room)
        s->fragments =
            xrealloc(s->fragments, s->room = s->room ? s->room * 2 : 64, sizeof(*s->fragments));
    map_put(&s->ids, key, (void *)(uintptr_t)(s->n + 1));
    s->fragments[s->n] = bytes_of(memcpy(xmalloc(n), text, n), n);
    return (uint16_t)s->n++;
}

static void choose_columns(struct search *s, size_t *bytes)
{
    s->columns = 1;
    *bytes = 1;
    for (size_t i = 0; i < s->n; i++) {
        *bytes += s->fragments[i].n;
        for (size_t k = 0; k < s->fragments[i].n; k++)
            if (!s->column[s->fragments[i].p[k]])
                s->column[s->fragments[i].p[k]] = (uint8_t)s->columns++;
    }
    if (*bytes > SEARCH_STATES)
        *bytes = SEARCH_STATES;
}

static void add_words(struct search *s, size_t room)
{
    s->states = 1;
    for (size_t i = 0; i < s->n; i++) {
        size_t state = 0, k = 0;
        for (; k < s->fragments[i].n; k++) {
            uint16_t *next = &s->go[state * s->columns + s->column[s->fragments[i].p[k]]];
            if (!*next && s->states == room)
                break;
            if (!*next)
                *next = (uint16_t)s->states++;
            state = *next;
        }
        if (k == s->fragments[i].n)
            s->found[state] = (uint16_t)(i + 1);
    }
}

// Breadth first: where a state has no way on, its longest suffix's way is its own.
static void link_suffixes(struct search *s)
{
    uint16_t *fall = xcalloc(s->states, sizeof(*fall));
    uint16_t *queue = xcalloc(s->states, sizeof(*queue));
    size_t head = 0, tail = 0;
    for (unsigned c = 0; c < s->columns; c++)
        if (s->go[c])
            queue[tail++] = s->go[c];
    while (head < tail) {
        uint16_t state = queue[head++], f = fall[state];
        s->also[state] = s->found[f] ? f : s->also[f];
        for (unsigned c = 0; c < s->columns; c++) {
            uint16_t *next = &s->go[state * s->columns + c];
            uint16_t of_fall = s->go[f * s->columns + c];
            if (*next) {
                fall[*next] = of_fall;
                queue[tail++] = *next;
            } else {
                *next = of_fall;
            }
        }
    }
    xfree(fall);
    xfree(queue);
}

void search_build(struct search *s)
{
    size_t room;
    choose_columns(s, &room);
    s->go = xcalloc(room * s->columns, sizeof(*s->go));
    s->found = xcalloc(room, sizeof(*s->found));
    s->also = xcalloc(room, sizeof(*s->also));
    add_words(s, room);
    link_suffixes(s);
}

void search_deinit(struct search *s)
{
    map_deinit(&s->ids);
    for (size_t i = 0; i < s->n; i++)
        xfree((void *)s->fragments[i].p);
    xfree(s->fragments);
    xfree(s->go);
    xfree(s->found);
    xfree(s->also);
    *s = (struct search){0};
}

void search_each(const struct search *s, const char *text, size_t n,
                 void (*on_found)(void *ctx, unsigned id, size_t end), void *ctx)
{
    size_t state = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t column = s->column[(uint8_t)text[i]];
        state = column ? s->go[state * s->columns + column] : 0;
        for (size_t at = state; at; at = s->also[at])
            if (s->found[at])
                on_found(ctx, s->found[at] - 1u, i + 1);
    }
}
