/* The console alone, for its tests: console SOCKET [--read-only] [--lock-after MS]. */
#include <stdlib.h>
#include <string.h>

#include "ui/app.h"

int main(int argc, char **argv)
{
    struct app_options options = {.socket = argc > 1 ? argv[1] : ""};
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--read-only") == 0)
            options.is_read_only = true;
        else if (strcmp(argv[i], "--lock-after") == 0 && i + 1 < argc)
            options.lock_after = atol(argv[++i]) * USEC_MS;
    }
    return app_run(&options);
}
