/* What was said in a failed attempt, and reports as they came, printed from the page of a message. */
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "cli/print.h"
#include "remote/protocol.h"

static const char *mark_of(const json_t *line)
{
    const char *by = protocol_get_text(line, "by", "");
    return strcmp(by, "we") == 0 ? ">" : strcmp(by, "they") == 0 ? "<" : "*";
}

static void print_conversation(FILE *to, const json_t *c)
{
    const json_t *line;
    size_t i;
    const char *host = protocol_get_text(c, "host", "");
    fprintf(to, "\nsaid, until %s\n%s (%s) to %s%s%s%s:%jd, connected %s\n",
            protocol_get_text(c, "at", "–"), protocol_get_text(c, "ip", "–"),
            protocol_get_text(c, "helo", "–"), host, *host ? " [" : "",
            protocol_get_text(c, "address", "–"), *host ? "]" : "",
            (intmax_t)protocol_get_number(c, "port", 0), protocol_get_text(c, "opened_at", "–"));
    json_array_foreach(json_object_get(c, "lines"), i, line)
    {
        int64_t ms = protocol_get_number(line, "ms", -1);
        if (ms < 0)
            fprintf(to, "%10s", "");
        else
            fprintf(to, "%7" PRId64 " ms", ms);
        fprintf(to, " %s %s\n", mark_of(line), protocol_get_text(line, "text", ""));
    }
}

static void print_report(FILE *to, const json_t *r)
{
    const json_t *line;
    size_t i;
    fprintf(to, "\nreport of %s, as it came\n", protocol_get_text(r, "at", "–"));
    json_array_foreach(json_object_get(r, "lines"), i, line)
        fprintf(to, "  %s\n", json_string_value(line));
}

void print_said(FILE *to, json_t *page)
{
    const json_t *one;
    size_t i;
    json_array_foreach(json_object_get(page, "conversations"), i, one) print_conversation(to, one);
    json_array_foreach(json_object_get(page, "reports"), i, one) print_report(to, one);
    one = json_object_get(page, "conversation");
    if (json_is_object(one))
        print_conversation(to, one);
    one = json_object_get(page, "raw");
    if (json_is_object(one))
        print_report(to, one);
}
