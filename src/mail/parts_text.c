// Charsets, line ends and flowed lines; HTML has a file of its own (parts_html.c).
#include "mail/parts_text.h"

#include <errno.h>
#include <iconv.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

enum { CHARSET_NAME = 40 };

static const char replacement[] = "\xef\xbf\xbd";

// What mail says, and the superset that is meant by it.
static const char *const meant[][2] = {
    {"iso-8859-1", "windows-1252"},
    {"latin1", "windows-1252"},
    {"iso_8859-1", "windows-1252"},
    {"cp-1252", "windows-1252"},
    {"gb2312", "gb18030"},
    {"gbk", "gb18030"},
    {"gb_2312-80", "gb18030"},
    {"x-gbk", "gb18030"},
    {"shift_jis", "cp932"},
    {"shift-jis", "cp932"},
    {"sjis", "cp932"},
    {"x-sjis", "cp932"},
    {"windows-31j", "cp932"},
    {"ms_kanji", "cp932"},
    {"ks_c_5601-1987", "cp949"},
    {"ks_c_5601", "cp949"},
    {"euc-kr", "cp949"},
    {"iso-2022-jp", "iso-2022-jp-3"},
    {"iso-8859-8-i", "iso-8859-8"},
    {"unicode-1-1-utf-7", "utf-7"},
    {"x-mac-roman", "macintosh"},
    {"iso-8859-9", "windows-1254"},
    {"iso-8859-11", "tis-620"},
    {"x-euc-jp", "euc-jp"},
};

// What a process without files must be able to read.
static const char *const usual[] = {
    "windows-1250", "windows-1251", "windows-1252", "windows-1253", "windows-1254",  "windows-1255",
    "windows-1256", "windows-1257", "windows-1258", "iso-8859-1",   "iso-8859-2",    "iso-8859-3",
    "iso-8859-4",   "iso-8859-5",   "iso-8859-6",   "iso-8859-7",   "iso-8859-8",    "iso-8859-9",
    "iso-8859-10",  "iso-8859-13",  "iso-8859-14",  "iso-8859-15",  "iso-8859-16",   "koi8-r",
    "koi8-u",       "gb18030",      "big5",         "cp932",        "iso-2022-jp-3", "iso-2022-jp",
    "euc-jp",       "cp949",        "iso-2022-kr",  "tis-620",      "macintosh",     "utf-7",
    "utf-16",       "utf-16le",     "utf-16be",     "hz",           "cp437",         "cp850",
    "cp852",        "cp866",        "shift_jis",    "gb2312",       "gbk",           "euc-kr",
};

void parts_text_prepare(void)
{
    static iconv_t kept[ARRAY_LEN(usual)]; // never closed: what is open stays loaded
    if (kept[0])
        return;
    for (size_t i = 0; i < ARRAY_LEN(usual); i++)
        kept[i] = iconv_open("utf-8", usual[i]);
}

static bool is_utf8_name(const char *charset)
{
    return strcasecmp(charset, "utf-8") == 0 || strcasecmp(charset, "utf8") == 0;
}

// Says nothing of bytes over 127.
static bool is_unsaid(const char *charset)
{
    return !charset[0] || strcasecmp(charset, "us-ascii") == 0 ||
           strcasecmp(charset, "ascii") == 0 || strcasecmp(charset, "8bit") == 0 ||
           strcasecmp(charset, "unknown-8bit") == 0 || strcasecmp(charset, "x-unknown") == 0;
}

static bool is_utf8(struct bytes in)
{
    uint32_t code;
    for (size_t n; in.n; in = bytes_skip(in, n))
        if (!(n = text_utf8(&code, in.p, in.n)))
            return false;
    return true;
}

static bool has_japanese_escape(struct bytes in)
{
    return in.n && (memmem(in.p, in.n, "\033$B", 3) || memmem(in.p, in.n, "\033$@", 3));
}

