#include "warden/unknown.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "core/outcome.h"
#include "core/pack.h"
#include "mail/replies.h"
#include "mail/replies_shape.h"
#include "warden/decide.h"

#define FILE_MARK "mxwarden unknown replies"
#define MASKED "<…>" // as decide_mask() writes it

enum { FORMAT = 1, PROVIDER_MOST = 256, KEY_MOST = REPLIES_SHAPE + 32, ROW_LEAST = 40 };

static void reply_free(struct unknown_reply *r)
{
    for (size_t i = 0; i < r->providers_n; i++)
        xfree(r->providers[i]);
    xfree(r->shape);
    xfree(r->sample);
    xfree(r);
}

void unknown_init(struct unknown *u)
{
    *u = (struct unknown){0};
    list_init(&u->in_order);
}

void unknown_deinit(struct unknown *u)
{
    struct unknown_reply *r;
    LIST_EACH (&u->in_order, r, link)
        reply_free(r);
    map_deinit(&u->by_key);
    unknown_init(u);
}

static void key_of(char key[KEY_MOST], enum phase phase, unsigned code, const char *shape)
{
    snprintf(key, KEY_MOST, "%d/%u/%s", (int)phase, code, shape);
}

static void forget(struct unknown *u, struct unknown_reply *r)
{
    char key[KEY_MOST];
    key_of(key, r->phase, r->code, r->shape);
    map_remove_str(&u->by_key, key);
    list_remove(&r->link);
    reply_free(r);
    u->is_changed = true;
}

// Of those not seen for the longest time the one with the fewest replies.
static void make_room(struct unknown *u)
{
    struct unknown_reply *r, *least = NULL;
    int looked = 0;
    LIST_EACH (&u->in_order, r, link) {
        if (!least || r->count < least->count)
            least = r;
        if (++looked == UNKNOWN_OLD)
            break;
    }
    if (least)
        forget(u, least);
}

// The row of a reply whose addresses are masked; the newest from now on.
static struct unknown_reply *reply_get(struct unknown *u, enum phase phase, uint16_t code,
                                       const char *masked)
{
    char shape[REPLIES_SHAPE], key[KEY_MOST];
    replies_shape(shape, masked);
    key_of(key, phase, code, shape);
    struct unknown_reply *r = map_get_str(&u->by_key, key);
    if (!r) {
        if (u->by_key.count >= UNKNOWN_MOST)
            make_room(u);
        r = xcalloc(1, sizeof(*r));
        r->phase = phase;
        r->code = code;
        r->shape = xstrdup(shape);
        r->sample = xstrdup(masked);
        list_init(&r->link);
        map_put_str(&u->by_key, key, r);
    }
    list_remove(&r->link);
    list_add_last(&u->in_order, &r->link);
    return r;
}

static void add_provider(struct unknown_reply *r, const char *provider)
{
    for (size_t i = 0; i < r->providers_n; i++)
        if (strcmp(r->providers[i], provider) == 0)
            return;
    if (r->providers_n == UNKNOWN_PROVIDERS)
        r->has_more_providers = true;
    else
        r->providers[r->providers_n++] = xstrdup(provider);
}

void unknown_add(struct unknown *u, const struct outcome *o)
{
    char masked[OUTCOME_REPLY + 1];
    snprintf(masked, sizeof(masked), "%s", o->reply);
    decide_mask(masked, sizeof(masked));
    struct unknown_reply *r = reply_get(u, o->phase, o->code, masked);
    add_provider(r, o->provider);
    r->class = o->class;
    if (!r->count++)
        r->first_at = o->at;
    r->last_at = o->at;
    u->is_changed = true;
}

void unknown_each(const struct unknown *u,
                  void (*each)(void *ctx, const struct unknown_reply *reply), void *ctx)
{
    const struct unknown_reply *r;
    LIST_EACH (&u->in_order, r, link)
        each(ctx, r);
}

// ---- judging again

// An address in the place of a mask: patterns can't tell it from another.
static char *unmask(const char *sample)
{
    CLEANUP(buf_deinit) struct buf out = {0};
    for (const char *mask; (mask = strstr(sample, MASKED)); sample = mask + strlen(MASKED)) {
        buf_add(&out, sample, (size_t)(mask - sample));
        buf_add_str(&out, "<masked@mask.invalid>");
    }
    buf_add_str(&out, sample);
    return buf_take_str(&out);
}

