#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmp.h>

#include <vterm.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"

enum { WAIT_MS = 5000, STEP_MS = 20 };

struct harness {
    pid_t pid;
    int pty, slave;
    int rows, columns;
    bool has_wide_glyphs, has_ended, is_alternate, is_cursor_hidden;
    int status;
    struct termios before;
    VTerm *vterm;
    VTermScreen *screen;
    struct buf raw;
    char picture[HARNESS_TEXT];
};

static int on_property(VTermProp property, VTermValue *value, void *ctx)
{
    struct harness *h = ctx;
    if (property == VTERM_PROP_ALTSCREEN)
        h->is_alternate = value->boolean;
    if (property == VTERM_PROP_CURSORVISIBLE)
        h->is_cursor_hidden = !value->boolean;
    return 1;
}

static const VTermScreenCallbacks callbacks = {.settermprop = on_property};

// libvterm draws all glyphs one column wide; a terminal that does not is played by its answer.
static void send_to_pty(const char *bytes, size_t n, void *ctx)
{
    struct harness *h = ctx;
    char copy[256];
    if (n >= sizeof(copy))
        return;
    memcpy(copy, bytes, n);
    copy[n] = '\0';
    if (h->has_wide_glyphs && n && copy[n - 1] == 'R' && strstr(copy, ";2R"))
        copy[n - 2] = '3';
    if (write(h->pty, copy, n) < 0)
        h->has_ended = true;
}

static void start_terminal(struct harness *h)
{
    h->vterm = vterm_new(h->rows, h->columns);
    vterm_set_utf8(h->vterm, 1);
    vterm_output_set_callback(h->vterm, send_to_pty, h);
    h->screen = vterm_obtain_screen(h->vterm);
    vterm_screen_enable_altscreen(h->screen, 1);
    vterm_screen_set_callbacks(h->screen, &callbacks, h);
    vterm_screen_reset(h->screen, 1);
}

static void run_child(const struct harness_options *o, int slave)
{
    static const char *const usual[] = {"TERM=xterm-256color", "LC_ALL=C.UTF-8",
                                        "PATH=/usr/bin:/bin"};
    enum { MOST = 16 };
    char *argv[MOST] = {(char *)o->program};
    const char *state = getenv("XDG_STATE_HOME");
    CLEANUP(xfree) char *kept = state ? xasprintf("XDG_STATE_HOME=%s", state) : NULL;
    login_tty(slave);
    clearenv();
    if (kept)
        putenv(kept);
    for (size_t i = 0; i < ARRAY_LEN(usual); i++)
        putenv((char *)usual[i]);
    for (size_t i = 0; o->env && o->env[i]; i++)
        putenv((char *)o->env[i]);
    for (size_t i = 0; o->argv[i] && i + 2 < MOST; i++)
        argv[i + 1] = (char *)o->argv[i];
    execv(o->program, argv);
    _exit(127);
}

struct harness *harness_start(const struct harness_options *o)
{
    struct harness *h = xcalloc(1, sizeof(*h));
    struct winsize size = {.ws_row = (unsigned short)o->rows, .ws_col = (unsigned short)o->columns};
    h->rows = o->rows;
    h->columns = o->columns;
    h->has_wide_glyphs = o->has_wide_glyphs;
    must(openpty(&h->pty, &h->slave, NULL, NULL, &size) == 0);
    fcntl(h->pty, F_SETFD, FD_CLOEXEC);
    tcgetattr(h->slave, &h->before);
    start_terminal(h);
    h->pid = fork();
    must(h->pid >= 0);
    if (h->pid == 0)
        run_child(o, h->slave);
    return h;
}

static bool reap(struct harness *h)
{
    if (!h->has_ended && waitpid(h->pid, &h->status, WNOHANG) == h->pid)
        h->has_ended = true;
    return h->has_ended;
}

void harness_stop(struct harness *h)
{
    if (!reap(h)) {
        kill(h->pid, SIGKILL);
        waitpid(h->pid, &h->status, 0);
    }
    close(h->pty);
    close(h->slave);
    vterm_free(h->vterm);
    buf_deinit(&h->raw);
    xfree(h);
}

static bool read_some(struct harness *h, int ms)
{
    struct pollfd fd = {.fd = h->pty, .events = POLLIN};
    char bytes[8192];
    if (poll(&fd, 1, ms) <= 0)
        return false;
    ssize_t n = read(h->pty, bytes, sizeof(bytes));
    if (n <= 0)
        return false;
    buf_add(&h->raw, bytes, (size_t)n);
    vterm_input_write(h->vterm, bytes, (size_t)n);
    return true;
}

void harness_pump(struct harness *h, int ms)
{
    usec_t end = clock_monotonic() + ms * USEC_MS;
    do
        read_some(h, STEP_MS);
    while (clock_monotonic() < end);
    while (read_some(h, 0))
        continue;
}

void harness_keys(struct harness *h, const char *keys)
{
    must(write(h->pty, keys, strlen(keys)) == (ssize_t)strlen(keys));
}

