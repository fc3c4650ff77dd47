/* A mailbox provider of the simulated world: a real SMTP server that knows its mailboxes, greylists,
 * counts connections, dislikes spam, and blocks an IP that tries its patience. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/record.h"
#include "sim/scenario.h"

struct provider;
struct uv_loop_s;

struct provider_options {
    struct uv_loop_s *loop;
    const struct provider_plan *plan;
    uint16_t port; // 0: any
    uint64_t seed;
    struct records *records;
    struct answers *
        *answers;      // where it says by mail what it says later; *answers NULL: nowhere yet
    uint64_t *reports; // counts what arrives with the null return path
};

/* It blocks that IP from now on, whatever it does; or no longer. */
void provider_block(struct provider *p, const char *ip, bool is_blocked);
/* NULL with *why (owned) when the address can't be listened on. */
struct provider *provider_new(const struct provider_options *options, char **why);
struct provider *provider_free(struct provider *p);
uint16_t provider_port(const struct provider *p);
