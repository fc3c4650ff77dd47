/* The words that go outside, one X-macro list each: C, JSON, SQL and screens all come from it. Each
 * value is numbered by hand because it is on disk: never renumber, only append. What the words mean
 * stands in docs/words.md. `X(NAME, number, "text")`. */
#pragma once
#include <stdbool.h>

// A customer's state, worse is larger.
#define WORDS_STANDING(X)                                                                          \
    X(STANDING_GOOD, 0, "good")                                                                    \
    X(STANDING_WARNED, 1, "warned")                                                                \
    X(STANDING_THROTTLED, 2, "throttled")                                                          \
    X(STANDING_SUSPENDED, 3, "suspended")

// An IP's state.
#define WORDS_ROTATION(X)                                                                          \
    X(ROTATION_ACTIVE, 0, "active")                                                                \
    X(ROTATION_WARMING, 1, "warming")                                                              \
    X(ROTATION_DRAINING, 2, "draining")                                                            \
    X(ROTATION_PULLED, 3, "pulled")                                                                \
    X(ROTATION_RESTING, 4, "resting")

// What kind of mail a login may send.
#define WORDS_STREAM(X)                                                                            \
    X(STREAM_TRANSACTIONAL, 0, "transactional")                                                    \
    X(STREAM_LIST, 1, "list")

// What happened to one recipient.
#define WORDS_OUTCOME(X)                                                                           \
    X(OUTCOME_ACCEPTED, 0, "accepted")                                                             \
    X(OUTCOME_HELD, 1, "held")                                                                     \
    X(OUTCOME_REFUSED, 2, "refused")                                                               \
    X(OUTCOME_DELIVERED, 3, "delivered")                                                           \
    X(OUTCOME_DEFERRED, 4, "deferred")                                                             \
    X(OUTCOME_BOUNCED, 5, "bounced")                                                               \
    X(OUTCOME_EXPIRED, 6, "expired")                                                               \
    X(OUTCOME_COMPLAINED, 7, "complained")                                                         \
    X(OUTCOME_UNSUBSCRIBED, 8, "unsubscribed")                                                     \
    X(OUTCOME_TRAP, 9, "trap")                                                                     \
    X(OUTCOME_LISTED, 10, "listed")                                                                \
    X(OUTCOME_DELISTED, 11, "delisted")

// Why.
#define WORDS_CLASS(X)                                                                             \
    X(CLASS_DELIVERED, 0, "delivered")                                                             \
    X(CLASS_UNKNOWN_USER, 1, "unknown-user")                                                       \
    X(CLASS_INACTIVE_MAILBOX, 2, "inactive-mailbox")                                               \
    X(CLASS_MAILBOX_FULL, 3, "mailbox-full")                                                       \
    X(CLASS_RECIPIENT_REFUSED, 4, "recipient-refused")                                             \
    X(CLASS_DOMAIN_NOT_FOUND, 5, "domain-not-found")                                               \
    X(CLASS_MESSAGE_TOO_BIG, 6, "message-too-big")                                                 \
    X(CLASS_CONTENT_SPAM, 7, "content-spam")                                                       \
    X(CLASS_IP_REPUTATION_BLOCK, 8, "ip-reputation-block")                                         \
    X(CLASS_AUTH_POLICY, 9, "auth-policy")                                                         \
    X(CLASS_RATE_LIMITED, 10, "rate-limited")                                                      \
    X(CLASS_TRANSIENT, 11, "transient")                                                            \
    X(CLASS_PROTOCOL, 12, "protocol")                                                              \
    X(CLASS_NO_CONNECT, 13, "no-connect")                                                          \
    X(CLASS_AUTO_REPLY, 14, "auto-reply")                                                          \
    X(CLASS_COMPLAINT, 15, "complaint")                                                            \
    X(CLASS_UNSUBSCRIBE, 16, "unsubscribe")                                                        \
    X(CLASS_UNDETERMINED, 17, "undetermined")                                                      \
    X(CLASS_SUSPENDED, 18, "suspended")     /* refused at submission: the customer's standing */   \
    X(CLASS_OVER_LIMIT, 19, "over-limit")   /* refused at submission: its rate */                  \
    X(CLASS_UNCONFIRMED, 20, "unconfirmed") /* refused or held at submission: no consent */

