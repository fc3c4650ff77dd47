// A line is a separator when it looks like one (`From `, an address, a time and a year) and an empty line
// stands in front: people write "From " as well. Where none stands there it must look exactly like one.
#include "cli/mbox.h"

#include <ctype.h>
#include <string.h>

void mbox_init(struct mbox *m, FILE *file)
{
    *m = (struct mbox){.file = file};
}

void mbox_deinit(struct mbox *m)
{
    buf_deinit(&m->line);
}

// A line with its end into m->line, or MBOX_LINE bytes of one. False at the end.
static bool read_line(struct mbox *m)
{
    int c = EOF;
    buf_clear(&m->line);
    while (m->line.n < MBOX_LINE && (c = getc_unlocked(m->file)) != EOF) {
        buf_add_byte(&m->line, (uint8_t)c);
        if (c == '\n')
            break;
    }
    return m->line.n > 0;
}

static bool has_time_and_year(const char *s)
{
    bool has_time = false;
    int digits = 0;
    for (; *s; s++) {
        bool is_digit = isdigit((unsigned char)*s);
        has_time |= *s == ':' && digits && isdigit((unsigned char)s[1]);
        digits = is_digit ? digits + 1 : 0;
        if (has_time && digits == 4 && !isdigit((unsigned char)s[1]))
            return true;
    }
    return false;
}

static bool is_separator(const struct buf *line)
{
    const char *text = (const char *)line->p;
    return line->n > 5 && strncmp(text, "From ", 5) == 0 && has_time_and_year(text + 5);
}

// "From ann@x.example Tue May 14 08:00:00 2024", as asctime() writes it: nobody's sentence.
static bool is_sure_separator(const struct buf *line)
{
    static const char days[] = "MonTueWedThuFriSatSun",
                      months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const char *at = (const char *)line->p + 5;
    if (!is_separator(line))
        return false;
    at += strspn(at, " ");
    size_t n = strcspn(at, " \n");
    bool is_sender = memchr(at, '@', n) || strncmp(at, "MAILER-DAEMON", 13) == 0;
    at += n + strspn(at + n, " ");
    if (!is_sender || strnlen(at, 20) < 20)
        return false;
    char day[4] = {at[0], at[1], at[2]}, month[4] = {at[4], at[5], at[6]};
    return at[3] == ' ' && at[7] == ' ' && strstr(days, day) && strstr(months, month);
}

static bool is_empty(const struct buf *line)
{
    return line->p[0] == '\n' || (line->p[0] == '\r' && (line->n == 1 || line->p[1] == '\n'));
}

// ">From " as "From ", ">>From " as ">From " (mboxrd).
static void add_line(struct mbox *m, struct buf *mail)
{
    size_t quotes = strspn((const char *)m->line.p, ">");
    bool is_quoted = m->is_mbox && quotes && m->line.n > quotes + 5 &&
                     strncmp((const char *)m->line.p + quotes, "From ", 5) == 0;
    if (mail->n < MBOX_MAIL)
        buf_add(mail, m->line.p + is_quoted, m->line.n - is_quoted);
}

bool mbox_next(struct mbox *m, struct buf *mail)
{
    bool is_apart = false;
    buf_clear(mail);
    if (m->is_over || (!m->is_begun && !read_line(m)))
        return false;
    while (!m->is_begun && is_empty(&m->line) && read_line(m))
        ;
    if (!m->is_begun)
        m->is_mbox = is_separator(&m->line);
    m->is_begun = true;
    do {
        if (m->is_mbox && mail->n &&
            (is_apart ? is_separator(&m->line) : is_sure_separator(&m->line)))
            return true;
        is_apart = is_empty(&m->line);
        add_line(m, mail);
    } while (read_line(m));
    m->is_over = true;
    return mail->n > 0;
}
