#include "remote/command.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

static const char *const roles[] = {"none", "viewer", "operator"};

const char *role_text(enum role role)
{
    return roles[role];
}

bool role_parse(enum role *role, const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (strcmp(roles[i], text) == 0) {
            *role = (enum role)i;
            return true;
        }
    }
    return false;
}

#define ALL (OPTION_SOCKET | OPTION_READ_ONLY | OPTION_HELP)
#define LIST (ALL | OPTION_JSON | OPTION_SORT | OPTION_FILTER | OPTION_LIMIT)
#define ACT (ALL | OPTION_JSON | OPTION_REASON | OPTION_DRY_RUN)
#define HOLDS (ACT | OPTION_FOR)
#define MANAGE (ALL | OPTION_JSON | OPTION_REASON)

// clang-format off
static const struct command commands[] = {
    {"status", COMMAND_LOOK, ROLE_VIEWER, ARGUMENTS_NONE, ALL | OPTION_JSON, .table = "status",
     .usage = "", .help = "the node in figures"},
    {"incidents", COMMAND_LOOK, ROLE_VIEWER, ARGUMENTS_NONE, LIST, .table = "incidents",
     .usage = "", .help = "what is wrong, why, who has it; --filter state:closed: what is over"},
    {"ips", COMMAND_LOOK, ROLE_VIEWER, ARGUMENTS_NONE, LIST, .table = "ips",
     .usage = "", .help = "source addresses: rotation, what goes out, what comes back"},
    {"customers", COMMAND_LOOK, ROLE_VIEWER, ARGUMENTS_NONE, LIST, .table = "customers",
     .usage = "", .help = "customers: standing, rates of harm, what waits"},
    {"queue", COMMAND_LOOK, ROLE_VIEWER, ARGUMENTS_NONE, LIST | OPTION_BY, .table = "queue",
     .usage = "", .help = "what waits, by provider, customer or pool"},
    {"providers", COMMAND_LOOK, ROLE_VIEWER, ARGUMENTS_NONE, LIST, .table = "providers",
     .usage = "", .help = "whom we send to: outages, blocks, lanes, what waits"},
    {"events", COMMAND_LOOK, ROLE_VIEWER, ARGUMENTS_NONE,
     LIST | OPTION_FOLLOW | OPTION_SINCE, .table = "events",
     .usage = "", .help = "outcomes, the newest last; --json: one a line"},
    {"log", COMMAND_LOOK, ROLE_VIEWER, ARGUMENTS_NONE, LIST, .table = "log",
     .usage = "", .help = "the ledger: every action, the newest first"},
    {"replies unknown", COMMAND_LOOK, ROLE_VIEWER, ARGUMENTS_NONE, LIST, .table = "unknown",
     .usage = "", .help = "answers that no rule knew, by shape; a shape can be put under says:"},
    {"show", COMMAND_LOOK, ROLE_VIEWER, ARGUMENTS_TARGET, ALL | OPTION_JSON,
     .usage = "customer:ID|ip:ADDR|incident:N|message:ID|provider:ID|queue:…|log:SEQ",
     .help = "all about one thing"},
    {"explain", COMMAND_LOOK, ROLE_VIEWER, ARGUMENTS_WHOM, ALL | OPTION_JSON,
     .usage = "customer:ID|ip:ADDR|message:ID|RECIPIENT",
     .help = "in words: which rules apply, why it waits, the last answer, what comes next"},
    {"warn", COMMAND_ACT, ROLE_OPERATOR, ARGUMENTS_CUSTOMERS, HOLDS, 'w',
     .usage = "ID…", .help = "warn a customer or list; nothing is slowed", .needs_reason = true},
    {"throttle", COMMAND_ACT, ROLE_OPERATOR, ARGUMENTS_CUSTOMERS, HOLDS | OPTION_RATE, 't',
     .usage = "ID…", .help = "slow a customer or list down to a rate", .needs_reason = true},
    {"suspend", COMMAND_ACT, ROLE_OPERATOR, ARGUMENTS_CUSTOMERS, HOLDS, 's',
     .usage = "ID…", .help = "refuse a customer's or list's new mail, hold what waits",
     .needs_reason = true},
    {"restore", COMMAND_ACT, ROLE_OPERATOR, ARGUMENTS_CUSTOMERS, ACT, 'r',
     .usage = "ID…", .help = "lift every warning, throttle and suspension of a customer or list",
     .needs_reason = true},
    {"pull", COMMAND_ACT, ROLE_OPERATOR, ARGUMENTS_IPS, HOLDS, 'p',
     .usage = "ADDR…", .help = "take an address out of rotation at once", .needs_reason = true},
    {"return", COMMAND_ACT, ROLE_OPERATOR, ARGUMENTS_IPS, ACT, 'r',
     .usage = "ADDR…", .help = "put a pulled or draining address back", .needs_reason = true},
    {"drain", COMMAND_ACT, ROLE_OPERATOR, ARGUMENTS_IPS, HOLDS, 'd',
     .usage = "ADDR…", .help = "start nothing new on an address, let what runs end",
     .needs_reason = true},
    {"pause", COMMAND_ACT, ROLE_OPERATOR, ARGUMENTS_LANES, HOLDS,
     .usage = "ADDR/PROVIDER…", .help = "start nothing new from an address to a provider; PROVIDER alone: from all",
     .needs_reason = true},
    {"resume", COMMAND_ACT, ROLE_OPERATOR, ARGUMENTS_LANES, ACT,
     .usage = "ADDR/PROVIDER…", .help = "end a pause; one connection at first, then one more at a time",
     .needs_reason = true},
    {"hold", COMMAND_ACT, ROLE_OPERATOR, ARGUMENTS_QUEUE, HOLDS | OPTION_SELECT, 'H',
     .usage = "", .help = "keep what matches in the queue; loses nothing", .needs_reason = true},
    {"release", COMMAND_ACT, ROLE_OPERATOR, ARGUMENTS_QUEUE, ACT | OPTION_SELECT, 'L',
     .usage = "", .help = "lift the holds of that selection; --all: every hold",
     .needs_reason = true},
    {"undo", COMMAND_ACT, ROLE_OPERATOR, ARGUMENTS_ENTRY, ACT, 'u',
     .usage = "SEQ", .help = "take back one action by its ledger number", .needs_reason = true},
    {"ack", COMMAND_ACT, ROLE_OPERATOR, ARGUMENTS_INCIDENT, ACT, 'a',
     .usage = "N", .help = "put your name on an incident; again: give it back"},
    {"resolve", COMMAND_ACT, ROLE_OPERATOR, ARGUMENTS_INCIDENT, ACT, 'c',
     .usage = "N", .help = "close an incident; what was done stays as it is"},
    {"note", COMMAND_ACT, ROLE_OPERATOR, ARGUMENTS_NOTE, ACT, 'N',
     .usage = "N TEXT…", .help = "write a note into an incident's story"},
    {"verify", COMMAND_MANAGE, ROLE_VIEWER, ARGUMENTS_NONE, ALL | OPTION_JSON,
     .usage = "", .help = "check the ledger's chain of hashes"},
    {"reload", COMMAND_MANAGE, ROLE_OPERATOR, ARGUMENTS_NONE, MANAGE,
     .usage = "", .help = "read the configuration again, all or nothing"},
    {"customer add", COMMAND_MANAGE, ROLE_OPERATOR, ARGUMENTS_CUSTOMER,
     MANAGE | OPTION_CONTACT | OPTION_LANGUAGE | OPTION_POOL | OPTION_RATE,
     .usage = "ID", .help = "add a customer"},
    {"customer set", COMMAND_MANAGE, ROLE_OPERATOR, ARGUMENTS_CUSTOMER,
     MANAGE | OPTION_CONTACT | OPTION_LANGUAGE | OPTION_POOL | OPTION_RATE,
     .usage = "ID", .help = "change a customer's contact, language, pool or own rate (none: no limit)"},
    {"customer rm", COMMAND_MANAGE, ROLE_OPERATOR, ARGUMENTS_CUSTOMER, MANAGE,
     .usage = "ID", .help = "remove a customer of whom nothing waits"},
    {"suppress add", COMMAND_MANAGE, ROLE_OPERATOR, ARGUMENTS_ADDRESSES,
     MANAGE | OPTION_OWNER | OPTION_FOR | OPTION_TRAP,
     .usage = "ADDRESS|DOMAIN…", .help = "no mail goes there any more: for everybody or one customer"},
    {"suppress rm", COMMAND_MANAGE, ROLE_OPERATOR, ARGUMENTS_ADDRESSES, MANAGE | OPTION_OWNER,
     .usage = "ADDRESS|DOMAIN…", .help = "mail may go there again; what the engine found out is lifted too"},
    {"suppress check", COMMAND_MANAGE, ROLE_VIEWER, ARGUMENTS_ADDRESSES, ALL | OPTION_JSON,
     .usage = "ADDRESS|DOMAIN…", .help = "whether mail goes there, and why not"},
    {"suppress import", COMMAND_MANAGE, ROLE_OPERATOR, ARGUMENTS_FILE,
     MANAGE | OPTION_OWNER | OPTION_FOR | OPTION_TRAP,
     .usage = "FILE|-", .help = "add many: an address or @domain a line, or CSV with a header"},
    {"suppress export", COMMAND_MANAGE, ROLE_VIEWER, ARGUMENTS_NONE, ALL | OPTION_JSON | OPTION_OWNER,
     .usage = "", .help = "all of them, as CSV"},
    {"classify", COMMAND_OFFLINE, ROLE_NONE, ARGUMENTS_FILES, OPTION_HELP | OPTION_REPLIES,
     .usage = "FILE…", .help = "what bounces, complaints and other answers by mail mean, or SMTP replies; a line each"},
    {"demo", COMMAND_OFFLINE, ROLE_NONE, ARGUMENTS_NONE, OPTION_HELP | OPTION_WORLD | OPTION_READ_ONLY,
     .usage = "", .help = "a whole world in a box: an engine, providers and customers on loopback"},
    {"replay", COMMAND_OFFLINE, ROLE_NONE, ARGUMENTS_FILE, OPTION_HELP | OPTION_REPLAY,
     .usage = "FILE|-", .help = "what the policy would have decided on outcomes as NDJSON, in their own time"},
    {"help", COMMAND_OFFLINE, ROLE_NONE, ARGUMENTS_WORDS, ALL,
     .usage = "[COMMAND]", .help = "what the commands are, or all about one"},
    {"version", COMMAND_OFFLINE, ROLE_NONE, ARGUMENTS_NONE, ALL | OPTION_JSON,
     .usage = "", .help = "this program's version"},
};

