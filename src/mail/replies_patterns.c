#include "mail/replies_patterns.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

struct member {
    uint16_t set;
    uint32_t next; // 0: none
};

// --- building

static void add_member(struct patterns *p, uint16_t fragment, uint16_t set)
{
    if (fragment >= p->members_of_room) {
        size_t room = p->members_of_room ? p->members_of_room * 2 : 1024;
        p->members_of = xrealloc(p->members_of, room, sizeof(*p->members_of));
        memset(p->members_of + p->members_of_room, 0,
               (room - p->members_of_room) * sizeof(*p->members_of));
        p->members_of_room = room;
    }
    if (p->members_n >= p->members_room) {
        p->members_room = p->members_room ? p->members_room * 2 : 1024;
        p->members = xrealloc(p->members, p->members_room, sizeof(*p->members));
        p->members_n += !p->members_n; // [0] is none
    }
    p->members[p->members_n] = (struct member){set, p->members_of[fragment]};
    p->members_of[fragment] = (uint32_t)p->members_n++;
}

// "such user*" is " such user", "user" is " user ", "*.example" is ".example ".
static bool add_fragment(struct patterns *p, const char *text, uint16_t set)
{
    CLEANUP(buf_deinit) struct buf words = {0};
    bool is_open = false;
    while (*text) {
        size_t n = strcspn(text, " ");
        bool is_tail = n > 1 && *text == '*';
        char word[256];
        if (n == 1 && *text == '*') { // what was before it may be left out: "mail (size|)*"
            text += n + strspn(text + n, " ");
            continue;
        }
        is_open = n > 1 && text[n - 1] == '*';
        if (!words.n && !is_tail)
            buf_add_byte(&words, ' ');
        size_t long_n = n < is_tail + (size_t)is_open ? 0 : n - is_tail - is_open;
        buf_add(&words, word, replies_plain_word(word, sizeof(word), text + is_tail, long_n));
        if (!is_open && words.n && words.p[words.n - 1] != ' ')
            buf_add_byte(&words, ' ');
        text += n + strspn(text + n, " ");
    }
    if (words.n < 2)
        return true;
    if (search_count(&p->search) >= SEARCH_FRAGMENTS - 1)
        return false;
    add_member(p, search_add(&p->search, (const char *)words.p, words.n), set);
    return true;
}

// Spells out the alternatives: "no (user|mailbox)" is two fragments.
static void expand(struct patterns *p, const char *text, uint16_t set, int *left)
{
    const char *open = strchr(text, '('), *close = open ? strchr(open, ')') : NULL;
    if (!close) {
        if ((*left)-- <= 0 || !add_fragment(p, text, set))
            p->left_out++;
        return;
    }
    for (const char *at = open + 1; at <= close;) {
        size_t n = strcspn(at, "|)");
        CLEANUP(xfree)
        char *one = xasprintf("%.*s%.*s%s", (int)(open - text), text, (int)n, at, close + 1);
        expand(p, one, set, left);
        at += n + 1;
    }
}

static bool set_of(struct patterns *p, const char *part, size_t n, uint16_t *set)
{
    void *known = map_get(&p->set_ids, bytes_of(part, n));
    if (known) {
        *set = (uint16_t)((uintptr_t)known - 1);
        return true;
    }
    if (p->sets_n == SETS_MOST)
        return false;
    int left = REPLY_ALTERNATIVES;
    CLEANUP(xfree) char *text = xmemdup0(part, n);
    *set = (uint16_t)p->sets_n++;
    map_put(&p->set_ids, bytes_of(part, n), (void *)(uintptr_t)p->sets_n);
    expand(p, text, *set, &left);
    return true;
}

/* The bytes of the part at `text`: up to a gap, or to the end of an open word, or of a group: groups side
 * by side are parts, so that their numbers add up and don't multiply. */
