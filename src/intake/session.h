/* One client's session: a connection and the SMTP machine (session.c), and intake's answers to what the
 * machine asks (submit.c). For the files of intake/ alone. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "base/text.h"
#include "intake/intake.h"
#include "intake/judge.h"
#include "net/timer.h"
#include "settings/settings.h"
#include "smtp/server.h"

struct conn;
struct listener;
struct spool_message;

struct intake {
    struct intake_options o;
    struct list doors; // in the order of the settings
    struct list sessions;
    size_t sessions_n, sessions_most;
    size_t reporters_n;  // of the sessions, those at feedback listeners
    struct map clients;  // address bytes → struct client
    struct list writing; // messages that the spool has
    struct list reports; // struct reporting: reports whose answer is not known yet
    uint64_t receiving;  // bytes, of all sessions
    uint64_t reporting;  // of them, the reporters'
    // SIGTERM
    struct timer stop_timer;
    usec_t stop_at;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

/* An open listener of the settings. */
struct door {
    struct list link;
    struct intake *intake;
    struct listener *listener;
    const struct settings_listener *settings;
};

struct session {
    struct list link;
    struct intake *intake;
    struct door *door; // NULL: closed by a reload
    struct conn *conn;
    struct smtp_server *machine;
    struct smtp_server_limits limits;
    struct writing *writing;  // its message that the spool has; NULL: none
    struct reporting *report; // its report that somebody reads; NULL: none
    bool is_reporter;         // came to a feedback listener
    bool is_feeding;          // inside the machine: it must not be freed
    bool is_paused;
    bool is_ended;        // the peer sends no more
    bool is_receiving;    // between 354 and the end of the text
    uint64_t received;    // bytes of that text
    char node[TEXT_NAME]; // the machine borrows it
    char peer[INET6_ADDRSTRLEN];
    char customer[TEXT_NAME], list[TEXT_NAME]; // whose transaction it is
    struct judge_taken taken;                  // in it
};

struct writing {
    struct list link;
    struct intake *intake;   // NULL: gone
    struct session *session; // NULL: gone, or none cares any more
    struct spool_message *m;
    struct judge_taken taken;
    uint32_t network, content; // hashes, for on_submitted
};

/* Somebody stands at a door: a session begins, or hears why not. Takes the connection. */
void session_accept(struct door *door, struct conn *conn);
/* May a text be received now? If not, the reply says so; if so, its bytes are counted from here on. */
void session_begin_receiving(struct session *s, struct smtp_reply *reply);
/* The text is over, or of no interest any more. */
void session_end_receiving(struct session *s);
/* No space for what comes in. */
void session_reply_full(struct smtp_reply *reply);
/* A door's sessions (NULL: all) end at their next command boundary (421 4.3.2); it may be freed. */
void session_shut_all(struct intake *in, const struct door *door);
/* Ends all sessions now, without a word. */
void session_close_all(struct intake *in);
/* After each turn of the machine: writes what it says, and looks whether it goes on. May free it. */
void session_flush(struct session *s);
/* Answers the message that the machine handed out. May free it. */
void session_answer(struct session *s, const struct smtp_reply *reply);

/* Intake's answers; the context is the session. */
extern const struct smtp_server_ops submit_ops;
/* The tokens of a transaction that came to nothing are there again. */
void submit_give_back(struct session *s);
/* Messages that the spool still writes are freed when it answers, without a word to anybody. */
void submit_disown(struct intake *in);

/* The same of a session at a feedback listener (feedback.c). */
extern const struct smtp_server_ops feedback_ops;
/* The session is gone: its report's answer finds nobody. */
void feedback_leave(struct session *s);
/* Frees what waits for an answer that does not come any more. */
void feedback_deinit(struct intake *in);

/* A session or a message being written is gone (intake.c): is that the end of intake_stop()? */
void intake_look_for_end(struct intake *in);
