// Linear probing with all entries in the order of their hash: an entry stands at its home (the hash
// scaled to the room) or as soon as possible behind it, and never before one with a smaller hash. So a
// search ends at the first larger one, and what is not there costs as little as what is.
#include "core/suppression.h"

#include <string.h>

#include "base/mem.h"
#include "core/outcome.h"
#include "core/policy.h"

enum { ROOM_LEAST = 1024, TAIL = 64, ADDRESS = 1024, FILTER_BITS = 8 };

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a word's first byte is its lowest");

__extension__ typedef unsigned __int128 wide; // a product of two 64-bit numbers

void suppressions_init(struct suppressions *s, const struct hash_key *hash)
{
    *s = (struct suppressions){.hash = *hash};
}

void suppressions_deinit(struct suppressions *s)
{
    s->slots = xfree(s->slots);
    s->filter = xfree(s->filter);
    s->room = s->end = s->n = s->domains = s->suspects = 0;
}

static size_t home(const struct suppressions *s, uint64_t key)
{
    return (size_t)(((wide)key * s->room) >> 64);
}

// Three bits in one word (a blocked Bloom filter). The word comes of the high bits of the hash as the home
// does, so that a load and a growing walk through both; the bits come of the low ones.
static uint64_t *filter_word(const struct suppressions *s, uint64_t key)
{
    return s->filter + (key >> s->filter_shift);
}

static uint64_t filter_bits(uint64_t key)
{
    return (uint64_t)1 << (key & 63) | (uint64_t)1 << (key >> 6 & 63) |
           (uint64_t)1 << (key >> 12 & 63);
}

static void filter_add(struct suppressions *s, uint64_t key)
{
    *filter_word(s, key) |= filter_bits(key);
}

static bool may_be_there(const struct suppressions *s, uint64_t key)
{
    uint64_t bits = filter_bits(key);
    return (*filter_word(s, key) & bits) == bits;
}

static void filter_init(struct suppressions *s)
{
    unsigned bits = 1; // of a word's number
    while (((size_t)64 << bits) < FILTER_BITS * s->room)
        bits++;
    s->filter_shift = 64 - bits;
    s->filter = xcalloc_huge((size_t)1 << bits, sizeof(*s->filter));
}

// Where it stands, or would: the first slot from its home on that is empty or not smaller.
static size_t place(const struct suppressions *s, uint64_t key, uint32_t owner)
{
    size_t i = home(s, key);
    while (i < s->end && s->slots[i].key &&
           (s->slots[i].key < key || (s->slots[i].key == key && s->slots[i].owner < owner)))
        i++;
    return i;
}

static void widen_tail(struct suppressions *s)
{
    size_t end = s->end + (s->end - s->room);
    s->slots = xrealloc(s->slots, end, sizeof(*s->slots));
    memset(s->slots + s->end, 0, (end - s->end) * sizeof(*s->slots));
    s->end = end;
}

// Opens a gap at i; all up to the next empty slot move on by one.
static void open_gap(struct suppressions *s, size_t i)
{
    size_t empty = i;
    while (empty < s->end && s->slots[empty].key)
        empty++;
    if (empty == s->end)
        widen_tail(s);
    memmove(s->slots + i + 1, s->slots + i, (empty - i) * sizeof(*s->slots));
}

static void set_room(struct suppressions *s, size_t room)
{
    struct suppressions old = *s;
    s->room = room;
    s->end = room + TAIL;
    s->slots = xcalloc_huge(s->end, sizeof(*s->slots));
    filter_init(s);
    for (size_t i = 0; i < old.end; i++) {
        const struct suppression *one = &old.slots[i];
        if (!one->key)
            continue;
        size_t at = place(s, one->key, one->owner); // nothing larger is there yet
        if (at == s->end)
            widen_tail(s);
        s->slots[at] = *one;
        filter_add(s, one->key);
    }
    xfree(old.filter);
    xfree(old.slots);
}

void suppressions_reserve(struct suppressions *s, size_t n)
{
    size_t room = (n < SUPPRESSION_MOST ? n : SUPPRESSION_MOST) / 3 * 4 + ROOM_LEAST;
    if (room > s->room)
        set_room(s, room);
}

static void count(struct suppressions *s, const struct suppression *one, size_t by)
{
    s->n += by;
    if (one->flags & SUPPRESSION_DOMAIN)
        s->domains += by;
    if (one->flags & SUPPRESSION_SUSPECT)
        s->suspects += by;
}

