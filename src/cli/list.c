/* Tables: incidents, ips, customers, queue, providers, log, unknown replies; pages, and explanations. */
#include <string.h>

#include "cli/cli.h"
#include "cli/print.h"

// clang-format off
static const struct print_column incidents[] = {
    {"severity", "severity", PRINT_TEXT}, {"number", "no", PRINT_COUNT},
    {"opened_at", "since", PRINT_TIME}, {"state", "state", PRINT_TEXT},
    {"has_it", "has it", PRINT_TEXT}, {"what", "what", PRINT_TEXT},
    {"cause", "cause", PRINT_TEXT},
};
static const struct print_column providers[] = {
    {"id", "provider", PRINT_TEXT}, {"state", "state", PRINT_TEXT},
    {"since", "since", PRINT_TIME}, {"lanes", "lanes", PRINT_COUNT}, {"shut", "shut", PRINT_COUNT},
    {"sent_1h", "sent 1h", PRINT_COUNT}, {"deferred_rate_1h", "defer%", PRINT_RATE},
    {"blocked_24h", "block 24h", PRINT_COUNT}, {"waiting", "waiting", PRINT_COUNT},
    {"incident", "incident", PRINT_COUNT}, {"last_reply", "last answer", PRINT_TEXT},
};
static const struct print_column ips[] = {
    {"address", "address", PRINT_TEXT}, {"pool", "pool", PRINT_TEXT},
    {"rotation", "rotation", PRINT_TEXT}, {"rotation_until", "until", PRINT_TIME},
    {"health", "health", PRINT_COUNT}, {"sent_1m", "sent/m", PRINT_COUNT}, {"sent_1h", "sent 1h", PRINT_COUNT},
    {"dead_rate_1h", "dead%", PRINT_RATE}, {"complaint_rate_24h", "compl%", PRINT_RATE},
    {"deferred_rate_1h", "defer%", PRINT_RATE}, {"spam_rate_1h", "spam%", PRINT_RATE},
    {"reasons", "why", PRINT_FIRST},
};
static const struct print_column customers[] = {
    {"id", "customer", PRINT_TEXT}, {"standing", "standing", PRINT_TEXT},
    {"standing_until", "until", PRINT_TIME}, {"rate", "rate", PRINT_TEXT},
    {"next_rung", "next", PRINT_TEXT}, {"next_level", "level", PRINT_COUNT},
    {"pool", "pool", PRINT_TEXT}, {"unknown_user_rate_24h", "dead%", PRINT_RATE},
    {"complaint_rate_24h", "compl%", PRINT_RATE}, {"spam_rate_24h", "spam%", PRINT_RATE},
    {"sent_24h", "sent 24h", PRINT_COUNT}, {"queued", "queued", PRINT_COUNT},
    {"held", "held", PRINT_COUNT}, {"reasons", "why", PRINT_FIRST},
};
static const struct print_column queue[] = {
    {"provider", "provider", PRINT_TEXT}, {"customer", "customer", PRINT_TEXT},
    {"pool", "pool", PRINT_TEXT}, {"waiting", "waiting", PRINT_COUNT},
    {"held", "held", PRINT_COUNT}, {"oldest_at", "oldest", PRINT_TIME},
    {"next_try_at", "next try", PRINT_TIME}, {"why", "why", PRINT_TEXT},
};
static const struct print_column ledger[] = {
    {"seq", "seq", PRINT_COUNT}, {"at", "time", PRINT_TIME}, {"actor", "who", PRINT_TEXT},
    {"kind", "did", PRINT_TEXT}, {"target", "to", PRINT_TEXT},
    {"expires_at", "until", PRINT_TIME}, {"undone_by", "undone by", PRINT_COUNT},
    {"reason", "reason", PRINT_TEXT},
};

static const struct print_column unknown[] = {
    {"count", "count", PRINT_COUNT}, {"first_at", "first", PRINT_TIME},
    {"last_at", "last", PRINT_TIME}, {"providers", "providers", PRINT_TEXT},
    {"phase", "phase", PRINT_TEXT}, {"code", "code", PRINT_COUNT}, {"class", "taken for", PRINT_TEXT},
    {"shape", "shape", PRINT_TEXT}, {"sample", "sample", PRINT_TEXT},
};

static const struct list {
    const char *table, *empty; // what is said instead of an empty table
    const struct print_column *columns;
    size_t n;
} lists[] = {
    {"incidents", "Nothing is wrong. --filter state:closed and state:resolved show what was.",
     incidents, ARRAY_LEN(incidents)},
    {"providers", "Nothing sent since the engine started.", providers, ARRAY_LEN(providers)},
    {"ips", "No IP to send from yet. Pools stand in mxwarden.yaml; then: mxwarden reload.", ips,
     ARRAY_LEN(ips)},
    {"customers", "No customers yet. mxwarden customer add NAME --contact ADDRESS --pool POOL",
     customers, ARRAY_LEN(customers)},
    {"queue", "Nothing waits.", queue, ARRAY_LEN(queue)},
    {"log", "No action yet. Everything the engine or you do will stand here.", ledger,
     ARRAY_LEN(ledger)},
    {"unknown", "Every answer so far was known by a rule or by its codes.", unknown,
     ARRAY_LEN(unknown)},
};
// clang-format on

// A list as it comes in, piece by piece.
struct gathering {
    json_t *rows, *seen; // seen: keys, since rows move between two questions
    int64_t total, left;
};

