#include "mail/replies.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "mail/classify.h"
#include "mail/replies_search.h"

enum { PATTERNS_MOST = 20000, FRAGMENTS_MOST = 16, DEPTH_MOST = 3 };

/* One pattern without alternatives: fragments that stand in this order. */
struct pattern {
    const struct reply_rule *rule;
    uint16_t fragments[FRAGMENTS_MOST];
    unsigned fragments_n;
    uint32_t next_of_first; // the next pattern that begins with the same fragment; 0: none
};

struct replies {
    struct pattern *patterns; // [0] is none; in order of precedence
    size_t n, room;
    size_t left_out; // for want of room
    struct search search;
    uint32_t *by_first; // fragment → the first pattern that begins with it; 0: none
    size_t by_first_n;
    struct map providers; // those with rules of their own
};

// --- patterns

static void add_fragment(struct replies *r, struct pattern *p, struct buf *words)
{
    if (words->n && p->fragments_n < FRAGMENTS_MOST)
        p->fragments[p->fragments_n++] = search_add(&r->search, (const char *)words->p, words->n);
    buf_clear(words);
}

// "no such user*" is " no such user"; "mailbox * full" is " mailbox ", " full "; "*.example" is
// ".example ".
static void compile(struct replies *r, const struct reply_rule *rule, const char *text)
{
    CLEANUP(buf_deinit) struct buf words = {0};
    struct pattern p = {.rule = rule};
    if (r->n == PATTERNS_MOST || search_count(&r->search) + FRAGMENTS_MOST > SEARCH_FRAGMENTS) {
        r->left_out++;
        return;
    }
    while (*text) {
        size_t n = strcspn(text, " ");
        bool is_gap = n == 1 && *text == '*';
        bool is_open = n > 1 && text[n - 1] == '*';
        if (is_gap) {
            add_fragment(r, &p, &words);
        } else if (n) {
            bool is_tail = n > 1 && *text == '*';
            if (!words.n && !is_tail)
                buf_add_byte(&words, ' ');
            buf_add(&words, text + is_tail, n - is_open - is_tail);
            if (is_open)
                add_fragment(r, &p, &words);
            else
                buf_add_byte(&words, ' ');
        }
        text += n + strspn(text + n, " ");
    }
    add_fragment(r, &p, &words);
    if (!p.fragments_n)
        return;
    if (r->n == r->room)
        r->patterns = xrealloc(r->patterns, r->room = r->room * 2, sizeof(*r->patterns));
    r->patterns[r->n++] = p;
}

// Writes out the alternatives: "no (user|mailbox)" is two patterns.
static void expand(struct replies *r, const struct reply_rule *rule, const char *text, int *left)
{
    const char *open = strchr(text, '('), *close = open ? strchr(open, ')') : NULL;
    if (!close) {
        if ((*left)-- > 0)
            compile(r, rule, text);
        else
            r->left_out++;
        return;
    }
    for (const char *at = open + 1; at <= close;) {
        size_t n = strcspn(at, "|)");
        CLEANUP(xfree)
        char *one = xasprintf("%.*s%.*s%s", (int)(open - text), text, (int)n, at, close + 1);
        expand(r, rule, one, left);
        at += n + 1;
    }
}

static void add_rules(struct replies *r, const struct reply_rule *rules, size_t n, bool is_own)
{
    for (size_t i = 0; i < n; i++) {
        if (!!*rules[i].provider != is_own)
            continue;
        if (is_own)
            map_put_str(&r->providers, rules[i].provider, r);
        for (size_t k = 0; k < rules[i].says_n; k++) {
            int left = REPLY_ALTERNATIVES;
            expand(r, &rules[i], rules[i].says[k], &left);
        }
    }
}

// Patterns by their first fragment, the first in order first.
static void index_patterns(struct replies *r)
{
    r->by_first_n = search_count(&r->search);
    r->by_first = xcalloc(r->by_first_n + 1, sizeof(*r->by_first));
    for (size_t i = r->n; i-- > 1;) {
        uint32_t *first = &r->by_first[r->patterns[i].fragments[0]];
        r->patterns[i].next_of_first = *first;
        *first = (uint32_t)i;
    }
}

struct replies *replies_new(const struct reply_rule *rules, size_t n)
{
    struct replies *r = xcalloc(1, sizeof(*r));
    r->room = 64;
    r->patterns = xcalloc(r->room, sizeof(*r->patterns));
    r->n = 1;
    add_rules(r, rules, n, true);
    add_rules(r, rules, n, false);
    search_build(&r->search);
    index_patterns(r);
    return r;
}

struct replies *replies_free(struct replies *r)
{
    if (!r)
        return NULL;
    search_deinit(&r->search);
    map_deinit(&r->providers);
    xfree(r->patterns);
    xfree(r->by_first);
    return xfree(r);
}