static size_t part_length(const char *text)
{
    int depth = 0;
    size_t i = 0;
    for (; text[i]; i++) {
        const char *next = text + i + 1;
        depth += text[i] == '(' ? 1 : text[i] == ')' ? -1 : 0;
        if (depth || text[i] != ' ')
            continue;
        if (*next && strchr("*~&!", *next) && (next[1] == ' ' || !next[1]))
            break;
        if (i && (strchr("*)", text[i - 1]) || *next == '('))
            break;
    }
    return i;
}

// Reads the gap in front of a part; true: there was one.
static bool read_gap(const char **text, enum gap *gap)
{
    static const char marks[] = "*~&!";
    static const enum gap gaps[] = {GAP_ANY, GAP_NEAR, GAP_ALSO, GAP_NOT};
    const char *at = *text + strspn(*text, " ");
    const char *mark = *at ? strchr(marks, *at) : NULL;
    bool is_gap = mark && (at[1] == ' ' || !at[1]);
    *text = is_gap ? at + 1 : at;
    if (is_gap)
        *gap = gaps[mark - marks];
    return is_gap;
}

static bool make(struct patterns *p, struct pattern *made, const char *text)
{
    *made = (struct pattern){0};
    while (*text && made->n < PARTS_MOST) {
        enum gap gap = GAP_NONE;
        while (read_gap(&text, &gap))
            continue;
        size_t n = part_length(text);
        if (!n)
            break;
        if (!set_of(p, text, n, &made->sets[made->n])) {
            p->left_out++;
            return false;
        }
        made->gaps[made->n++] = (uint8_t)gap;
        text += n;
    }
    return made->n;
}

// The first group that may be left out, "(is |)", with its length; NULL: none.
static const char *optional(const char *text, size_t *n)
{
    while ((text = strchr(text, '('))) {
        *n = strcspn(text, ")");
        if (text[*n] && text[*n - 1] == '|')
            return text;
        text++;
    }
    return NULL;
}

size_t patterns_make(struct patterns *p, struct pattern *made, const char *text, size_t room)
{
    size_t n, count;
    const char *group = optional(text, &n);
    if (!group || room < 2)
        return make(p, made, text);
    CLEANUP(buf_deinit) struct buf with = {0}, without = {0};
    buf_add(&without, text, (size_t)(group - text));
    buf_add_str(&without, group + n + 1);
    buf_add(&with, text, (size_t)(group - text));
    for (const char *at = group; at < group + n - 1; at++)
        if (*at != ' ' || (at[1] != '|' && at[1] != ')')) // the blank that goes with it
            buf_add_byte(&with, (uint8_t)*at);
    buf_add_str(&with, group[n + 1] == ' ' || group[n + 1] == '*' || !group[n + 1] ? ")" : ") ");
    buf_add_str(&with, group + n + 1);
    count = patterns_make(p, made, (const char *)with.p, room / 2);
    return count + patterns_make(p, made + count, (const char *)without.p, room / 2);
}

void patterns_add(struct patterns *p, uint32_t owner, const char *text)
{
    struct pattern made[PATTERN_VARIANTS];
    size_t n = patterns_make(p, made, text, ARRAY_LEN(made));
    for (size_t i = 0; i < n; i++) {
        if (p->n >= PATTERNS_MOST) {
            p->left_out++;
            return;
        }
        p->n += !p->n; // [0] is none
        if (p->n >= p->room)
            p->all = xrealloc(p->all, p->room = p->room ? p->room * 2 : 256, sizeof(*p->all));
        made[i].owner = owner;
        p->all[p->n++] = made[i];
    }
}

void patterns_build(struct patterns *p)
{
    uint32_t *uses = xcalloc(p->sets_n + 1, sizeof(*uses));
    p->first_of = xcalloc(p->sets_n + 1, sizeof(*p->first_of));
    for (size_t i = 1; i < p->n; i++)
        for (size_t k = 0; k < p->all[i].n; k++)
            uses[p->all[i].sets[k]]++;
    for (size_t i = p->n; i-- > 1;) {
        struct pattern *one = &p->all[i];
        uint16_t rarest = one->sets[0];
        for (size_t k = 1; k < one->n; k++)
            if (one->gaps[k] != GAP_NOT && uses[one->sets[k]] < uses[rarest])
                rarest = one->sets[k];
        one->next = p->first_of[rarest];
        p->first_of[rarest] = (uint32_t)i;
    }
    xfree(uses);
    search_build(&p->search);
}

