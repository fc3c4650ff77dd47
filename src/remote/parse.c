/* A command line, word by word. Words before and between options are the command's: the longest
 * match in the table wins ("customer add"), what follows are its arguments. */
#include <stddef.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "remote/command.h"
#include "remote/suppress.h"

enum { WORDS_MOST = 20000 };

void command_call_deinit(struct command_call *call)
{
    for (size_t i = 0; i < call->targets_n; i++)
        xfree(call->targets[i]);
    xfree(call->targets);
    char *texts[] = {call->socket,   call->rate,    call->span,     call->reason,  call->since,
                     call->sort,     call->filter,  call->by,       call->contact, call->pool,
                     call->customer, call->list,    call->provider, call->ip,      call->seconds,
                     call->seed,     call->replies, call->language, call->policy,  call->config,
                     call->explain};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        xfree(texts[i]);
    *call = (struct command_call){0};
}

static bool is_rate(const char *s)
{
    uint32_t count;
    usec_t per;
    return strcmp(s, "none") == 0 || text_parse_rate(&count, &per, s);
}

static bool is_span(const char *s)
{
    usec_t span;
    return strcmp(s, "never") == 0 || text_parse_duration(&span, s);
}

static bool is_since(const char *s)
{
    usec_t at;
    return text_parse_duration(&at, s) || clock_parse(&at, s) || clock_parse_date(&at, s);
}

static bool is_limit(const char *s)
{
    int64_t n;
    return text_parse_number(&n, s, 1, 1000000);
}

static bool is_seconds(const char *s)
{
    int64_t n;
    return text_parse_number(&n, s, 5, 86400);
}

static bool is_seed(const char *s)
{
    int64_t n;
    return text_parse_number(&n, s, 0, INT64_MAX);
}

static bool is_by(const char *s)
{
    return strcmp(s, "provider") == 0 || strcmp(s, "customer") == 0 || strcmp(s, "pool") == 0;
}

static bool is_text(const char *s)
{
    return s[strspn(s, " \t")] && strlen(s) <= 1000;
}

static bool is_address(const char *s)
{
    const char *at = strchr(s, '@');
    return at && at > s && at[1] && strlen(s) <= 254 && !strpbrk(s, " \t\r\n<>,;\"");
}

static bool is_language(const char *s)
{
    return strcmp(s, "en") == 0 || strcmp(s, "de") == 0;
}

static bool is_explained(const char *s)
{
    struct target t;
    CLEANUP(xfree) char *why = NULL;
    if (target_parse(&t, s, &why))
        return false;
    return (t.kind == TARGET_CUSTOMER && !*t.list) || t.kind == TARGET_IP ||
           t.kind == TARGET_PROVIDER;
}

#define TEXT(member) .text = offsetof(struct command_call, member)
#define FLAG(member) .flag = offsetof(struct command_call, member)