static const struct suppression *at_place(const struct suppressions *s, size_t i, uint64_t key,
                                          uint32_t owner)
{
    bool is_it = i < s->end && s->slots[i].key == key && s->slots[i].owner == owner;
    return is_it ? &s->slots[i] : NULL;
}

bool suppressions_put(struct suppressions *s, const struct suppression *one)
{
    if (!one->key)
        return false; // of no address
    if (s->n >= s->room / 4 * 3)
        set_room(s, s->room ? s->room + s->room / 2 : ROOM_LEAST);
    size_t i = place(s, one->key, one->owner);
    if (at_place(s, i, one->key, one->owner)) {
        count(s, &s->slots[i], (size_t)-1);
    } else {
        if (s->n >= SUPPRESSION_MOST)
            return false;
        open_gap(s, i);
    }
    s->slots[i] = *one;
    filter_add(s, one->key); // it stays when the entry goes: until the next growing
    count(s, one, 1);
    return true;
}

// Closes the gap at i: whoever is behind it and not at home moves back by one.
static void close_gap(struct suppressions *s, size_t i)
{
    size_t next = i + 1;
    while (next < s->end && s->slots[next].key && home(s, s->slots[next].key) < next)
        next++;
    memmove(s->slots + i, s->slots + i + 1, (next - i - 1) * sizeof(*s->slots));
    s->slots[next - 1] = (struct suppression){.key = 0};
}

bool suppressions_remove(struct suppressions *s, uint64_t key, uint32_t owner)
{
    if (!s->n || !key)
        return false;
    size_t i = place(s, key, owner);
    if (!at_place(s, i, key, owner))
        return false;
    count(s, &s->slots[i], (size_t)-1);
    close_gap(s, i);
    return true;
}

const struct suppression *suppressions_get(const struct suppressions *s, uint64_t key,
                                           uint32_t owner)
{
    return s->n && key ? at_place(s, place(s, key, owner), key, owner) : NULL;
}

size_t suppressions_sweep(struct suppressions *s, size_t *at, size_t steps, usec_t now)
{
    uint32_t minute = suppression_minute(now);
    size_t i = *at, gone = 0;
    for (; steps-- && i < s->end; i++) {
        while (s->slots[i].key && s->slots[i].until <= minute) { // another may come to stand here
            count(s, &s->slots[i], (size_t)-1);
            close_gap(s, i);
            gone++;
        }
    }
    *at = i < s->end ? i : 0;
    return gone;
}

// ---- names and times

// Eight letters at once: those from A to Z get the bit that makes them small.
static uint64_t small_letters(uint64_t x)
{
    const uint64_t each = 0x0101010101010101;
    uint64_t low = x & 0x7f * each;
    uint64_t from_a = low + (0x80 - 'A') * each, behind_z = low + (0x7f - 'Z') * each;
    return x | ((~x & (from_a ^ behind_z) & 0x80 * each) >> 2);
}

// The n % 8 bytes at the end, as a number.
static uint64_t tail_of(const char *text, size_t n)
{
    uint64_t x = 0;
    if (n >= sizeof(x)) {
        memcpy(&x, text + n - sizeof(x), sizeof(x));
        return x >> 8 >> 8 * (sizeof(x) - 1 - n % sizeof(x));
    }
    for (size_t i = 0; i < n; i++)
        x |= (uint64_t)(uint8_t)text[i] << 8 * i;
    return x;
}

// Words are made small and put down whole, as the hash reads them again.
static uint64_t key_of_plain(const struct suppressions *s, const char *text, size_t n)
{
    uint64_t words[ADDRESS / sizeof(uint64_t) + 1];
    if (n > ADDRESS)
        n = ADDRESS;
    for (size_t i = 0; i < n / sizeof(*words); i++) {
        uint64_t x;
        memcpy(&x, text + i * sizeof(x), sizeof(x));
        words[i] = small_letters(x);
    }
    if (n % sizeof(*words))
        words[n / sizeof(*words)] = small_letters(tail_of(text, n));
    uint64_t key = hash_sip(&s->hash, bytes_of(words, n));
    return key ? key : 1;
}

// A quoted local part as it is meant (RFC 5321 §4.1.2: `"a"@x` is a@x). Stays as it is where no quote ends,
// and where nothing is inside: it would read as a domain.
static size_t without_quotes(char out[ADDRESS], const char *text, size_t n)
{
    size_t to = 0, i = 1;
    for (; i < n && text[i] != '"'; i++) {
        i += text[i] == '\\' && i + 1 < n;
        out[to++] = text[i];
    }
    if (i == n || !to)
        return 0;
    memcpy(out + to, text + i + 1, n - i - 1);
    return to + n - i - 1;
}

