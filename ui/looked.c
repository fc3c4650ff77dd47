#include "ui/looked.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "ui/row.h"

static char *folder(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (state && state[0] == '/')
        return xasprintf("%s/mxwarden", state);
    return home && home[0] == '/' ? xasprintf("%s/.local/state/mxwarden", home) : NULL;
}

// The node's name comes from outside: nothing of it leads out of the folder.
static char *file_name(const char *node)
{
    CLEANUP(xfree) char *dir = folder();
    char safe[128];
    size_t n = 0;
    for (; node[n] && n + 1 < sizeof(safe); n++)
        safe[n] = isalnum((unsigned char)node[n]) || node[n] == '-' ? node[n] : n ? '.' : '_';
    safe[n] = '\0';
    return dir && n ? xasprintf("%s/looked-%s", dir, safe) : NULL;
}

bool looked_load(struct looked *l, const char *node, const char *node_id)
{
    CLEANUP(xfree) char *path = file_name(node);
    json_t *file = path ? json_load_file(path, 0, NULL) : NULL;
    *l = (struct looked){0};
    if (file && strcmp(row_text(file, "node_id"), node_id) == 0)
        *l = (struct looked){.at = row_time(file, "at"),
                             .seq = row_count(file, "seq"),
                             .incident = row_count(file, "incident")};
    json_decref(file);
    return l->at && l->seq >= 0 && l->incident >= 0;
}

// As `mkdir -p`.
static bool make_folders(char *path)
{
    for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = '\0';
        bool is_there = mkdir(path, 0700) == 0 || errno == EEXIST;
        *p = '/';
        if (!is_there)
            return false;
    }
    return true;
}

void looked_save(const struct looked *l, const char *node, const char *node_id)
{
    CLEANUP(xfree) char *path = file_name(node);
    char at[CLOCK_TEXT];
    if (!path || !make_folders(path))
        return;
    CLEANUP(xfree) char *fresh = xasprintf("%s.new", path);
    clock_format(at, l->at);
    json_t *file = json_pack("{s:s, s:s, s:I, s:I}", "node_id", node_id, "at", at, "seq",
                             (json_int_t)l->seq, "incident", (json_int_t)l->incident);
    if (json_dump_file(file, fresh, JSON_COMPACT) == 0)
        (void)rename(fresh, path);
    json_decref(file);
}
