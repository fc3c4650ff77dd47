#include "ui/link.h"

#include "base/mem.h"
#include "remote/client.h"
#include "ui/row.h"

#define PAUSE_LEAST USEC_SECOND
#define PAUSE_MOST (10 * USEC_SECOND)

void link_init(struct link *l, const char *path)
{
    *l = (struct link){.path = path, .pause = PAUSE_LEAST};
}

void link_deinit(struct link *l)
{
    l->client = client_free(l->client);
    l->why = xfree(l->why);
}

static void enter(struct link *l, enum link_state state, usec_t now)
{
    if (l->state != state)
        l->since = now;
    l->state = state;
}

static enum link_state state_of(enum client_result r, enum link_state before)
{
    switch (r) {
    case CLIENT_OK:
        return LINK_UP;
    case CLIENT_E_NO_SOCKET:
    case CLIENT_E_REFUSED:
        return LINK_DOWN;
    case CLIENT_E_NOT_ALLOWED:
        return LINK_DENIED;
    case CLIENT_E_ENDED:
    case CLIENT_E_TIMEOUT:
    case CLIENT_E_ERROR:
        break;
    }
    return before == LINK_TRYING ? LINK_DOWN : LINK_LOST;
}

bool link_try(struct link *l, usec_t now)
{
    if (l->client || now < l->next_try)
        return false;
    l->why = xfree(l->why);
    enum link_state state = state_of(client_connect(&l->client, l->path, &l->why), l->state);
    usec_t since = l->since;
    enter(l, state, now);
    // Lost, then found to be down: it is the same trouble, since the same moment.
    if (state != LINK_UP && since)
        l->since = since;
    l->next_try = now + l->pause;
    l->pause = l->pause * 2 > PAUSE_MOST ? PAUSE_MOST : l->pause * 2;
    return state == LINK_UP;
}

void link_hurry(struct link *l)
{
    l->next_try = 0;
}

void link_ready(struct link *l, usec_t now)
{
    if (!l->client || client_feed_ready(l->client) == CLIENT_OK)
        return;
    // What was read before the end is still to be shown: link_next() goes on until it is empty.
    enter(l, LINK_LOST, now);
    l->pause = PAUSE_LEAST;
    l->next_try = now + PAUSE_LEAST;
}

json_t *link_next(struct link *l)
{
    json_t *message;
    if (!l->client)
        return NULL;
    if (client_next(l->client, &message)) {
        l->pause = PAUSE_LEAST;
        row_clean(message);
        return message;
    }
    if (l->state != LINK_UP)
        l->client = client_free(l->client);
    return NULL;
}

uint64_t link_send(struct link *l, const char *method, json_t *params)
{
    if (l->client && l->state == LINK_UP)
        return client_send(l->client, method, params);
    json_decref(params);
    return 0;
}

int link_fd(const struct link *l)
{
    return l->client ? client_fd(l->client) : -1;
}

bool link_wants_write(const struct link *l)
{
    return l->client && client_wants_write(l->client);
}