// An address, or "@domain".
static uint64_t key_of(const struct suppressions *s, const char *text, size_t n)
{
    char plain[ADDRESS];
    if (*text != '"' || n > ADDRESS)
        return key_of_plain(s, text, n);
    size_t plain_n = without_quotes(plain, text, n);
    return plain_n ? key_of_plain(s, plain, plain_n) : key_of_plain(s, text, n);
}

uint64_t suppression_key(const struct suppressions *s, const char *what)
{
    if (strchr(what, '@'))
        return key_of(s, what, strlen(what));
    CLEANUP(xfree) char *domain = xasprintf("@%s", what);
    return key_of(s, domain, strlen(domain));
}

uint32_t suppression_owner(const char *name)
{
    static const struct hash_key fixed = {0x6d787761, 0x7264656e}; // the number is on disk
    uint32_t owner = *name ? (uint32_t)hash_sip(&fixed, bytes_str(name)) : 0;
    return owner || !*name ? owner : 1;
}

uint32_t suppression_minute(usec_t at)
{
    usec_t minute = at / USEC_MINUTE;
    return at == USEC_NEVER || minute >= UINT32_MAX ? UINT32_MAX : at > 0 ? (uint32_t)minute : 0;
}

usec_t suppression_usec(uint32_t minute)
{
    return minute == UINT32_MAX ? USEC_NEVER : minute * USEC_MINUTE;
}

// ---- may it go there

bool suppression_stands(const struct suppression *one, usec_t now)
{
    return !(one->flags & SUPPRESSION_SUSPECT) && one->until > suppression_minute(now);
}

/* Whose mail it is; the numbers are made when a key is found at all. */
struct asker {
    const char *customer, *list;
    uint32_t owners[3]; // everybody's, the customer's, the list's
    bool is_known;
};

static bool concerns(struct asker *a, uint32_t owner)
{
    char both[256];
    size_t customer_n = strlen(a->customer), list_n = strlen(a->list);
    if (owner && !a->is_known && customer_n + list_n + 2 <= sizeof(both)) {
        memcpy(both, a->customer, customer_n);
        both[customer_n] = '/';
        memcpy(both + customer_n + 1, a->list, list_n + 1);
        a->owners[1] = suppression_owner(a->customer);
        a->owners[2] = list_n ? suppression_owner(both) : a->owners[1];
    }
    a->is_known = a->is_known || owner;
    return !owner || owner == a->owners[1] || owner == a->owners[2];
}

static bool is_stronger(const struct suppression *one, const struct suppression *than)
{
    bool is_trap = one->flags & SUPPRESSION_TRAP, was_trap = than && than->flags & SUPPRESSION_TRAP;
    return !than || is_trap > was_trap || (is_trap == was_trap && one->until > than->until);
}

static const struct suppression *find(const struct suppressions *s, uint64_t key, struct asker *a,
                                      usec_t now, const struct suppression *best)
{
    if (!may_be_there(s, key))
        return best;
    for (size_t i = place(s, key, 0); i < s->end && s->slots[i].key == key; i++) {
        const struct suppression *one = &s->slots[i];
        if (concerns(a, one->owner) && suppression_stands(one, now) && is_stronger(one, best))
            best = one;
    }
    return best;
}

// One hash beside the other: a processor works at both at once.
struct suppression_expected suppressions_expect(const struct suppressions *s, const char *address)
{
    struct suppression_expected e = {0, 0};
    if (!s->n)
        return e;
    size_t n = strlen(address);
    const char *at = s->domains ? memrchr(address, '@', n) : NULL;
    e.address = key_of(s, address, n);
    if (at)
        e.domain = key_of(s, at, n - (size_t)(at - address));
    __builtin_prefetch(filter_word(s, e.address));
    __builtin_prefetch(filter_word(s, e.domain));
    return e;
}

const struct suppression *suppressions_find_expected(const struct suppressions *s,
                                                     const struct suppression_expected *expected,
                                                     const char *customer, const char *list,
                                                     usec_t now)
{
    struct asker a = {.customer = customer, .list = list};
    const struct suppression *best = NULL;
    if (s->n && expected->address)
        best = find(s, expected->address, &a, now, NULL);
    return s->n && expected->domain ? find(s, expected->domain, &a, now, best) : best;
}

const struct suppression *suppressions_find(const struct suppressions *s, const char *address,
                                            const char *customer, const char *list, usec_t now)
{
    struct suppression_expected e = suppressions_expect(s, address);
    return suppressions_find_expected(s, &e, customer, list, now);
}

// ---- the rule