// Where an option's value goes, and what it may be.
static const struct value_rule {
    const char *name;
    size_t text, flag; // offsets in struct command_call; 0: not this
    bool (*is_right)(const char *s);
    const char *expected;
} rules[] = {
    {"--socket", TEXT(socket), .is_right = is_text, .expected = "a path"},
    {"--reason", TEXT(reason), .is_right = is_text, .expected = "a reason of at most 1,000 bytes"},
    {"--for", TEXT(span), .is_right = is_span, .expected = "a duration like 4h"},
    {"--rate", TEXT(rate), .is_right = is_rate, .expected = "a rate like 100/h"},
    {"--since", TEXT(since), .is_right = is_since, .expected = "8h, 2026-11-24 or RFC 3339 with Z"},
    {"--sort", TEXT(sort), .is_right = is_text, .expected = "a column"},
    {"--filter", TEXT(filter), .is_right = is_text, .expected = "a filter"},
    {"--by", TEXT(by), .is_right = is_by, .expected = "provider, customer or pool"},
    {"--limit", .text = 0, .is_right = is_limit, .expected = "a number from 1"},
    {"--contact", TEXT(contact), .is_right = is_address, .expected = "a mail address"},
    {"--language", TEXT(language), .is_right = is_language, .expected = "en or de"},
    {"--pool", TEXT(pool), .is_right = text_is_name, .expected = "a pool's name"},
    {"--customer", TEXT(customer), .is_right = is_text, .expected = "a customer"},
    {"--list", TEXT(list), .is_right = text_is_name, .expected = "a list's name"},
    {"--provider", TEXT(provider), .is_right = is_text, .expected = "a provider"},
    {"--ip", TEXT(ip), .is_right = is_text, .expected = "an IP address"},
    {"--replies", TEXT(replies), .is_right = is_text, .expected = "a file"},
    {"--seconds", TEXT(seconds), .is_right = is_seconds, .expected = "seconds from 5 to 86400"},
    {"--seed", TEXT(seed), .is_right = is_seed, .expected = "a number"},
    {"--policy", TEXT(policy), .is_right = is_text, .expected = "a file"},
    {"--config", TEXT(config), .is_right = is_text, .expected = "a file"},
    {"--explain", TEXT(explain), .is_right = is_explained,
     .expected = "customer:ID, ip:ADDR or provider:ID"},
    {"--trap", FLAG(is_trap)},
    {"--headless", FLAG(is_headless)},
    {"--observe", FLAG(is_observing)},
    {"--all", FLAG(is_all)},
    {"--json", FLAG(is_json)},
    {"--dry-run", FLAG(is_dry_run)},
    {"--follow", FLAG(is_following)},
    {"--read-only", FLAG(is_read_only)},
    {"--help", FLAG(is_help)},
};

// One run over the words.
struct parsing {
    struct command_call *call;
    const char *const *words;
    size_t n, i;
    const bool *quoted; // typed lines: -r takes all words up to the next option unless quoted
    const char *plain[WORDS_MOST];
    size_t plain_n;
    unsigned given; // option bits
    const struct command_option *first_given[32];
    char **why;
};

static int wrong(struct parsing *p, char *why)
{
    *p->why = why;
    return 1;
}

static const struct value_rule *rule_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (strcmp(rules[i].name, name) == 0)
            return &rules[i];
    return NULL;
}

// --pool is in the table twice: either row says how it is written.
static const struct command_option *option_of(const char *name, size_t n)
{
    for (size_t i = 0; i < command_option_count(); i++) {
        const struct command_option *o = command_option_at(i);
        if (n == 2 && name[0] == '-' && o->letter && name[1] == o->letter)
            return o;
        if (strlen(o->name) == n && strncmp(o->name, name, n) == 0)
            return o;
    }
    return NULL;
}

static int unknown_option(struct parsing *p, const char *word, size_t n)
{
    const char *names[64];
    size_t names_n = 0;
    for (size_t i = 0; i < command_option_count(); i++)
        names[names_n++] = command_option_at(i)->name;
    CLEANUP(xfree) char *shown = text_visible_new(bytes_of(word, n));
    const char *near = text_nearest(shown, names, names_n);
    return wrong(
        p, xasprintf("no option `%s`%s%s", shown, near ? "; nearest: " : "", near ? near : ""));
}

static char *joined_reason(struct parsing *p, const char *first)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    bool joins = p->quoted && p->i && !p->quoted[p->i - 1];
    buf_add_str(&b, first);
    while (joins && p->i < p->n && p->words[p->i][0] != '-')
        buf_printf(&b, " %s", p->words[p->i++]);
    return buf_take_str(&b);
}

static int set_value(struct parsing *p, const struct value_rule *rule, const char *value)
{
    CLEANUP(xfree)
    char *text = strcmp(rule->name, "--reason") == 0 ? joined_reason(p, value) : xstrdup(value);
    CLEANUP(xfree) char *shown = text_visible_new(bytes_of(text, strnlen(text, 80)));
    if (!rule->is_right(text))
        return wrong(p, xasprintf("%s: expected %s, got `%s`", rule->name, rule->expected, shown));
    if (!rule->text) { // --limit, the only number; is_limit() has said yes
        return text_parse_number(&p->call->limit, text, 1, 1000000) ? 0 : 1;
    }
    char **place = (char **)(void *)((char *)p->call + rule->text);
    if (*place)
        return wrong(p, xasprintf("%s is given twice", rule->name));
    *place = MOVE(text);
    return 0;
}

