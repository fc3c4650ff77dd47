/* What acts: the preview with --dry-run, else the ledger entry it made. */
#include <string.h>

#include "cli/cli.h"
#include "cli/print.h"
#include "remote/format.h"

static json_t *params_of(const struct command_call *call)
{
    json_t *targets = json_array();
    for (size_t i = 0; i < call->targets_n; i++)
        json_array_append_new(targets, json_string(call->targets[i]));
    json_t *p = json_pack("{s:s,s:s,s:o}", "phase", call->is_dry_run ? "preview" : "apply",
                          "command", call->command->words, "targets", targets);
    const struct {
        const char *name, *value;
    } texts[] = {{"rate", call->rate}, {"for", call->span}, {"reason", call->reason}};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].value)
            json_object_set_new(p, texts[i].name, json_string(texts[i].value));
    return p;
}

static void print_lines(const char *name, const json_t *lines)
{
    size_t i;
    const json_t *line;
    if (json_is_string(lines) && json_string_value(lines)[0])
        printf("  %-8s %s\n", name, json_string_value(lines));
    for (i = 0; (line = json_array_get(lines, i)); i++)
        printf("  %-8s %s\n", i ? "" : name, json_string_value(line));
}

static void print_preview(const json_t *p)
{
    static const char *const parts[] = {"now",   "will", "others", "ends",
                                        "guard", "rate", "for",    "tell"};
    size_t i;
    const json_t *skipped;
    printf("%s\n", protocol_get_text(p, "title", ""));
    for (size_t k = 0; k < ARRAY_LEN(parts); k++)
        print_lines(parts[k], json_object_get(p, parts[k]));
    print_lines("reason", json_object_get(p, "reason"));
    for (i = 0; (skipped = json_array_get(json_object_get(p, "skipped"), i)); i++)
        printf("  skipped  %s\n", protocol_get_text(skipped, "why", ""));
    puts("Nothing was done.");
}

static void print_entry(const json_t *e)
{
    char until[FORMAT_TEXT] = "";
    usec_t at;
    const char *expires = protocol_get_text(e, "expires_at", NULL);
    const char *target = protocol_get_text(e, "target", "");
    json_int_t seq = protocol_get_number(e, "seq", 0);
    if (expires && clock_parse(&at, expires))
        format_time(until, at, clock_wall());
    printf("done: %jd %s %s%s%s", (intmax_t)seq, protocol_get_text(e, "kind", ""), target,
           until[0] ? " until " : "", until);
    if (strncmp(target, "incident:", 9) == 0) // no mail was touched
        puts("");
    else
        printf("; mxwarden undo %jd takes it back\n", (intmax_t)seq);
}

static enum cli_exit print_bulk(const struct cli *cli, const json_t *result)
{
    const json_t *entries = json_object_get(result, "entries");
    const json_t *skipped = json_object_get(result, "skipped"), *e;
    size_t i;
    if (cli->call->is_json)
        cli_print_json(entries);
    else
        for (i = 0; (e = json_array_get(entries, i)); i++)
            print_entry(e);
    for (i = 0; (e = json_array_get(skipped, i)); i++)
        cli_say(CLI_FAILED, "not done: %s", protocol_get_text(e, "why", ""));
    return json_array_size(skipped) ? CLI_FAILED : CLI_DONE;
}

enum cli_exit cli_act(struct cli *cli)
{
    CLEANUP(json_decref) json_t *result = NULL;
    enum cli_exit r = cli_ask(cli, "act", params_of(cli->call), &result);
    if (r != CLI_DONE)
        return r;
    if (json_object_get(result, "entries"))
        return print_bulk(cli, result);
    if (cli->call->is_json)
        return cli_print_json(result);
    if (cli->call->is_dry_run)
        print_preview(result);
    else
        print_entry(result);
    return CLI_DONE;
}

static enum cli_exit verified(const struct cli *cli, const json_t *result)
{
    json_int_t broken = protocol_get_number(result, "broken_seq", 0);
    json_int_t n = protocol_get_number(result, "entries", 0);
    if (cli->call->is_json)
        cli_print_json(result);
    if (broken)
        return cli_say(CLI_FAILED, "the chain breaks at %jd: %s", (intmax_t)broken,
                       protocol_get_text(result, "why", ""));
    if (!cli->call->is_json)
        printf("The chain holds: %jd entries.\n", (intmax_t)n);
    return CLI_DONE;
}

enum cli_exit cli_manage(struct cli *cli)
{
    const struct command_call *call = cli->call;
    CLEANUP(json_decref) json_t *result = NULL;
    json_t *p = json_pack("{s:s}", "command", call->command->words);
    const char *colon = call->targets_n ? strchr(call->targets[0], ':') : NULL;
    const struct {
        const char *name, *value;
    } texts[] = {{"customer", colon ? colon + 1 : NULL},
                 {"contact", call->contact},
                 {"language", call->language},
                 {"pool", call->pool},
                 {"rate", call->rate},
                 {"reason", call->reason}};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].value)
            json_object_set_new(p, texts[i].name, json_string(texts[i].value));
    enum cli_exit r = cli_ask(cli, "manage", p, &result);
    if (r != CLI_DONE)
        return r;
    if (strcmp(call->command->words, "verify") == 0)
        return verified(cli, result);
    if (call->is_json)
        return cli_print_json(result);
    if (json_object_get(result, "seq"))
        printf("done: %jd %s %s\n", (intmax_t)protocol_get_number(result, "seq", 0),
               call->command->words, call->targets[0]);
    else
        puts("done");
    return CLI_DONE;
}
