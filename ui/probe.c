#include "ui/probe.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"

enum { PROBE_MS = 200, ANSWER = 256 };

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
    usec_t end = clock_monotonic() + PROBE_MS * USEC_MS;
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
        for (ssize_t i = 0; i < got; i++) // a NUL would hide the rest
            answer[n + (size_t)i] = answer[n + (size_t)i] ? answer[n + (size_t)i] : ' ';
        n += (size_t)got;
        answer[n] = '\0';
    }
}

static void judge(struct probe *p, const char *answer)
{
    const char *rgb = strstr(answer, "rgb:"), *csi = answer;
    unsigned red, green, blue;
    int row, column;
    if (rgb && sscanf(rgb, "rgb:%2x%*[0-9a-fA-F]/%2x%*[0-9a-fA-F]/%2x", &red, &green, &blue) == 3) {
        p->knows_background = true;
        p->is_light = 299 * red + 587 * green + 114 * blue > 127500;
    }
    while ((csi = strstr(csi, "\033["))) {
        if (sscanf(csi, "\033[%d;%dR", &row, &column) == 2)
            p->is_wide = column == 3;
        csi += 2;
    }
}

static void from_environment(struct probe *p)
{
    const char *text = getenv("COLORFGBG"), *last = text ? strrchr(text, ';') : NULL;
    if (p->knows_background || !last)
        return;
    int background = atoi(last + 1);
    p->is_light = background == 7 || background == 15;
}

void probe_terminal(struct probe *p, int in, int out)
{
    static const char ask[] = "\r\033]11;?\033\\\r─\033[6n";
    struct termios old, raw;
    char answer[ANSWER];
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
    if (write(out, "\r\033[K", 4) < 0)
        answer[0] = '\0';
    tcsetattr(in, TCSANOW, &old);
    judge(p, answer);
    from_environment(p);
}