static int take_option(struct parsing *p, const char *word)
{
    const char *equals = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;
    size_t n = equals ? (size_t)(equals - word) : strlen(word);
    const struct command_option *o = option_of(word, n);
    if (!o)
        return unknown_option(p, word, n);
    const struct value_rule *rule = rule_of(o->name);
    for (size_t bit = 0; bit < ARRAY_LEN(p->first_given); bit++)
        if (o->bit == 1U << bit && !p->first_given[bit])
            p->first_given[bit] = o;
    if (rule->flag) {
        if (equals)
            return wrong(p, xasprintf("%s takes no value", o->name));
        *(bool *)((char *)p->call + rule->flag) = true;
        return 0;
    }
    if (!equals && p->i == p->n)
        return wrong(p, xasprintf("%s: expected %s after it", o->name, rule->expected));
    return set_value(p, rule, equals ? equals + 1 : p->words[p->i++]);
}

static int take_words(struct parsing *p)
{
    bool only_plain = false;
    while (p->i < p->n) {
        const char *word = p->words[p->i++];
        if (!only_plain && strcmp(word, "--") == 0) {
            only_plain = true;
        } else if (!only_plain && word[0] == '-' && word[1]) {
            if (take_option(p, word))
                return 1;
        } else if (p->plain_n < WORDS_MOST) {
            p->plain[p->plain_n++] = word;
        } else {
            return wrong(p, xasprintf("more than %d words", (int)WORDS_MOST));
        }
    }
    return 0;
}

// How many of the plain words are the command's: 0 when they do not begin it.
static size_t words_of(const struct parsing *p, const struct command *c)
{
    const char *rest = c->words;
    for (size_t i = 0; i < p->plain_n; i++) {
        size_t n = strcspn(rest, " ");
        if (strlen(p->plain[i]) != n || strncmp(p->plain[i], rest, n) != 0)
            return 0;
        if (!rest[n])
            return i + 1;
        rest += n + 1;
    }
    return 0;
}

static int unknown_command(struct parsing *p)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    size_t n = strlen(p->plain[0]);
    const char *firsts[64];
    for (size_t i = 0; i < command_count(); i++) {
        const char *words = command_at(i)->words;
        firsts[i] = words;
        if (strncmp(words, p->plain[0], n) == 0 && words[n] == ' ')
            buf_printf(&b, "%s`%s`", b.n ? ", " : "", words);
    }
    if (b.n) {
        CLEANUP(xfree) char *ways = buf_take_str(&b);
        return wrong(p, xasprintf("`%s` is half a command: %s", p->plain[0], ways));
    }
    CLEANUP(xfree) char *shown = text_visible_new(bytes_of(p->plain[0], strnlen(p->plain[0], 80)));
    const char *near = text_nearest(shown, firsts, command_count());
    return wrong(p, xasprintf("no command `%s`%s%s; help lists them", shown,
                              near ? "; nearest: " : "", near ? near : ""));
}

static int find_command(struct parsing *p, size_t *used)
{
    for (size_t i = 0; i < command_count(); i++) {
        size_t n = words_of(p, command_at(i));
        if (n > *used) {
            *used = n;
            p->call->command = command_at(i);
        }
    }
    return *used ? 0 : unknown_command(p);
}

