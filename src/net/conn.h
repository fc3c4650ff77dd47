/* A TCP connection or Unix-socket peer on the event loop: bytes in, bytes out, a deadline. The one
 * room that knows libuv's streams. Reads into one shared buffer, writes what it can at once and
 * queues the rest; the owner sees `queued` and stops making more. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/clock.h"

struct uv_loop_s;
struct conn;
struct buf;

struct conn_ops {
    /* Connected (outgoing only): r 0, or < 0 (-ECONNREFUSED…) and the conn is closing. */
    void (*on_open)(void *ctx, int r);
    void (*on_bytes)(void *ctx, struct bytes in); // in is borrowed during the call
    void (*on_drained)(void *ctx);                // all that was queued is written
    void (*on_deadline)(void *ctx);
    /* The peer ended (r 0) or the connection broke (r < 0). The conn is still the owner's. */
    void (*on_end)(void *ctx, int r);
};

/* Outgoing from `source` (its port is left to the kernel, IP_BIND_ADDRESS_NO_PORT); source NULL: any.
 * NULL with *r < 0 when it cannot even begin (-EADDRNOTAVAIL: we do not have that IP, -EMFILE). */
struct conn *conn_connect(struct uv_loop_s *loop, const struct sockaddr *peer,
                          const struct sockaddr *source, const struct conn_ops *ops, void *ctx,
                          int *r);
/* Closes at once what is unwritten too; no callback comes any more. Takes NULL; returns NULL. */
struct conn *conn_close(struct conn *c);

/* Writes the whole of `out` and empties it (takes its bytes over when they cannot go at once). */
void conn_write(struct conn *c, struct buf *out);
size_t conn_queued(const struct conn *c);
void conn_pause(struct conn *c);  // stop reading
void conn_resume(struct conn *c); // read on
/* One deadline, monotonic; USEC_NEVER: none. Setting is cheap (a heap per loop, one uv timer). */
void conn_set_deadline(struct conn *c, usec_t at);
const struct sockaddr *conn_peer(const struct conn *c);
/* Unix sockets: the peer's uid, gid, pid (SO_PEERCRED). False on others. */
bool conn_credentials(const struct conn *c, uint32_t *uid, uint32_t *gid, int32_t *pid);
/* Supplementary groups (SO_PEERGROUPS): how many were written to gids[room]. */
size_t conn_groups(const struct conn *c, uint32_t *gids, size_t room);

/* A listening socket: TCP (reuse address, backlog 1024) or Unix (path at most 107 bytes, mode as
 * given; a stale socket file is replaced, a living one is -EADDRINUSE). on_accept gets a new conn that
 * has no owner yet: it calls conn_own() or conn_close(). With no descriptor left, one kept in reserve
 * is used to accept, and the connection closed after `refusal` (may be NULL) is written. */
struct listener;
struct listener *listener_open_tcp(struct uv_loop_s *loop, const struct sockaddr *address,
                                   const char *refusal,
                                   void (*on_accept)(void *ctx, struct conn *c), void *ctx, int *r);
struct listener *listener_open_unix(struct uv_loop_s *loop, const char *path, uint32_t mode,
                                    void (*on_accept)(void *ctx, struct conn *c), void *ctx,
                                    int *r);
struct listener *listener_close(struct listener *l);
/* The port that was bound (for port 0). */
uint16_t listener_port(const struct listener *l);
void conn_own(struct conn *c, const struct conn_ops *ops, void *ctx);