static const struct command_option options[] = {
    {"--reason", 'r', OPTION_REASON, "TEXT", "why; stands in the ledger"},
    {"--for", 0, OPTION_FOR, "SPAN", "ends by itself after 30s, 5m, 4h or 7d"},
    {"--rate", 0, OPTION_RATE, "N/h", "recipients in a time: 100/h, 10/m"},
    {"--dry-run", 0, OPTION_DRY_RUN, NULL, "print what it would do, change nothing"},
    {"--all", 0, OPTION_SELECT, NULL, "everything that waits"},
    {"--customer", 0, OPTION_SELECT, "ID", "what this customer sent"},
    {"--list", 0, OPTION_SELECT, "NAME", "what this list of it sent"},
    {"--provider", 0, OPTION_SELECT, "NAME", "what goes to this provider"},
    {"--ip", 0, OPTION_SELECT, "ADDR", "what would go over this address"},
    {"--pool", 0, OPTION_SELECT, "NAME", "what goes over this pool"},
    {"--customer", 0, OPTION_OWNER, "ID", "of this customer or list alone (else everybody's)"},
    {"--trap", 0, OPTION_TRAP, NULL, "it is a spam trap: mail to it speaks against the sender"},
    {"--contact", 0, OPTION_CONTACT, "ADDRESS", "where notices to the customer go"},
    {"--language", 0, OPTION_LANGUAGE, "en|de", "of the notices to the customer (en)"},
    {"--pool", 0, OPTION_POOL, "NAME", "the pool it sends over"},
    {"--by", 0, OPTION_BY, "WHAT", "rows by provider (default), customer or pool"},
    {"--follow", 0, OPTION_FOLLOW, NULL, "go on with what happens from now"},
    {"--since", 0, OPTION_SINCE, "WHEN", "from 8h ago, 2026-11-24 or 2026-11-24T12:00:00Z"},
    {"--sort", 0, OPTION_SORT, "COLUMN", "by this column; -COLUMN: the largest first"},
    {"--filter", 0, OPTION_FILTER, "TEXT", "rows with TEXT; field:text, field>2%, !not"},
    {"--limit", 0, OPTION_LIMIT, "N", "at most N rows"},
    {"--headless", 0, OPTION_WORLD, NULL, "without the console; prints what became of all mail"},
    {"--observe", 0, OPTION_WORLD, NULL, "the engine decides all the same, and applies nothing"},
    {"--seconds", 0, OPTION_WORLD, "N", "how long the world lives, headless (60)"},
    {"--seed", 0, OPTION_WORLD, "N", "another world of the same kind (1)"},
    {"--replies", 0, OPTION_REPLIES, "FILE", "one reply a line, or provider, tab, reply; - for standard input"},
    {"--policy", 0, OPTION_REPLAY, "FILE", "judge by this policy (else the configuration's, else the shipped one)"},
    {"--config", 0, OPTION_REPLAY, "FILE", "the pools, IPs and providers of this configuration"},
    {"--explain", 0, OPTION_REPLAY, "TARGET", "the path of customer:ID, ip:ADDR or provider:ID instead"},
    {"--json", 0, OPTION_JSON, NULL, "as JSON"},
    {"--socket", 's', OPTION_SOCKET, "PATH",
     "the engine's socket (else $MXWARDEN_SOCKET, /run/mxwarden/control.sock)"},
    {"--read-only", 0, OPTION_READ_ONLY, NULL, "look, never act"},
    {"--help", 'h', OPTION_HELP, NULL, "this"},
};
// clang-format on