size_t replies_left_out(const struct replies *r)
{
    return r->left_out;
}

// --- judging

static bool fits(const struct reply_rule *rule, const struct reply_said *said)
{
    if (*rule->provider && strcmp(rule->provider, said->provider) != 0 &&
        (rule->is_only_here || *said->provider))
        return false;
    if (rule->code && said->code && said->code / 100 != rule->code)
        return false;
    if (said->phase == PHASE_NONE || !rule->at_n)
        return true;
    for (size_t i = 0; i < rule->at_n; i++)
        if (rule->at[i] == said->phase)
            return true;
    return false;
}

static bool stands_in_order(const struct replies *r, const struct pattern *p, const char *plain,
                            size_t n)
{
    const char *at = plain, *end = plain + n;
    for (unsigned i = 0; i < p->fragments_n; i++) {
        struct bytes f = search_fragment(&r->search, p->fragments[i]);
        at = memmem(at, (size_t)(end - at), f.p, f.n);
        if (!at)
            return false;
        at += f.n - (f.n > 1 && f.p[f.n - 1] == ' '); // the blank may begin the next
    }
    return true;
}

enum { FOUND_MOST = 256 };

/* Which fragments stand in a text: a bit each, and in order of their first. */
struct found {
    uint8_t *bits;
    uint16_t ids[FOUND_MOST];
    size_t n;
};

static void on_fragment(void *ctx, unsigned id)
{
    struct found *f = ctx;
    uint8_t bit = (uint8_t)(1u << id % 8);
    if (f->bits[id / 8] & bit || f->n == FOUND_MOST)
        return; // a text of more different fragments is none that people wrote
    f->bits[id / 8] |= bit;
    f->ids[f->n++] = (uint16_t)id;
}

static bool has_all(const struct found *f, const struct pattern *p)
{
    for (unsigned i = 1; i < p->fragments_n; i++)
        if (!(f->bits[p->fragments[i] / 8] & 1u << p->fragments[i] % 8))
            return false;
    return true;
}

static const struct reply_rule *find(const struct replies *r, const struct reply_said *said)
{
    char plain[REPLIES_PLAIN];
    uint8_t bits[SEARCH_FRAGMENTS / 8 + 1];
    struct found found = {.bits = bits};
    size_t best = 0, n = replies_plain(plain, said->text);
    memset(bits, 0, search_count(&r->search) / 8 + 1);
    search_each(&r->search, plain, n, on_fragment, &found);
    for (size_t k = 0; k < found.n; k++)
        for (size_t i = r->by_first[found.ids[k]]; i && (!best || i < best);
             i = r->patterns[i].next_of_first) { // in order of precedence
            const struct pattern *p = &r->patterns[i];
            if (has_all(&found, p) && fits(p->rule, said) && stands_in_order(r, p, plain, n))
                best = i;
        }
    return best ? r->patterns[best].rule : NULL;
}

// Of "550 5.1.351 Remote server returned … -> 550 5.1.1 …" and "host … said: 550 …" the last part.
static const char *inner_of(const char *text)
{
    static const char *const marks[] = {" -> ", " said: "};
    const char *inner = NULL;
    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        for (const char *at = text; (at = strstr(at, marks[i]));) {
            at += strlen(marks[i]);
            if (isdigit((unsigned char)*at) && (!inner || at > inner))
                inner = at;
        }
    return inner;
}

static bool is_clueless(const struct reply_verdict *v)
{
    return !v->rule && (v->class == CLASS_UNDETERMINED || v->class == CLASS_TRANSIENT ||
                        v->class == CLASS_NO_CONNECT || v->class == CLASS_PROTOCOL);
}

static void judge(const struct replies *r, const struct reply_said *said,
                  struct reply_verdict *verdict, int depth)
{
    const char *inner = depth < DEPTH_MOST ? inner_of(said->text) : NULL;
    if (inner) {
        char enhanced[12];
        struct reply_said deep = *said;
        deep.text = inner;
        deep.enhanced = enhanced;
        replies_codes(inner, &deep.code, enhanced);
        judge(r, &deep, verdict, depth + 1);
        if (!is_clueless(verdict))
            return;
    }
    verdict->rule = said->code >= 200 && said->code < 300 ? NULL : find(r, said);
    if (verdict->rule) {
        verdict->class = verdict->rule->class;
        verdict->scope = verdict->rule->scope;
    } else {
        classify_reply(&verdict->class, &verdict->scope, said->code, said->enhanced, said->phase);
    }
}

void replies_judge(const struct replies *r, const struct reply_said *said,
                   struct reply_verdict *verdict)
{
    struct reply_said known = *said;
    if (!map_get_str(&r->providers, said->provider))
        known.provider = ""; // one without rules of its own is as good as none
    judge(r, &known, verdict, 0);
}
