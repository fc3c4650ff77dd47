#include "settings/files.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/reply_rule.h"
#include "core/suppression.h"
#include "settings/value.h"

#define AT(field) offsetof(struct file_providers_data, field)
#define OF(field) offsetof(struct settings_provider, field)
#define RANGE(from, to) .min = (from), .max = (to)

// What a provider does not say, `default:` says; that row stands first and is read first.
static void init_provider(struct schema_reader *r, const struct tree_node *node, void *base)
{
    struct settings_provider *p = base;
    *p = ((const struct file_providers_data *)r->context)->fallback;
    p->name = "";
    p->replies = NULL;
    p->replies_n = 0;
    if (text_is_name(node->key->text))
        p->name = arena_copy(r->keep, bytes_str(node->key->text));
    else
        schema_say(
            r, node->key,
            "expected a provider's name (a-z 0-9 . _ -, first a letter or digit, at most 63), "
            "got `%.60s`",
            node->key->text);
}

static bool is_suffix(const char *text)
{
    char domain[VALUE_DOMAIN];
    return value_parse_domain(domain, text + (*text == '.'));
}

// Keeps the suffix as look-ups compare it.
static void check_suffix(struct schema_reader *r, const struct tree_node *node, void *base)
{
    char domain[VALUE_DOMAIN];
    const char **suffix = base;
    if (!value_parse_domain(domain, *suffix + (**suffix == '.')))
        return;
    *suffix = arena_copy(r->keep, bytes_str(domain));
    schema_is_first(r, node, "the MX suffix", domain, NULL);
}

#define WORD(name, number, text) {text, number},
static const struct schema_word classes[] = {WORDS_CLASS(WORD)};
static const struct schema_word scopes[] = {WORDS_SCOPE(WORD)};
static const struct schema_word phases[] = {WORDS_PHASE(WORD)};
static const struct schema_word trusts[] = {
    {"twice", TRUST_TWICE}, {"sure", TRUST_SURE}, {"weak", TRUST_WEAK}};
static const struct schema_word answers[] = {{"no", false}, {"yes", true}};
#undef WORD

static void init_reply(struct schema_reader *r, const struct tree_node *node, void *base)
{
    struct reply_rule *rule = base;
    (void)r;
    *rule = (struct reply_rule){.provider = "", .line = node->line};
}

static void init_words(struct schema_reader *r, const struct tree_node *node, void *base)
{
    struct reply_words *w = base;
    *w = (struct reply_words){.name = arena_copy(r->keep, bytes_str(node->key->text)), .text = ""};
}

// `$name` by the words of that name, in parentheses where it stands in none.
static bool spell_out(struct buf *out, const struct file_providers_data *of, const char *text)
{
    int depth = 0;
    for (const char *p = text; *p;) {
        depth += *p == '(' ? 1 : *p == ')' ? -1 : 0;
        if (*p != '$') {
            buf_add_byte(out, (uint8_t)*p++);
            continue;
        }
        size_t n = strspn(++p, "abcdefghijklmnopqrstuvwxyz-");
        const struct reply_words *w = NULL;
        for (size_t i = 0; i < of->words_n && !w; i++)
            if (strlen(of->words[i].name) == n && strncmp(of->words[i].name, p, n) == 0)
                w = &of->words[i];
        if (!w)
            return false;
        buf_printf(out, depth ? "%s" : "(%s)", w->text);
        p += n;
    }
    buf_add_byte(out, '\0');
    return true;
}

static bool is_gap_or_end(const char *p)
{
    return !*p || (*p == ' ' && p[1] && strchr("*~&!", p[1]) && (p[2] == ' ' || !p[2]));
}

// An open end inside of a word or in the middle of alternatives would mean nothing.
static bool is_star_right(const char *from, const char *p, int depth)
{
    bool is_alone = (p == from || p[-1] == ' ') && (!p[1] || p[1] == ' ');
    bool begins = p == from || p[-1] == ' ' || p[-1] == '(' || p[-1] == '|';
    bool ends = !p[1] || p[1] == ' ' || p[1] == '|' || p[1] == ')';
    if (depth && is_alone)
        return false;
    return begins != ends || is_alone;
}

