#include "mail/replies.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "mail/classify.h"
#include "mail/replies_patterns.h"

enum { DEPTH_MOST = 3 };

/* A rule, and the patterns that speak against it. Of one that keeps alive these are its own words: it
 * never wins, and where they stand no address is dead. */
struct known {
    const struct reply_rule *rule;
    uint32_t against, against_n; // of struct replies' `against`
};

struct replies {
    struct known *rules; // in order of precedence
    size_t n;
    struct patterns says;
    struct pattern *against; // [] of patterns in `says`, which have no owner
    size_t against_n;
    uint32_t *spares; // [] of rules
    size_t spares_n;
    struct map providers; // those with rules of their own
};

// --- rules

static void add_against(struct replies *r, const char *const *says, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        r->against = xrealloc(r->against, r->against_n + PATTERN_VARIANTS, sizeof(*r->against));
        r->against_n +=
            patterns_make(&r->says, r->against + r->against_n, says[i], PATTERN_VARIANTS);
    }
}

static void add_rule(struct replies *r, const struct reply_rule *rule)
{
    struct known *k = &r->rules[r->n];
    *k = (struct known){.rule = rule, .against = (uint32_t)r->against_n};
    if (*rule->provider)
        map_put_str(&r->providers, rule->provider, r);
    if (rule->keeps_alive) {
        r->spares[r->spares_n++] = (uint32_t)r->n;
        add_against(r, rule->says, rule->says_n);
    } else {
        for (size_t i = 0; i < rule->says_n; i++)
            patterns_add(&r->says, (uint32_t)r->n, rule->says[i]);
        add_against(r, rule->unless, rule->unless_n);
    }
    r->n++;
    k->against_n = (uint32_t)r->against_n - k->against;
}

struct replies *replies_new(const struct reply_rule *rules, size_t n)
{
    struct replies *r = xcalloc(1, sizeof(*r));
    r->rules = xcalloc(n + 1, sizeof(*r->rules));
    r->spares = xcalloc(n + 1, sizeof(*r->spares));
    for (size_t i = 0; i < n; i++)
        if (*rules[i].provider)
            add_rule(r, &rules[i]);
    for (size_t i = 0; i < n; i++)
        if (!*rules[i].provider)
            add_rule(r, &rules[i]);
    patterns_build(&r->says);
    return r;
}

struct replies *replies_free(struct replies *r)
{
    if (!r)
        return NULL;
    patterns_deinit(&r->says);
    map_deinit(&r->providers);
    xfree(r->rules);
    xfree(r->against);
    xfree(r->spares);
    return xfree(r);
}

size_t replies_left_out(const struct replies *r)
{
    return r->says.left_out;
}

// --- judging

static bool is_for(const struct reply_rule *rule, const struct reply_said *said)
{
    if (*rule->provider && strcmp(rule->provider, said->provider) != 0 &&
        (rule->is_only_here || *said->provider))
        return false;
    if (rule->code && rule->code < 10 && said->code && said->code / 100 != rule->code)
        return false; // words without a code may be of either kind
    if (rule->code >= 10 && said->code != rule->code)
        return false;
    if (said->phase == PHASE_NONE || !rule->at_n)
        return true;
    for (size_t i = 0; i < rule->at_n; i++)
        if (rule->at[i] == said->phase)
            return true;
    return false;
}

struct looking {
    const struct replies *r;
    const struct reply_said *said;
    const struct found *found;
    bool is_asked,
        is_spared; // whether its words say that no address is dead: asked once, if at all
};

static bool is_dead(enum class class)
{
    return class == CLASS_UNKNOWN_USER || class == CLASS_INACTIVE_MAILBOX ||
           class == CLASS_DOMAIN_NOT_FOUND;
}

static bool has_against(const struct looking *l, const struct known *k)
{
    for (uint32_t i = 0; i < k->against_n; i++)
        if (patterns_stands(l->found, &l->r->against[k->against + i]))
            return true;
    return false;
}

static bool is_spared(struct looking *l)
{
    for (size_t i = 0; i < l->r->spares_n && !l->is_asked && !l->is_spared; i++) {
        const struct known *k = &l->r->rules[l->r->spares[i]];
        l->is_spared = is_for(k->rule, l->said) && has_against(l, k);
    }
    l->is_asked = true;
    return l->is_spared;
}