static int check_options(struct parsing *p)
{
    const struct command *c = p->call->command;
    for (size_t bit = 0; bit < ARRAY_LEN(p->first_given); bit++) {
        const struct command_option *o = p->first_given[bit];
        if (!o || (c->options & (1U << bit)))
            continue;
        // --pool and --customer count as the queue's; others' are the same words.
        if (strcmp(o->name, "--pool") == 0 && (c->options & OPTION_POOL) && !p->call->list &&
            !p->call->provider && !p->call->ip && !p->call->customer && !p->call->is_all)
            continue;
        if (strcmp(o->name, "--customer") == 0 && (c->options & OPTION_OWNER) && !p->call->list &&
            !p->call->provider && !p->call->ip && !p->call->pool && !p->call->is_all)
            continue;
        return wrong(p, xasprintf("%s takes no %s", c->words, o->name));
    }
    return 0;
}

static void add_target(struct command_call *call, const char *text)
{
    for (size_t i = 0; i < call->targets_n; i++)
        if (strcmp(call->targets[i], text) == 0)
            return; // said twice is once
    call->targets = xrealloc(call->targets, call->targets_n + 1, sizeof(*call->targets));
    call->targets[call->targets_n++] = xstrdup(text);
}

static int take_targets(struct parsing *p, size_t from, enum target_kind kind, bool has_prefix)
{
    struct target t;
    for (size_t i = from; i < p->plain_n; i++) {
        char *why = NULL;
        if (has_prefix ? target_parse(&t, p->plain[i], &why)
                       : target_parse_kind(&t, kind, p->plain[i], &why)) {
            CLEANUP(xfree) char *owned = why;
            return wrong(p, xasprintf("%s: %s", p->call->command->words, owned));
        }
        add_target(p->call, t.text);
    }
    return 0;
}

static void add_part(struct buf *b, const char *name, const char *value)
{
    if (value)
        buf_printf(b, "%s%s=%s", b->n ? "," : "", name, value);
}

// hold and release: the selection's options become one target.
static int take_selection(struct parsing *p, size_t from)
{
    struct command_call *call = p->call;
    struct buf b = {0};
    add_part(&b, "customer", call->customer);
    add_part(&b, "list", call->list);
    add_part(&b, "provider", call->provider);
    add_part(&b, "ip", call->ip);
    add_part(&b, "pool", call->pool);
    CLEANUP(xfree) char *parts = b.n ? buf_take_str(&b) : NULL;
    buf_deinit(&b);
    if ((parts != NULL) + call->is_all + (p->plain_n > from) > 1)
        return wrong(p, xasprintf("%s: a selection, or --all, not both", call->command->words));
    if (parts || call->is_all) {
        p->plain[0] = call->is_all ? "all" : parts;
        p->plain_n = 1;
        from = 0;
    }
    if (p->plain_n == from)
        return wrong(p, xasprintf("%s: which? --customer, --list, --provider, --ip or --pool "
                                  "(together: and), or --all",
                                  call->command->words));
    return take_targets(p, from, TARGET_QUEUE, false);
}

static int arity(struct parsing *p, size_t given, size_t least, size_t most)
{
    const struct command *c = p->call->command;
    if (given >= least && given <= most)
        return 0;
    CLEANUP(buf_deinit) struct buf b = {0};
    command_usage(&b, c);
    CLEANUP(xfree) char *usage = buf_take_str(&b);
    return wrong(p, xasprintf("%s %s; usage: %s", c->words,
                              !most           ? "takes no arguments"
                              : given < least ? "wants an argument"
                                              : "takes one argument",
                              usage));
}

// What stands behind the number is the text, as -r would say it.
static int take_note(struct parsing *p, size_t from)
{
    struct command_call *call = p->call;
    size_t given = p->plain_n - from;
    CLEANUP(buf_deinit) struct buf text = {0};
    if (given > 1 && call->reason)
        return wrong(p, xstrdup("note: the text, or -r TEXT, not both"));
    if (given < 1 || (given == 1 && !call->reason))
        return wrong(p,
                     xstrdup("note wants an incident's number and a text; usage: mxwarden note N "
                             "TEXT…"));
    for (size_t i = from + 1; i < p->plain_n; i++)
        buf_printf(&text, "%s%s", text.n ? " " : "", p->plain[i]);
    if (given > 1 && !is_text(text.n ? (const char *)text.p : ""))
        return wrong(p, xstrdup("note: expected a text"));
    if (given > 1)
        call->reason = buf_take_str(&text);
    p->plain_n = from + 1;
    return take_targets(p, from, TARGET_INCIDENT, false);
}