// Takes out the providers whose answer is known by now.
static void forget_providers(struct unknown_reply *r, const struct replies *rules)
{
    char enhanced[12];
    unsigned code;
    CLEANUP(xfree) char *text = unmask(r->sample);
    replies_codes(text, &code, enhanced);
    for (size_t i = r->providers_n; i-- > 0;) {
        struct reply_verdict v;
        struct reply_said said = {.provider = r->providers[i],
                                  .code = r->code,
                                  .enhanced = enhanced,
                                  .text = text,
                                  .phase = r->phase};
        replies_judge(rules, &said, &v);
        if (replies_is_unknown(r->code, &v))
            continue;
        xfree(r->providers[i]);
        memmove(&r->providers[i], &r->providers[i + 1],
                (--r->providers_n - i) * sizeof(r->providers[0]));
    }
}

size_t unknown_forget_known(struct unknown *u, const struct replies *rules)
{
    struct unknown_reply *r;
    size_t before = u->by_key.count;
    LIST_EACH (&u->in_order, r, link) {
        size_t named = r->providers_n;
        forget_providers(r, rules);
        if (!r->providers_n)
            forget(u, r);
        else if (r->providers_n != named)
            u->is_changed = true;
    }
    return before - u->by_key.count;
}

// ---- as bytes

static void save_one(struct buf *out, const struct unknown_reply *r)
{
    pack_u8(out, (uint8_t)r->phase);
    pack_u16(out, r->code);
    pack_u8(out, (uint8_t)r->class);
    pack_u64(out, r->count);
    pack_i64(out, r->first_at);
    pack_i64(out, r->last_at);
    pack_str(out, r->sample);
    pack_bool(out, r->has_more_providers);
    pack_u8(out, (uint8_t)r->providers_n);
    for (size_t i = 0; i < r->providers_n; i++)
        pack_str(out, r->providers[i]);
}

void unknown_save(struct unknown *u, struct buf *out)
{
    const struct unknown_reply *r;
    pack_str(out, FILE_MARK);
    pack_u32(out, FORMAT);
    pack_u32(out, (uint32_t)u->by_key.count);
    LIST_EACH (&u->in_order, r, link)
        save_one(out, r);
    u->is_changed = false;
}

// A row's fixed part; false: no such thing.
static bool take_row(struct bytes *in, struct unknown_reply *r, char *sample)
{
    uint8_t phase, class;
    if (!take_u8(in, &phase) || !take_u16(in, &r->code) || !take_u8(in, &class) ||
        !take_u64(in, &r->count) || !take_i64(in, &r->first_at) || !take_i64(in, &r->last_at) ||
        !take_text(in, sample, OUTCOME_REPLY + 1) || !take_bool(in, &r->has_more_providers))
        return false;
    r->phase = (enum phase)phase;
    r->class = (enum class) class;
    return phase <= PHASE_HELO && strcmp(class_text(r->class), "?") != 0 && r->count &&
           r->code >= 400 && r->code < 600 && r->first_at > 0 && r->last_at >= r->first_at;
}

static bool load_one(struct unknown *u, struct bytes *in)
{
    char sample[OUTCOME_REPLY + 1], provider[PROVIDER_MOST];
    struct unknown_reply read = {0};
    uint8_t providers;
    if (!take_row(in, &read, sample) || !take_u8(in, &providers) || !providers ||
        providers > UNKNOWN_PROVIDERS)
        return false;
    struct unknown_reply *r = reply_get(u, read.phase, read.code, sample);
    if (!r->count || read.first_at < r->first_at) // two may have one shape by now
        r->first_at = read.first_at;
    if (read.last_at > r->last_at)
        r->last_at = read.last_at;
    r->count = r->count > UINT64_MAX - read.count ? UINT64_MAX : r->count + read.count;
    r->class = read.class;
    r->has_more_providers |= read.has_more_providers;
    for (unsigned i = 0; i < providers; i++) {
        if (!take_text(in, provider, sizeof(provider)))
            return false;
        add_provider(r, provider);
    }
    return true;
}

static bool load_all(struct unknown *u, struct bytes in)
{
    char mark[sizeof(FILE_MARK)];
    uint32_t format, n;
    if (!take_text(&in, mark, sizeof(mark)) || strcmp(mark, FILE_MARK) != 0 ||
        !take_u32(&in, &format) || format != FORMAT || !take_count(&in, &n, ROW_LEAST) ||
        n > UNKNOWN_MOST)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (!load_one(u, &in))
            return false;
    return !in.n;
}

bool unknown_load(struct unknown *u, struct bytes in)
{
    if (load_all(u, in)) {
        u->is_changed = false;
        return true;
    }
    unknown_deinit(u);
    return false;
}
