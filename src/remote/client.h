/* A client of the engine's control socket. The CLI asks and waits (client_call); the console polls
 * client_fd() beside the keyboard, and takes answers and pushes as they come (client_feed_ready,
 * client_next). What goes out is queued and bounded; nothing here blocks but client_call and
 * client_wait. One thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/mem.h"
#include "remote/protocol.h"

struct client;

#define CLIENT_SOCKET "/run/mxwarden/control.sock" // where the engine listens if nobody says else

enum client_result {
    CLIENT_OK = 0,
    CLIENT_E_NO_SOCKET = 1,   // there is no such socket: the engine is not there
    CLIENT_E_REFUSED = 2,     // a socket, but nobody listens: the engine has ended
    CLIENT_E_NOT_ALLOWED = 3, // the file's rights, or a directory's
    CLIENT_E_ENDED = 4,       // the engine ended the connection, or talks nonsense
    CLIENT_E_TIMEOUT = 5,     // no answer in time
    CLIENT_E_ERROR = 6,       // the engine answered with an error
};

/* Connects. *why (owned) says in words what is wrong and what to do. */
enum client_result client_connect(struct client **out, const char *path, char **why);
struct client *client_free(struct client *c);
DEFINE_CLEANUP(struct client *, client_free)

/* Queues a request (params taken, may be NULL) and sends what can go; gives its id. */
uint64_t client_send(struct client *c, const char *method, json_t *params);
/* For poll(2): the descriptor, and whether POLLOUT is wanted too. */
int client_fd(const struct client *c);
bool client_wants_write(const struct client *c);
/* Reads and writes what can go now. CLIENT_OK, or CLIENT_E_ENDED: what was read before still stands
 * in client_next(). */
enum client_result client_feed_ready(struct client *c);
/* The next answer or push (the caller's), false when there is none yet. */
bool client_next(struct client *c, json_t **out);
/* Waits up to `span` for something to read; then as client_feed_ready(). CLIENT_E_TIMEOUT: nothing
 * came. -EINTR ends the wait as CLIENT_OK. */
enum client_result client_wait(struct client *c, usec_t span);

/* Asks and waits: *result (the caller's) on CLIENT_OK; on CLIENT_E_ERROR *error is the error object;
 * else *why (owned). Pushes and other answers that come meanwhile stay for client_next(). */
enum client_result client_call(struct client *c, const char *method, json_t *params, usec_t span,
                               json_t **result, json_t **error, char **why);