// When the address was seen to be so: late news is of the day of its delivery, so that two reports on
// one message are one sign.
static usec_t seen_at(const struct outcome *o)
{
    return o->delivered_at ? o->delivered_at : o->at;
}

// Does the reply speak of the recipient at all?
static bool is_of_recipient(const struct outcome *o)
{
    return o->scope == SCOPE_RECIPIENT || o->scope == SCOPE_UNKNOWN;
}

static bool is_final(const struct outcome *o)
{
    return o->kind == OUTCOME_BOUNCED || o->kind == OUTCOME_EXPIRED;
}

// How long one is not written to for such a class; 0: it suppresses nobody.
static usec_t span_of(const struct policy *p, enum class class)
{
    switch ((int)class) {
    case CLASS_UNKNOWN_USER:
        return p->suppression.dead;
    case CLASS_INACTIVE_MAILBOX:
        return p->suppression.inactive;
    case CLASS_DOMAIN_NOT_FOUND:
        return p->suppression.no_domain;
    case CLASS_MAILBOX_FULL:
        return p->suppression.full;
    case CLASS_COMPLAINT:
        return p->suppression.complaint;
    case CLASS_UNSUBSCRIBE:
        return p->suppression.unsubscribe;
    default:
        return 0;
    }
}

// A mailbox that is not there and one that is closed confirm each other; a domain only itself.
static bool confirms(enum class class, const struct suppression *first)
{
    bool is_domain = class == CLASS_DOMAIN_NOT_FOUND;
    return is_domain == (first->class == CLASS_DOMAIN_NOT_FOUND);
}

static bool is_second_sign(const struct outcome *o, const struct suppression *known,
                           const struct policy *p)
{
    if (!known || !(known->flags & SUPPRESSION_SUSPECT) || !confirms(o->class, known))
        return false;
    usec_t first = suppression_usec(known->since), second = seen_at(o);
    usec_t apart = second > first ? second - first : first - second;
    return second / USEC_DAY != first / USEC_DAY && apart <= p->suppression.evidence;
}

static usec_t end_of(usec_t from, usec_t span)
{
    return span == USEC_NEVER || from > USEC_NEVER - span ? USEC_NEVER : from + span;
}

// An address that stands already gains nothing by what ends sooner, and a hand's is left alone; a first
// sign that still counts is not written anew.
static bool adds_nothing(const struct suppression *known, const struct suppression *one, usec_t at)
{
    bool is_sign = one->flags & SUPPRESSION_SUSPECT;
    if (!known || known->until <= suppression_minute(at))
        return false;
    if (known->flags & SUPPRESSION_SUSPECT)
        return is_sign && confirms((enum class)one->class, known);
    return is_sign || known->flags & SUPPRESSION_MANUAL || known->until >= one->until;
}

static bool judge_dead(struct suppression *out, const struct outcome *o,
                       enum suppression_trust trust, const struct suppression *known,
                       const struct policy *p)
{
    bool is_sure = o->class == CLASS_UNKNOWN_USER && trust == TRUST_SURE;
    if (o->class == CLASS_UNKNOWN_USER && trust == TRUST_WEAK)
        return false;
    if (is_sure || is_second_sign(o, known, p))
        return true;
    out->flags |= SUPPRESSION_SUSPECT;
    out->since = suppression_minute(seen_at(o));
    out->until = suppression_minute(end_of(seen_at(o), p->suppression.evidence));
    return true;
}

bool suppression_judge(struct suppression *out, bool *for_customer, const struct outcome *o,
                       enum suppression_trust trust, const struct suppression *known,
                       const struct policy *p)
{
    enum class class = o->kind == OUTCOME_COMPLAINED     ? CLASS_COMPLAINT
                       : o->kind == OUTCOME_UNSUBSCRIBED ? CLASS_UNSUBSCRIBE
                                                         : o->class;
    bool is_wish = o->kind == OUTCOME_COMPLAINED || o->kind == OUTCOME_UNSUBSCRIBED;
    usec_t span = span_of(p, class);
    if (!strchr(o->recipient, '@') || !span || (!is_wish && (!is_final(o) || !is_of_recipient(o))))
        return false;
    *out = (struct suppression){.class = (uint8_t) class,
                                .since = suppression_minute(o->at),
                                .until = suppression_minute(end_of(o->at, span))};
    *for_customer = class == CLASS_COMPLAINT || class == CLASS_UNSUBSCRIBE;
    if (!*for_customer && class != CLASS_MAILBOX_FULL && !judge_dead(out, o, trust, known, p))
        return false;
    return *for_customer || !adds_nothing(known, out, o->at);
}
