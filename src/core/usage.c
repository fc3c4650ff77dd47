#include "core/usage.h"

#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "core/fade.h"
#include "core/pack.h"

// Sets of eight neighbours: the keys of a set share a cache line, so that a customer that is not kept
// costs one miss and no more.

enum { IDLE = 3600 };

void usage_deinit(struct usage *u)
{
    xfree(u->sets);
    xfree(u->users);
    xfree(u->marked);
    *u = (struct usage){0};
}

// What is left after `span` seconds in each window: one exp, since 1 h = 4 x 15 min = 30 x 2 min =
// 120 x 30 s.
static void factors(float f[USAGE_N], uint32_t span)
{
    if (span > 40 * IDLE) {
        f[USAGE_1H] = f[USAGE_15M] = f[USAGE_2M] = f[USAGE_30S] = 0;
        return;
    }
    float x = expf((float)span * (-1.0f / 3600)), x2 = x * x, x4 = x2 * x2, x8 = x4 * x4;
    f[USAGE_1H] = x;
    f[USAGE_15M] = x4;
    f[USAGE_2M] = x8 * x8 * x8 * x4 * x2;
    float minute = f[USAGE_2M] * f[USAGE_2M];
    f[USAGE_30S] = minute * minute;
}

static void decay(struct usage_user *user, uint32_t second)
{
    if (second <= user->second)
        return;
    float f[USAGE_N];
    factors(f, second - user->second);
    for (int c = 0; c < USAGE_CHANNELS; c++) {
        for (int w = 0; w < USAGE_N; w++) {
            user->n[c][w] *= f[w];
            user->bad[c][w] *= f[w];
        }
    }
    user->second = second;
}

// Late ones weigh what would be left of them by now.
static void count(struct usage_user *user, const struct usage_facts *facts, uint32_t second)
{
    float f[USAGE_N] = {1, 1, 1, 1};
    if (second < user->second)
        factors(f, user->second - second);
    else
        decay(user, second);
    for (int c = 0; c < USAGE_CHANNELS; c++) {
        for (int w = 0; w < USAGE_N; w++) {
            user->n[c][w] += facts->n[c] * f[w];
            user->bad[c][w] += facts->bad[c] * f[w];
        }
    }
}

