/* mxwarden: the command line, and without a command the console. Wiring only. */
#include <locale.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"
#ifdef HAS_CONSOLE
#include "ui/app.h"
#endif

static int console(const struct command_call *call)
{
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        cli_say(CLI_USAGE, "no command, and no terminal for the console");
        fputs("usage: mxwarden [OPTION]… COMMAND …; mxwarden help lists the commands\n", stderr);
        return CLI_USAGE;
    }
#ifdef HAS_CONSOLE
    return app_run(
        &(struct app_options){.socket = cli_socket(call), .is_read_only = call->is_read_only});
#else
    (void)call;
    return cli_say(CLI_FAILED, "there is no console in this build; mxwarden help lists commands");
#endif
}

int main(int argc, char **argv)
{
    CLEANUP(command_call_deinit) struct command_call call;
    CLEANUP(xfree) char *why = NULL;
    setlocale(LC_ALL, "");
    setlocale(LC_NUMERIC, "C"); // JSON has points
    if (command_parse(&call, argc - 1, (const char *const *)argv + 1, &why))
        return cli_say(CLI_USAGE, "%s", why);
    int r = call.command || call.is_help ? (int)cli_run(&call) : console(&call);
    if (fflush(stdout) == EOF && r == CLI_DONE)
        r = cli_say(CLI_FAILED, "cannot write the output");
    return r;
}
