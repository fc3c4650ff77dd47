/* How fast the spool takes mail in, and what it costs: N messages of SIZE bytes from K writers at
 * once, each of which sends its next when the one before is on disk; each message has a delivered
 * outcome a moment later.
 *
 *   bench_store [-n messages] [-k writers] [-s bytes] [-a] [DIR]
 *
 * -a adds an `accepted` outcome for each, as intake gives. Figures per 1,000 messages. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include "base/error.h"
#include "base/mem.h"
#include "store/spool.h"
#include "store/store.h"

static struct store *store;
static uv_loop_t loop;
static size_t wanted = 20000, size = 4096, sent, done;
static bool has_accepted;
static uint8_t *body;

struct writer_of_mail {
    struct spool_message *m;
    uv_idle_t outcome;
};

static struct outcome outcome_of(const struct spool_message *m, enum outcome_kind kind)
{
    return (struct outcome){.at = clock_wall(),
                            .kind = kind,
                            .message = m->id,
                            .attempt = 1,
                            .code = 250,
                            .phase = PHASE_DATA,
                            .customer = m->customer,
                            .list = "",
                            .ip = "198.51.100.7",
                            .provider = "big",
                            .recipient = "somebody@big.test",
                            .reply = "250 2.0.0 Ok: queued as 4F1D2A0B3C"};
}

static void send_next(struct writer_of_mail *w);

static void on_idle(uv_idle_t *idle)
{
    struct writer_of_mail *w = idle->data;
    struct outcome o = outcome_of(w->m, OUTCOME_DELIVERED);
    uv_idle_stop(idle);
    spool_outcome(store, &o, 0);
    w->m->body = NULL; // shared
    w->m = spool_message_free(w->m);
    done++;
    send_next(w);
}

static void on_added(void *ctx, int result)
{
    struct writer_of_mail *w = ctx;
    must(result == SPOOL_OK);
    spool_keep(store, w->m->id);
    if (has_accepted) {
        struct outcome o = outcome_of(w->m, OUTCOME_ACCEPTED);
        spool_outcome(store, &o, 0);
    }
    uv_idle_start(&w->outcome, on_idle);
}

static void send_next(struct writer_of_mail *w)
{
    if (sent == wanted)
        return;
    sent++;
    w->m = spool_message_new();
    w->m->accepted_at = clock_wall();
    w->m->id = store_message_id(store, w->m->accepted_at);
    w->m->customer = (xfree(w->m->customer), xstrdup("shop"));
    w->m->sender = (xfree(w->m->sender), xstrdup("bounces@shop.test"));
    spool_message_add_recipient(w->m, "somebody@big.test");
    w->m->body = body;
    w->m->size = size;
    must(spool_add(store, w->m, on_added, w) == SPOOL_OK);
}

static uint64_t written(void)
{
    char line[100];
    unsigned long long v = 0;
    FILE *f = fopen("/proc/self/io", "r");
    while (f && fgets(line, sizeof(line), f))
        sscanf(line, "write_bytes: %llu", &v);
    if (f)
        fclose(f);
    return v;
}

static double cpu(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void run(size_t k)
{
    struct store_figures f;
    struct writer_of_mail *writers = xcalloc(k, sizeof(*writers));
    uint64_t bytes = written();
    double began_cpu = cpu(), n = (double)wanted / 1000;
    usec_t began = clock_monotonic();
    for (size_t i = 0; i < k; i++) {
        uv_idle_init(&loop, &writers[i].outcome);
        writers[i].outcome.data = &writers[i];
        send_next(&writers[i]);
    }
    while (done < wanted)
        uv_run(&loop, UV_RUN_ONCE);
    double span = (double)(clock_monotonic() - began) / 1e6;
    store_figures_get(store, &f);
    for (size_t i = 0; i < k; i++)
        uv_close((uv_handle_t *)&writers[i].outcome, NULL);
    store = store_close(store); // its last fold counts
    uv_run(&loop, UV_RUN_DEFAULT);
    printf("%zu messages of %zu bytes, %zu writers: %.0f a second; per 1,000: CPU %.4f s, "
           "%.0f flushes, %.0f commits; %.1f KB to disk a message\n",
           wanted, size, k, (double)wanted / span, (cpu() - began_cpu) / n, (double)f.flushes / n,
           (double)f.commits / n, (double)(written() - bytes) / n / 1e6);
    xfree(writers);
}

int main(int argc, char **argv)
{
    size_t k = 20;
    char *why = NULL;
    for (int c; (c = getopt(argc, argv, "n:k:s:a")) != -1;) {
        if (c == 'n')
            wanted = (size_t)atol(optarg);
        else if (c == 'k')
            k = (size_t)atol(optarg);
        else if (c == 's')
            size = (size_t)atol(optarg);
        else if (c == 'a')
            has_accepted = true;
        else
            return 2;
    }
    char fresh[] = "/tmp/mxwarden-bench-XXXXXX";
    struct store_options options = {.history_kept = 30 * USEC_DAY};
    options.dir = optind < argc ? argv[optind] : mkdtemp(fresh);
    body = xcalloc(1, size + 1);
    memset(body, 'x', size);
    uv_loop_init(&loop);
    if (store_open(&store, &loop, &options, &why)) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    run(k);
    printf("state left in %s\n", options.dir);
    return 0;
}
