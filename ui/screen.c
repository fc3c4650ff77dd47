#include "ui/screen.h"

#include <curses.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "ui/probe.h"

#undef lines
#undef columns

// ncurses has its own numbers; ours for the paste brackets lie above them.
enum { CODE_PASTE_BEGIN = 0x1000, CODE_PASTE_END = 0x1001 };
enum { RESTORE = 512, PASTE_SILENCE_MS = 1000 };
#define FAR (100 * USEC_MS) // a round trip from which on pictures come less often
#define PASTE_ON "\033[?2004h"
#define PASTE_OFF "\033[?2004l"

static struct {
    SCREEN *curses;
    bool is_open, is_far, is_ascii, is_dim, is_light, has_room_for_colour;
    enum palette palette;
    enum theme theme;
    struct termios termios; // as it was
    char restore[RESTORE];  // bytes that give the terminal back; prepared, for signal handlers
    volatile sig_atomic_t restore_n;
    bool is_pasting;
    usec_t pasted_at;
    char paste[SCREEN_PASTE];
    size_t paste_n;
} screen;

static const int fatal_signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGSEGV,
                                    SIGBUS,  SIGFPE, SIGILL, SIGABRT};

// Async-signal-safe: one prepared write, tcsetattr, and the signal again with its own effect.
static void on_fatal(int number)
{
    if (screen.restore_n && write(STDOUT_FILENO, screen.restore, (size_t)screen.restore_n) < 0)
        screen.restore_n = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &screen.termios);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void add_capability(struct buf *b, const char *name)
{
    const char *text = tigetstr((char *)name);
    // NOLINTNEXTLINE(performance-no-int-to-ptr): so terminfo says "no such name"
    if (text && text != (char *)-1)
        buf_add_str(b, text);
}

static void prepare_restore(void)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    buf_add_str(&b, "\030" PASTE_OFF); // CAN ends an escape sequence that was half written
    add_capability(&b, "sgr0");
    add_capability(&b, "op");
    add_capability(&b, "cnorm");
    add_capability(&b, "rmkx");
    add_capability(&b, "rmcup");
    size_t n = b.n < RESTORE ? b.n : RESTORE;
    memcpy(screen.restore, b.p, n);
    screen.restore_n = (sig_atomic_t)n;
}

static void catch_signals(void)
{
    // A stack of its own: a SEGV may come from the ordinary one being full.
    static char stack[16384];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction action = {.sa_handler = on_fatal, .sa_flags = SA_ONSTACK | SA_NODEFER};
    sigaltstack(&alternate, NULL);
    for (size_t i = 0; i < ARRAY_LEN(fatal_signals); i++)
        sigaction(fatal_signals[i], &action, NULL);
}

static enum theme effective_theme(void)
{
    if (screen.theme != THEME_AUTO)
        return screen.theme;
    return screen.is_light ? THEME_LIGHT : THEME_DARK;
}

static int pair_of(enum pen pen, bool is_selected)
{
    return 1 + (int)pen * 2 + is_selected;
}

static void set_colours(void)
{
    if (screen.palette == PALETTE_MONO)
        return;
    for (int pen = 0; pen < PEN_COUNT; pen++) {
        for (int selected = 0; selected < 2; selected++) {
            struct look l = theme_look(screen.palette, effective_theme(), pen, selected);
            init_pair((short)pair_of(pen, selected), l.fg, l.bg);
        }
    }
}

static enum palette find_palette(void)
{
    const char *no_color = getenv("NO_COLOR");
    if ((no_color && *no_color) || !has_colors() || start_color() == ERR)
        return PALETTE_MONO;
    use_default_colors();
    if (COLORS >= 256 && COLOR_PAIRS > 2 * PEN_COUNT)
        return PALETTE_256;
    return COLORS >= 8 && COLOR_PAIRS > 2 * PEN_COUNT ? PALETTE_16 : PALETTE_MONO;
}

static void set_modes(void)
{
    cbreak();
    noecho();
    nonl();
    intrflush(stdscr, FALSE);
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(getenv("SSH_CONNECTION") ? 200 : 25);
    define_key("\033[200~", CODE_PASTE_BEGIN);
    define_key("\033[201~", CODE_PASTE_END);
}

static void write_now(const char *text)
{
    (void)fflush(stdout);
    for (size_t n = strlen(text); n;) {
        ssize_t sent = write(STDOUT_FILENO, text, n);
        if (sent <= 0)
            return;
        text += sent;
        n -= (size_t)sent;
    }
}