static uint32_t set_of(const struct usage *u, uint32_t customer)
{
    uint64_t h = (customer + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(h >> 32) & (u->room / USAGE_WAYS - 1);
}

static struct usage_user *find(const struct usage *u, uint32_t customer)
{
    if (!u->room)
        return NULL;
    uint32_t set = set_of(u, customer);
    for (int i = 0; i < USAGE_WAYS; i++)
        if (u->sets[set].customer[i] == customer)
            return &u->users[set * USAGE_WAYS + (uint32_t)i];
    return NULL;
}

void usage_prefetch(const struct usage *u, uint32_t customer)
{
    if (u->room)
        __builtin_prefetch(&u->sets[set_of(u, customer)]);
}

static struct usage_user *put(struct usage *u, uint32_t slot, uint32_t customer, uint32_t second)
{
    struct usage_set *set = &u->sets[slot / USAGE_WAYS];
    set->customer[slot % USAGE_WAYS] = customer;
    set->second[slot % USAGE_WAYS] = second;
    u->users[slot] = (struct usage_user){.customer = customer, .second = second};
    u->marked[slot] = (struct usage_marked){0};
    return &u->users[slot];
}

static void allocate(struct usage *u, uint32_t room)
{
    u->room = room;
    u->sets = xcalloc_lines(room / USAGE_WAYS, sizeof(*u->sets));
    u->users = xmalloc(room * sizeof(*u->users));
    u->marked = xmalloc(room * sizeof(*u->marked));
    for (uint32_t i = 0; i < room; i++)
        put(u, i, USAGE_NONE, 0);
}

// The slot of the neighbourhood that is free, else the one idle longest; USAGE_NONE: all are active.
static uint32_t slot_for(const struct usage *u, uint32_t customer, uint32_t second)
{
    uint32_t set = set_of(u, customer), best = 0;
    const struct usage_set *s = &u->sets[set];
    for (uint32_t i = 1; i < USAGE_WAYS; i++) // a free one has second 0, and nobody else
        best = s->second[i] < s->second[best] ? i : best;
    uint32_t last = s->second[best];
    bool is_idle = second > last && second - last > IDLE;
    return !last || is_idle ? set * USAGE_WAYS + best : USAGE_NONE;
}

static void grow(struct usage *u)
{
    struct usage before = *u;
    allocate(u, before.room ? before.room * 2 : USAGE_WAYS);
    u->count = 0;
    for (uint32_t i = 0; i < before.room; i++) {
        const struct usage_user *user = &before.users[i];
        uint32_t slot =
            user->customer == USAGE_NONE ? USAGE_NONE : slot_for(u, user->customer, user->second);
        if (slot == USAGE_NONE)
            continue; // twice the sets: it always finds its place
        *put(u, slot, user->customer, user->second) = *user;
        u->marked[slot] = before.marked[i];
        u->count++;
    }
    xfree(before.sets);
    xfree(before.users);
    xfree(before.marked);
}

static struct usage_user *find_or_add(struct usage *u, uint32_t customer, uint32_t second)
{
    struct usage_user *user = find(u, customer);
    if (user)
        return user;
    uint32_t slot = u->room ? slot_for(u, customer, second) : USAGE_NONE;
    while (slot == USAGE_NONE && u->room < USAGE_MOST) {
        grow(u);
        slot = slot_for(u, customer, second);
    }
    if (slot == USAGE_NONE)
        return NULL;
    u->count += u->users[slot].customer == USAGE_NONE;
    return put(u, slot, customer, second);
}

static void touch(struct usage *u, const struct usage_user *user)
{
    for (int c = 0; c < USAGE_CHANNELS; c++)
        for (int w = 0; w < USAGE_N; w++)
            if (user->n[c][w] > u->most[w])
                u->most[w] = user->n[c][w];
    size_t slot = (size_t)(user - u->users);
    u->sets[slot / USAGE_WAYS].second[slot % USAGE_WAYS] = user->second;
}

static void add_mark(struct usage_marked *m, const struct usage_facts *facts)
{
    if (m->n < UINT16_MAX)
        m->n = (uint16_t)(m->n + (facts->n[USAGE_HARD] > 0));
    if (m->bad < m->n)
        m->bad = (uint16_t)(m->bad + (facts->bad[USAGE_HARD] > 0));
}

void usage_add_facts(struct usage *u, uint32_t customer, const struct usage_facts *facts, usec_t at)
{
    uint32_t second = fade_second(at);
    count(&u->all, facts, second);
    struct usage_user *user = find_or_add(u, customer, second);
    if (!user)
        return;
    count(user, facts, second);
    touch(u, user);
    add_mark(&u->marked[user - u->users], facts);
}

struct usage_user *usage_get(struct usage *u, uint32_t customer, usec_t now)
{
    struct usage_user *user = find(u, customer);
    if (user)
        decay(user, fade_second(now));
    return user;
}

// For so many seconds after its last count anybody may still be active.
static uint32_t reach(const struct usage *u, enum usage_window window)
{
    static const float spans[USAGE_N] = {
        [USAGE_30S] = 30, [USAGE_2M] = 120, [USAGE_15M] = 900, [USAGE_1H] = 3600};
    float most = u->most[window] / (float)USAGE_ACTIVE;
    return 1 + (uint32_t)(most > 1 ? spans[window] * logf(most) : 0);
}

bool usage_next(const struct usage *u, uint32_t *i, enum usage_window window, usec_t now,
                struct usage_user *user)
{
    uint32_t second = fade_second(now), span = reach(u, window);
    while (*i < u->room) {
        uint32_t slot = (*i)++;
        const struct usage_set *set = &u->sets[slot / USAGE_WAYS];
        uint32_t last = set->second[slot % USAGE_WAYS];
        if (set->customer[slot % USAGE_WAYS] == USAGE_NONE ||
            (second > last && second - last > span))
            continue;
        *user = u->users[slot];
        decay(user, second);
        return true;
    }
    return false;
}

void usage_forget_bad(struct usage *u, enum usage_channel channel)
{
    memset(u->all.bad[channel], 0, sizeof(u->all.bad[channel]));
    for (uint32_t i = 0; i < u->room; i++)
        memset(u->users[i].bad[channel], 0, sizeof(u->users[i].bad[channel]));
}

static void renew(struct usage_user *user)
{
    for (int c = 0; c < USAGE_CHANNELS; c++) {
        user->n[c][USAGE_2M] = user->bad[c][USAGE_2M] = 0;
        user->n[c][USAGE_30S] = user->bad[c][USAGE_30S] = 0;
    }
}

void usage_renew(struct usage *u)
{
    renew(&u->all);
    for (uint32_t i = 0; i < u->room; i++)
        renew(&u->users[i]);
}

void usage_mark(struct usage *u, usec_t now)
{
    u->mark_at = now;
    if (u->room)
        memset(u->marked, 0, u->room * sizeof(*u->marked));
}

struct usage_marked usage_marked(const struct usage *u, uint32_t customer)
{
    const struct usage_user *user = find(u, customer);
    return user ? u->marked[user - u->users] : (struct usage_marked){0};
}

static void user_save(const struct usage_user *user, struct buf *out)
{
    pack_u32(out, user->second);
    for (int c = 0; c < USAGE_CHANNELS; c++) {
        for (int w = 0; w < USAGE_N; w++) {
            pack_f32(out, user->n[c][w]);
            pack_f32(out, user->bad[c][w]);
        }
    }
}

static bool user_load(struct usage_user *user, struct bytes *in)
{
    bool is_ok = take_u32(in, &user->second);
    for (int c = 0; c < USAGE_CHANNELS; c++)
        for (int w = 0; w < USAGE_N; w++)
            is_ok = is_ok && take_f32(in, &user->n[c][w]) && take_f32(in, &user->bad[c][w]);
    return is_ok;
}

void usage_save(const struct usage *u, struct buf *out)
{
    pack_i64(out, u->mark_at);
    pack_i64(out, u->mark_until);
    for (int w = 0; w < USAGE_N; w++)
        pack_f32(out, u->most[w]);
    user_save(&u->all, out);
    pack_u32(out, u->room);
    pack_u32(out, u->count);
    for (uint32_t i = 0; i < u->room; i++) {
        if (u->users[i].customer == USAGE_NONE)
            continue;
        pack_u32(out, i);
        pack_u32(out, u->users[i].customer);
        pack_u32(out, u->sets[i / USAGE_WAYS].second[i % USAGE_WAYS]);
        user_save(&u->users[i], out);
        pack_u16(out, u->marked[i].n);
        pack_u16(out, u->marked[i].bad);
    }
}

static bool is_room(uint32_t room)
{
    return !room || (room >= USAGE_WAYS && room <= USAGE_MOST && (room & (room - 1)) == 0);
}

bool usage_load(struct usage *u, struct bytes *in)
{
    *u = (struct usage){0};
    uint32_t room, n;
    if (!take_i64(in, &u->mark_at) || !take_i64(in, &u->mark_until))
        return false;
    for (int w = 0; w < USAGE_N; w++)
        if (!take_f32(in, &u->most[w]))
            return false;
    if (!user_load(&u->all, in) || !take_u32(in, &room) || !is_room(room) ||
        !take_count(in, &n, 8) || n > room)
        return false;
    if (room)
        allocate(u, room);
    for (; u->count < n; u->count++) {
        uint32_t slot, customer, active;
        struct usage_user user = {0};
        struct usage_marked marked = {0};
        if (!take_u32(in, &slot) || slot >= room || !take_u32(in, &customer) ||
            customer == USAGE_NONE || set_of(u, customer) != slot / USAGE_WAYS ||
            u->users[slot].customer != USAGE_NONE || !take_u32(in, &active) || !active ||
            !user_load(&user, in) || !take_u16(in, &marked.n) || !take_u16(in, &marked.bad)) {
            usage_deinit(u);
            return false;
        }
        user.customer = customer;
        *put(u, slot, customer, active) = user;
        u->marked[slot] = marked;
    }
    return true;
}
