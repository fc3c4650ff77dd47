/* help and version: what needs no engine. */
#include <string.h>

#include "base/buf.h"
#include "cli/cli.h"

// "customer add" from the words given; with half a command, all that begin so.
static enum cli_exit help_words(const struct command_call *call)
{
    CLEANUP(buf_deinit) struct buf words = {0};
    CLEANUP(buf_deinit) struct buf out = {0};
    for (size_t i = 0; i < call->targets_n; i++)
        buf_printf(&words, "%s%s", i ? " " : "", call->targets[i]);
    const char *wanted = (const char *)words.p;
    size_t n = words.n, found = 0;
    for (size_t i = 0; i < command_count(); i++) {
        const struct command *c = command_at(i);
        if (strncmp(c->words, wanted, n) != 0 || (c->words[n] && c->words[n] != ' '))
            continue;
        buf_add_str(&out, found++ ? "\n" : "");
        command_help(&out, c);
    }
    if (!found)
        return cli_say(CLI_USAGE, "no command `%s`; mxwarden help lists them", wanted);
    (void)fputs((const char *)out.p, stdout);
    return CLI_DONE;
}

enum cli_exit cli_help(const struct command_call *call)
{
    CLEANUP(buf_deinit) struct buf out = {0};
    if (call->targets_n)
        return help_words(call);
    const struct command *c = call->command;
    command_help(&out, c && strcmp(c->words, "help") != 0 ? c : NULL);
    (void)fputs((const char *)out.p, stdout);
    return CLI_DONE;
}

enum cli_exit cli_version(const struct command_call *call)
{
    if (call->is_json)
        printf("{\"version\": \"%s\"}\n", MXWARDEN_VERSION);
    else
        printf("mxwarden %s\n", MXWARDEN_VERSION);
    return CLI_DONE;
}
