/* One connected client: lines in, answers and pushes out. A request outlives the call that began it
 * when the store must be asked: it carries the client's number, so that a late answer to one who has
 * left finds nobody. For the files of control/ alone. */
#pragma once
#include <jansson.h>

#include "base/list.h"
#include "control/role.h"
#include "control/world.h"
#include "net/timer.h"
#include "remote/protocol.h"

struct conn;
struct feed;
struct listener;
struct table_query;
struct uv_loop_s;

/* The server. */
struct control {
    struct world world;
    struct roles roles;
    struct uv_loop_s *loop;
    struct listener *listener;
    struct timers *timers;
    struct timer tick;
    struct list peers; // the one served longest ago first
    size_t peers_n, strangers_n;
    uint64_t serial;         // of the newest peer, feed or catch-up
    json_t *status;          // the status row, as of status_at
    usec_t status_at;        // monotonic
    uint64_t status_version; // of state and ledger together: what was done shows at once
    uint64_t status_hash;    // of all but its clock
    bool is_verifying;       // one check of the chain at a time
    uint64_t events_sent;    // outcomes that followers have been handed
};

/* `events`: reading up from history, then the newest, then live. */
struct catch_up {
    uint64_t serial; // 0: none
    usec_t at;       // history from here
    size_t skip;     // of those at that moment, what was sent already
    bool is_asking, is_following;
};

struct peer {
    struct list link;
    uint64_t serial;
    struct control *control;
    struct conn *conn; // NULL in tests: the output stays in `out`
    enum role role;
    char user[64];
    struct protocol_reader reader;
    struct buf out; // not handed to the connection yet
    size_t asking;  // requests whose answer is still to come
    struct list feeds;
    size_t feeds_n, feed_rows;
    struct catch_up catch_up;
    struct table_query *events; // which outcomes it asked for; NULL: none
    bool is_live;               // gets every outcome as it comes
    bool has_work;              // lines that were left for later
    bool is_half;               // it sends no more
    bool is_ending;             // cut off: freed at the next turn
};

/* The connection is taken, `user` is copied. */
struct peer *peer_new(struct control *c, struct conn *conn, enum role role, const char *user);
struct peer *peer_free(struct peer *p);
/* NULL when it has left. */
struct peer *peer_find(struct control *c, uint64_t serial);
/* Answers the lines that have come, for at most a slice of time. */
void peer_work(struct peer *p);
/* Hands the output to the connection; cuts it off when it does not read. */
void peer_flush(struct peer *p);
/* Bytes that it has not read yet. */
size_t peer_unread(const struct peer *p);
/* True when nothing keeps it. */
bool peer_is_over(const struct peer *p);
void peer_push(struct peer *p, json_t *message); // taken

/* A request on its way. */
struct request {
    struct control *control;
    uint64_t peer; // its serial
    json_t *id;
};
struct request *request_new(struct peer *p, const json_t *id);
/* Answer, once, and free. `result` is taken. */
void request_answer(struct request *r, json_t *result);
void request_fail(struct request *r, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The peer, or NULL when it has left. */
struct peer *request_peer(const struct request *r);

/* Runs one request line (dispatch.c): always exactly one answer, now or later. */
void dispatch(struct peer *p, const json_t *message);
/* There is something to do at the next tick. */
void control_wake(struct control *c);
/* The same, at once: somebody waits for it. */
void control_hurry(struct control *c);
/* The status row (borrowed): every entry is in it, its counts are at most 100 ms old. */
json_t *control_status(struct control *c);
uint64_t control_hash(const json_t *v);

/* The methods that have files of their own. */
void feed_run(struct request *r, const json_t *params);
void unfeed_run(struct request *r, const json_t *params);
void events_run(struct request *r, const json_t *params);
void act_run(struct request *r, const json_t *params);
/* The same of what the state folds: all but the undo of suppressions (control/suppress.h). */
void act_run_folded(struct request *r, const json_t *params);
void explain_run(struct request *r, const json_t *params);
void manage_run(struct request *r, const json_t *params);
/* Pushes what is due of a peer's feeds. */
void feeds_tick(struct peer *p, usec_t now);
struct feed *feed_free(struct feed *f);
void feeds_free(struct peer *p);
/* Goes on reading history up, and hands followers what is new. */
void events_tick(struct peer *p);
void events_flush(struct control *c);
void events_free(struct peer *p);
