// Everything decays by whole seconds, so that the many submissions of one second cost no exponential.
#include "core/habit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "core/fade.h"
#include "core/pack.h"

enum {
    RECENT = 600,      // seconds: the span of `recent`
    USUAL = 7 * 86400, // of `usual`
    NEW_FOR = 86400,   // a network, a content is new for so long
    KNOWN_COUNT = 200, // no habits before so many submissions
    LEARN_ONE_IN = 16, // while it sends unlike itself
    FULL = 384,        // bits of the filter: nothing is new to it any more
};

static const float burst = 10.0F; // times the usual rate
static const float burst_least = 20.0F;
static const float part_new = 0.5F;    // of domains: a sign
static const float part_varied = 0.2F; // of contents: from here on new ones are its habit
static const float window = 100.0F;    // submissions of the two parts

// `usual` follows what `recent` was in between: its integral over the seconds that passed.
static void pass(struct habit *h, uint32_t second)
{
    uint32_t span = second - h->second;
    float left = fade_left(span, RECENT);
    float area = h->recent * (float)RECENT * (1.0F - left);
    h->usual = h->usual * fade_left(span, USUAL) + area / (float)USUAL;
    h->recent *= left;
    h->second = second;
}

// The mean of the days that it is known; a young record would else be pulled towards zero.
static float usual_rate(const struct habit *h)
{
    float known = 1.0F - fade_left(h->second - h->first_seen, USUAL);
    return known > 0.0F ? h->usual / known : 0.0F;
}

static float times_usual(const struct habit *h)
{
    float usual = usual_rate(h);
    if (h->recent < burst_least)
        return 0.0F;
    return h->recent / (usual > 0.5F ? usual : 0.5F);
}

static bool is_settled(const struct habit *h, usec_t settles)
{
    return h->submissions >= KNOWN_COUNT &&
           (usec_t)(h->second - h->first_seen) * USEC_SECOND >= settles;
}

static bool is_full(const struct habit *h)
{
    int bits = 0;
    for (size_t i = 0; i < 8; i++)
        bits += __builtin_popcountll(h->domains[i]);
    return bits >= FULL;
}

static void note_part(float *part, bool is_new)
{
    *part += ((is_new ? 1.0F : 0.0F) - *part) / window;
}

static void note_domain(struct habit *h, uint64_t domain, bool learns)
{
    uint64_t a = domain % 512, b = (domain >> 32) % 512;
    uint64_t *wa = &h->domains[a / 64], *wb = &h->domains[b / 64];
    uint64_t ma = 1ULL << (a % 64), mb = 1ULL << (b % 64);
    bool is_new = !((*wa & ma) && (*wb & mb));
    note_part(&h->new_domains, is_new);
    if (is_new && learns && !is_full(h)) {
        *wa |= ma;
        *wb |= mb;
    }
}

// Moves the hash to the front; true when it was not there.
static bool meet(uint32_t *list, size_t n, uint32_t hash)
{
    size_t i = 0;
    while (i < n - 1 && list[i] != hash)
        i++;
    bool is_new = list[i] != hash;
    memmove(list + 1, list, i * sizeof(*list));
    list[0] = hash;
    return is_new;
}

void habit_submitted(struct habit *h, usec_t at, usec_t settles, uint64_t domain, uint32_t network,
                     uint32_t content)
{
    uint32_t second = fade_second(at);
    if (!h->first_seen)
        h->first_seen = h->second = second;
    if (second > h->second)
        pass(h, second);
    h->recent += 1.0F;
    if (h->submissions < UINT32_MAX)
        h->submissions++;
    bool learns =
        !is_settled(h, settles) || h->submissions % LEARN_ONE_IN == 0 || times_usual(h) < burst;
    if (domain)
        note_domain(h, domain, learns);
    bool is_first = network && !h->networks[0];
    if (network && meet(h->networks, 8, network) && !is_first)
        h->network_since = h->second;
    if (!content)
        return;
    is_first = !h->contents[0];
    bool is_new = meet(h->contents, 16, content);
    note_part(&h->new_contents, is_new);
    if (is_new && !is_first)
        h->content_since = h->second;
}

struct signs {
    char *out;
    size_t room, n;
    int count;
};

__attribute__((format(printf, 2, 3))) static void sign(struct signs *s, const char *format, ...)
{
    char text[80];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    s->count++;
    if (s->n >= s->room)
        return;
    int n = snprintf(s->out + s->n, s->room - s->n, "%s%s", s->n ? ", " : "", text);
    s->n += n > 0 ? (size_t)n : 0;
}

static bool is_recent(uint32_t since, uint32_t now)
{
    return since && now < since + (uint64_t)NEW_FOR;
}

int habit_signs(const struct habit *h, usec_t now, usec_t settles, char *out, size_t room)
{
    struct signs s = {.out = out, .room = room};
    struct habit copy = *h;
    uint32_t second = fade_second(now);
    if (room)
        out[0] = '\0';
    if (second > copy.second)
        pass(&copy, second);
    if (!is_settled(h, settles))
        return 0;
    float times = times_usual(&copy);
    if (times >= burst)
        sign(&s, "%.0f times its usual rate", (double)times);
    if (copy.new_domains >= part_new)
        sign(&s, "%.0f %% domains it never wrote to", (double)copy.new_domains * 100.0);
    if (is_recent(copy.network_since, copy.second))
        sign(&s, "a new client network");
    if (copy.new_contents < part_varied && is_recent(copy.content_since, copy.second))
        sign(&s, "content never sent before");
    return s.count;
}

void habit_save(const struct habit *h, struct buf *out)
{
    pack_u32(out, h->first_seen);
    pack_u32(out, h->submissions);
    pack_f32(out, h->usual);
    pack_f32(out, h->recent);
    pack_u32(out, h->second);
    for (size_t i = 0; i < 8; i++)
        pack_u64(out, h->domains[i]);
    pack_f32(out, h->new_domains);
    pack_f32(out, h->new_contents);
    for (size_t i = 0; i < 8; i++)
        pack_u32(out, h->networks[i]);
    for (size_t i = 0; i < 16; i++)
        pack_u32(out, h->contents[i]);
    pack_u32(out, h->network_since);
    pack_u32(out, h->content_since);
}

bool habit_load(struct habit *h, struct bytes *in)
{
    bool ok = take_u32(in, &h->first_seen) && take_u32(in, &h->submissions) &&
              take_f32(in, &h->usual) && take_f32(in, &h->recent) && take_u32(in, &h->second);
    for (size_t i = 0; ok && i < 8; i++)
        ok = take_u64(in, &h->domains[i]);
    ok = ok && take_f32(in, &h->new_domains) && take_f32(in, &h->new_contents);
    for (size_t i = 0; ok && i < 8; i++)
        ok = take_u32(in, &h->networks[i]);
    for (size_t i = 0; ok && i < 16; i++)
        ok = take_u32(in, &h->contents[i]);
    return ok && take_u32(in, &h->network_since) && take_u32(in, &h->content_since) &&
           h->second >= h->first_seen;
}
