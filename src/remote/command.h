/* The one table of commands: words, arguments, role, options, key, help. The CLI, the console's `:`
 * line, its keys and completion, the help texts and the engine's checks all read it; a new command
 * is a row in command.c. What a command does stands with whoever runs it (src/cli/, the engine);
 * here is only what may be said, and a parser that checks it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "remote/target.h"

struct buf;

/* What somebody may do at an engine, more is larger. */
enum role { ROLE_NONE, ROLE_VIEWER, ROLE_OPERATOR };
const char *role_text(enum role role);
/* False when the text is no role. */
bool role_parse(enum role *role, const char *text);

enum command_kind {
    COMMAND_LOOK,    // changes nothing; a table or a page
    COMMAND_ACT,     // a ledger entry, with preview, reason, expiry and undo
    COMMAND_MANAGE,  // set-up: customers, reload, verify
    COMMAND_OFFLINE, // needs no engine
};

/* What its words are. The order of arguments is always: words, then options anywhere. */
enum command_arguments {
    ARGUMENTS_NONE,
    ARGUMENTS_CUSTOMERS, // one or more customers or lists
    ARGUMENTS_CUSTOMER,  // exactly one customer
    ARGUMENTS_IPS,       // one or more addresses
    ARGUMENTS_LANES,     // one or more ADDR/PROVIDER, or PROVIDER: all its lanes
    ARGUMENTS_QUEUE,     // --customer --list --provider --ip --pool, --all, or queue:…
    ARGUMENTS_ENTRY,     // one ledger number
    ARGUMENTS_INCIDENT,  // one incident's number
    ARGUMENTS_NOTE,      // one incident's number, then words: the text
    ARGUMENTS_WHOM,      // customer:ID, ip:ADDR, message:ID or a recipient's address
    ARGUMENTS_TARGET,    // one target with its prefix
    ARGUMENTS_ADDRESSES, // one or more mail addresses or domains
    ARGUMENTS_FILE,      // one file's name, or - for standard input
    ARGUMENTS_FILES,     // names of files, or none
    ARGUMENTS_WORDS,     // any words (help)
};

/* Options, as bits: which of them a command takes. */
enum command_option_bit {
    OPTION_SOCKET = 1 << 0, // all commands
    OPTION_READ_ONLY = 1 << 1,
    OPTION_HELP = 1 << 2,
    OPTION_JSON = 1 << 3,
    OPTION_SORT = 1 << 4,
    OPTION_FILTER = 1 << 5,
    OPTION_LIMIT = 1 << 6,
    OPTION_BY = 1 << 7,
    OPTION_FOLLOW = 1 << 8,
    OPTION_SINCE = 1 << 9,
    OPTION_REASON = 1 << 10,
    OPTION_FOR = 1 << 11,
    OPTION_RATE = 1 << 12,
    OPTION_DRY_RUN = 1 << 13,
    OPTION_SELECT = 1 << 14, // --customer --list --provider --ip --pool --all of queues
    OPTION_CONTACT = 1 << 15,
    OPTION_POOL = 1 << 16,     // of a customer
    OPTION_WORLD = 1 << 17,    // --headless --observe --seconds --seed of the demo
    OPTION_LANGUAGE = 1 << 18, // of a customer's notices
    OPTION_REPLIES = 1 << 20,
    OPTION_OWNER = 1 << 24, // --customer of a suppression
    OPTION_TRAP = 1 << 25,
    OPTION_REPLAY = 1 << 19, // --policy --config --explain of replay
};

struct command {
    const char *words; // "suspend", "customer add"
    enum command_kind kind;
    enum role role; // the least that may run it
    enum command_arguments arguments;
    unsigned options;  // bits; those of all commands included
    char key;          // the console's default key, 0 for none
    const char *table; // of the protocol, for lists; NULL for none
    const char *usage; // its arguments: "ID…", "" for none
    const char *help;  // one line: what it does
    bool needs_reason; // refuses to act without -r
};

size_t command_count(void);
const struct command *command_at(size_t i);
/* By its words, exactly; NULL when there is none. */
const struct command *command_get(const char *words);

struct command_option {
    const char *name; // "--json"
    char letter;      // 'r' for -r, 0 for none
    enum command_option_bit bit;
    const char *value; // what stands for it in usage: "TEXT"; NULL: a flag
    const char *help;
};

size_t command_option_count(void);
const struct command_option *command_option_at(size_t i);
/* Does this command take it? (--pool is one of a queue, or of a customer.) */
bool command_takes(const struct command *c, const struct command_option *o);

/* Appends `mxwarden suspend ID… -r TEXT [--for SPAN] …`. */
void command_usage(struct buf *out, const struct command *c);
/* Appends usage, help and a line an option; c NULL: all commands, a line each. */
void command_help(struct buf *out, const struct command *c);

/* A checked line. Strings are owned; zeroed is empty. */
struct command_call {
    const struct command *command; // NULL: no command was given (the console)
    char *socket;                  // NULL: not said
    bool is_read_only, is_help, is_json, is_dry_run, is_following, is_all, is_headless,
        is_observing, is_trap;
    char **targets; // canonical: "customer:acme"; for help the words
    size_t targets_n;
    char *rate, *span, *reason; // checked; NULL: not given
    char *since;                // checked: a duration, RFC 3339 or a date
    char *sort, *filter, *by;
    int64_t limit; // 0: not given
    char *contact, *language, *pool, *customer, *list, *provider, *ip;
    char *seconds, *seed;            // checked numbers
    char *replies;                   // a file's name
    char *policy, *config, *explain; // files; a customer, IP or provider, canonical
};
void command_call_deinit(struct command_call *call);
static inline void command_call_deinit_p(struct command_call *call)
{
    command_call_deinit(call);
}

/* Reads argv (without the program's name). 0, or 1 with *why (owned): what is wrong, and what was
 * expected. `call` is valid for deinit either way. */
int command_parse(struct command_call *call, int argc, const char *const *argv, char **why);
/* The same of one line as typed at `:`. Quotes "…" and '…' hold words together; -r takes all words
 * up to the next option. */
int command_parse_text(struct command_call *call, const char *text, char **why);
/* What --since says, as wall time: a duration back from `now`, or a date. 0 when not given. */
usec_t command_since(const struct command_call *call, usec_t now);