static bool fits(void *ctx, uint32_t owner)
{
    struct looking *l = ctx;
    const struct known *k = &l->r->rules[owner];
    return is_for(k->rule, l->said) && !has_against(l, k) &&
           !(is_dead(k->rule->class) && is_spared(l));
}

// `spared`, unless NULL: no rule fits, and its words say that no address is dead.
static const struct reply_rule *find(const struct replies *r, const struct reply_said *said,
                                     bool *spared)
{
    char plain[REPLIES_PLAIN];
    struct found found;
    size_t n = replies_plain(plain, said->text);
    patterns_search(&r->says, &found, plain, n);
    struct looking l = {.r = r, .said = said, .found = &found};
    const struct pattern *first = patterns_first(&r->says, &found, fits, &l);
    if (spared)
        *spared = !first && is_spared(&l);
    return first ? r->rules[first->owner].rule : NULL;
}

// "550 5.1.1 No…", "421-4.7.0", "550 No": a code, and behind it a blank or a dash and a status or a word.
static bool is_reply(const char *text)
{
    if (strspn(text, "0123456789") != 3 || (*text != '4' && *text != '5') || text[1] > '7' ||
        (text[3] != ' ' && text[3] != '-'))
        return false;
    const char *next = text + 4;
    return strspn(next, "0123456789.") >= 5 || isalpha((unsigned char)*next) || *next == '<' ||
           *next == '\'' || *next == '[' || *next == '#';
}

/* A relayed reply's last part: "550 5.1.351 Remote server returned … -> 550 5.1.1 …", "host … said: 550 …",
 * "smtp; 550 …", "… RCPT TO:<…>: 550 …", "550-'5.2.2 …". NULL: it is no relayed one. */
static const char *inner_of(const char *text)
{
    const char *inner = NULL;
    for (const char *at = text; (at = strpbrk(at, "45")); at++) {
        if (at == text || !strchr(" :;\"'(", at[-1]))
            continue;
        if (at[-1] == ' ' && (at - text < 2 || !strchr(">:;", at[-2])))
            continue;
        if (is_reply(at))
            inner = at;
    }
    return inner;
}

static bool is_clueless(const struct reply_verdict *v)
{
    return !v->rule && (v->class == CLASS_UNDETERMINED || v->class == CLASS_TRANSIENT ||
                        v->class == CLASS_NO_CONNECT || v->class == CLASS_PROTOCOL);
}

// "Sender verify failed: 550 No such user": what stands before the inner reply says that it is about us.
static bool is_of_sender(const struct replies *r, const struct reply_said *said, const char *inner)
{
    char head[REPLIES_PLAIN];
    size_t n = (size_t)(inner - said->text);
    struct reply_said before = *said;
    if (n >= sizeof(head))
        return false;
    memcpy(head, said->text, n);
    head[n] = '\0';
    before.text = head;
    const struct reply_rule *rule = find(r, &before, NULL);
    return rule && rule->class == CLASS_AUTH_POLICY && rule->scope == SCOPE_SENDER_DOMAIN;
}

static void judge(const struct replies *r, const struct reply_said *said,
                  struct reply_verdict *verdict, int depth)
{
    const char *inner = depth < DEPTH_MOST ? inner_of(said->text) : NULL;
    if (inner && !is_of_sender(r, said, inner)) {
        char enhanced[12];
        struct reply_said deep = *said;
        deep.text = inner;
        deep.enhanced = enhanced;
        replies_codes(inner, &deep.code, enhanced);
        judge(r, &deep, verdict, depth + 1);
        if (!is_clueless(verdict))
            return;
    }
    bool spared = false;
    verdict->rule = said->code >= 200 && said->code < 300 ? NULL : find(r, said, &spared);
    if (verdict->rule) {
        verdict->class = verdict->rule->class;
        verdict->scope = verdict->rule->scope;
        return;
    }
    classify_reply(&verdict->class, &verdict->scope, said->code, said->enhanced, said->phase);
    if (spared && is_dead(verdict->class)) // by its status alone
        classify_reply(&verdict->class, &verdict->scope, said->code, "", said->phase);
}

void replies_judge(const struct replies *r, const struct reply_said *said,
                   struct reply_verdict *verdict)
{
    struct reply_said known = *said;
    if (!map_get_str(&r->providers, said->provider))
        known.provider = ""; // one without rules of its own is as good as none
    judge(r, &known, verdict, 0);
}
