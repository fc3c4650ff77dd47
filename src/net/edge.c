#include "net/edge.h"

#include "base/mem.h"
#include "net/timer.h"

static _Thread_local struct edge *edges;

struct edge *edge_of(struct uv_loop_s *loop)
{
    struct edge *e = edges;
    while (e && e->loop != loop)
        e = e->next;
    if (!e) {
        e = xcalloc(1, sizeof(*e));
        e->loop = loop;
        e->timers = timers_new(loop);
        e->read = xmalloc(EDGE_READ);
        e->next = edges;
        edges = e;
    }
    e->users++;
    return e;
}

void edge_leave(struct edge *e)
{
    if (--e->users)
        return;
    struct edge **at = &edges;
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    timers_free(e->timers);
    xfree(e->read);
    xfree(e);
}
