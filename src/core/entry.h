/* A ledger entry as the fold sees it: one action or change of standing, rotation or customer, by
 * hand or by the engine. On disk it is one JSON object whose bytes are hashed (store/ledger.h); this
 * is its content. Strings belong to the entry. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/id.h"
#include "core/words.h"

/* An entry's name, unique over all nodes: NODE/SEQ. */
struct entry_name {
    struct node_id node;
    uint64_t seq; // from 1; 0: none
};

/* One value that the entry sets. Customer registers: `contact` (a person's), `pool`, `rate`
 * ("100/h" or "none"), `language` ("en", "de"), `removed` ("yes", "no"). Throttle: `rate`. */
struct entry_field {
    char *name, *value;
    bool is_person; // an address: stands beside the chain, so that it can be erased
};

struct entry {
    struct entry_name name; // node and seq are set by ledger_append()
    int64_t hlc;            // likewise: orders entries over nodes (base/clock.h)
    usec_t at;              // wall
    enum kind kind;
    char *actor;    // "ana", or "engine"
    char *target;   // "customer:acme", "customer:acme/spring", "ip:198.51.100.7", "node:NAME";
                    // holds on queues: "queue:customer=acme,provider=google", "queue:all"
    char *reason;   // "" for none
    char *evidence; // a JSON object as text, "{}" for none; never a person's address
    struct entry_field *fields; // what a register sets, a throttle's rate
    size_t fields_n;
    usec_t expires_at;        // USEC_NEVER for none
    struct entry_name *names; // the entries it lifts or undoes
    size_t names_n;
};

/* The texts are copied; without evidence, fields and end, and not named yet. */
struct entry *entry_new(enum kind kind, const char *actor, const char *target, const char *reason);
struct entry *entry_copy(const struct entry *e);
struct entry *entry_free(struct entry *e);
void entry_set_evidence(struct entry *e, const char *json);
void entry_add_field(struct entry *e, const char *name, const char *value, bool is_person);
/* NULL when the entry has no such field. */
const char *entry_field_get(const struct entry *e, const char *name);
void entry_add_name(struct entry *e, struct entry_name name);
DEFINE_CLEANUP(struct entry *, entry_free)
static inline bool entry_name_equal(struct entry_name a, struct entry_name b)
{
    return a.node.v == b.node.v && a.seq == b.seq;
}
