/* What the files of feedback share: its readers, one a kind of mail, and what they all need. No other
 * file includes this. Pure. */
#pragma once
#include <stdbool.h>

#include "mail/address.h"
#include "mail/feedback.h"
#include "mail/parts.h"

/* Readers: true when the mail is of that kind, and `f` says what it says. Each is asked for any mail. */
bool feedback_report(struct feedback *f, const struct parts *p, const struct replies *replies);
/* Asked last: a report of which nothing more can be said. */
bool feedback_report_rest(struct feedback *f, const struct parts *p, const struct replies *replies);
bool feedback_complaint(struct feedback *f, const struct parts *p);
/* A mail to a List-Unsubscribe address. */
bool feedback_unsubscribe(struct feedback *f, const struct parts *p);
/* Asked for what nothing before it knew. */
bool feedback_auto(struct feedback *f, const struct parts *p);

/* Is this certainly an answering machine's, whatever its text looks like? */
bool feedback_auto_sure(const struct part *top);
/* Does the mail say that a machine wrote it (RFC 3834)? Bounces say so as well. */
bool feedback_is_automatic(const struct part *top);
/* Is it from a mail system (MAILER-DAEMON and kin), not from a mailbox? */
bool feedback_is_daemon(const struct part *top);

/* Did it come with the null return path? */
bool feedback_has_null_path(const struct part *top);

/* An address as reports write it to one as mail writes it: `rfc822;`, <>, quotes, comments, xtext, X.400 and
 * IMCEA forms that hold one, UTF-8 (RFC 6533). Also what no standard allows and providers do (two dots).
 * False, and "": there is none inside. */
bool feedback_address(char out[ADDRESS_TEXT], const char *text);

/* As feedback_judge(), for what `host` ("" : unknown) has said: some words mean something of their own
 * there. */
void feedback_judge_of(struct feedback_recipient *r, const struct replies *replies,
                       const char *status, const char *diagnostic, const char *host);

/* A recipient of the mail, hidden or not, of a class that needs no judging. */
void feedback_say(struct feedback *f, const char *address, enum class class, enum scope scope);
/* Keeps `text` as *field where that is still empty and text is not NULL; without <>. */
void feedback_keep(char **field, const char *text);

/* What leads to the mail answered, from a part that has its headers (or NULL: nothing). */
void feedback_origin(struct feedback *f, const struct part *original);
/* The rest of the first line that begins with `name` ("To:"), quoted or not; owned; NULL: none does. */
char *feedback_line_of(const char *text, const char *name);
/* The part that holds the mail answered, or its headers; NULL. */
const struct part *feedback_original(const struct parts *p);
/* The one address in the fields To, X-Failed-Recipients … of a mail: "" unless it is exactly one. */
void feedback_only_recipient(char out[ADDRESS_TEXT], const struct part *original);
