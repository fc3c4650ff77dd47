/* mxwarden: the command line, and without a command the console. Wiring only. */
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/demo.h"
#include "ui/app.h"

enum { DEMO_SECONDS = 60 };

static int open_console(const void *ctx, const char *socket)
{
    const struct command_call *call = ctx;
    return app_run(&(struct app_options){.socket = socket, .is_read_only = call->is_read_only});
}

static bool has_terminal(void)
{
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

static int console(const struct command_call *call)
{
    if (!has_terminal()) {
        cli_say(CLI_USAGE, "no command, and no terminal for the console");
        (void)fputs("usage: mxwarden [OPTION]… COMMAND …; mxwarden help lists the commands\n",
                    stderr);
        return CLI_USAGE;
    }
    return open_console(call, cli_socket(call));
}

static int demo(const struct command_call *call)
{
    int64_t seconds = DEMO_SECONDS, seed = 1;
    if (call->seconds)
        text_parse_number(&seconds, call->seconds, 0, INT64_MAX);
    if (call->seed)
        text_parse_number(&seed, call->seed, 0, INT64_MAX);
    if (!call->is_headless && !has_terminal())
        return cli_say(CLI_USAGE, "no terminal for the console; demo --headless needs none");
    return demo_run(&(struct demo_options){.is_headless = call->is_headless,
                                           .is_observing = call->is_observing,
                                           .span = seconds * USEC_SECOND,
                                           .seed = (uint64_t)seed,
                                           .console = open_console,
                                           .ctx = call});
}

static int run(const struct command_call *call)
{
    if (!call->command && !call->is_help)
        return console(call);
    if (call->command && !call->is_help && strcmp(call->command->words, "demo") == 0)
        return demo(call);
    return (int)cli_run(call);
}

int main(int argc, char **argv)
{
    CLEANUP(command_call_deinit) struct command_call call;
    CLEANUP(xfree) char *why = NULL;
    (void)setlocale(LC_ALL, "");
    (void)setlocale(LC_NUMERIC, "C"); // JSON has points
    if (command_parse(&call, argc - 1, (const char *const *)argv + 1, &why))
        return cli_say(CLI_USAGE, "%s", why);
    int r = run(&call);
    if (fflush(stdout) == EOF && r == CLI_DONE)
        r = cli_say(CLI_FAILED, "cannot write the output");
    return r;
}
