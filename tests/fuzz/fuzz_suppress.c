/* Lines of an import: cut as CSV and at tabs; what passes for an address is still one when it is read again. */
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "fuzz.h"
#include "remote/suppress.h"

static void look(const char *cell)
{
    char what[SUPPRESS_WHAT], again[SUPPRESS_WHAT];
    usec_t at;
    if (suppress_parse_what(what, cell)) {
        must(strchr(what, '@') && !strpbrk(what, "\t\n\r"));
        must(suppress_parse_what(again, what) && strcmp(what, again) == 0);
    }
    suppress_is_owner(cell);
    suppress_parse_time(&at, cell);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(xfree) char *line = xmemdup0(data, size);
    CLEANUP(xfree) char *copy = xstrdup(line);
    char *cells[SUPPRESS_CELLS], *fields[SUPPRESS_FIELDS];
    size_t n, room = strlen(line);
    if (suppress_cut_csv(line, cells, &n))
        for (size_t i = 0; i < n; i++) {
            must(cells[i] >= line && cells[i] + strlen(cells[i]) <= line + room);
            look(cells[i]);
        }
    if (suppress_cut(copy, '\t', fields))
        for (size_t i = 0; i < SUPPRESS_FIELDS; i++)
            look(fields[i]);
    return 0;
}