// Whom explain speaks of: an address is a recipient.
static int take_whom(struct parsing *p, size_t from)
{
    const char *word = p->plain[from];
    if (strchr(word, '@') && !strchr(word, ':')) {
        if (!is_address(word))
            return wrong(p, xstrdup("explain: that is no mail address"));
        add_target(p->call, word);
        return 0;
    }
    return take_targets(p, from, TARGET_CUSTOMER, true);
}

// As they are: a shell hands over thousands.
static void take_files(struct parsing *p, size_t from)
{
    struct command_call *call = p->call;
    if (p->plain_n == from)
        return;
    call->targets = xcalloc(p->plain_n - from, sizeof(*call->targets));
    while (from < p->plain_n)
        call->targets[call->targets_n++] = xstrdup(p->plain[from++]);
}

static int take_addresses(struct parsing *p, size_t from)
{
    char what[SUPPRESS_WHAT];
    for (size_t i = from; i < p->plain_n; i++) {
        CLEANUP(xfree)
        char *shown = text_visible_new(bytes_of(p->plain[i], strnlen(p->plain[i], 80)));
        if (!suppress_parse_what(what, p->plain[i]))
            return wrong(p, xasprintf("%s: expected a mail address or a domain, got `%s`",
                                      p->call->command->words, shown));
        add_target(p->call, what);
    }
    return 0;
}

static int take_arguments(struct parsing *p, size_t from)
{
    size_t given = p->plain_n - from;
    switch (p->call->command->arguments) {
    case ARGUMENTS_NONE:
        return arity(p, given, 0, 0);
    case ARGUMENTS_CUSTOMERS:
        return arity(p, given, 1, WORDS_MOST) || take_targets(p, from, TARGET_CUSTOMER, false);
    case ARGUMENTS_CUSTOMER:
        return arity(p, given, 1, 1) || take_targets(p, from, TARGET_CUSTOMER, false);
    case ARGUMENTS_IPS:
        return arity(p, given, 1, WORDS_MOST) || take_targets(p, from, TARGET_IP, false);
    case ARGUMENTS_QUEUE:
        return take_selection(p, from);
    case ARGUMENTS_LANES:
        return arity(p, given, 1, WORDS_MOST) || take_targets(p, from, TARGET_LANE, false);
    case ARGUMENTS_ENTRY:
        return arity(p, given, 1, 1) || take_targets(p, from, TARGET_LOG, false);
    case ARGUMENTS_INCIDENT:
        return arity(p, given, 1, 1) || take_targets(p, from, TARGET_INCIDENT, false);
    case ARGUMENTS_NOTE:
        return take_note(p, from);
    case ARGUMENTS_WHOM:
        return arity(p, given, 1, 1) || take_whom(p, from);
    case ARGUMENTS_TARGET:
        return arity(p, given, 1, 1) || take_targets(p, from, TARGET_CUSTOMER, true);
    case ARGUMENTS_ADDRESSES:
        return arity(p, given, 1, WORDS_MOST) || take_addresses(p, from);
    case ARGUMENTS_FILE:
        if (arity(p, given, 1, 1))
            return 1;
        add_target(p->call, p->plain[from]);
        return 0;
    case ARGUMENTS_FILES:
        take_files(p, from);
        return 0;
    case ARGUMENTS_WORDS:
        for (size_t i = from; i < p->plain_n; i++)
            add_target(p->call, p->plain[i]);
        return 0;
    }
    return 0;
}

// As the target of decisions and the console's are written.
static void canonise_explained(struct command_call *call)
{
    struct target t;
    char *why = NULL;
    if (!call->explain || target_parse(&t, call->explain, &why))
        return; // checked before
    xfree(call->explain);
    call->explain = xstrdup(t.text);
}