// Whom the answer speaks of.
#define WORDS_SCOPE(X)                                                                             \
    X(SCOPE_UNKNOWN, 0, "unknown")                                                                 \
    X(SCOPE_RECIPIENT, 1, "recipient")                                                             \
    X(SCOPE_MESSAGE, 2, "message")                                                                 \
    X(SCOPE_URL, 3, "url")                                                                         \
    X(SCOPE_SENDER_DOMAIN, 4, "sender-domain")                                                     \
    X(SCOPE_CUSTOMER, 5, "customer")                                                               \
    X(SCOPE_IP, 6, "ip")                                                                           \
    X(SCOPE_NETBLOCK, 7, "netblock")                                                               \
    X(SCOPE_PROVIDER, 8, "provider")

// Where in the SMTP dialogue the answer came.
#define WORDS_PHASE(X)                                                                             \
    X(PHASE_NONE, 0, "none")                                                                       \
    X(PHASE_CONNECT, 1, "connect")                                                                 \
    X(PHASE_BANNER, 2, "banner")                                                                   \
    X(PHASE_TLS, 3, "tls")                                                                         \
    X(PHASE_MAIL, 4, "mail")                                                                       \
    X(PHASE_RCPT, 5, "rcpt")                                                                       \
    X(PHASE_DATA, 6, "data")                                                                       \
    X(PHASE_HELO, 7, "helo")

// Kinds of ledger entries: X(NAME, number, "command's word", shape). The shapes are those of
// core/state.h: they make any order of arrival give one state.
#define WORDS_KIND(X)                                                                              \
    X(KIND_START, 0, "start", SHAPE_FACT)                                                          \
    X(KIND_RELOAD, 1, "reload", SHAPE_FACT)                                                        \
    X(KIND_WARN, 2, "warn", SHAPE_HOLD)                                                            \
    X(KIND_THROTTLE, 3, "throttle", SHAPE_HOLD)                                                    \
    X(KIND_SUSPEND, 4, "suspend", SHAPE_HOLD)                                                      \
    X(KIND_RESTORE, 5, "restore", SHAPE_LIFT)                                                      \
    X(KIND_PULL, 6, "pull", SHAPE_HOLD)                                                            \
    X(KIND_DRAIN, 7, "drain", SHAPE_HOLD)                                                          \
    X(KIND_RETURN, 8, "return", SHAPE_LIFT)                                                        \
    X(KIND_HOLD, 9, "hold", SHAPE_HOLD)                                                            \
    X(KIND_RELEASE, 10, "release", SHAPE_LIFT)                                                     \
    X(KIND_UNDO, 11, "undo", SHAPE_LIFT)                                                           \
    X(KIND_CUSTOMER, 12, "customer", SHAPE_REGISTER)                                               \
    X(KIND_PAUSE, 13, "pause", SHAPE_HOLD) /* lane:ADDR/PROVIDER, or provider:ID: all its lanes */ \
    X(KIND_RESUME, 14, "resume", SHAPE_LIFT)                                                       \
    X(KIND_INCIDENT, 15, "incident", SHAPE_FACT) /* incident:N opened, or known better */          \
    X(KIND_INCIDENT_END, 16, "incident-end", SHAPE_FACT)                                           \
    X(KIND_ACK, 17, "ack", SHAPE_FACT)                                                             \
    X(KIND_NOTE, 18, "note", SHAPE_FACT)                                                           \
    X(KIND_RESOLVE, 19, "resolve", SHAPE_FACT)                                                     \
    X(KIND_CALL_OPERATOR, 20, "call-operator", SHAPE_FACT)                                         \
    X(KIND_OBSERVED, 21, "observed", SHAPE_FACT) /* mode: observe; field `would` is the kind */    \
    X(KIND_SUPPRESS, 22, "suppress", SHAPE_FACT) /* folded by the store's table, not by state */   \
    X(KIND_UNSUPPRESS, 23, "unsuppress", SHAPE_FACT)

// Kinds of harm that are judged.
#define WORDS_HARM(X)                                                                              \
    X(HARM_DEAD, 0, "dead recipients")                                                             \
    X(HARM_COMPLAINT, 1, "complaints")                                                             \
    X(HARM_SPAM, 2, "spam rejections")                                                             \
    X(HARM_REPEAT, 3, "repeats")          /* submissions to who is known dead or has left */       \
    X(HARM_UNCONFIRMED, 4, "unconfirmed") /* list submissions without consent */                   \
    X(HARM_TRAP, 5, "traps")

