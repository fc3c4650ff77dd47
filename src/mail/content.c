#include "mail/content.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "mail/headers.h"

// FNV-1a, 64 bits (Fowler, Noll, Vo): no key, since it must be the same after a restart; who makes two
// mailings look alike gains nothing.
#define FNV_BEGIN 0xcbf29ce484222325ULL
#define FNV_STEP 0x100000001b3ULL

static void add_byte(uint64_t *h, uint8_t byte)
{
    *h = (*h ^ byte) * FNV_STEP;
}

static uint32_t finish(uint64_t h)
{
    uint32_t v = (uint32_t)(h ^ h >> 32);
    return v ? v : 1;
}

// Blanks, digits and case do not make another mailing: "Invoice 17" and "Invoice 18" are one.
static void add_subject(uint64_t *h, struct bytes message)
{
    struct headers_field f;
    for (struct bytes left = headers_section(message); headers_next(&f, &left);) {
        if (f.name.n != 7 || strncasecmp((const char *)f.name.p, "subject", 7) != 0)
            continue;
        for (size_t i = f.name.n; i < f.whole.n; i++)
            if (isalpha(f.whole.p[i]) || f.whole.p[i] >= 0x80)
                add_byte(h, (uint8_t)tolower(f.whole.p[i]));
        return;
    }
}

static bool is_host(uint8_t c)
{
    return isalnum(c) || c == '.' || c == '-' || c >= 0x80;
}

// The hosts behind "://", in order; a repeated one counts once in a row.
static void add_links(uint64_t *h, struct bytes message)
{
    const uint8_t *p = message.p, *end = p + message.n, *last = NULL;
    size_t last_n = 0;
    while ((p = memchr(p, ':', (size_t)(end - p)))) {
        const uint8_t *host = p + 3;
        size_t n = 0;
        p++;
        if (end - p < 3 || p[0] != '/' || p[1] != '/')
            continue;
        while (host + n < end && is_host(host[n]))
            n++;
        if (n && (n != last_n || memcmp(host, last, n) != 0))
            for (size_t i = 0; i <= n; i++)
                add_byte(h, i < n ? (uint8_t)tolower(host[i]) : '/');
        last = host;
        last_n = n;
    }
}

uint32_t content_hash(struct bytes message)
{
    uint64_t h = FNV_BEGIN;
    if (message.n > CONTENT_MOST)
        message.n = CONTENT_MOST;
    add_subject(&h, message);
    add_byte(&h, 0);
    if (message.n)
        add_links(&h, message);
    return finish(h);
}

uint32_t content_network(const uint8_t *address, size_t n)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    uint64_t h = FNV_BEGIN;
    if (n == 16 && memcmp(address, mapped, sizeof(mapped)) == 0) { // IPv4 as IPv6
        address += sizeof(mapped);
        n = 4;
    }
    size_t part = n == 4 ? 3 : 6;
    for (size_t i = 0; i < part && i < n; i++)
        add_byte(&h, address[i]);
    return finish(h);
}
