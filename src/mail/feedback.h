/* What a mail to the feedback address says: a bounce, a complaint, an unsubscription, an automatic
 * answer, or nothing of the kind.
 *
 * Bounces are delivery reports (RFC 3464) or any of the many texts that are none (feedback_words.c);
 * complaints are ARF (RFC 5965, 6650) or Microsoft's JMRP, which is not ARF; an unsubscription is Apple's
 * report or a mail to a List-Unsubscribe address. Class and scope come from the same rules as those of
 * SMTP replies (mail/replies.h): the diagnostic, or the sentence that stands for it, is judged as one. An
 * "action: delayed" is transient, "relayed" and "delivered" delivered, whatever the text says.
 * docs/bounces.md tells how; `mxwarden classify FILE` prints it. Pure: no clock, no I/O. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "core/words.h"

struct parts;
struct replies;

enum { FEEDBACK_RECIPIENTS = 1000, FEEDBACK_REPLY = 1000 }; // what is beyond is left out

enum feedback_kind {
    FEEDBACK_OTHER, // none of these: a person's mail, a newsletter
    FEEDBACK_BOUNCE,
    FEEDBACK_AUTO_REPLY, // vacation, out of office: no bounce
    FEEDBACK_COMPLAINT,
    FEEDBACK_UNSUBSCRIBE,
};

struct feedback_recipient {
    char *address; // local@domain, the domain lower case; "" where the mail hides it
    enum class class;
    enum scope scope;
    char enhanced[12]; // "5.1.1"; "" : none
    unsigned code;     // SMTP reply code; 0: none
    char *reply;       // the words it was judged by, visible text; "" : none
};

struct feedback {
    enum feedback_kind kind;
    struct feedback_recipient *recipients; // one at least unless OTHER; address "" when hidden
    size_t recipients_n;
    /* What leads to the mail that it answers, "" each where it does not say. */
    char *message_id;  // Message-ID of that mail, without <>
    char *feedback_id; // its Feedback-ID
    char *return_path; // the envelope sender it had: Return-Path, Original-Mail-From
    char *source_ip;   // from where it was sent, as a complaint says
};

/* Reads a whole mail. Never NULL. `replies` is borrowed. */
struct feedback *feedback_read(struct bytes mail, const struct replies *replies);
struct feedback *feedback_free(struct feedback *f);
DEFINE_CLEANUP(struct feedback *, feedback_free)

/* --- for the files of this idea alone */

/* The one place where recipients are added: cleans and checks the address, keeps the bound. `address`
 * "" : hidden. Returns it, undetermined as yet, valid until the next one is added; of one that is there
 * already the same while it is still undetermined. NULL: no address, known already, or no room. */
struct feedback_recipient *feedback_add(struct feedback *f, const char *address);
/* Judges a diagnostic: sets code, enhanced, class, scope and reply of the recipient. `status` is a
 * report's Status field, "" : none. */
void feedback_judge(struct feedback_recipient *r, const struct replies *replies, const char *status,
                    const char *diagnostic);
/* A bounce in plain words: finds recipients and what is said of each. True: it is one, and `f` has its
 * recipients. Called for mail that no structured reader knew. */
bool feedback_words(struct feedback *f, const struct parts *p, const struct replies *replies);