int screen_open(void)
{
    struct probe probe;
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        fprintf(stderr, "mxwarden: the console needs a terminal\n");
        return 1;
    }
    (void)setlocale(LC_CTYPE, "");
    tcgetattr(STDIN_FILENO, &screen.termios);
    probe_terminal(&probe, STDIN_FILENO, STDOUT_FILENO);
    screen.is_light = probe.is_light;
    screen.is_far = getenv("SSH_CONNECTION") && probe.round_trip > FAR;
    screen.is_ascii = probe.is_wide || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
    screen.curses = newterm(NULL, stdout, stdin);
    if (!screen.curses) {
        const char *term = getenv("TERM");
        fprintf(stderr, "mxwarden: no terminal description for TERM=%s\n", term ? term : "");
        return 1;
    }
    screen.is_open = true;
    prepare_restore();
    catch_signals();
    set_modes();
    screen.palette = find_palette();
    set_colours();
    write_now(PASTE_ON);
    return 0;
}

void screen_close(void)
{
    if (!screen.is_open)
        return;
    write_now(PASTE_OFF);
    endwin();
    delscreen(screen.curses);
    screen.is_open = false;
    screen.restore_n = 0;
}

void screen_stop(void)
{
    sigset_t stop, old;
    write_now(PASTE_OFF);
    endwin();
    (void)signal(SIGTSTP, SIG_DFL);
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &stop, &old);
    (void)raise(SIGTSTP); // here it stands still until SIGCONT
    sigprocmask(SIG_SETMASK, &old, NULL);
    write_now(PASTE_ON);
    screen_resized();
}

void screen_resized(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col)
        resizeterm(size.ws_row, size.ws_col);
    screen_redraw();
}

void screen_redraw(void)
{
    clearok(curscr, TRUE);
}

void screen_size(int *rows, int *columns)
{
    getmaxyx(stdscr, *rows, *columns);
}

const char *screen_next_theme(void)
{
    screen.theme = (screen.theme + 1) % THEME_COUNT;
    set_colours();
    screen_redraw();
    return theme_name(screen.theme);
}

int screen_pictures_a_second(void)
{
    return screen.is_far ? 2 : 10;
}

bool screen_is_ascii(void)
{
    return screen.is_ascii;
}

void screen_begin(void)
{
    screen.is_dim = false;
    erase();
}

void screen_dim(bool is_dim)
{
    screen.is_dim = is_dim;
}

static void set_pen(enum pen pen, bool is_selected)
{
    if (screen.is_dim) {
        pen = PEN_DIM;
        is_selected = false;
    }
    struct look l = theme_look(screen.palette, effective_theme(), pen, is_selected);
    attr_t attributes = (l.is_bold ? A_BOLD : 0) | (l.is_underlined ? A_UNDERLINE : 0) |
                        (l.is_reversed ? A_REVERSE : 0);
    short pair = (short)(screen.palette == PALETTE_MONO ? 0 : pair_of(pen, is_selected));
    attr_set(attributes, pair, NULL);
}

// The character as this terminal can show it: a glyph's twin, or `?` where it can show nothing.
static wchar_t shown(uint32_t code)
{
    char twin = theme_twin(code);
    if (screen.is_ascii && twin)
        return (wchar_t)twin;
    return wcwidth((wchar_t)code) < 0 ? L'?' : (wchar_t)code;
}

static void put_run(const char *text, size_t n)
{
    wchar_t wide[LINE_BYTES + 1];
    size_t count = 0;
    for (size_t at = 0; at < n && count < LINE_BYTES;) {
        uint32_t code = '?';
        size_t used = text_utf8(&code, (const uint8_t *)text + at, n - at);
        wide[count++] = shown(used ? code : '?');
        at += used ? used : 1;
    }
    addnwstr(wide, (int)count);
}

void screen_line(int row, int column, int width, const struct line *l, bool is_selected)
{
    struct line cut = *l;
    int rows, columns;
    screen_size(&rows, &columns);
    if (row < 0 || row >= rows || column >= columns || width <= 0)
        return;
    line_cut(&cut, width < columns - column ? width : columns - column);
    move(row, column);
    for (size_t from = 0, to; from < cut.n; from = to) {
        for (to = from + 1; to < cut.n && cut.pen[to] == cut.pen[from];)
            to++;
        set_pen(cut.pen[from], is_selected);
        put_run(cut.text + from, to - from);
    }
    if (is_selected)
        set_pen(PEN_NORMAL, true);
    for (int at = cut.columns; is_selected && at < width && column + at < columns; at++)
        addch(' ');
    attrset(A_NORMAL);
}

