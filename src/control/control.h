/* The operator's door: a server on a Unix socket that speaks docs/protocol.md. It shows the engine's
 * tables as lists and live feeds, previews and applies actions, and manages customers. Whom it talks
 * to is what the kernel says (SO_PEERCRED). It decides nothing and owns none of what it shows: the
 * state and the store are borrowed, the engine is a struct of functions (control/engine.h).
 *
 * Bounds: CONTROL_PEERS connections (said when refused), of them CONTROL_STRANGERS from people with
 * no role; 32 feeds and 2,000 rows of them a client; 4 MiB of unread output, then it is cut off; one
 * that takes nothing for a minute is cut off. Work is done in slices of the loop: no client, however
 * busy, and no feed, however large, keeps mail waiting. All on the loop. */
#pragma once
#include "control/engine.h"

struct control;
struct entry;
struct outcome;
struct state;
struct store;
struct uv_loop_s;

enum { CONTROL_PEERS = 200, CONTROL_STRANGERS = 20 };

struct control_options {
    struct uv_loop_s *loop;
    struct state *state;
    struct store *store; // NULL: what it would say is empty, or refused (tests)
    const struct control_engine *engine;
    const struct control_settings *settings;
    const char *socket; // path, made with mode 0666; NULL: no socket (tests)
};

/* 0, or 1 with *why (owned): the socket can't be opened. Reads the newest ledger entries. */
int control_open(struct control **out, const struct control_options *options, char **why);
/* Ends all connections. Run the loop once more. What the store and the engine still answer finds
 * nobody; the memory goes with the last of it. Takes NULL; returns NULL. */
struct control *control_close(struct control *c);

/* After a reload: copied; those who are connected get their new roles at once. Looks names up. */
void control_set_settings(struct control *c, const struct control_settings *s);
/* Every outcome of the engine, once: for `events`. */
void control_on_outcome(struct control *c, const struct outcome *o);
/* Every entry appended to the ledger, whoever made it: for `log`. Twice is once. */
void control_on_entry(struct control *c, const struct entry *e, const char *hash);
