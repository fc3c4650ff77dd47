#include "warden/unknown.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/text.h"
#include "core/outcome.h"
#include "core/pack.h"
#include "mail/replies.h"
#include "settings/settings.h"
#include "store/keep.h"
#include "store/store.h"
#include "warden/decide.h"
#include "warden/reputation.h"
#include "warden/warden_room.h"

#define MARK "mxwarden unknown replies"
#define FILE_NAME "unknown-replies"
enum { FORMAT = 1, KEY = REPLY_SHAPE + 16 };

static void key_of(char key[KEY], unsigned code, const char *shape)
{
    snprintf(key, KEY, "%u %s", code, shape);
}

void unknown_init(struct unknown *u)
{
    *u = (struct unknown){0};
    list_init(&u->in_order);
}

static void forget(struct unknown *u, struct unknown_reply *r)
{
    char key[KEY];
    key_of(key, r->code, r->shape);
    map_remove_str(&u->by_shape, key);
    list_remove(&r->link);
    for (size_t i = 0; i < r->providers_n; i++)
        xfree(r->providers[i]);
    xfree(r->sample);
    xfree(r);
    u->is_changed = true;
}

void unknown_deinit(struct unknown *u)
{
    struct unknown_reply *r;
    LIST_EACH (&u->in_order, r, link)
        forget(u, r);
    map_deinit(&u->by_shape);
}

// Of those not heard for the longest time the least frequent, which is the older one of two.
static void make_room(struct unknown *u)
{
    struct unknown_reply *r, *least = NULL;
    int looked = 0;
    LIST_EACH (&u->in_order, r, link) {
        if (looked++ == UNKNOWN_OLD)
            break;
        if (!least || r->count < least->count)
            least = r;
    }
    forget(u, least);
}

static struct unknown_reply *reply_get(struct unknown *u, unsigned code, const char *shape)
{
    char key[KEY];
    key_of(key, code, shape);
    struct unknown_reply *r = map_get_str(&u->by_shape, key);
    if (r) {
        list_remove(&r->link);
        list_add_last(&u->in_order, &r->link);
        return r;
    }
    if (u->by_shape.count == UNKNOWN_MOST)
        make_room(u);
    r = xcalloc(1, sizeof(*r));
    r->number = ++u->last_number;
    r->code = (uint16_t)code;
    snprintf(r->shape, sizeof(r->shape), "%s", shape);
    map_put_str(&u->by_shape, key, r);
    list_add_last(&u->in_order, &r->link);
    return r;
}

static void add_provider(struct unknown_reply *r, const char *provider)
{
    for (size_t i = 0; i < r->providers_n; i++)
        if (strcmp(r->providers[i], provider) == 0)
            return;
    if (r->providers_n == UNKNOWN_PROVIDERS)
        r->has_more = true;
    else
        r->providers[r->providers_n++] = xstrdup(provider);
}

static void set_sample(struct unknown_reply *r, const char *sample)
{
    xfree(r->sample);
    r->sample = xstrdup(sample);
}

static void take(struct unknown *u, const struct outcome *o)
{
    char shape[REPLY_SHAPE], sample[UNKNOWN_SAMPLE];
    replies_shape(shape, o->reply);
    struct unknown_reply *r = reply_get(u, o->code, shape);
    text_visible(sample, sizeof(sample), o->reply, strlen(o->reply));
    decide_mask(sample, sizeof(sample));
    set_sample(r, sample);
    add_provider(r, o->provider);
    r->phase = o->phase;
    r->class = o->class;
    r->count++;
    r->first_at = r->first_at ? r->first_at : o->at;
    r->last_at = o->at;
    u->is_changed = true;
}

static void count(struct unknown *u, const struct outcome *o)
{
    int64_t minute = o->at / USEC_MINUTE;
    struct unknown_minute *m = &u->minutes[minute % (int64_t)ARRAY_LEN(u->minutes)];
    if (m->minute != minute)
        *m = (struct unknown_minute){.minute = minute};
    m->answered++;
    m->undetermined += o->class == CLASS_UNDETERMINED;
}

void unknown_note(struct unknown *u, const struct outcome *o)
{
    if (!o->code || o->at < 0)
        return;
    count(u, o);
    if (o->is_unknown)
        take(u, o);
}

double unknown_share(const struct unknown *u, usec_t now)
{
    double answered = 0, undetermined = 0;
    int64_t minute = now / USEC_MINUTE;
    for (size_t i = 0; i < ARRAY_LEN(u->minutes); i++) {
        const struct unknown_minute *m = &u->minutes[i];
        if (m->minute <= minute - (int64_t)ARRAY_LEN(u->minutes) || m->minute > minute)
            continue;
        answered += m->answered;
        undetermined += m->undetermined;
    }
    return answered > 0 ? undetermined / answered : -1;
}

static bool is_known(const struct unknown_reply *r, const struct replies *replies)
{
    char enhanced[12];
    unsigned code;
    replies_codes(r->sample, &code, enhanced);
    for (size_t i = 0; i < r->providers_n; i++) {
        struct reply_verdict v;
        replies_judge(replies,
                      &(struct reply_said){.provider = r->providers[i],
                                           .code = r->code,
                                           .enhanced = enhanced,
                                           .text = r->sample,
                                           .phase = r->phase},
                      &v);
        if (!v.rule)
            return false;
    }
    return true;
}

