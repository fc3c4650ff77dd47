/* What bench_replay.py needs: a stream of outcomes as a large node has it, and a peer that reads one.
 *
 *   bench_replay write EVENTS [CUSTOMERS]   to stdout; the same events each time
 *   bench_replay jansson                    reads stdin: each line as a tree of values, `t` and `kind`
 *   bench_replay scan                       reads stdin: core/scan alone
 *
 * Half of the outcomes are `accepted`; of the others 1 % are dead mailboxes, 0.3 % spam, 5 % deferrals
 * and 0.02 % complaints that come later. One customer of a thousand has a bad list. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "cli/lines.h"
#include "core/scan.h"

enum { CUSTOMERS = 100000, PROVIDERS = 50, IPS = 40, A_SECOND = 1000, FULL = 1 << 16 };

static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

static uint32_t roll(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(((state >> 32) * n) >> 32);
}

// Few send much: the customer's number is the product of two dice.
static uint32_t roll_customer(uint32_t customers)
{
    return (uint32_t)((uint64_t)roll(customers) * (1 + roll(1000)) / 1000);
}

struct fate {
    enum outcome_kind kind;
    enum class class;
    uint16_t code;
    const char *reply;
};

static const struct fate *roll_fate(uint32_t customer)
{
    static const struct fate fates[] = {
        {OUTCOME_DELIVERED, CLASS_DELIVERED, 250, "250 2.0.0 OK queued as 4f1a2b3c"},
        {OUTCOME_BOUNCED, CLASS_UNKNOWN_USER, 550, "550 5.1.1 no such user here"},
        {OUTCOME_BOUNCED, CLASS_CONTENT_SPAM, 554, "554 5.7.1 message looks like spam"},
        {OUTCOME_DEFERRED, CLASS_TRANSIENT, 451, "451 4.7.1 greylisted, try again later"},
        {OUTCOME_COMPLAINED, CLASS_COMPLAINT, 0, ""},
    };
    uint32_t x = roll(10000), dead = customer % 1000 == 999 ? 1500 : 100;
    return &fates[x < dead ? 1 : x < dead + 30 ? 2 : x < dead + 530 ? 3 : x < dead + 532 ? 4 : 0];
}

static void write_event(struct buf *out, uint64_t i, uint32_t customers)
{
    char customer[32], ip[32], provider[32], recipient[64];
    uint32_t c = roll_customer(customers);
    const struct fate *f = roll_fate(c);
    struct outcome o = {.at = 1764000000 * USEC_SECOND + (usec_t)(i * USEC_SECOND / A_SECOND),
                        .customer = customer,
                        .list = c % 3 ? "" : "spring",
                        .stream = c % 3 ? STREAM_TRANSACTIONAL : STREAM_LIST,
                        .ip = ip,
                        .provider = provider,
                        .recipient = recipient,
                        .reply = ""};
    snprintf(customer, sizeof(customer), "customer-%" PRIu32, c);
    snprintf(ip, sizeof(ip), "198.51.100.%" PRIu32, roll(IPS) + 1);
    snprintf(provider, sizeof(provider), "provider-%" PRIu32, roll(PROVIDERS));
    snprintf(recipient, sizeof(recipient), "user%" PRIu32 "@domain%" PRIu32 ".test", roll(50000000),
             roll(2000));
    if (roll(2)) {
        o.kind = OUTCOME_ACCEPTED;
        o.ip = "";
    } else {
        o.kind = f->kind;
        o.class = f->class;
        o.code = f->code;
        o.reply = f->reply;
        o.attempt = 1;
        if (f->kind == OUTCOME_COMPLAINED)
            o.delivered_at = o.at - roll(36000) * USEC_SECOND;
    }
    outcome_format(out, &o);
}

static bool write_all(struct buf *out)
{
    while (out->n) {
        ssize_t n = write(STDOUT_FILENO, out->p, out->n);
        if (n < 0)
            return false;
        buf_consume(out, (size_t)n);
    }
    return true;
}

static int write_events(uint64_t n, uint32_t customers)
{
    CLEANUP(buf_deinit) struct buf out = {0};
    for (uint64_t i = 0; i < n; i++) {
        write_event(&out, i, customers);
        if (out.n >= FULL && !write_all(&out))
            return 1;
    }
    return !write_all(&out);
}

// What a reader that makes a tree of values does at least.
static void read_tree(const char *line, size_t n, uint64_t *seen)
{
    json_t *v = json_loadb(line, n, 0, NULL);
    const char *kind = json_string_value(json_object_get(v, "kind"));
    *seen += kind && json_number_value(json_object_get(v, "t")) > 0;
    json_decref(v);
}

static void read_scan(char *line, size_t n, uint64_t *seen)
{
    struct outcome o;
    const char *why;
    *seen += scan_line(&o, line, n, &why) == SCAN_OUTCOME;
}

static int read_events(bool as_tree)
{
    struct lines lines;
    char *line;
    size_t n;
    uint64_t seen = 0;
    usec_t began = clock_monotonic();
    lines_init(&lines, STDIN_FILENO);
    for (enum lines_result r; (r = lines_next(&lines, &line, &n)) != LINES_END;) {
        if (r == LINES_MORE)
            must(lines_read(&lines) == 0);
        else if (as_tree)
            read_tree(line, n, &seen);
        else
            read_scan(line, n, &seen);
    }
    lines_deinit(&lines);
    printf("%" PRIu64 " events, %.0f a second\n", seen,
           (double)seen * 1e6 / (double)(clock_monotonic() - began + 1));
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "write") == 0 && argc > 2)
        return write_events(strtoull(argv[2], NULL, 10),
                            argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : CUSTOMERS);
    if (strcmp(what, "jansson") == 0 || strcmp(what, "scan") == 0)
        return read_events(*what == 'j');
    (void)fputs("usage: bench_replay write EVENTS [CUSTOMERS] | jansson | scan\n", stderr);
    return 2;
}
