/* From a checked call to its family, over a connection where one is needed. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static const usec_t answer_most = 30 * USEC_SECOND;

const char *cli_socket(const struct command_call *call)
{
    const char *env = getenv("MXWARDEN_SOCKET");
    return call->socket ? call->socket : env && env[0] ? env : CLIENT_SOCKET;
}

enum cli_exit cli_say(enum cli_exit code, const char *format, ...)
{
    char text[4000];
    va_list args;
    va_start(args, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it misses the va_start above
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    CLEANUP(xfree) char *visible = text_visible_new(bytes_str(text));
    (void)fflush(stdout);
    fprintf(stderr, "mxwarden: %s\n", visible);
    return code;
}

static enum cli_exit code_of(const char *code)
{
    static const struct {
        const char *code;
        enum cli_exit exit;
    } codes[] = {{"usage", CLI_USAGE}, {"not-allowed", CLI_NOT_ALLOWED}};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (strcmp(codes[i].code, code) == 0)
            return codes[i].exit;
    return CLI_FAILED;
}

static enum cli_exit exit_of(enum client_result r)
{
    switch (r) {
    case CLIENT_OK:
        return CLI_DONE;
    case CLIENT_E_NOT_ALLOWED:
        return CLI_NOT_ALLOWED;
    case CLIENT_E_NO_SOCKET:
    case CLIENT_E_REFUSED:
    case CLIENT_E_ENDED:
    case CLIENT_E_TIMEOUT:
        return CLI_UNREACHABLE;
    case CLIENT_E_ERROR:
        return CLI_FAILED;
    }
    return CLI_FAILED;
}

enum cli_exit cli_ask(struct cli *cli, const char *method, json_t *params, json_t **result)
{
    CLEANUP(json_decref) json_t *error = NULL;
    CLEANUP(xfree) char *why = NULL;
    enum client_result r =
        client_call(cli->client, method, params, answer_most, result, &error, &why);
    if (r == CLIENT_E_ERROR)
        return cli_say(code_of(protocol_get_text(error, "code", "")), "%s",
                       protocol_get_text(error, "message", "the engine says no more"));
    return r == CLIENT_OK ? CLI_DONE : cli_say(exit_of(r), "%s", why);
}

enum cli_exit cli_print_json(const json_t *v)
{
    json_dumpf(v, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    (void)fputc('\n', stdout);
    return CLI_DONE;
}

static const struct family {
    const char *words;
    enum cli_exit (*run)(struct cli *cli);
} families[] = {
    {"status", cli_status},
    {"show", cli_show},
    {"explain", cli_explain},
    {"events", cli_events},
    {"suppress add", cli_suppress},
    {"suppress rm", cli_suppress},
    {"suppress check", cli_suppress},
    {"suppress import", cli_suppress},
    {"suppress export", cli_suppress},
};

static enum cli_exit run_online(struct cli *cli)
{
    const struct command *c = cli->call->command;
    for (size_t i = 0; i < ARRAY_LEN(families); i++)
        if (strcmp(families[i].words, c->words) == 0)
            return families[i].run(cli);
    switch (c->kind) {
    case COMMAND_LOOK:
        return cli_list(cli);
    case COMMAND_ACT:
        return cli_act(cli);
    case COMMAND_MANAGE:
        return cli_manage(cli);
    case COMMAND_OFFLINE:
        return CLI_FAILED;
    }
    return CLI_FAILED;
}

static enum cli_exit run_offline(const struct command_call *call)
{
    static const struct {
        const char *words;
        enum cli_exit (*run)(const struct command_call *call);
    } rows[] = {{"classify", cli_classify},
                {"help", cli_help},
                {"replay", cli_replay},
                {"version", cli_version}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcmp(rows[i].words, call->command->words) == 0)
            return rows[i].run(call);
    return CLI_FAILED;
}

enum cli_exit cli_run(const struct command_call *call)
{
    CLEANUP(client_free) struct client *client = NULL;
    CLEANUP(xfree) char *why = NULL;
    if (call->is_help)
        return cli_help(call);
    if (call->command->kind == COMMAND_OFFLINE)
        return run_offline(call);
    enum client_result r = client_connect(&client, cli_socket(call), &why);
    if (r != CLIENT_OK)
        return cli_say(exit_of(r), "%s", why);
    struct cli cli = {.call = call, .client = client};
    return run_online(&cli);
}