size_t command_count(void)
{
    return ARRAY_LEN(commands);
}

const struct command *command_at(size_t i)
{
    return i < ARRAY_LEN(commands) ? &commands[i] : NULL;
}

const struct command *command_get(const char *words)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].words, words) == 0)
            return &commands[i];
    return NULL;
}

size_t command_option_count(void)
{
    return ARRAY_LEN(options);
}

const struct command_option *command_option_at(size_t i)
{
    return i < ARRAY_LEN(options) ? &options[i] : NULL;
}

bool command_takes(const struct command *c, const struct command_option *o)
{
    return c->options & o->bit;
}

static void add_option(struct buf *out, const struct command_option *o)
{
    if (o->letter)
        buf_printf(out, "-%c", o->letter);
    else
        buf_add_str(out, o->name);
    if (o->value)
        buf_printf(out, " %s", o->value);
}

void command_usage(struct buf *out, const struct command *c)
{
    buf_printf(out, "mxwarden %s%s%s", c->words, c->usage[0] ? " " : "", c->usage);
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        const struct command_option *o = &options[i];
        if (!command_takes(c, o) || (o->bit & ALL))
            continue;
        bool is_needed = o->bit == OPTION_REASON && c->needs_reason;
        buf_add_str(out, is_needed ? " " : " [");
        add_option(out, o);
        buf_add_str(out, is_needed ? "" : "]");
    }
}