// Steps of the ladder, milder ones first.
#define WORDS_RUNG(X)                                                                              \
    X(RUNG_WARN, 0, "warn")                                                                        \
    X(RUNG_THROTTLE, 1, "throttle")                                                                \
    X(RUNG_SUSPEND, 2, "suspend")

// What the engine decides by itself (contract: actions of `replay`); `pool` moves a customer.
#define WORDS_ACTION(X)                                                                            \
    X(ACTION_WARN, 0, "warn")                                                                      \
    X(ACTION_THROTTLE, 1, "throttle")                                                              \
    X(ACTION_SUSPEND, 2, "suspend")                                                                \
    X(ACTION_RESTORE, 3, "restore")                                                                \
    X(ACTION_PULL, 4, "pull")                                                                      \
    X(ACTION_DRAIN, 5, "drain")                                                                    \
    X(ACTION_RETURN, 6, "return")                                                                  \
    X(ACTION_PAUSE, 7, "pause")                                                                    \
    X(ACTION_RESUME, 8, "resume")                                                                  \
    X(ACTION_INCIDENT, 9, "incident")                                                              \
    X(ACTION_INCIDENT_END, 10, "incident-end")                                                     \
    X(ACTION_CALL_OPERATOR, 11, "call-operator")                                                   \
    X(ACTION_POOL, 12, "pool")

// How bad an incident is, worse is larger.
#define WORDS_SEVERITY(X)                                                                          \
    X(SEVERITY_NOTICE, 0, "notice")                                                                \
    X(SEVERITY_WARNING, 1, "warning")                                                              \
    X(SEVERITY_CRITICAL, 2, "critical")

#define WORDS_SHAPE(X)                                                                             \
    X(SHAPE_FACT, 0, "fact")                                                                       \
    X(SHAPE_HOLD, 1, "hold")                                                                       \
    X(SHAPE_LIFT, 2, "lift")                                                                       \
    X(SHAPE_REGISTER, 3, "register")

#define WORDS_ENUM_ROW(name, number, ...) name = number,
enum standing { WORDS_STANDING(WORDS_ENUM_ROW) };
enum rotation { WORDS_ROTATION(WORDS_ENUM_ROW) };
enum stream { WORDS_STREAM(WORDS_ENUM_ROW) };
enum outcome_kind { WORDS_OUTCOME(WORDS_ENUM_ROW) };
enum class { WORDS_CLASS(WORDS_ENUM_ROW) };
enum scope { WORDS_SCOPE(WORDS_ENUM_ROW) };
enum phase { WORDS_PHASE(WORDS_ENUM_ROW) };
enum kind { WORDS_KIND(WORDS_ENUM_ROW) };
enum shape { WORDS_SHAPE(WORDS_ENUM_ROW) };
enum harm { WORDS_HARM(WORDS_ENUM_ROW) HARM_N };
enum rung { WORDS_RUNG(WORDS_ENUM_ROW) RUNG_N };
enum action { WORDS_ACTION(WORDS_ENUM_ROW) };
enum severity { WORDS_SEVERITY(WORDS_ENUM_ROW) };

/* The text of a word; "?" for a number from the disk that is none (a newer version's). */
const char *standing_text(enum standing v);
const char *rotation_text(enum rotation v);
const char *stream_text(enum stream v);
const char *outcome_kind_text(enum outcome_kind v);
const char *class_text(enum class v);
const char *scope_text(enum scope v);
const char *phase_text(enum phase v);
const char *kind_text(enum kind v);
const char *harm_text(enum harm v);
const char *rung_text(enum rung v);
const char *action_text(enum action v);
const char *severity_text(enum severity v);

/* False when the text is no such word. */
bool standing_parse(enum standing *v, const char *text);
bool rotation_parse(enum rotation *v, const char *text);
bool stream_parse(enum stream *v, const char *text);
bool outcome_kind_parse(enum outcome_kind *v, const char *text);
bool class_parse(enum class *v, const char *text);
bool scope_parse(enum scope *v, const char *text);
bool phase_parse(enum phase *v, const char *text);
bool kind_parse(enum kind *v, const char *text);
bool harm_parse(enum harm *v, const char *text);
bool rung_parse(enum rung *v, const char *text);
bool action_parse(enum action *v, const char *text);
bool severity_parse(enum severity *v, const char *text);

/* How entries of a kind fold together. */
enum shape kind_shape(enum kind v);
