#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static usec_t read_clock(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (usec_t)ts.tv_sec * USEC_SECOND + ts.tv_nsec / 1000;
}

usec_t clock_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}

usec_t clock_monotonic(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

static void split(usec_t at, struct tm *tm, int *ms)
{
    time_t seconds = (time_t)(at / USEC_SECOND);
    if (at < 0 && at % USEC_SECOND)
        seconds--;
    *ms = (int)((at - (usec_t)seconds * USEC_SECOND) / USEC_MS);
    if (!gmtime_r(&seconds, tm))
        memset(tm, 0, sizeof(*tm));
}

void clock_format(char out[CLOCK_TEXT], usec_t at)
{
    struct tm tm;
    int ms;
    split(at, &tm, &ms);
    size_t n = strftime(out, CLOCK_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, CLOCK_TEXT - n, n ? ".%03dZ" : "never", ms);
}

void clock_format_mail(char out[CLOCK_TEXT], usec_t at)
{
    // By hand: strftime would write the names in the user's language.
    static const char days[] = "SunMonTueWedThuFriSat",
                      months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm;
    int ms;
    split(at, &tm, &ms);
    char rest[CLOCK_TEXT - 12] = ""; // stays empty for years that do not fit
    strftime(rest, sizeof(rest), "%Y %H:%M:%S +0000", &tm);
    snprintf(out, CLOCK_TEXT, "%.3s, %02u %.3s %s", days + 3 * tm.tm_wday,
             (unsigned)tm.tm_mday % 32, months + 3 * tm.tm_mon, rest);
}

static bool number(const char **at, int digits, int min, int max, int *out)
{
    int v = 0;
    for (int i = 0; i < digits; i++) {
        if (**at < '0' || **at > '9')
            return false;
        v = v * 10 + (*(*at)++ - '0');
    }
    *out = v;
    return v >= min && v <= max;
}

static bool sign(const char **at, char c)
{
    return *(*at)++ == c;
}

static bool parse_day(const char **at, struct tm *tm)
{
    memset(tm, 0, sizeof(*tm));
    if (!number(at, 4, 1970, 9999, &tm->tm_year) || !sign(at, '-') ||
        !number(at, 2, 1, 12, &tm->tm_mon) || !sign(at, '-') || !number(at, 2, 1, 31, &tm->tm_mday))
        return false;
    tm->tm_year -= 1900;
    tm->tm_mon--;
    int day = tm->tm_mday;
    struct tm check = *tm;
    timegm(&check);
    return check.tm_mday == day; // 31 April becomes 1 May there
}

bool clock_parse_date(usec_t *at, const char *text)
{
    struct tm tm;
    if (!parse_day(&text, &tm) || *text)
        return false;
    *at = (usec_t)timegm(&tm) * USEC_SECOND;
    return true;
}

bool clock_parse(usec_t *at, const char *text)
{
    struct tm tm;
    usec_t part = 0;
    if (!parse_day(&text, &tm) || !sign(&text, 'T') || !number(&text, 2, 0, 23, &tm.tm_hour) ||
        !sign(&text, ':') || !number(&text, 2, 0, 59, &tm.tm_min) || !sign(&text, ':') ||
        !number(&text, 2, 0, 60, &tm.tm_sec))
        return false;
    if (*text == '.') {
        usec_t unit = USEC_SECOND / 10;
        for (text++; *text >= '0' && *text <= '9'; text++, unit /= 10)
            part += (*text - '0') * unit;
    }
    if (strcmp(text, "Z") != 0)
        return false;
    *at = (usec_t)timegm(&tm) * USEC_SECOND + part;
    return true;
}

int64_t clock_hlc_next(int64_t last, usec_t wall)
{
    int64_t physical = (wall / USEC_MS) << 16;
    return physical > last ? physical : last + 1;
}
