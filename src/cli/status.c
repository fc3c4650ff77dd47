/* status: the node in a few lines for people. */
#include <string.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "remote/format.h"
#include "remote/protocol.h"

enum { COMING_MOST = 5 };

static const char *count(char out[FORMAT_TEXT], const json_t *o, const char *name)
{
    const json_t *v = json_object_get(o, name);
    snprintf(out, FORMAT_TEXT, "–");
    if (json_is_integer(v))
        format_count_full(out, json_integer_value(v));
    return out;
}

// 0: unknown.
static usec_t time_of(const json_t *o, const char *name)
{
    usec_t at = 0;
    const char *text = protocol_get_text(o, name, NULL);
    return text && clock_parse(&at, text) ? at : 0;
}

static void print_head(FILE *to, const json_t *s, usec_t now)
{
    char since[FORMAT_TEXT], age[FORMAT_TEXT];
    usec_t at = time_of(s, "started_at");
    format_time(since, at, now);
    format_age(age, at, now);
    fprintf(to, "%s  version %s, up %s since %s\n", protocol_get_text(s, "node", ""),
            protocol_get_text(s, "version", ""), age, since);
}

static void print_mail(FILE *to, const json_t *s, usec_t now)
{
    char a[FORMAT_TEXT], b[FORMAT_TEXT], age[FORMAT_TEXT];
    usec_t heard = time_of(s, "last_outcome_at");
    fprintf(to, "queue      %s waiting, %s held\n", count(a, s, "queued"), count(b, s, "held"));
    fprintf(to, "sent       %s in the last minute, ", count(a, s, "sent_1m"));
    fprintf(to, "%s in 1 h; %s bounced in 1 h", count(a, s, "sent_1h"), count(b, s, "bounced_1h"));
    format_age(age, heard, now);
    fprintf(to, heard ? "; last outcome %s ago\n" : "; no outcome yet\n", age);
}

static void print_answers(FILE *to, const json_t *s)
{
    const json_t *rate = json_object_get(s, "undetermined_rate_1h");
    if (json_is_number(rate))
        fprintf(to, "answers    %.1f %% of 1 h undetermined%s\n", 100 * json_number_value(rate),
                json_number_value(rate) > 0 ? ": mxwarden replies unknown" : "");
}

static void print_people(FILE *to, const json_t *s)
{
    static const char *const words[] = {"good", "warned", "throttled", "suspended"};
    const json_t *customers = json_object_get(s, "customers"), *ips = json_object_get(s, "ips");
    char a[FORMAT_TEXT], b[FORMAT_TEXT];
    fprintf(to, "customers  %s", count(a, customers, "total"));
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        fprintf(to, "%s%s %s", i ? ", " : ": ", count(a, customers, words[i]), words[i]);
    fprintf(to, "\nIPs        %s of %s at work\n", count(a, ips, "active"), count(b, ips, "total"));
}

static void print_ledger(FILE *to, const json_t *s, usec_t now)
{
    const json_t *ledger = json_object_get(s, "ledger");
    char a[FORMAT_TEXT], b[FORMAT_TEXT], age[FORMAT_TEXT];
    format_age(age, time_of(ledger, "verified_at"), now);
    fprintf(to, "ledger     %s entries; ", count(a, ledger, "seq"));
    if (time_of(ledger, "verified_at"))
        fprintf(to, "chain verified to %s, %s ago\n", count(b, ledger, "verified_seq"), age);
    else
        fprintf(to, "chain not verified yet: mxwarden verify\n");
}

static void print_state(FILE *to, const json_t *s)
{
    double free = (double)protocol_get_number(s, "disk_free", 0) / (1 << 30);
    const char *problem = protocol_get_text(s, "problem", NULL);
    fprintf(to, "disk       %.1f GiB free; new mail is %s\n", free,
            protocol_get_flag(s, "accepting") ? "taken" : "NOT taken");
    if (problem)
        fprintf(to, "TROUBLE    %s\n", problem);
}

static void print_coming(FILE *to, const json_t *s, usec_t now)
{
    const json_t *coming = json_object_get(s, "coming"), *one;
    size_t i, n = json_array_size(coming);
    json_array_foreach(coming, i, one)
    {
        char at[FORMAT_TEXT];
        if (i == COMING_MOST)
            break;
        format_time(at, time_of(one, "at"), now);
        fprintf(to, "%-9s  %s %s\n", i ? "" : "next", at, protocol_get_text(one, "what", ""));
    }
    if (n > COMING_MOST)
        fprintf(to, "           and %zu more: mxwarden log\n", n - COMING_MOST);
}

static void print_incidents(FILE *to, const json_t *s)
{
    static const char *const words[] = {"critical", "warning", "notice"};
    const json_t *n = json_object_get(s, "incidents");
    char text[FORMAT_TEXT];
    fprintf(to, "incidents  %s open", count(text, s, "incidents_open"));
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (protocol_get_number(n, words[i], 0))
            fprintf(to, ", %s %s", count(text, n, words[i]), words[i]);
    if (protocol_get_number(n, "nobody", 0))
        fprintf(to, "; nobody has %s of them", count(text, n, "nobody"));
    fprintf(to, "; %s automatic actions in force", count(text, s, "automatic"));
    fprintf(to, strcmp(protocol_get_text(s, "mode", ""), "observe") == 0
                    ? "; the policy only observes\n"
                    : "\n");
}

static void print_status(FILE *to, const json_t *s)
{
    usec_t now = time_of(s, "now");
    print_head(to, s, now);
    print_mail(to, s, now);
    print_answers(to, s);
    print_people(to, s);
    print_incidents(to, s);
    print_ledger(to, s, now);
    print_state(to, s);
    print_coming(to, s, now);
}

enum cli_exit cli_status(struct cli *cli)
{
    CLEANUP(json_decref) json_t *result = NULL;
    enum cli_exit r = cli_ask(cli, "status", NULL, &result);
    if (r != CLI_DONE)
        return r;
    if (cli->call->is_json)
        return cli_print_json(result);
    print_status(stdout, result);
    return CLI_DONE;
}