static const char *charset_meant(struct bytes in, const char *charset)
{
    if (is_unsaid(charset) || is_utf8_name(charset)) {
        if (has_japanese_escape(in))
            return "iso-2022-jp-3";
        return is_utf8_name(charset) || is_utf8(in) ? "utf-8" : "windows-1252";
    }
    for (size_t i = 0; i < ARRAY_LEN(meant); i++)
        if (strcasecmp(charset, meant[i][0]) == 0)
            return meant[i][1];
    return charset;
}

// Its name goes into the C library, which takes options behind slashes and files of that name.
static bool is_charset_name(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:+");
    return n && !s[n] && n < CHARSET_NAME;
}

static void convert(struct buf *out, struct bytes in, iconv_t cd)
{
    char *from = (char *)in.p; // iconv's own type; it does not write there
    size_t left = in.n;
    while (left) {
        char *to = (char *)buf_reserve(out, left + 64), *begin = to;
        size_t room = left + 64;
        size_t r = iconv(cd, &from, &left, &to, &room);
        buf_grew(out, (size_t)(to - begin));
        if (r != (size_t)-1 || errno == E2BIG)
            continue;
        // A byte that means nothing there, or a character cut short.
        buf_add_str(out, replacement);
        from++;
        left--;
        (void)iconv(cd, NULL, NULL, NULL, NULL);
    }
}

static void ascii_only(struct buf *out, struct bytes in)
{
    for (size_t i = 0; i < in.n; i++)
        buf_add_byte(out, in.p[i] < 0x80 ? in.p[i] : '?');
}

void parts_text_decode(struct buf *out, struct bytes in, const char *charset)
{
    const char *name = charset_meant(in, charset);
    if (is_utf8_name(name)) {
        parts_text_clean(out, in);
        return;
    }
    CLEANUP(buf_deinit) struct buf raw = {0};
    iconv_t cd = is_charset_name(name) ? iconv_open("utf-8", name) : (iconv_t)-1;
    if (cd == (iconv_t)-1) {
        ascii_only(&raw, in);
    } else {
        convert(&raw, in, cd);
        (void)iconv_close(cd);
    }
    parts_text_clean(out, buf_bytes(&raw));
}

void parts_text_clean(struct buf *out, struct bytes in)
{
    uint32_t code;
    for (size_t n; in.n; in = bytes_skip(in, n)) {
        n = text_utf8(&code, in.p, in.n);
        if (!n) {
            buf_add_str(out, replacement);
            n = 1;
        } else if ((code < 0x20 && code != '\n' && code != '\t') || (code >= 0x7f && code < 0xa0)) {
            buf_add_byte(out, ' ');
        } else {
            buf_add(out, in.p, n);
        }
    }
}

void parts_text_lines(struct buf *out, struct bytes in)
{
    for (size_t i = 0; i < in.n;) {
        const uint8_t *from = in.p + i;
        size_t n = 0;
        while (i + n < in.n && from[n] != '\r' && from[n] != '\0')
            n++;
        buf_add(out, from, n);
        i += n;
        if (i == in.n)
            return;
        buf_add_byte(out, in.p[i] ? '\n' : ' ');
        i += in.p[i] && i + 1 < in.n && in.p[i + 1] == '\n' ? 2 : 1;
    }
}

void parts_text_flowed(struct buf *out, struct bytes in, bool is_delsp)
{
    while (in.n) {
        const uint8_t *end = memchr(in.p, '\n', in.n);
        struct bytes line = bytes_of(in.p, end ? (size_t)(end - in.p) : in.n);
        in = bytes_skip(in, line.n + 1);
        if (line.n && line.p[0] == ' ')
            line = bytes_skip(line, 1); // space-stuffed
        bool is_signature = line.n == 3 && memcmp(line.p, "-- ", 3) == 0;
        bool is_soft = line.n && line.p[line.n - 1] == ' ' && !is_signature && line.p[0] != '>';
        buf_add(out, line.p, line.n - (is_soft && is_delsp));
        if (!is_soft)
            buf_add_byte(out, '\n');
    }
}