void patterns_deinit(struct patterns *p)
{
    search_deinit(&p->search);
    map_deinit(&p->set_ids);
    xfree(p->all);
    xfree(p->members);
    xfree(p->members_of);
    xfree(p->first_of);
    *p = (struct patterns){0};
}

// --- searching

static void on_fragment(void *ctx, unsigned id, size_t end)
{
    struct found *f = ctx;
    size_t n = search_fragment(&f->patterns->search, id).n;
    for (uint32_t m = f->patterns->members_of[id]; m; m = f->patterns->members[m].next) {
        uint16_t set = f->patterns->members[m].set;
        if (f->n == FOUND_MOST)
            return;
        uint16_t at = (uint16_t)++f->n;
        // The blank behind a word may begin the next.
        f->all[at - 1] = (struct occurrence){.start = (uint16_t)(end - n),
                                             .end = (uint16_t)(end - (f->plain[end - 1] == ' '))};
        if (f->first[set])
            f->all[f->last[set] - 1].next = at;
        else
            f->sets[f->sets_n++] = set;
        f->first[set] = f->first[set] ? f->first[set] : at;
        f->last[set] = at;
    }
}

void patterns_search(const struct patterns *p, struct found *f, const char *plain, size_t n)
{
    f->n = f->sets_n = 0;
    f->plain = plain;
    f->patterns = p;
    memset(f->first, 0, p->sets_n * sizeof(*f->first));
    search_each(&p->search, plain, n, on_fragment, f);
}

static bool follows(const struct found *f, enum gap gap, const struct occurrence *before,
                    const struct occurrence *o)
{
    int left = gap == GAP_NEAR ? NEAR_WORDS : 0;
    if (o->start < before->end)
        return false;
    if (gap == GAP_ANY)
        return true;
    for (size_t i = before->end; i < o->start; i++)
        if (f->plain[i] == ' ' && left-- == 0)
            return false;
    return true;
}

// Which of a set's occurrences can be reached from the one before.
static uint32_t reached(const struct found *f, const struct pattern *p, size_t before, size_t part,
                        uint32_t from)
{
    uint32_t now = 0, bit = 1;
    for (uint16_t o = f->first[p->sets[part]]; o && bit; o = f->all[o - 1].next, bit <<= 1) {
        uint32_t is_from = from;
        for (uint16_t b = f->first[p->sets[before]]; b && is_from && !(now & bit);
             b = f->all[b - 1].next, is_from >>= 1)
            if (is_from & 1 && follows(f, p->gaps[part], &f->all[b - 1], &f->all[o - 1]))
                now |= bit;
    }
    return now;
}

bool patterns_stands(const struct found *f, const struct pattern *p)
{
    uint32_t reach = UINT32_MAX;
    size_t before = 0; // the part before, of those that stand there
    for (size_t i = 0; i < p->n; i++)
        if (!f->first[p->sets[i]] != (p->gaps[i] == GAP_NOT))
            return false;
    for (size_t i = 1; i < p->n && reach; i++)
        if (p->gaps[i] != GAP_NOT) {
            reach = p->gaps[i] == GAP_ALSO ? UINT32_MAX : reached(f, p, before, i, reach);
            before = i;
        }
    return reach;
}

const struct pattern *patterns_first(const struct patterns *p, const struct found *f,
                                     bool (*fits)(void *ctx, uint32_t owner), void *ctx)
{
    size_t best = 0;
    for (size_t k = 0; k < f->sets_n; k++)
        for (size_t i = p->first_of[f->sets[k]]; i && (!best || i < best); i = p->all[i].next)
            if (patterns_stands(f, &p->all[i]) && fits(ctx, p->all[i].owner))
                best = i;
    return best ? &p->all[best] : NULL;
}
