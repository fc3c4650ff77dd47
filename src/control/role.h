/* Who may do what: names and groups from the configuration, resolved to numbers when it is loaded, so
 * that nothing asks the name service later. root and the engine's own user are operators. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "remote/command.h"

struct role_rule {
    bool is_group;
    uint32_t id;
    enum role role; // ROLE_NONE: only the name is known, of a group's member
    char name[64];
};

struct roles {
    struct role_rule *rules;
    size_t n;
};

/* Resolves `operators` and `viewers` ("ana", "@mail-ops"); a name that the system does not know is
 * said on the log and left out. Blocks on the name service: at a start or reload only. */
void roles_load(struct roles *r, const char *const *operators, size_t operators_n,
                const char *const *viewers, size_t viewers_n);
void roles_deinit(struct roles *r);
/* The most that the user or one of its groups may do; its name into `name`: "uid 1004" if unknown. */
enum role roles_of(const struct roles *r, uint32_t uid, const uint32_t *gids, size_t gids_n,
                   char name[64]);