static json_t *params_of(const struct command_call *call, const struct gathering *g)
{
    enum { PIECE = 1000 };
    json_t *p = json_pack("{s:s,s:I}", "table", call->command->table, "limit",
                          (json_int_t)(g->left < PIECE ? g->left : PIECE));
    const struct {
        const char *name, *value;
    } texts[] = {{"sort", call->sort}, {"filter", call->filter}, {"by", call->by}};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].value)
            json_object_set_new(p, texts[i].name, json_string(texts[i].value));
    return p;
}

static void take_rows(struct gathering *g, const json_t *rows)
{
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        const char *key = protocol_get_text(row, "key", "");
        if (json_object_get(g->seen, key) || g->left <= 0)
            continue;
        json_object_set_new(g->seen, key, json_true());
        json_array_append(g->rows, row);
        g->left--;
    }
}

static enum cli_exit gather(struct cli *cli, struct gathering *g)
{
    for (size_t offset = 0;;) {
        CLEANUP(json_decref) json_t *result = NULL;
        json_t *params = params_of(cli->call, g);
        json_object_set_new(params, "offset", json_integer((json_int_t)offset));
        enum cli_exit r = cli_ask(cli, "list", params, &result);
        if (r != CLI_DONE)
            return r;
        const json_t *rows = json_object_get(result, "rows");
        size_t n = json_array_size(rows);
        g->total = protocol_get_number(result, "total", 0);
        take_rows(g, rows);
        offset += n;
        if (!n || g->left <= 0 || (int64_t)offset >= protocol_get_number(result, "matched", 0))
            return CLI_DONE;
    }
}

// The engine lists the newest entries; the ledger itself is asked for all before them.
static enum cli_exit gather_older(struct cli *cli, struct gathering *g, int64_t before)
{
    while (before > 1 && g->left > 0) {
        CLEANUP(json_decref) json_t *result = NULL;
        json_t *params = params_of(cli->call, g);
        json_object_set_new(params, "before", json_integer(before));
        enum cli_exit r = cli_ask(cli, "list", params, &result);
        if (r != CLI_DONE)
            return r;
        g->total = protocol_get_number(result, "total", 0);
        take_rows(g, json_object_get(result, "rows"));
        before = protocol_get_number(result, "next", 0);
    }
    return CLI_DONE;
}

static enum cli_exit gather_all(struct cli *cli, struct gathering *g)
{
    if (strcmp(cli->call->command->table, "log") == 0 && !cli->call->sort)
        return gather_older(cli, g, INT64_MAX);
    return gather(cli, g);
}

static void print_rows(const struct cli *cli, const struct gathering *g)
{
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        if (strcmp(lists[i].table, cli->call->command->table) != 0)
            continue;
        // Of incidents the closed ones are rows too, that nobody asked for.
        bool is_plain = !cli->call->filter && lists[i].columns == incidents;
        if (!g->total || (is_plain && !json_array_size(g->rows)))
            puts(lists[i].empty);
        else if (!json_array_size(g->rows))
            printf("None of %jd matches.\n", (intmax_t)g->total);
        else
            print_table(stdout, lists[i].columns, lists[i].n, g->rows, true);
    }
}

enum cli_exit cli_list(struct cli *cli)
{
    struct gathering g = {.rows = json_array(),
                          .seen = json_object(),
                          .left = cli->call->limit ? cli->call->limit : INT64_MAX};
    enum cli_exit r = gather_all(cli, &g);
    if (r == CLI_DONE && cli->call->is_json)
        cli_print_json(g.rows);
    else if (r == CLI_DONE)
        print_rows(cli, &g);
    json_decref(g.rows);
    json_decref(g.seen);
    return r;
}

// What was said stands last: it is long.
static void print_page(const json_t *page)
{
    static const char *const said[] = {"conversations", "reports", "conversation", "raw"};
    CLEANUP(json_decref) json_t *rest = json_copy((json_t *)page);
    CLEANUP(json_decref) json_t *lines = json_object();
    for (size_t i = 0; i < ARRAY_LEN(said); i++) {
        json_object_set(lines, said[i], json_object_get(page, said[i]));
        json_object_del(rest, said[i]);
    }
    print_object(stdout, rest);
    print_said(stdout, lines);
}

enum cli_exit cli_show(struct cli *cli)
{
    CLEANUP(json_decref) json_t *result = NULL;
    enum cli_exit r =
        cli_ask(cli, "show", json_pack("{s:s}", "target", cli->call->targets[0]), &result);
    if (r != CLI_DONE)
        return r;
    if (cli->call->is_json)
        return cli_print_json(result);
    if (json_is_string(json_object_get(result, "report")))
        (void)fputs(protocol_get_text(result, "report", ""), stdout);
    else
        print_page(result);
    return CLI_DONE;
}

enum cli_exit cli_explain(struct cli *cli)
{
    CLEANUP(json_decref) json_t *result = NULL;
    const char *before = "";
    const json_t *line;
    enum cli_exit r =
        cli_ask(cli, "explain", json_pack("{s:s}", "target", cli->call->targets[0]), &result);
    if (r != CLI_DONE)
        return r;
    if (cli->call->is_json)
        return cli_print_json(result);
    printf("%s\n", protocol_get_text(result, "title", ""));
    for (size_t i = 0; (line = json_array_get(json_object_get(result, "lines"), i)); i++) {
        const char *head = protocol_get_text(line, "head", "");
        printf("  %-8s %s\n", strcmp(head, before) == 0 ? "" : head,
               protocol_get_text(line, "text", ""));
        before = head;
    }
    return CLI_DONE;
}
