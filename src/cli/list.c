/* Tables: ips, customers, queue, log; and the newest events. */
#include <string.h>

#include "cli/cli.h"
#include "cli/print.h"

// clang-format off
static const struct print_column ips[] = {
    {"address", "address", PRINT_TEXT}, {"pool", "pool", PRINT_TEXT},
    {"rotation", "rotation", PRINT_TEXT}, {"rotation_until", "until", PRINT_TIME},
    {"sent_1m", "sent/m", PRINT_COUNT}, {"sent_1h", "sent 1h", PRINT_COUNT},
    {"dead_rate_1h", "dead%", PRINT_RATE}, {"complaint_rate_24h", "compl%", PRINT_RATE},
    {"deferred_rate_1h", "defer%", PRINT_RATE}, {"spam_rate_1h", "spam%", PRINT_RATE},
    {"reasons", "why", PRINT_FIRST},
};
static const struct print_column customers[] = {
    {"id", "customer", PRINT_TEXT}, {"standing", "standing", PRINT_TEXT},
    {"standing_until", "until", PRINT_TIME}, {"rate", "rate", PRINT_TEXT},
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

static const struct list {
    const char *table, *empty; // what is said instead of an empty table
    const struct print_column *columns;
    size_t n;
} lists[] = {
    {"ips", "No IP to send from yet. Pools stand in mxwarden.yaml; then: mxwarden reload.", ips,
     ARRAY_LEN(ips)},
    {"customers", "No customers yet. mxwarden customer add NAME --contact ADDRESS --pool POOL",
     customers, ARRAY_LEN(customers)},
    {"queue", "Nothing waits.", queue, ARRAY_LEN(queue)},
    {"log", "No action yet. Everything the engine or you do will stand here.", ledger,
     ARRAY_LEN(ledger)},
};
// clang-format on

static json_t *params_of(const struct command_call *call)
{
    json_t *p = json_pack("{s:s}", "table", call->command->table);
    const struct {
        const char *name, *value;
    } texts[] = {{"sort", call->sort}, {"filter", call->filter}, {"by", call->by}};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].value)
            json_object_set_new(p, texts[i].name, json_string(texts[i].value));
    if (call->limit)
        json_object_set_new(p, "limit", json_integer(call->limit < 100000 ? call->limit : 100000));
    return p;
}

enum cli_exit cli_list(struct cli *cli)
{
    CLEANUP(json_decref) json_t *result = NULL;
    enum cli_exit r = cli_ask(cli, "list", params_of(cli->call), &result);
    if (r != CLI_DONE)
        return r;
    const json_t *rows = json_object_get(result, "rows");
    if (cli->call->is_json)
        return cli_print_json(rows);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        if (strcmp(lists[i].table, cli->call->command->table) != 0)
            continue;
        if (!protocol_get_number(result, "total", 0))
            puts(lists[i].empty);
        else if (!json_array_size(rows))
            printf("None of %jd matches.\n", (intmax_t)protocol_get_number(result, "total", 0));
        else
            print_table(stdout, lists[i].columns, lists[i].n, rows, true);
    }
    return CLI_DONE;
}

enum cli_exit cli_status(struct cli *cli)
{
    CLEANUP(json_decref) json_t *result = NULL;
    enum cli_exit r = cli_ask(cli, "status", NULL, &result);
    if (r != CLI_DONE)
        return r;
    if (cli->call->is_json)
        return cli_print_json(result);
    print_object(stdout, result);
    return CLI_DONE;
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
    print_object(stdout, result);
    return CLI_DONE;
}
