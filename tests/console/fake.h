/* A fake engine for the console's tests: a thread that speaks docs/protocol.md on a Unix socket from
 * a canned world (world.json), and does what the test tells it: move a row, fall silent, end. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct fake;

/* Never NULL: a world that cannot be read ends the test. `path`: of the socket. */
struct fake *fake_start(const char *path, const char *world);
/* Ends as an engine does: the socket file is gone. */
void fake_stop(struct fake *f);

/* Moves a row of a table to a place in its order; what is out pushes follow. */
void fake_move(struct fake *f, const char *table, const char *key, size_t to);
/* Sets a text field of a row. */
void fake_set(struct fake *f, const char *table, const char *key, const char *field,
              const char *text);
/* All open incidents are over, and forgotten but for the last closed one. */
void fake_calm(struct fake *f);
/* The last row of a table stands there `times` more. */
void fake_repeat(struct fake *f, const char *table, int times);
/* An incident gets worse, or better. */
void fake_incident(struct fake *f, const char *key, const char *severity);
/* No more pushes (true), or again. */
void fake_mute(struct fake *f, bool is_mute);
/* What hello says one's role is; for the next connection. */
void fake_role(struct fake *f, const char *role);
/* Previews come this late. */
void fake_slow(struct fake *f, int ms);
/* The next apply is refused as stale. */
void fake_stale(struct fake *f);
/* Acts applied so far, and the params of the last as JSON (borrowed until the next). */
int fake_applied(struct fake *f, char *params, size_t room);