static void help_all(struct buf *out)
{
    static const char *const heads[] = {[COMMAND_LOOK] = "look",
                                        [COMMAND_ACT] = "act",
                                        [COMMAND_MANAGE] = "manage",
                                        [COMMAND_OFFLINE] = "without an engine"};
    buf_add_str(out, "usage: mxwarden [OPTION]… COMMAND …; without a command: the console\n");
    for (size_t kind = 0; kind < ARRAY_LEN(heads); kind++) {
        buf_printf(out, "\n%s\n", heads[kind]);
        for (size_t i = 0; i < ARRAY_LEN(commands); i++)
            if ((size_t)commands[i].kind == kind)
                buf_printf(out, "  %-15s %s\n", commands[i].words, commands[i].help);
    }
    buf_add_str(out, "\nfor all\n");
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (options[i].bit & ALL)
            buf_printf(out, "  %-15s %s\n", options[i].name, options[i].help);
    buf_add_str(out, "\nmxwarden help COMMAND says all about one.\n");
}

void command_help(struct buf *out, const struct command *c)
{
    if (!c) {
        help_all(out);
        return;
    }
    buf_add_str(out, "usage: ");
    command_usage(out, c);
    buf_printf(out, "\n%s\n\n", c->help);
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        const struct command_option *o = &options[i];
        if (!command_takes(c, o))
            continue;
        char letter[8] = "    ";
        if (o->letter)
            memcpy(letter, (char[]){'-', o->letter, ',', ' '}, 4);
        buf_printf(out, "  %s%-11s %-8s %s\n", letter, o->name, o->value ? o->value : "", o->help);
    }
}