void unknown_judge(struct unknown *u, const struct replies *replies)
{
    struct unknown_reply *r;
    LIST_EACH (&u->in_order, r, link)
        if (is_known(r, replies))
            forget(u, r);
}

void unknown_each(const struct unknown *u, void (*each)(void *ctx, const struct unknown_reply *r),
                  void *ctx)
{
    const struct unknown_reply *r;
    LIST_EACH (&u->in_order, r, link)
        each(ctx, r);
}

// ---- over a restart

void unknown_save(const struct unknown *u, struct buf *out)
{
    const struct unknown_reply *r;
    pack_str(out, MARK);
    pack_u32(out, FORMAT);
    pack_u32(out, (uint32_t)u->by_shape.count);
    LIST_EACH (&u->in_order, r, link) {
        pack_u64(out, r->number);
        pack_u16(out, r->code);
        pack_u8(out, (uint8_t)r->phase);
        pack_u8(out, (uint8_t)r->class);
        pack_u64(out, r->count);
        pack_i64(out, r->first_at);
        pack_i64(out, r->last_at);
        pack_str(out, r->shape);
        pack_str(out, r->sample);
        pack_bool(out, r->has_more);
        pack_u8(out, (uint8_t)r->providers_n);
        for (size_t i = 0; i < r->providers_n; i++)
            pack_str(out, r->providers[i]);
    }
}

static bool load_providers(struct unknown_reply *r, struct bytes *in)
{
    uint8_t n;
    char name[256];
    if (!take_bool(in, &r->has_more) || !take_u8(in, &n) || n > UNKNOWN_PROVIDERS)
        return false;
    for (; n; n--) {
        if (!take_text(in, name, sizeof(name)))
            return false;
        add_provider(r, name);
    }
    return true;
}

static bool load_one(struct unknown *u, struct bytes *in)
{
    uint64_t number, seen;
    uint16_t code;
    uint8_t phase, class;
    usec_t first_at, last_at;
    char shape[REPLY_SHAPE], sample[UNKNOWN_SAMPLE];
    if (!take_u64(in, &number) || !take_u16(in, &code) || !take_u8(in, &phase) ||
        phase > PHASE_HELO || !take_u8(in, &class) || class > CLASS_UNCONFIRMED ||
        !take_u64(in, &seen) || !take_i64(in, &first_at) || !take_i64(in, &last_at) ||
        !take_text(in, shape, sizeof(shape)) || !take_text(in, sample, sizeof(sample)))
        return false;
    struct unknown_reply *r = reply_get(u, code, shape);
    r->number = number;
    u->last_number = number > u->last_number ? number : u->last_number;
    r->phase = (enum phase)phase;
    r->class = (enum class) class;
    r->count = seen;
    r->first_at = first_at;
    r->last_at = last_at;
    set_sample(r, sample);
    return load_providers(r, in);
}

bool unknown_load(struct unknown *u, struct bytes in)
{
    char mark[sizeof(MARK)];
    uint32_t format, n;
    bool is_ours = take_text(&in, mark, sizeof(mark)) && strcmp(mark, MARK) == 0 &&
                   take_u32(&in, &format) && format == FORMAT && take_count(&in, &n, 30);
    for (uint32_t i = 0; is_ours && i < n; i++)
        is_ours = load_one(u, &in);
    if (!is_ours) {
        unknown_deinit(u);
        unknown_init(u);
    }
    u->is_changed = false;
    return is_ours;
}

// ---- the warden's

static void on_kept(void *ctx, int r)
{
    struct warden *w = ctx;
    w->is_keeping_unknown = false;
    if (r == 0)
        return;
    w->unknown.is_changed = true;
    log_warning("warden", "unknown replies could not be kept, tried again in %d s: %s",
                (int)(WARDEN_KEEP_SPAN / USEC_SECOND), strerror(-r));
}

void warden_unknown_keep(struct warden *w)
{
    struct buf out = {0};
    if (!w->unknown.is_changed || w->is_keeping_unknown || !store_may_accept(w->options.store))
        return;
    unknown_save(&w->unknown, &out);
    w->unknown.is_changed = false;
    w->is_keeping_unknown = true;
    keep_save(w->options.store, FILE_NAME, &out, on_kept, w);
}

static void on_keep(void *ctx)
{
    struct warden *w = ctx;
    warden_unknown_keep(w);
    timer_set(w->options.timers, &w->unknown_keep, clock_monotonic() + WARDEN_KEEP_SPAN, on_keep,
              w);
}

void warden_unknown_init(struct warden *w)
{
    CLEANUP(buf_deinit) struct buf kept = {0};
    unknown_init(&w->unknown);
    int r = keep_load(w->options.store, FILE_NAME, &kept);
    if (r < 0 || (r == 0 && !unknown_load(&w->unknown, buf_bytes(&kept))))
        log_notice("warden", "the unknown replies that were kept can't be read: none are known");
    warden_unknown_judge(w); // the configuration may be another than at the end
    on_keep(w);
}

void warden_unknown_deinit(struct warden *w)
{
    timer_stop(w->options.timers, &w->unknown_keep);
    unknown_deinit(&w->unknown);
}

void warden_unknown_judge(struct warden *w)
{
    const struct settings *s = w->options.settings;
    if (list_is_empty(&w->unknown.in_order))
        return;
    CLEANUP(replies_free) struct replies *replies = replies_new(s->replies, s->replies_n);
    unknown_judge(&w->unknown, replies);
}

const struct unknown *warden_unknown(const struct warden *w)
{
    return &w->unknown;
}
