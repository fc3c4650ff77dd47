/* A TCP connection or Unix-socket peer on the event loop: bytes in, bytes out, a deadline. The one
 * room that knows libuv's handles. Reads into one shared buffer, writes what it can at once and
 * queues the rest; the owner sees `queued` and stops making more.
 *
 * Callbacks come from the loop, never inside a call of this file; each may close or finish its conn. A
 * closed conn's memory goes when the loop has closed its handle: run it once more before the end. */
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
    /* Connected (outgoing only): r 0, or < 0 (-ECONNREFUSED…): then only conn_close() is left. */
    void (*on_open)(void *ctx, int r);
    void (*on_bytes)(void *ctx, struct bytes in); // in is borrowed during the call
    void (*on_drained)(void *ctx);  // all that had to be queued is written; may be NULL
    void (*on_deadline)(void *ctx); // the deadline has come, and is gone
    /* The peer ended (r 0): it sends no more, but may still read, so writing goes on. Or the
     * connection broke (r < 0): what is written goes nowhere. Comes once, or twice when an ended one
     * breaks later. The conn is still the owner's. */
    void (*on_end)(void *ctx, int r);
};

/* Outgoing from `source` (its port is left to the kernel, IP_BIND_ADDRESS_NO_PORT); source NULL: any.
 * NULL with *r < 0 when it cannot even begin (-EADDRNOTAVAIL: we do not have that IP; -EAGAIN: no port
 * is left between it and this peer; -EMFILE). A peer may be a Unix socket too. */
struct conn *conn_connect(struct uv_loop_s *loop, const struct sockaddr *peer,
                          const struct sockaddr *source, const struct conn_ops *ops, void *ctx,
                          int *r);
/* Closes at once, with what is unwritten; no callback comes any more. Takes NULL; returns NULL. */
struct conn *conn_close(struct conn *c);
/* Lets go: no callback comes any more, what is queued is still written, then it closes; at most 10 s.
 * What the peer still sends is read away for 2 s of them, so that no reset overtakes our last words.
 * Returns NULL. */
struct conn *conn_finish(struct conn *c);

/* Writes the whole of `out` and empties it (takes its bytes over when they cannot go at once). Before
 * on_open() it queues; on a broken connection the bytes are dropped and on_end() tells. */
void conn_write(struct conn *c, struct buf *out);
size_t conn_queued(const struct conn *c);
/* Stops reading: no on_bytes(), and no end of the peer, until conn_resume(). Cheap in pairs. */
void conn_pause(struct conn *c);
void conn_resume(struct conn *c);
/* One deadline, monotonic; USEC_NEVER: none. Setting is cheap, later ones cost nothing. */
void conn_set_deadline(struct conn *c, usec_t at);
/* AF_UNIX without a path for the clients of a Unix listener. */
const struct sockaddr *conn_peer(const struct conn *c);
/* Unix sockets: the peer's uid, gid, pid (SO_PEERCRED). False on others. */
bool conn_credentials(const struct conn *c, uint32_t *uid, uint32_t *gid, int32_t *pid);
/* Supplementary groups (SO_PEERGROUPS): how many were written to gids[room]; none when there are
 * more than room, or on other sockets. */
size_t conn_groups(const struct conn *c, uint32_t *gids, size_t room);

/* A listening socket: TCP (reuse address, backlog 1024; an IPv6 one takes IPv6 only) or Unix (path at
 * most 107 bytes, mode as given; a stale socket file is replaced, a living one is -EADDRINUSE, a file
 * that is no socket -EEXIST). Accepting begins when the loop runs. on_accept gets a new conn that has no
 * owner yet: it calls conn_own() or conn_close() (or writes, then conn_finish()) before it returns. With
 * no descriptor left, one kept in reserve is used to accept, and the connection closed after `refusal`
 * (borrowed; may be NULL) is written. NULL with *r < 0 when it cannot open. */
struct listener;
struct listener *listener_open_tcp(struct uv_loop_s *loop, const struct sockaddr *address,
                                   const char *refusal,
                                   void (*on_accept)(void *ctx, struct conn *c), void *ctx, int *r);
struct listener *listener_open_unix(struct uv_loop_s *loop, const char *path, uint32_t mode,
                                    void (*on_accept)(void *ctx, struct conn *c), void *ctx,
                                    int *r);
/* Removes the file of a Unix socket when it is still ours. Takes NULL; returns NULL. */
struct listener *listener_close(struct listener *l);
/* The port that was bound (for port 0); 0 for Unix sockets. */
uint16_t listener_port(const struct listener *l);
void conn_own(struct conn *c, const struct conn_ops *ops, void *ctx);