// Words, gaps, `*` at a word's end, alternatives in parentheses: what mail/replies compiles.
static bool is_pattern(const char *text)
{
    int depth = 0;
    uint64_t all = 1, group = 1; // how many a part spells out
    bool has_word = false, is_open = false;
    for (const char *p = text; *p; p++) {
        depth += *p == '(' ? 1 : *p == ')' ? -1 : 0;
        group = *p == '(' ? 1 : group + (*p == '|');
        all *= *p == ')' ? group : 1;
        has_word |= (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || (*p & 0x80);
        is_open =
            *p == '(' ? false : is_open || (*p == '*' && depth && p[-1] != '(' && p[-1] != '|');
        if (*p == ')' && is_open && p[1] != '*' && !is_gap_or_end(p + 1))
            return false;
        if (!depth && (is_gap_or_end(p) || (*p == ' ' && p > text && p[-1] == ')') ||
                       (*p == ' ' && p[1] == '(')))
            all = 1; // groups side by side are parts of their own
        if (depth < 0 || depth > 1 || (*p >= 'A' && *p <= 'Z') || (*p == '|' && !depth) ||
            all > REPLY_ALTERNATIVES || (*p == '*' && !is_star_right(text, p, depth)) ||
            (depth && strchr("~&!", *p)))
            return false;
    }
    return has_word && !depth;
}

// What may stand between a pair of parentheses.
static bool is_words(const char *text)
{
    CLEANUP(buf_deinit) struct buf group = {0};
    buf_printf(&group, "(%s)", text);
    return !strpbrk(text, "()$") && is_pattern((const char *)group.p);
}

static void check_pattern(struct schema_reader *r, const struct tree_node *node, void *base)
{
    const struct file_providers_data *data = r->context;
    const char **pattern = base;
    CLEANUP(buf_deinit) struct buf all = {0};
    if (!strchr(*pattern, '$'))
        return;
    if (!spell_out(&all, data, *pattern))
        schema_say(r, node, "expected after each `$` a name of `words`, got `%.60s`", *pattern);
    else if (!is_pattern((const char *)all.p))
        schema_say(r, node,
                   "expected at most 2,000 alternatives in a part, and `*` at a word's end "
                   "only, once its words are spelt out: `%.60s`",
                   *pattern);
    else
        *pattern = arena_copy(r->keep, bytes_str((const char *)all.p));
}

static void check_code(struct schema_reader *r, const struct tree_node *node, void *base)
{
    unsigned code = ((const struct reply_rule *)base)->code;
    if (code > 5 && code < 400)
        schema_say(r, node, "expected 4, 5 or a code from 400 to 599, got `%.60s`", node->text);
}

#define REPLY_OF(field) offsetof(struct reply_rule, field)
#define PATTERN_EXPECTED                                                                           \
    "words in lower case, `*` for a gap or at a word's end, (this|that) for alternatives, at "     \
    "most 2,000 of them"
#define WORDS(list) .words = (list), .words_n = ARRAY_LEN(list)
// The same rows for what everybody says and for what a provider says.
// NOLINTBEGIN(bugprone-macro-parentheses): strings that stand beside each other can't have any
#define REPLY_ROWS(prefix, array_at, count_at)                                                       \
    {prefix, SCHEMA_LIST, "what its answers mean, the first that fits wins"},                        \
        {prefix ".-",                                                                                \
         SCHEMA_SECTION,                                                                             \
         "a meaning and the words that have it",                                                     \
         .item = sizeof(struct reply_rule),                                                          \
         .array = array_at,                                                                          \
         .count = count_at,                                                                          \
         .init = init_reply},                                                                        \
        {prefix ".-.is",      SCHEMA_WORD,    "the class",                                           \
         .is_required = true, WORDS(classes), .at = REPLY_OF(class)},                                \
        {prefix ".-.of",        SCHEMA_WORD,   "whom it speaks of",                                  \
         .fallback = "unknown", WORDS(scopes), .at = REPLY_OF(scope)},                               \
        {prefix ".-.says", SCHEMA_LIST, "words of the answer, any of these", .is_required = true},   \
        {prefix ".-.says.-",                                                                         \
         SCHEMA_TEXT,                                                                                \
         "words in lower case like `no such (user|mailbox)`",                                        \
         .item = sizeof(char *),                                                                     \
         .array = REPLY_OF(says),                                                                    \
         .count = REPLY_OF(says_n),                                                                  \
         .needs_one = true,                                                                          \
         .expected = PATTERN_EXPECTED,                                                               \
         .is_right = is_pattern,                                                                     \
         .check = check_pattern},                                                                    \
        {prefix ".-.unless", SCHEMA_LIST, "words that speak against it"},                            \
        {prefix ".-.unless.-",                                                                       \
         SCHEMA_TEXT,                                                                                \
         "words as in says; with them it does not mean this",                                        \
         .item = sizeof(char *),                                                                     \
         .array = REPLY_OF(unless),                                                                  \
         .count = REPLY_OF(unless_n),                                                                \
         .expected = PATTERN_EXPECTED,                                                               \
         .is_right = is_pattern,                                                                     \
         .check = check_pattern},                                                                    \
        {prefix ".-.at", SCHEMA_LIST, "only in answer to"},                                          \
        {prefix ".-.at.-",      SCHEMA_WORD,                                                         \
         "a phase of SMTP",     .item = sizeof(enum phase),                                          \
         .array = REPLY_OF(at), .count = REPLY_OF(at_n),                                             \
         WORDS(phases)},                                                                             \
        {prefix ".-.code",   SCHEMA_NUMBER, "only with a code that begins so, or is it",             \
         .min = 4,           .max = 599,    .at = REPLY_OF(code),                                    \
         .check = check_code},                                                                       \
        {prefix ".-.only_here", SCHEMA_FLAG,    "said by somebody unknown it does not mean this",    \
         .fallback = "no",      WORDS(answers), .at = REPLY_OF(is_only_here)},                       \
        {prefix ".-.keeps_alive", SCHEMA_FLAG,    "no verdict: beside its words no address is dead", \
         .fallback = "no",        WORDS(answers), .at = REPLY_OF(keeps_alive)},                      \
    {                                                                                                \
        prefix ".-.from", SCHEMA_TEXT, "where that is known from, and of when",                      \
            .fallback = "", .at = REPLY_OF(from)                                                     \
    }

// NOLINTEND(bugprone-macro-parentheses)
// clang-format off
static const struct schema_row rows[] = {
    {"default", SCHEMA_SECTION, "what holds for unknown providers, and where a provider below says nothing"},
    {"default.connections", SCHEMA_NUMBER, "connections at once from one of our IPs; 0 is no limit", .fallback = "5",
     RANGE(0, 10000), .at = AT(fallback.connections)},
    {"default.connections_all", SCHEMA_NUMBER, "connections at once from all our IPs; 0 is no limit", .fallback = "0",
     RANGE(0, 60000), .at = AT(fallback.connections_all)},
    {"default.messages", SCHEMA_NUMBER, "messages over one connection; 0 is no limit", .fallback = "20",
     RANGE(0, 100000), .at = AT(fallback.messages)},
    {"default.rate", SCHEMA_RATE, "messages from one of our IPs; none is no limit", .fallback = "1/s",
     .at = AT(fallback.rate), .also = AT(fallback.rate_per)},
    {"default.pause", SCHEMA_DURATION, "how long an IP stays away after it was blocked; policy is as policy.yaml says",
     .fallback = "policy", .zero = "policy", RANGE(USEC_SECOND, 7 * USEC_DAY), .at = AT(fallback.pause)},
    {"default.unknown_user", SCHEMA_WORD, "what its word counts that an address does not exist", .fallback = "twice",
     WORDS(trusts), .at = AT(fallback.unknown_user)},
    {"default.words", SCHEMA_SECTION, "words that rules share, as $name in their patterns"},
    {"default.words.*", SCHEMA_TEXT, "alternatives with | between them", .item = sizeof(struct reply_words),
     .array = AT(words), .count = AT(words_n), .init = init_words, .at = offsetof(struct reply_words, text),
     .expected = "words in lower case like `user|mailbox`", .is_right = is_words},
    REPLY_ROWS("default.replies", AT(fallback.replies), AT(fallback.replies_n)),

    {"*", SCHEMA_SECTION, "a provider with its MX suffixes", .item = sizeof(struct settings_provider), .array = AT(items),
     .count = AT(n), .init = init_provider},
    {"*.mx", SCHEMA_LIST, "the ends of its MX hosts' names", .is_required = true},
    {"*.mx.-", SCHEMA_TEXT, "a name like .google.com", .item = sizeof(char *), .array = OF(mx), .count = OF(mx_n),
     .needs_one = true, .expected = "the end of a host's name like .google.com", .is_right = is_suffix, .check = check_suffix},
    {"*.connections", SCHEMA_NUMBER, "as in default", RANGE(0, 10000), .at = OF(connections)},
    {"*.connections_all", SCHEMA_NUMBER, "as in default", RANGE(0, 60000), .at = OF(connections_all)},
    {"*.messages", SCHEMA_NUMBER, "as in default", RANGE(0, 100000), .at = OF(messages)},
    {"*.rate", SCHEMA_RATE, "as in default", .at = OF(rate), .also = OF(rate_per)},
    {"*.pause", SCHEMA_DURATION, "as in default", .zero = "policy", RANGE(USEC_SECOND, 7 * USEC_DAY), .at = OF(pause)},
    {"*.unknown_user", SCHEMA_WORD, "as in default", WORDS(trusts), .at = OF(unknown_user)},
    REPLY_ROWS("*.replies", OF(replies), OF(replies_n)),
};
// clang-format on

const struct schema file_providers = {rows, ARRAY_LEN(rows)};
