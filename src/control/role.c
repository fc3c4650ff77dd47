#include "control/role.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

enum { MEMBERS = 1000 }; // of a group, whose names are looked up

static void add(struct roles *r, bool is_group, uint32_t id, enum role role, const char *name)
{
    r->rules = xrealloc(r->rules, r->n + 1, sizeof(*r->rules));
    struct role_rule *rule = &r->rules[r->n++];
    *rule = (struct role_rule){.is_group = is_group, .id = id, .role = role};
    text_visible(rule->name, sizeof(rule->name), name, strlen(name));
}

static void add_user(struct roles *r, const char *name, enum role role)
{
    const struct passwd *user = getpwnam(name);
    if (user)
        add(r, false, user->pw_uid, role, name);
    else if (role != ROLE_NONE)
        log_warning("control", "no user %s on this system: nobody is %s by it", name,
                    role_text(role));
}

static void add_group(struct roles *r, const char *name, enum role role)
{
    const struct group *group = getgrnam(name);
    if (!group) {
        log_warning("control", "no group %s on this system: nobody is %s by it", name,
                    role_text(role));
        return;
    }
    add(r, true, group->gr_gid, role, name);
    for (size_t i = 0; i < MEMBERS && group->gr_mem[i]; i++)
        add_user(r, group->gr_mem[i], ROLE_NONE);
}

static void add_all(struct roles *r, const char *const *names, size_t n, enum role role)
{
    for (size_t i = 0; i < n; i++) {
        if (names[i][0] == '@')
            add_group(r, names[i] + 1, role);
        else
            add_user(r, names[i], role);
    }
}

void roles_load(struct roles *r, const char *const *operators, size_t operators_n,
                const char *const *viewers, size_t viewers_n)
{
    roles_deinit(r);
    const struct passwd *self = getpwuid(geteuid());
    add(r, false, 0, ROLE_OPERATOR, "root");
    if (geteuid())
        add(r, false, geteuid(), ROLE_OPERATOR, self ? self->pw_name : "engine's user");
    add_all(r, operators, operators_n, ROLE_OPERATOR);
    add_all(r, viewers, viewers_n, ROLE_VIEWER);
}

void roles_deinit(struct roles *r)
{
    xfree(r->rules);
    *r = (struct roles){0};
}

static bool has_group(const uint32_t *gids, size_t n, uint32_t gid)
{
    for (size_t i = 0; i < n; i++)
        if (gids[i] == gid)
            return true;
    return false;
}

enum role roles_of(const struct roles *r, uint32_t uid, const uint32_t *gids, size_t gids_n,
                   char name[64])
{
    enum role most = ROLE_NONE;
    snprintf(name, 64, "uid %u", uid);
    for (size_t i = 0; i < r->n; i++) {
        const struct role_rule *rule = &r->rules[i];
        bool fits = rule->is_group ? has_group(gids, gids_n, rule->id) : rule->id == uid;
        if (fits && rule->role > most)
            most = rule->role;
        if (fits && !rule->is_group)
            memcpy(name, rule->name, sizeof(rule->name));
    }
    return most;
}
