#include "mail/replies_letters.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

// U+00C0 to U+00FF in lower case without accents; blank: no letter. Of sharp s the second follows below.
static const char latin_1[] = "aaaaaaaceeeeiiiidnooooo ouuuuytsaaaaaaaceeeeiiiidnooooo ouuuuyty";
// U+0100 to U+017F likewise.
static const char latin_a[] = "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkklllllllll"
                              "lnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

static size_t sequence(unsigned char lead)
{
    return lead >= 0xf0 && lead < 0xf5 ? 4 : lead >= 0xe0 ? 3 : 2;
}

// The code point at a byte beyond ASCII, and its bytes; of what is no UTF-8 the byte itself.
static uint32_t decode(const unsigned char *text, size_t *taken)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = sequence(*text);
    uint32_t c = *text & (0xffu >> (n + 1));
    *taken = 1;
    if (*text < 0xc2 || *text > 0xf4)
        return *text;
    for (size_t i = 1; i < n; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return *text;
        c = c << 6 | (text[i] & 0x3fu);
    }
    if (c < least[n])
        return *text;
    *taken = n;
    return c;
}

static void put_utf8(struct letter *l, uint32_t c)
{
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; c >>= 6)
        l->plain[i] = (char)(0x80 | (c & 0x3f));
    l->plain[0] = (char)(leads[n] | c);
    l->plain_n = n;
}

static uint32_t lower(uint32_t c)
{
    if (c >= 0x391 && c <= 0x3a9)
        return c + 32; // Greek
    if (c >= 0x410 && c <= 0x42f)
        return c + 32; // Cyrillic
    if (c >= 0x400 && c <= 0x40f)
        c += 80;
    return c == 0x451 ? 0x435 : c; // people write е for ё
}

// Signs that stand without blanks: Kana, Bopomofo, Han, Hangul.
static int is_sign(uint32_t c)
{
    return (c >= 0x3041 && c <= 0x31ff) || (c >= 0x3400 && c <= 0x9fff) ||
           (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
           (c >= 0xff66 && c <= 0xff9f) || (c >= 0x20000 && c <= 0x3ffff);
}

static int is_punctuation(uint32_t c)
{
    return c < 0xc0 || (c >= 0x2000 && c <= 0x2bff) || (c >= 0x3000 && c <= 0x3040) ||
           (c >= 0xfe10 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff65);
}

static int is_mark(uint32_t c)
{
    return c == 0xad || (c >= 0x300 && c <= 0x36f) || (c >= 0x200b && c <= 0x200f) || c == 0xfeff;
}

static void put_ascii(struct letter *l, char c)
{
    l->kind = c == ' ' ? LETTER_NONE : LETTER_WORD;
    l->plain[0] = c;
    l->plain_n = c != ' ';
}

static void put(struct letter *l, uint32_t c)
{
    if (c >= 0xc0 && c <= 0xff)
        put_ascii(l, latin_1[c - 0xc0]);
    else if (c >= 0x100 && c <= 0x17f)
        put_ascii(l, latin_a[c - 0x100]);
    else if (c >= 0xff10 && c <= 0xff5a && isalnum((int)(c - 0xfee0)))
        put_ascii(l, (char)tolower((int)(c - 0xfee0))); // full-width
    else if (is_mark(c))
        l->kind = LETTER_MARK;
    else if (is_punctuation(c))
        l->kind = LETTER_NONE;
    else {
        l->kind = is_sign(c) ? LETTER_SIGN : LETTER_WORD;
        put_utf8(l, lower(c));
    }
    if (c == 0xdf) {
        l->plain[1] = 's';
        l->plain_n = 2;
    }
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void letter_read(struct letter *l, const char *text)
{
    unsigned char c = (unsigned char)*text;
    *l = (struct letter){.taken = 1};
    if (c >= 0x80)
        put(l, decode((const unsigned char *)text, &l->taken));
    else if (isalnum(c))
        put_ascii(l, (char)tolower(c));
    else if (c == '\\' && text[1] == 'x' && digit(text[2]) >= 12 && digit(text[3]) >= 0) {
        put(l, (uint32_t)(digit(text[2]) * 16 + digit(text[3]))); // as text_visible writes it
        l->taken = 4;
    }
}