void harness_signal(struct harness *h, int number)
{
    kill(h->pid, number);
}

void harness_resize(struct harness *h, int rows, int columns)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
    h->rows = rows;
    h->columns = columns;
    vterm_set_size(h->vterm, rows, columns);
    ioctl(h->pty, TIOCSWINSZ, &size); // the kernel sends SIGWINCH
}

static size_t put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)(c ? c : ' ');
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 63));
        return 2;
    }
    if (c >= 0x10000)
        c = 0xfffd;
    out[0] = (char)(0xe0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 63));
    out[2] = (char)(0x80 | (c & 63));
    return 3;
}

static size_t put_row(struct harness *h, char *out, int row)
{
    size_t n = 0;
    for (int column = 0; column < h->columns; column++) {
        VTermScreenCell cell;
        vterm_screen_get_cell(h->screen, (VTermPos){.row = row, .col = column}, &cell);
        if (cell.chars[0] == (uint32_t)-1)
            continue; // the right half of a wide character
        n += put_utf8(out + n, cell.chars[0]);
        // What stands behind the first zero is not written by libvterm: it is whatever was there.
        for (int i = 1; i < VTERM_MAX_CHARS_PER_CELL && cell.chars[i - 1] && cell.chars[i]; i++)
            n += put_utf8(out + n, cell.chars[i]);
    }
    while (n && out[n - 1] == ' ')
        n--;
    return n;
}

const char *harness_picture(struct harness *h)
{
    size_t n = 0;
    for (int row = 0; row < h->rows && n + 8 * (size_t)h->columns < sizeof(h->picture); row++) {
        n += put_row(h, h->picture + n, row);
        h->picture[n++] = '\n';
    }
    h->picture[n] = '\0';
    return h->picture;
}

static bool wait_for(struct harness *h, const char *text, bool is_there)
{
    for (int waited = 0; waited < WAIT_MS; waited += STEP_MS) {
        harness_pump(h, STEP_MS);
        if (!strstr(harness_picture(h), text) == !is_there)
            return true;
    }
    fprintf(stderr, "%s `%s`; the picture is:\n%s\n", is_there ? "never saw" : "still sees", text,
            h->picture);
    return false;
}

bool harness_wait(struct harness *h, const char *text)
{
    return wait_for(h, text, true);
}

bool harness_wait_gone(struct harness *h, const char *text)
{
    return wait_for(h, text, false);
}

bool harness_wait_row(struct harness *h, int row, const char *start)
{
    char text[HARNESS_COLUMNS * 4];
    for (int waited = 0; waited < WAIT_MS; waited += STEP_MS) {
        harness_pump(h, STEP_MS);
        text[put_row(h, text, row)] = '\0';
        if (strncmp(text, start, strlen(start)) == 0)
            return true;
    }
    fprintf(stderr, "row %d never began with `%s`; it is `%s`\n", row, start, text);
    return false;
}

void harness_cursor(struct harness *h, int *row, int *column)
{
    VTermPos at;
    vterm_state_get_cursorpos(vterm_obtain_state(h->vterm), &at);
    *row = at.row;
    *column = at.col;
}

bool harness_has_colour(struct harness *h)
{
    // SGR 30 to 49 and 90 up are colours; the picture alone would not tell default from black.
    const char *p = (const char *)h->raw.p, *end = p + h->raw.n;
    while ((p = memmem(p, (size_t)(end - p), "\033[", 2))) {
        p += 2;
        size_t n = strspn(p, "0123456789;");
        if (p[n] == 'm' &&
            (strstr(p, "38;5;") == p || strstr(p, "48;5;") == p || *p == '4' || *p == '3') &&
            !(n == 2 && p[0] == '3' && p[1] == '9') && !(n == 2 && p[0] == '4' && p[1] == '9') &&
            n > 1)
            return true;
    }
    return false;
}

const char *harness_raw(struct harness *h, size_t *n)
{
    *n = h->raw.n;
    return (const char *)h->raw.p;
}

int harness_end(struct harness *h)
{
    for (int waited = 0; waited < WAIT_MS && !reap(h); waited += STEP_MS)
        harness_pump(h, STEP_MS);
    harness_pump(h, STEP_MS);
    return h->has_ended ? h->status : -1;
}

bool harness_is_restored(struct harness *h, const char **why)
{
    struct termios now;
    tcgetattr(h->slave, &now);
    *why = h->is_alternate                                 ? "the alternate screen is still there"
           : h->is_cursor_hidden                           ? "the cursor is hidden"
           : now.c_lflag != h->before.c_lflag              ? "the local modes differ"
           : now.c_iflag != h->before.c_iflag              ? "the input modes differ"
           : now.c_oflag != h->before.c_oflag              ? "the output modes differ"
           : !memmem(h->raw.p, h->raw.n, "\033[?2004l", 8) ? "pastes are still bracketed"
                                                           : NULL;
    return !*why;
}

pid_t harness_pid(struct harness *h)
{
    return h->pid;
}
