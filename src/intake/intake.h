/* Intake: who submits, and may they. SMTP sessions on the listeners; a customer is known by the network
 * it comes from (`trust`). A listener of kind feedback shares sessions and bounds, but nobody
 * submits there: whom one may write to, and what becomes of a report, its owner says by two callbacks.
 * At RCPT the customer's standing and rate are asked and whether any mail goes to the address, and a
 * refusal says in words what, why and until when. `250` after DATA means: in the spool, flushed.
 *
 * Everything is bounded: sessions in all (fewer when descriptors are few), sessions of one client over
 * all listeners, bytes of messages being received (INTAKE_RECEIVING). At a bound a client hears 421 or
 * 452 and may come again. What intake knows it tells by two callbacks; it never includes delivery. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/mem.h"

struct intake;
struct outcome;
struct settings;
struct bytes;
struct smtp_reply;
struct spool_message;
struct state;
struct store;
struct suppressions;
struct timers;
struct uv_loop_s;

/* Bytes of texts that are being received, all sessions together. Over it a new DATA gets 452, and of
 * those under way the ones that took more than INTAKE_SHARE are ended with 421. */
enum { INTAKE_RECEIVING = 256 << 20, INTAKE_SHARE = 256 << 10 };
/* Of these, the reports of strangers at most so many; of the sessions, theirs at most half: who submits
 * finds room whoever else knocks. */
enum { INTAKE_REPORTING = INTAKE_RECEIVING / 2 };
/* A report's largest size; the message's limit of the settings where that is less. */
enum { INTAKE_REPORT = 10 << 20 };

/* Borrowed for the intake's life. */
struct intake_options {
    struct uv_loop_s *loop;
    const struct settings *settings; // till intake_set_settings()
    struct state *state;             // read; intake owns the `intake` of its customers
    struct store *store;             // or later, by intake_set_store()
    /* To whom no mail goes (borrowed); NULL: to everybody. Or later, by intake_set_suppressions(). */
    const struct suppressions *suppressions;
    struct timers *timers;
    /* A message is durable; `m` is the callee's now. Its `accepted` outcomes came just before. Inside
     * the store's own callback: the place for spool_keep(). */
    void (*on_accepted)(void *ctx, struct spool_message *m);
    /* `accepted`, `refused` (class suspended, over-limit or that of the suppression) and `trap`, once a
     * recipient; borrowed. */
    void (*on_outcome)(void *ctx, const struct outcome *o);
    /* Just before its `accepted` outcomes, once a recipient: hashes of the client's network and of the
     * message (mail/content.h). May be NULL. */
    void (*on_submitted)(void *ctx, const char *customer, const char *recipient, usec_t at,
                         uint32_t network, uint32_t content);
    /* Feedback: may this recipient be written to? The reply is left as it is, or says why not. NULL when
     * no listener of the settings is of that kind. */
    void (*query_feedback)(void *ctx, const char *address, struct smtp_reply *reply);
    /* A whole report (borrowed) to accepted recipients. `done` once, on the loop, also inside the call,
     * with what the client is told; or never, when the owner ends first (after intake_free()). */
    void (*on_feedback)(void *ctx, const char *const *recipients, size_t n, struct bytes mail,
                        void (*done)(void *done_ctx, const struct smtp_reply *reply),
                        void *done_ctx);
    void *ctx;
};

/* Opens nothing yet. Customers named in `trust` are known to the state from here on. */
struct intake *intake_new(const struct intake_options *options);
/* Ends what is left at once. A message that the spool still writes is freed when that answers. Takes
 * NULL; returns NULL. */
struct intake *intake_free(struct intake *in);
DEFINE_CLEANUP(struct intake *, intake_free)

/* The store, when it was not there yet at intake_new(): before the loop runs. */
void intake_set_store(struct intake *in, struct store *store);
/* Likewise to whom no mail goes. */
void intake_set_suppressions(struct intake *in, const struct suppressions *suppressions);

/* Binds all listeners; what connects waits for the loop to run, so this may be called before powers are
 * dropped. 0, or 1 with *why (owned) naming the address: none is open then. */
int intake_listen(struct intake *in, char **why);
/* A reload: listeners that stay stay open with their sessions, new ones are opened, gone ones closed and
 * their sessions ended at a command boundary. 0: the old settings may be freed. 1 with *why (owned): an
 * address cannot be opened, and nothing has changed. */
int intake_set_settings(struct intake *in, const struct settings *settings, char **why);
/* SIGTERM: closes the listeners; sessions get 421 4.3.2 at a command boundary, messages being received
 * or written are finished, all for at most 5 s. `done` on the loop, never inside the call. */
void intake_stop(struct intake *in, void (*done)(void *ctx), void *ctx);

size_t intake_sessions(const struct intake *in);
/* The port that listener no. `i` of the settings is bound to (they may say 0); 0 when it is not open. */
uint16_t intake_port(const struct intake *in, size_t i);
