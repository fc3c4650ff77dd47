/* Mail that the engine itself writes: delivery reports (RFC 3464) and notices to customers. ASCII,
 * CRLF, lines under 998 bytes; every value from outside is cleaned and encoded (RFC 2047), so that
 * none can end a line or add a field. The null return path is the envelope's affair. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "core/outcome.h"

struct buf;

struct report_failure {
    const char *recipient;
    const char *reply;         // the last answer, or our reason
    const char *provider_host; // Remote-MTA, "" for none
    enum class class;
    unsigned code;          // of the reply, 0 when there was none
    usec_t last_attempt_at; // 0: never tried
};

struct report_plan {
    const char *node;       // Reporting-MTA
    const char *to;         // the sender of the message that failed
    const char *message_id; // ULID of the failed message
    usec_t arrived_at, now;
    const struct report_failure *failures;
    size_t failures_n;
    struct bytes original; // its body; the headers go back (at most 16 KiB of them)
};

/* Appends the whole RFC 5322 message: multipart/report with text, message/delivery-status and
 * text/rfc822-headers. About 1 KiB and 2 KiB a failure; all failures stand in the status part, the
 * first 50 in the text. */
void report_format(struct buf *out, const struct report_plan *plan);

/* The harm that was seen, in numbers of about 24 h. */
struct notice_harm {
    enum harm harm;
    uint64_t bad, of;
    double limit;               // of the rate; of traps unused
    const char *list;           // most of it came by this one; "" for none
    const char *const *samples; // replies, no person's address in them
    size_t samples_n;
    bool is_stolen; // looks like a compromised account
};

struct notice_plan {
    const char *node, *to, *customer;
    const char *template_name; // "warned", "throttled", "suspended", "restored"
    const char *reason;        // "" for none
    const char *until;         // RFC 3339 or ""
    const char *rate;          // "" unless throttled
    uint64_t waiting;          // messages of it that wait
    usec_t now;
    const char *language;           // "en", "de"; of any other the first
    const struct notice_harm *harm; // NULL: the reason says all
};
/* Appends the notice: what was done, what was seen, until when, what it means and what to do. */
void notice_format(struct buf *out, const struct notice_plan *plan);
/* Is there such a language? */
bool notice_has_language(const char *code);
