#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/text.h"
#include "core/entry.h"
#include "delivery/delivery.h"
#include "engine/engine_room.h"
#include "intake/intake.h"
#include "net/dns.h"
#include "settings/settings.h"
#include "warden/warden.h"

struct dns *resolver_new(struct engine *e, const struct settings *s, char **why)
{
    return dns_new(&e->loop,
                   &(struct dns_options){.servers = (const char *const *)s->dns.servers,
                                         .servers_n = s->dns.servers_n,
                                         .local = (const char *const *)s->dns.local,
                                         .local_n = s->dns.local_n},
                   why);
}

static char *mistakes_text(const struct settings_mistakes *m)
{
    CLEANUP(buf_deinit) struct buf out = {0};
    for (size_t i = 0; i < m->n; i++) {
        const struct diag *d = &m->items[i];
        text_visible_add(&out, bytes_str(d->file));
        buf_printf(&out, ":%u:%u: ", d->line, d->column);
        text_visible_add(&out, bytes_str(d->text));
        if (i + 1 < m->n)
            buf_add_str(&out, "\n");
    }
    return buf_take_str(&out);
}

// What an engine is for its life; NULL when nothing of it changes.
static char *changed_for_life(const struct settings *now, const struct settings *then)
{
    const struct {
        const char *key, *now, *then;
    } rows[] = {
        {"node", now->node, then->node},
        {"state", now->state, then->state},
        {"user", now->user, then->user},
        {"control: socket", now->control.socket, then->control.socket},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcmp(rows[i].now, rows[i].then) != 0)
            return xasprintf(
                "%s:1:1: `%s` can't change while the engine runs (it is `%s`): stop it, "
                "then start it anew",
                then->file, rows[i].key, rows[i].now);
    return NULL;
}

// Takes the new configuration in (moved), or leaves everything as it was.
static int take_in(struct engine *e, struct settings *s, char **why)
{
    struct dns *dns = NULL;
    *why = changed_for_life(e->settings, s);
    if (*why || !(dns = resolver_new(e, s, why)) || intake_set_settings(e->intake, s, why) != 0) {
        dns_free(dns);
        settings_free(s);
        return 1;
    }
    struct settings *old = e->settings;
    struct dns *old_dns = e->dns;
    e->settings = s;
    e->dns = dns;
    roster_set(e);
    warden_set_settings(e->warden, s);
    delivery_set_settings(e->delivery, s, dns);
    door_set_settings(e);
    roster_probe(e);
    dns_free(old_dns);
    settings_free(old);
    conditions_look(e);
    return 0;
}

int reload(struct engine *e, const char *actor, char **mistakes)
{
    struct settings *s = NULL;
    struct settings_mistakes m = {0};
    int r = settings_load(&s, &m, e->settings->file);
    if (r) {
        *mistakes = mistakes_text(&m);
        settings_mistakes_deinit(&m);
    } else {
        r = take_in(e, s, mistakes);
    }
    if (r) {
        log_error("engine", "the configuration stays as it was: %s", *mistakes);
        return 1;
    }
    CLEANUP(xfree) char *target = xasprintf("node:%s", e->settings->node);
    struct entry *entry = entry_new(KIND_RELOAD, actor, target, "the configuration was read anew");
    warden_enforce(e->warden, entry, NULL, NULL);
    return 0;
}
