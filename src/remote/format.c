#include "remote/format.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

void format_count_full(char out[FORMAT_TEXT], int64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%" PRId64, n);
    size_t o = 0;
    for (int i = 0; i < len; i++) {
        out[o++] = digits[i];
        int left = len - i - 1;
        if (left && left % 3 == 0 && digits[i] != '-')
            out[o++] = ',';
    }
    out[o] = '\0';
}

void format_count(char out[FORMAT_TEXT], int64_t n)
{
    if (n < 100000)
        format_count_full(out, n);
    else if (n < 1000000)
        snprintf(out, FORMAT_TEXT, "%" PRId64 "k", n / 1000);
    else if (n < 1000000000)
        snprintf(out, FORMAT_TEXT, "%.1fM", (double)n / 1e6);
    else
        snprintf(out, FORMAT_TEXT, "%.1fG", (double)n / 1e9);
}

void format_rate(char out[FORMAT_TEXT], double rate)
{
    if (rate < 0)
        snprintf(out, FORMAT_TEXT, "–");
    else
        snprintf(out, FORMAT_TEXT, "%.*f", rate > 0 && rate < 0.00995 ? 2 : 1, rate * 100);
}

void format_time(char out[FORMAT_TEXT], usec_t at, usec_t now)
{
    if (at <= 0 || at == USEC_NEVER) {
        snprintf(out, FORMAT_TEXT, "–");
        return;
    }
    time_t seconds = (time_t)(at / USEC_SECOND);
    struct tm tm;
    if (!gmtime_r(&seconds, &tm))
        tm = (struct tm){.tm_mday = 1};
    bool is_near = at > now && at - now < 20 * USEC_HOUR; // past midnight, and no other moment
    bool is_today = at / USEC_DAY == now / USEC_DAY;
    bool is_far = (at > now ? at - now : now - at) > 300 * USEC_DAY;
    (void)strftime(out, FORMAT_TEXT,
                   is_near || is_today ? "%H:%MZ"
                   : is_far            ? "%d %b %Y"
                                       : "%d %b %H:%MZ",
                   &tm);
}

void format_age(char out[FORMAT_TEXT], usec_t at, usec_t now)
{
    if (at <= 0)
        snprintf(out, FORMAT_TEXT, "–");
    else
        text_format_age(out, now > at ? now - at : 0);
}
