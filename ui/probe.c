#include "ui/probe.h"

#include <ctype.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { PROBE_MS = 200, PROBE_SSH_MS = 1000, ANSWER = 256 };

// The cursor's answer comes last: once it is there, nothing more will.
static bool is_complete(const char *text)
{
    const char *csi = strstr(text, "\033[");
    while (csi && strspn(csi + 2, "0123456789;") + 2 < strlen(csi)) {
        if (csi[2 + strspn(csi + 2, "0123456789;")] == 'R')
            return true;
        csi = strstr(csi + 2, "\033[");
    }
    return false;
}

static void read_answer(char answer[ANSWER], int in)
{
    int most = getenv("SSH_CONNECTION") ? PROBE_SSH_MS : PROBE_MS;
    usec_t end = clock_monotonic() + most * USEC_MS;
    size_t n = 0;
    answer[0] = '\0';
    while (n + 1 < ANSWER && !is_complete(answer)) {
        struct pollfd fd = {.fd = in, .events = POLLIN};
        usec_t left = end - clock_monotonic();
        if (left <= 0 || poll(&fd, 1, (int)(left / USEC_MS) + 1) <= 0)
            return;
        ssize_t got = read(in, answer + n, ANSWER - 1 - n);
        if (got <= 0)
            return;
        for (char *p = answer + n; p < answer + n + got; p++) // a NUL would hide the rest
            if (!*p)
                *p = ' ';
        n += (size_t)got;
        answer[n] = '\0';
    }
}

// `rgb:RRRR/GGGG/BBBB`: the first two digits of each are enough.
static bool read_rgb(const char *text, long rgb[3])
{
    for (int i = 0; i < 3; i++) {
        char two[3] = "";
        if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]))
            return false;
        memcpy(two, text, 2);
        rgb[i] = strtol(two, NULL, 16);
        text += strspn(text, "0123456789abcdefABCDEF");
        text += *text == '/';
    }
    return true;
}

// `ESC [ ROW ; COLUMN R`: the column after `─` was drawn in the first.
static bool is_in_third_column(const char *answer)
{
    const char *csi = answer;
    while ((csi = strstr(csi, "\033["))) {
        csi += 2;
        size_t row = strspn(csi, "0123456789");
        if (row && strncmp(csi + row, ";3R", 3) == 0)
            return true;
    }
    return false;
}

static void judge(struct probe *p, const char *answer)
{
    const char *text = strstr(answer, "rgb:");
    long rgb[3];
    if (text && read_rgb(text + 4, rgb)) {
        p->knows_background = true;
        p->is_light = 299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] > 127500;
    }
    p->is_wide = is_in_third_column(answer);
}

static void from_environment(struct probe *p)
{
    const char *text = getenv("COLORFGBG"), *last = text ? strrchr(text, ';') : NULL;
    if (p->knows_background || !last)
        return;
    p->is_light = strcmp(last + 1, "7") == 0 || strcmp(last + 1, "15") == 0;
}

void probe_terminal(struct probe *p, int in, int out)
{
    static const char ask[] = "\r\033]11;?\033\\\r─\033[6n";
    struct termios old, raw;
    char answer[ANSWER];
    usec_t asked = clock_monotonic();
    memset(p, 0, sizeof(*p));
    if (tcgetattr(in, &old) < 0)
        return;
    raw = old;
    cfmakeraw(&raw);
    if (tcsetattr(in, TCSANOW, &raw) < 0)
        return;
    if (write(out, ask, sizeof(ask) - 1) > 0)
        read_answer(answer, in);
    else
        answer[0] = '\0';
    p->round_trip = clock_monotonic() - asked;
    if (write(out, "\r\033[K", 4) < 0)
        answer[0] = '\0';
    tcsetattr(in, TCSANOW, &old);
    judge(p, answer);
    from_environment(p);
}