static int check_call(struct parsing *p)
{
    struct command_call *call = p->call;
    const struct command *c = call->command;
    canonise_explained(call);
    if (call->is_read_only && c->role == ROLE_OPERATOR)
        return wrong(p, xasprintf("%s acts, and --read-only was said", c->words));
    if (c->needs_reason && !call->reason && !call->is_dry_run)
        return wrong(p, xasprintf("%s wants a reason: -r TEXT", c->words));
    if (c->kind == COMMAND_ACT && call->rate && strcmp(call->rate, "none") == 0)
        return wrong(p, xasprintf("--rate: expected a rate like 100/h; restore takes it off"));
    if (call->span && strcmp(call->span, "never") == 0 && !(c->options & OPTION_OWNER))
        return wrong(p, xasprintf("--for: expected a duration like 4h, got `never`"));
    if ((c->options & OPTION_OWNER) && call->customer && !suppress_is_owner(call->customer))
        return wrong(p, xasprintf("%s: expected a customer `acme` or a list `acme/spring` after "
                                  "--customer",
                                  c->words));
    if (strcmp(c->words, "customer set") == 0 && !call->contact && !call->language && !call->pool &&
        !call->rate)
        return wrong(p, xstrdup("customer set: what? --contact, --language, --pool or --rate"));
    if (c->arguments == ARGUMENTS_CUSTOMER && strchr(call->targets[0], '/'))
        return wrong(p, xasprintf("%s: expected a customer, not a list", c->words));
    return 0;
}

static int parse(struct parsing *p)
{
    size_t used = 0;
    if (take_words(p))
        return 1;
    if (!p->plain_n)
        return 0; // the console
    if (find_command(p, &used))
        return 1;
    if (p->call->is_help)
        return 0;
    return check_options(p) || take_arguments(p, used) || check_call(p);
}

int command_parse(struct command_call *call, int argc, const char *const *argv, char **why)
{
    struct parsing p = {.call = call, .words = argv, .n = (size_t)argc, .why = why};
    *call = (struct command_call){0};
    return parse(&p);
}

// One word of a typed line into `out`; false at the end of the line, *is_open for a quote left open.
static bool next_word(const char **at, struct buf *out, bool *is_quoted, bool *is_open)
{
    const char *s = *at + strspn(*at, " \t");
    if (!*s)
        return false;
    char quote = 0;
    *is_quoted = *s == '"' || *s == '\'';
    for (; *s && (quote || (*s != ' ' && *s != '\t')); s++) {
        if (*s == quote)
            quote = 0;
        else if (!quote && (*s == '"' || *s == '\''))
            quote = *s;
        else if (*s == '\\' && s[1] && quote != '\'')
            buf_add_byte(out, (uint8_t) * ++s);
        else
            buf_add_byte(out, (uint8_t)*s);
    }
    *is_open = quote;
    *at = s;
    return true;
}

int command_parse_text(struct command_call *call, const char *text, char **why)
{
    char *words[256];
    bool quoted[256];
    struct parsing p = {
        .call = call, .words = (const char *const *)words, .quoted = quoted, .why = why};
    struct buf word = {0};
    bool is_open = false;
    *call = (struct command_call){0};
    while (p.n < ARRAY_LEN(words) && next_word(&text, &word, &quoted[p.n], &is_open))
        words[p.n++] = word.n ? buf_take_str(&word) : xstrdup("");
    buf_deinit(&word);
    int r = is_open                     ? wrong(&p, xstrdup("a quote is left open"))
            : text[strspn(text, " \t")] ? wrong(&p, xstrdup("too many words"))
                                        : parse(&p);
    for (size_t i = 0; i < p.n; i++)
        xfree(words[i]);
    return r;
}

usec_t command_since(const struct command_call *call, usec_t now)
{
    usec_t at = 0;
    if (!call->since)
        return 0;
    if (text_parse_duration(&at, call->since))
        return now - at;
    if (!clock_parse(&at, call->since))
        clock_parse_date(&at, call->since);
    return at;
}
