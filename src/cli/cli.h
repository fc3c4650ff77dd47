/* The command line: a checked call (remote/command.h) is asked of the engine and printed, as text for
 * people or as JSON for scripts. Nothing here ever asks back. One function a family of commands; main
 * is src/mxwarden.c. */
#pragma once
#include <stdio.h>

#include "remote/client.h"
#include "remote/command.h"

/* Exit codes, as scripts rely on them. */
enum cli_exit {
    CLI_DONE = 0,
    CLI_FAILED = 1,      // refused or failed; why is on stderr
    CLI_USAGE = 2,       // the line is wrong
    CLI_UNREACHABLE = 3, // no engine
    CLI_NOT_ALLOWED = 4,
    CLI_INTERRUPTED = 130,
};

/* Runs the call; what main returns. */
enum cli_exit cli_run(const struct command_call *call);
/* The socket: as said, $MXWARDEN_SOCKET, or the usual place. Borrowed. */
const char *cli_socket(const struct command_call *call);
/* Says it on stderr, `mxwarden: …`, visible-clean, and gives the code back. */
enum cli_exit cli_say(enum cli_exit code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* One run: the call and the connection. */
struct cli {
    const struct command_call *call;
    struct client *client;
};
/* Asks; *result (the caller's) on CLI_DONE, else it has been said. */
enum cli_exit cli_ask(struct cli *cli, const char *method, json_t *params, json_t **result);
/* As JSON with a newline, indented unless it is one line of many. */
enum cli_exit cli_print_json(const json_t *v);

/* The families. */
enum cli_exit
cli_list(struct cli *cli); // incidents, ips, customers, queue, providers, log, replies unknown
enum cli_exit cli_status(struct cli *cli);
enum cli_exit cli_show(struct cli *cli);
enum cli_exit cli_explain(struct cli *cli);
enum cli_exit cli_events(struct cli *cli);
enum cli_exit cli_act(struct cli *cli);
enum cli_exit cli_manage(struct cli *cli); // customer …, reload, verify
enum cli_exit cli_suppress(struct cli *cli);
enum cli_exit cli_help(const struct command_call *call);
enum cli_exit cli_classify(const struct command_call *call);
enum cli_exit cli_version(const struct command_call *call);
enum cli_exit cli_replay(const struct command_call *call);