void screen_text(int row, int column, int width, enum pen pen, const char *text)
{
    struct line l;
    line_clear(&l);
    line_str(&l, pen, text);
    screen_line(row, column, width, &l, false);
}

void screen_blank(int row, int column, int width)
{
    attrset(A_NORMAL);
    mvhline(row, column, ' ', width);
}

void screen_end(int row, int column)
{
    attrset(A_NORMAL);
    move(row, column);
    refresh();
}

static int special_key(wint_t code)
{
    static const struct {
        wint_t curses;
        int ours;
    } keys[] = {
        {KEY_UP, KEY_ARROW_UP},       {KEY_DOWN, KEY_ARROW_DOWN}, {KEY_LEFT, KEY_ARROW_LEFT},
        {KEY_RIGHT, KEY_ARROW_RIGHT}, {KEY_PPAGE, KEY_PAGE_UP},   {KEY_NPAGE, KEY_PAGE_DOWN},
        {KEY_HOME, KEY_FIRST},        {KEY_END, KEY_LAST},        {KEY_DC, KEY_DELETE},
        {KEY_BACKSPACE, KEY_ERASE},   {KEY_ENTER, '\n'},          {KEY_BTAB, KEY_BACKTAB},
    };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (keys[i].curses == code)
            return keys[i].ours;
    return KEY_NONE;
}

static void paste_byte(wint_t code)
{
    char bytes[8];
    mbstate_t state = {0};
    if (code < ' ' || code == 0x7f)
        code = ' '; // one line, whatever was copied
    size_t n = wcrtomb(bytes, (wchar_t)code, &state);
    if (n == (size_t)-1 || screen.paste_n + n >= SCREEN_PASTE)
        return;
    memcpy(screen.paste + screen.paste_n, bytes, n);
    screen.paste_n += n;
    screen.paste[screen.paste_n] = '\0';
}

// Inside the brackets nothing is a key. A paste whose end got lost ends by silence.
static int paste_key(int kind, wint_t code)
{
    bool is_end = kind == KEY_CODE_YES && code == CODE_PASTE_END;
    screen.pasted_at = clock_monotonic();
    if (is_end) {
        screen.is_pasting = false;
        return KEY_PASTE;
    }
    if (kind != KEY_CODE_YES)
        paste_byte(code);
    return KEY_NONE;
}

int screen_key(void)
{
    wint_t code;
    int kind;
    while ((kind = get_wch(&code)) != ERR) {
        usec_t silence = clock_monotonic() - screen.pasted_at;
        if (screen.is_pasting && silence > PASTE_SILENCE_MS * USEC_MS)
            screen.is_pasting = false;
        if (screen.is_pasting) {
            int key = paste_key(kind, code);
            if (key)
                return key;
            continue;
        }
        if (kind == KEY_CODE_YES && code == CODE_PASTE_BEGIN) {
            screen.is_pasting = true;
            screen.pasted_at = clock_monotonic();
            screen.paste_n = 0;
            screen.paste[0] = '\0';
            continue;
        }
        int key = kind == KEY_CODE_YES ? special_key(code)
                  : code == '\r'       ? '\n'
                  : code == '\b'       ? KEY_ERASE
                                       : (int)code;
        if (key)
            return key;
    }
    return KEY_NONE;
}

const char *screen_pasted(void)
{
    return screen.paste;
}

void screen_flush_keys(void)
{
    flushinp();
}

void screen_alarm(void)
{
    beep();
    flash();
}

void screen_copy(const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    CLEANUP(buf_deinit) struct buf b = {0};
    size_t n = strlen(text);
    buf_add_str(&b, "\033]52;c;");
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)(uint8_t)text[i] << 16;
        v |= i + 1 < n ? (uint32_t)(uint8_t)text[i + 1] << 8 : 0;
        v |= i + 2 < n ? (uint32_t)(uint8_t)text[i + 2] : 0;
        buf_add_byte(&b, (uint8_t)digits[v >> 18]);
        buf_add_byte(&b, (uint8_t)digits[v >> 12 & 63]);
        buf_add_byte(&b, i + 1 < n ? (uint8_t)digits[v >> 6 & 63] : '=');
        buf_add_byte(&b, i + 2 < n ? (uint8_t)digits[v & 63] : '=');
    }
    buf_add_str(&b, "\033\\");
    write_now((const char *)b.p);
}
