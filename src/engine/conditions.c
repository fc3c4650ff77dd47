// Conditions that no outcome speaks of, looked at every so often: an address that the machine lost, a
// disk that is nearly full.
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "engine/engine_room.h"
#include "settings/settings.h"
#include "store/store.h"
#include "warden/incident.h"
#include "warden/warden.h"

static void look_at_ip(struct engine *e, const struct state_ip *ip)
{
    char subject[80], what[80], cause[200];
    snprintf(subject, sizeof(subject), "ip:%s#lost", ip->address);
    snprintf(what, sizeof(what), "%s is not here", ip->address);
    snprintf(cause, sizeof(cause),
             "this machine does not have it: nothing is sent over it, pool %.63s carries its share",
             ip->pool);
    incident_note_condition(e->warden, subject, SEVERITY_WARNING, what, cause,
                            ip->is_configured && !ip->is_here);
}

// What is said of an IP that the configuration names no more, also since before a restart: nobody looks
// at it any more.
static void end_those_of_gone(struct engine *e)
{
    const struct incidents *all = warden_incidents(e->warden);
    for (size_t k = all->n; k--;) { // an end may forget a closed one before it
        const struct incident *i = k < all->n ? all->items[k] : NULL;
        if (!i || !i->is_condition || !incident_is_open(i) || strncmp(i->subject, "ip:", 3) != 0)
            continue;
        CLEANUP(xfree) char *subject = xstrdup(i->subject);
        CLEANUP(xfree)
        char *address = xasprintf("%.*s", (int)strcspn(subject + 3, "#"), subject + 3);
        const struct state_ip *ip = state_ip_get(&e->state, address);
        if (!ip || !ip->is_configured)
            incident_note_condition(e->warden, subject, SEVERITY_NOTICE, "", "", false);
    }
}

static void look_at_disk(struct engine *e)
{
    char reserve[TEXT_VALUE];
    unsigned long long left = store_disk_free(e->store) >> 20;
    CLEANUP(xfree) char *subject = xasprintf("node:%s#disk", e->settings->node);
    text_format_size(reserve, e->settings->limits.disk_reserve);
    CLEANUP(xfree) char *what = xasprintf("disk: %llu MiB left, new mail refused", left);
    CLEANUP(xfree)
    char *cause = xasprintf("%s: under the reserve of %s; delivery goes on, customers get 452",
                            e->settings->state, reserve);
    incident_note_condition(e->warden, subject, SEVERITY_CRITICAL, what, cause,
                            !store_may_accept(e->store));
}

void conditions_look(struct engine *e)
{
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&e->state.ips, &i));)
        look_at_ip(e, item->value);
    end_those_of_gone(e);
    look_at_disk(e);
}
