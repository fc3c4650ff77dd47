/* replay: a policy judges outcomes that were written down, in their own time. Reading is one pass over
 * one buffer; decisions go out as lines, whatever else there is to say to stderr. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <langinfo.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/explain.h"
#include "cli/lines.h"
#include "core/reputation.h"
#include "core/scan.h"
#include "remote/format.h"
#include "settings/settings.h"

enum { TOLD = 10, ACTIONS = ACTION_POOL + 1, FULL = 1 << 16 };
enum { APART = 4, AHEAD = 16 }; // outcomes between two steps of fetching, and read before fed

struct replay {
    const struct command_call *call;
    const char *name;                       // of the input, visible; owned
    struct settings *settings, *own_policy; // NULL: not named
    struct policy policy;
    struct reputation *reputation;
    struct explain *explain; // NULL: decisions as lines
    struct lines lines;
    struct outcome ahead[AHEAD]; // a ring; their texts are in the lines
    struct reputation_found found[AHEAD];
    unsigned fed, scanned; // counts, of which the ring's places follow
    struct buf out;
    int deaf; // errno since which stdout takes no more; 0
    uint64_t events, ignored, wrong, decisions[ACTIONS];
    usec_t first, last; // of the events' own times
};

// --- What goes out

// False when stdout takes no more.
static bool write_out(struct replay *r)
{
    while (r->out.n && !r->deaf) {
        ssize_t n = write(STDOUT_FILENO, r->out.p, r->out.n);
        if (n < 0 && errno == EINTR)
            continue;
        r->deaf = n < 0 ? errno : 0;
        buf_consume(&r->out, n < 0 ? 0 : (size_t)n);
    }
    return !r->deaf;
}

static void clean(char *text, size_t room)
{
    CLEANUP(xfree) char *copy = xstrdup(text);
    text_visible(text, room, copy, strlen(copy));
}

static void clean_samples(char samples[DECISION_SAMPLES][DECISION_SAMPLE])
{
    for (int i = 0; i < DECISION_SAMPLES; i++)
        clean(samples[i], DECISION_SAMPLE);
}

// Here the names and replies come from a file, and nobody has made them visible yet.
static void clean_decision(struct decision *d)
{
    clean(d->target, sizeof(d->target));
    clean(d->reason, sizeof(d->reason));
    clean(d->list, sizeof(d->list));
    clean(d->provider, sizeof(d->provider));
    clean(d->signs, sizeof(d->signs));
    clean(d->pool, sizeof(d->pool));
    clean_samples(d->samples);
    for (size_t i = 0; i < d->culprits_n && i < DECISION_CULPRITS; i++) {
        clean(d->culprits[i].customer, sizeof(d->culprits[i].customer));
        clean_samples(d->culprits[i].samples);
    }
}

static void on_decision(void *ctx, const struct decision *d)
{
    struct replay *r = ctx;
    struct decision copy = *d;
    if ((int)d->action < ACTIONS)
        r->decisions[d->action]++;
    clean_decision(&copy);
    if (r->explain)
        explain_decision(r->explain, &copy);
    else
        decision_format(&r->out, &copy);
    if (r->out.n >= FULL)
        write_out(r);
}

static void on_trace(void *ctx, const struct reputation_trace *t)
{
    explain_trace(ctx, t);
}

// --- What is judged by

static bool take_settings(const char *file, struct settings **out,
                          int (*load)(struct settings **out, struct settings_mistakes *mistakes,
                                      const char *file))
{
    struct settings_mistakes mistakes;
    if (!file || load(out, &mistakes, file) == 0)
        return true;
    settings_mistakes_print(&mistakes, STDERR_FILENO);
    settings_mistakes_deinit(&mistakes);
    return false;
}

static bool load_policy(struct replay *r)
{
    if (!take_settings(r->call->config, &r->settings, settings_load) ||
        !take_settings(r->call->policy, &r->own_policy, settings_load_policy))
        return false;
    policy_default(&r->policy);
    if (r->own_policy)
        r->policy = r->own_policy->policy;
    else if (r->settings && r->settings->policy.is_there)
        r->policy = r->settings->policy;
    return true;
}

static void tell_configuration(struct replay *r)
{
    const struct settings *s = r->settings;
    for (size_t i = 0; s && i < s->pools_n; i++)
        for (size_t j = 0; j < s->pools[i].ips_n; j++)
            reputation_set_ip(r->reputation, s->pools[i].ips[j].address.text, s->pools[i].name,
                              true);
    for (size_t i = 1; s && i < s->providers_n; i++)
        if (s->providers[i].pause)
            reputation_set_pause(r->reputation, s->providers[i].name, s->providers[i].pause);
}

static void start(struct replay *r)
{
    struct reputation_options options = {.policy = &r->policy,
                                         .node = r->settings ? r->settings->node : "replay",
                                         .on_decision = on_decision,
                                         .ctx = r};
    r->reputation = reputation_new(&options);
    tell_configuration(r);
    if (!r->call->explain)
        return;
    r->explain = explain_new(r->call->explain);
    reputation_trace(r->reputation, r->call->explain, on_trace, r->explain);
}

// --- The pass over the lines

static void say_wrong(struct replay *r, const char *why)
{
    if (r->wrong++ < TOLD)
        fprintf(stderr, "%s:%" PRIu64 ": %s\n", r->name, r->lines.number, why);
}

static struct outcome *ahead_at(struct replay *r, unsigned n)
{
    return &r->ahead[n % AHEAD];
}

static void feed_first(struct replay *r)
{
    const struct reputation_found *found = &r->found[r->fed % AHEAD];
    const struct outcome *o = ahead_at(r, r->fed++);
    r->first = !r->events || o->at < r->first ? o->at : r->first;
    r->last = o->at > r->last ? o->at : r->last;
    r->events++;
    if (r->explain)
        explain_outcome(r->explain, o);
    reputation_feed_expected(r->reputation, o, found);
}

// The newest one and those some places before it, each as far as it is.
static void expect(struct replay *r)
{
    for (unsigned step = 0; step <= REPUTATION_DETAILS; step++) {
        unsigned n = r->scanned - 1 - step * APART;
        if (r->scanned - r->fed > step * APART)
            reputation_expect(r->reputation, ahead_at(r, n), (enum reputation_step)step,
                              &r->found[n % AHEAD]);
    }
}

static void take_outcome(struct replay *r)
{
    r->found[r->scanned++ % AHEAD] = (struct reputation_found){0};
    expect(r);
    if (r->scanned - r->fed == AHEAD)
        feed_first(r);
}

static void take_line(struct replay *r, char *line, size_t n)
{
    const char *why = "";
    switch (scan_line(ahead_at(r, r->scanned), line, n, &why)) {
    case SCAN_OUTCOME:
        take_outcome(r);
        break;
    case SCAN_NOTHING:
        r->ignored++;
        break;
    case SCAN_WRONG:
        say_wrong(r, why);
        break;
    }
}

// All that is here. False at the end.
static bool take_lines(struct replay *r)
{
    char *line;
    size_t n;
    for (;;) {
        switch (lines_next(&r->lines, &line, &n)) {
        case LINES_LINE:
            take_line(r, line, n);
            break;
        case LINES_LONG:
            say_wrong(r, "a line of more than 1 MiB");
            break;
        case LINES_MORE:
            return true;
        case LINES_END:
            return false;
        }
    }
}

// 0, or the errno of reading. Before more is read, all that is here is fed: its texts would move.
static int run(struct replay *r)
{
    for (;;) {
        bool has_more = take_lines(r);
        while (r->fed != r->scanned)
            feed_first(r);
        if (!has_more || !write_out(r))
            return 0;
        int e = -lines_read(&r->lines);
        if (e)
            return e;
    }
}

// --- What is said in the end

static void say_span(const struct replay *r, usec_t took)
{
    char events[FORMAT_TEXT], rate[FORMAT_TEXT], from[CLOCK_TEXT], to[CLOCK_TEXT];
    format_count_full(events, (int64_t)r->events);
    format_count_full(rate, took > 0 ? (int64_t)((double)r->events / (double)took * 1e6) : 0);
    clock_format(from, r->first);
    clock_format(to, r->last);
    fprintf(stderr, "%s events", events);
    if (r->events)
        fprintf(stderr, " from %s to %s", from, to);
    fprintf(stderr, "; %" PRIu64 " lines wrong, %" PRIu64 " of no meaning here; %s a second\n",
            r->wrong, r->ignored, rate);
}

static void say_summary(const struct replay *r, usec_t took)
{
    uint64_t blocks = 0;
    bool is_any = false;
    if (r->wrong > TOLD)
        fprintf(stderr, "%s: %" PRIu64 " more lines are wrong\n", r->name, r->wrong - TOLD);
    say_span(r, took);
    (void)fputs("decisions:", stderr);
    for (int i = 0; i < ACTIONS; i++) {
        if (!r->decisions[i])
            continue;
        fprintf(stderr, "%s %" PRIu64 " %s", is_any ? "," : "", r->decisions[i],
                action_text((enum action)i));
        is_any = true;
    }
    double clumping = reputation_clumping(r->reputation, &blocks);
    fprintf(stderr, "%s\nclumping of the fleet: %.2f, measured on %" PRIu64 " blocks of 100\n",
            is_any ? "" : " none", clumping, blocks);
}

static void print_explained(struct replay *r)
{
    if (r->explain)
        explain_print(r->explain, &r->out, strcmp(nl_langinfo(CODESET), "UTF-8") == 0);
}

static enum cli_exit finish(struct replay *r, int e, usec_t took)
{
    print_explained(r);
    bool is_written = write_out(r) || r->deaf == EPIPE; // who reads no further has what it wanted
    say_summary(r, took);
    if (e)
        return cli_say(CLI_FAILED, "%s: %s", r->name, strerror(e));
    return is_written ? CLI_DONE : cli_say(CLI_FAILED, "cannot write the output");
}

static void deinit(struct replay *r)
{
    lines_deinit(&r->lines);
    explain_free(r->explain);
    if (r->reputation)
        reputation_free(r->reputation);
    settings_free(r->settings);
    settings_free(r->own_policy);
    buf_deinit(&r->out);
}

// Judging looks at 100 MiB here and there: with pages of 2 MiB the processor finds them in a third less
// time. What malloc gives away next comes from the top of its heap, so that is where they are asked
// for; untouched they cost nothing. Where this does nothing, nothing is lost.
static void use_large_pages(void)
{
    const size_t room = (size_t)192 << 20, page = (size_t)2 << 20;
    if (!mallopt(M_MMAP_THRESHOLD, INT_MAX) || !mallopt(M_TRIM_THRESHOLD, INT_MAX))
        return;
    char *p = malloc(room);
    if (!p)
        return;
    uintptr_t from = ((uintptr_t)p + page - 1) / page * page;
    (void)madvise((void *)from, room - page, MADV_HUGEPAGE);
    free(p);
}

static enum cli_exit replay_fd(struct replay *r, int fd)
{
    usec_t begin = clock_monotonic();
    use_large_pages();
    lines_init(&r->lines, fd);
    start(r);
    int e = run(r);
    return finish(r, e, clock_monotonic() - begin);
}

enum cli_exit cli_replay(const struct command_call *call)
{
    const char *file = call->targets[0];
    CLEANUP(xfree) char *name = text_visible_new(bytes_str(file));
    struct replay r = {.call = call, .name = name};
    if (!load_policy(&r)) {
        deinit(&r);
        return CLI_FAILED;
    }
    int fd = strcmp(file, "-") == 0 ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return deinit(&r), cli_say(CLI_FAILED, "%s: %s", name, strerror(errno));
    (void)signal(SIGPIPE, SIG_IGN); // write(2) says it
    enum cli_exit code = replay_fd(&r, fd);
    if (fd != STDIN_FILENO)
        close(fd);
    deinit(&r);
    return code;
}
