#include "ui/figure.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

const char *figure_full(char out[FIGURE_TEXT], int64_t v)
{
    char digits[FIGURE_TEXT];
    int n = snprintf(digits, sizeof(digits), "%" PRId64, v < 0 ? 0 : v);
    char *p = out;
    for (int i = 0; i < n && p - out < FIGURE_TEXT - 2; i++) {
        if (i && (n - i) % 3 == 0)
            *p++ = ',';
        *p++ = digits[i];
    }
    *p = '\0';
    return out;
}

const char *figure_count(char out[FIGURE_TEXT], int64_t v)
{
    if (v < 100000)
        return figure_full(out, v);
    if (v < 1000000)
        snprintf(out, FIGURE_TEXT, "%" PRId64 "k", v / 1000);
    else if (v < 100000000)
        snprintf(out, FIGURE_TEXT, "%.1fM", (double)v / 1e6);
    else
        snprintf(out, FIGURE_TEXT, "%" PRId64 "M", v / 1000000);
    return out;
}

const char *figure_rate(char out[FIGURE_TEXT], double fraction, int decimals)
{
    snprintf(out, FIGURE_TEXT, "%.*f", decimals, fraction * 100);
    return out;
}

// RFC 3339 text is what the base can write; days and hours stand in it at fixed places.
static void parts(char out[CLOCK_TEXT], usec_t at)
{
    clock_format(out, at < 0 ? 0 : at);
}

const char *figure_clock(char out[FIGURE_TEXT], usec_t at)
{
    char text[CLOCK_TEXT];
    parts(text, at);
    snprintf(out, FIGURE_TEXT, "%.8sZ", text + 11);
    return out;
}

const char *figure_time(char out[FIGURE_TEXT], usec_t at, usec_t now)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char text[CLOCK_TEXT], today[CLOCK_TEXT];
    parts(text, at);
    parts(today, now);
    bool is_near = at > now && at - now < 20 * USEC_HOUR; // past midnight, and no other moment
    if (is_near || strncmp(text, today, 10) == 0) {
        snprintf(out, FIGURE_TEXT, "%.5sZ", text + 11);
        return out;
    }
    int64_t month = 1;
    char name[3] = "00", day[3] = "00";
    memcpy(name, text + 5, 2);
    memcpy(day, text + 8, 2);
    text_parse_number(&month, name, 1, 12);
    snprintf(out, FIGURE_TEXT, "%s %.3s", day[0] == '0' ? day + 1 : day,
             months + 3 * (size_t)(month - 1));
    return out;
}

const char *figure_age(char out[FIGURE_TEXT], usec_t at, usec_t now)
{
    char text[TEXT_VALUE];
    text_format_age(text, now > at ? now - at : at - now);
    snprintf(out, FIGURE_TEXT, "%s", text);
    return out;
}

// Appends while there is room; gives the new end.
static size_t append(char out[FIGURE_CHART], size_t at, const char *glyph)
{
    size_t n = strlen(glyph);
    if (at + n >= FIGURE_CHART)
        return at;
    memcpy(out + at, glyph, n + 1);
    return at + n;
}

const char *figure_bar(char out[FIGURE_CHART], double fraction, int width)
{
    int full = (int)(fraction * width + 0.5);
    size_t at = 0;
    out[0] = '\0';
    for (int i = 0; i < width; i++)
        at = append(out, at, i < full ? "█" : "░");
    return out;
}

static const char *block(double v, double most)
{
    static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    if (v < 0)
        return "–";
    int step = most > 0 ? (int)(v / most * 7 + 0.5) : 0;
    return blocks[step > 7 ? 7 : step];
}

const char *figure_chart(char out[FIGURE_CHART], const double *v, size_t n, int width)
{
    double folded[FIGURE_CHART], most = 0;
    size_t w = width < 1 ? 0 : (size_t)width > FIGURE_CHART / 4 ? FIGURE_CHART / 4 : (size_t)width;
    for (size_t i = 0; i < w; i++) {
        folded[i] = n ? 0 : -1;
        size_t from = i * n / w, to = (i + 1) * n / w;
        if (to <= from)
            to = from + 1;
        // The mean, so that columns of three and of two numbers compare.
        for (size_t k = from; k < to && k < n; k++)
            folded[i] = v[k] < 0 ? -1 : folded[i] + v[k] / (double)(to - from);
        most = folded[i] > most ? folded[i] : most;
    }
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < w; i++) // nothing at all is no data, and no row of lows
        at = append(out, at, block(most > 0 ? folded[i] : -1, most));
    return out;
}

const char *figure_loud(char out[FIGURE_TEXT], const char *word)
{
    size_t i = 0;
    for (; word[i] && i + 1 < FIGURE_TEXT; i++)
        out[i] = (char)toupper((unsigned char)word[i]);
    out[i] = '\0';
    return out;
}

// Bytes of the dotted quad at `s` before its last dot; 0: there is none.
static size_t quad_lead(const char *s)
{
    size_t at = 0, lead = 0;
    for (int part = 0; part < 4; part++) {
        size_t digits = strspn(s + at, "0123456789");
        if (!digits || digits > 3 || (part < 3 && s[at + digits] != '.'))
            return 0;
        lead = part == 2 ? at + digits : lead;
        at += digits + (part < 3);
    }
    return s[at] == '.' && isdigit((unsigned char)s[at + 1]) ? 0 : lead;
}

void figure_short_ips(char *out, size_t room, const char *text)
{
    size_t n = 0;
    for (const char *p = text; *p && n + 1 < room; p++) {
        bool is_start = p == text || !(isalnum((unsigned char)p[-1]) || p[-1] == '.');
        size_t lead = is_start ? quad_lead(p) : 0;
        p += lead;
        out[n++] = *p;
    }
    out[n] = '\0';
}
