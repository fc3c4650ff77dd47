#include "intake/suppressed.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/words.h"
#include "smtp/reply.h"
#include "store/suppress.h"

enum { DAY = 16, SHOWN = 300, PART = 100 };

// `20 Nov 2026`.
static void day_text(char out[DAY], uint32_t minute)
{
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t at = (time_t)minute * 60;
    struct tm tm = {0};
    gmtime_r(&at, &tm);
    snprintf(out, DAY, "%d %s %d", tm.tm_mday % 32, months[tm.tm_mon % 12],
             (tm.tm_year + 1900) % 10000);
}

// RFC 3463 §3.2, §3.8.
static const char *enhanced_of(enum class class)
{
    switch ((int)class) {
    case CLASS_UNKNOWN_USER:
        return "5.1.1";
    case CLASS_INACTIVE_MAILBOX:
        return "5.2.1";
    case CLASS_MAILBOX_FULL:
        return "5.2.2";
    case CLASS_DOMAIN_NOT_FOUND:
        return "5.1.2";
    default:
        return "5.7.1";
    }
}

void suppressed_refuse(const struct suppression *one, const char *address,
                       const struct store *store, struct smtp_reply *reply)
{
    char since[DAY], until[DAY], ends[PART] = "", said[PART] = "", shown[SHOWN];
    enum class class = (enum class)one->class;
    bool is_domain = one->flags & SUPPRESSION_DOMAIN;
    const char *domain = strrchr(address, '@');
    const char *what = is_domain && domain ? domain + 1 : address;
    const char *provider =
        store && one->provider ? suppress_provider_name(store, one->provider) : "";
    text_visible(shown, sizeof(shown), address, strlen(address));
    CLEANUP(xfree) char *whom = text_visible_new(bytes_str(what));
    day_text(since, one->since);
    day_text(until, one->until);
    if (one->until != UINT32_MAX)
        snprintf(ends, sizeof(ends), " (until %s)", until);
    if (*provider)
        snprintf(said, sizeof(said), ", as %.60s said", provider);
    smtp_reply_set(reply, 550, enhanced_of(class),
                   "<%s>: no mail goes %s%.200s: %s since %s%s%s; if that is wrong, ask your mail "
                   "service to lift it (mxwarden suppress rm %.200s)",
                   shown, is_domain ? "to " : "there", is_domain ? whom : "", class_text(class),
                   since, ends, said, whom);
}
