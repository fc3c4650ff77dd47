/* events: the newest outcomes, those since a moment, or all that come. With --json one object a line,
 * as replay reads them. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/print.h"

enum { NEWEST = 50, NEWEST_JSON = 1000 }; // more: --since

// clang-format off
static const struct print_column columns[] = {
    {"at", "time", PRINT_CLOCK, 9}, {"kind", "outcome", PRINT_TEXT, 10},
    {"customer", "customer", PRINT_TEXT, 12}, {"ip", "IP", PRINT_TEXT, 14},
    {"provider", "provider", PRINT_TEXT, 12}, {"class", "class", PRINT_TEXT, 17},
    {"recipient", "recipient", PRINT_TEXT, 28}, {"reply", "reply", PRINT_TEXT},
};
// clang-format on

static void on_interrupt(int signal)
{
    (void)signal;
    _exit(CLI_INTERRUPTED);
}

// A line of NDJSON: what is unknown is left out.
static void print_line(const json_t *event)
{
    const char *name;
    json_t *v;
    CLEANUP(json_decref) json_t *line = json_object();
    json_object_foreach((json_t *)event, name,
                        v) if (!json_is_null(v) && strcmp(name, "key") != 0 &&
                               strcmp(name, "n") != 0) json_object_set(line, name, v);
    json_dumpf(line, stdout, JSON_COMPACT | JSON_REAL_PRECISION(16));
    (void)fputc('\n', stdout);
}

// NDJSON has Unix seconds only; people read a time.
static void add_time(json_t *event)
{
    char at[CLOCK_TEXT];
    const json_t *t = json_object_get(event, "t");
    if (json_object_get(event, "at") || !json_is_number(t))
        return;
    clock_format(at, (usec_t)(json_number_value(t) * (double)USEC_SECOND));
    json_object_set_new(event, "at", json_string(at));
}

static void print_events(const struct command_call *call, const json_t *events, bool has_head)
{
    size_t i;
    json_t *event;
    json_array_foreach(events, i, event)
    {
        if (call->is_json)
            print_line(event);
        else
            add_time(event);
    }
    if (!call->is_json && json_array_size(events))
        print_table(stdout, columns, ARRAY_LEN(columns), events, has_head);
    (void)fflush(stdout);
}

static json_t *reversed(const json_t *rows)
{
    json_t *all = json_array();
    for (size_t i = json_array_size(rows); i--;)
        json_array_append(all, json_array_get(rows, i));
    return all;
}

static enum cli_exit newest(struct cli *cli)
{
    const struct command_call *call = cli->call;
    CLEANUP(json_decref) json_t *result = NULL;
    json_int_t most = call->is_json ? NEWEST_JSON : NEWEST;
    json_t *params =
        json_pack("{s:s,s:I}", "table", "events", "limit",
                  call->limit && call->limit < 100000 ? (json_int_t)call->limit : most);
    if (call->filter)
        json_object_set_new(params, "filter", json_string(call->filter));
    if (call->sort)
        json_object_set_new(params, "sort", json_string(call->sort));
    enum cli_exit r = cli_ask(cli, "list", params, &result);
    if (r != CLI_DONE)
        return r;
    const json_t *rows = json_object_get(result, "rows");
    CLEANUP(json_decref)
    json_t *ordered = call->sort ? json_incref((json_t *)rows) : reversed(rows);
    if (!json_array_size(rows) && !call->is_json)
        puts(protocol_get_number(result, "total", 0) ? "None matches."
                                                     : "Nothing sent since the engine started.");
    print_events(call, ordered, true);
    return CLI_DONE;
}

// True at the end of what was asked for.
static bool take(struct cli *cli, json_t *push, bool *has_head, int64_t *left)
{
    json_t *events = json_object_get(push, "events");
    bool is_end = protocol_get_flag(push, "end");
    while (*left >= 0 && (int64_t)json_array_size(events) > *left)
        json_array_remove(events, json_array_size(events) - 1);
    if (*left >= 0)
        *left -= (int64_t)json_array_size(events);
    print_events(cli->call, events, *has_head);
    *has_head = *has_head && !json_array_size(events);
    return is_end || *left == 0 || ferror(stdout);
}

static enum cli_exit stream(struct cli *cli)
{
    const struct command_call *call = cli->call;
    CLEANUP(json_decref) json_t *result = NULL;
    json_t *params = json_pack("{s:b}", "follow", call->is_following);
    bool has_head = true;
    int64_t left = call->limit ? call->limit : -1;
    if (call->since)
        json_object_set_new(
            params, "since",
            json_real((double)command_since(call, clock_wall()) / (double)USEC_SECOND));
    if (call->filter)
        json_object_set_new(params, "filter", json_string(call->filter));
    enum cli_exit r = cli_ask(cli, "events", params, &result);
    if (r != CLI_DONE)
        return r;
    for (;;) {
        json_t *push;
        while (client_next(cli->client, &push)) {
            CLEANUP(json_decref) json_t *owned = push;
            if (take(cli, owned, &has_head, &left))
                return CLI_DONE;
        }
        if (client_wait(cli->client, USEC_HOUR) == CLIENT_E_ENDED) {
            // what came before the end is still there
            if (client_next(cli->client, &push)) {
                CLEANUP(json_decref) json_t *owned = push;
                take(cli, owned, &has_head, &left);
                continue;
            }
            return cli_say(CLI_UNREACHABLE, "the engine ended the connection");
        }
    }
}

enum cli_exit cli_events(struct cli *cli)
{
    (void)signal(SIGINT, on_interrupt); // it cannot fail for SIGINT
    if (cli->call->is_following || cli->call->since)
        return stream(cli);
    return newest(cli);
}
