/* The engine's main program: arguments, configuration, and then engine/engine.h runs it. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "settings/settings.h"
#include "warden/reader.h"

static const char usage[] = "usage: mxwardend -c FILE [--check] [-v]\n"
                            "  -c FILE     the configuration\n"
                            "  --check     read it, say every mistake, start nothing\n"
                            "  -v          log more\n"
                            "  --version   say the version\n"
                            "Runs in the foreground and logs to stderr. SIGTERM ends it, SIGHUP "
                            "reads the configuration anew.\n";

struct arguments {
    const char *file;
    bool is_check;
};

// 0: go on; else the exit code + 1.
static int parse(struct arguments *a, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-c") == 0 && i + 1 < argc) {
            a->file = argv[++i];
        } else if (strcmp(argv[i], "--check") == 0) {
            a->is_check = true;
        } else if (strcmp(argv[i], "-v") == 0) {
            log_set_level(LOG_LEVEL_DEBUG);
        } else if (strcmp(argv[i], "--version") == 0) {
            puts("mxwardend " MXWARDEN_VERSION);
            return 1;
        } else if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return 1;
        } else {
            fprintf(stderr, "mxwardend: %s is not an option\n%s", argv[i], usage);
            return 3;
        }
    }
    if (a->file)
        return 0;
    fprintf(stderr, "mxwardend: no configuration given\n%s", usage);
    return 3;
}

int main(int argc, char **argv)
{
    struct arguments a = {0};
    struct settings *settings = NULL;
    struct settings_mistakes mistakes = {0};
    CLEANUP(xfree) char *why = NULL;
    int r = parse(&a, argc, argv);
    if (r)
        return r - 1;
    // First of all: it is a copy of this process, which so far knows nothing and has no thread.
    CLEANUP(reader_free) struct reader *reader = a.is_check ? NULL : reader_new(&why);
    if (why) {
        fprintf(stderr, "mxwardend: %s\n", why);
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); // a file at its limit is an error of write(2), not the end
    r = settings_load(&settings, &mistakes, a.file);
    if (r > 0) {
        settings_mistakes_print(&mistakes, STDERR_FILENO);
        settings_mistakes_deinit(&mistakes);
        return 1;
    }
    if (a.is_check) {
        settings_free(settings);
        return 0;
    }
    CLEANUP(engine_free) struct engine *engine = NULL;
    if (engine_open(&engine, settings, MOVE(reader), &why) != 0) {
        fprintf(stderr, "mxwardend: %s\n", why);
        return 1;
    }
    return engine_run(engine);
}
