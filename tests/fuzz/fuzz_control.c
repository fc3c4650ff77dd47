/* Any bytes as a client of the control socket: nothing crashes or leaks, every line gets exactly one
 * answer with its own id, and no answer holds anything that could reach a terminal raw.
 *
 * The first byte chooses the role; the rest is what the client sends. The engine is a few lines, the
 * state is real, there is no store and no socket. */
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "control/control.h"
#include "control/peer.h"
#include "core/entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct engine {
    struct state state;
    uint64_t seq;
};

static void each_queue(void *ctx, void (*each)(void *to, const struct control_queue_row *r),
                       void *to)
{
    (void)ctx;
    each(to, &(struct control_queue_row){"acme", "google", "shared", 12, 3, USEC_HOUR, USEC_DAY,
                                         "450 \x1b[2J\xe2\x80\xae wait"});
}

static void each_lane(void *ctx, void (*each)(void *to, const struct control_lane_row *r), void *to)
{
    (void)ctx;
    each(to, &(struct control_lane_row){.ip = "198.51.100.7",
                                        .provider = "google",
                                        .lane_state = "fine",
                                        .deferred_rate = -1,
                                        .last_reply = ""});
}

static void totals(void *ctx, struct control_totals *t)
{
    (void)ctx;
    *t = (struct control_totals){.queued = 12, .held = 3};
}

static void limits(void *ctx, const char *provider, struct control_limits *l)
{
    (void)ctx;
    (void)provider;
    *l = (struct control_limits){.connections = 20};
}

static void health(void *ctx, struct control_health *h)
{
    (void)ctx;
    *h = (struct control_health){.is_accepting = true, .problem = ""};
}

static void why(void *ctx, const struct spool_message *m, uint32_t no, char *out, size_t room)
{
    (void)ctx;
    (void)m;
    (void)no;
    if (room)
        out[0] = '\0';
}

static void act(void *ctx, struct entry *e, control_act_fn *done, void *done_ctx)
{
    struct engine *engine = ctx;
    e->name = (struct entry_name){.node = {.v = 1}, .seq = ++engine->seq};
    e->hlc = (int64_t)engine->seq;
    state_apply(&engine->state, e);
    done(done_ctx, 0, e, "");
    entry_free(e);
}

static int reload(void *ctx, const char *actor, char **mistakes)
{
    (void)ctx;
    (void)actor;
    *mistakes = xstrdup("mxwarden.yaml:1:1: \x1b]0;no\nfile");
    return 1;
}

static void check_clean(const json_t *v)
{
    const char *name;
    json_t *member;
    size_t i;
    char shown[8192];
    const char *text = json_string_value(v);
    if (text && strlen(text) < sizeof(shown))
        must(text_visible(shown, sizeof(shown), text, strlen(text)) == strlen(text));
    json_array_foreach(v, i, member) check_clean(member);
    json_object_foreach((json_t *)v, name, member) check_clean(member);
}

// How many of the lines are answers; pushes go by.
static size_t count_answers(struct peer *p)
{
    struct protocol_reader r = {0};
    json_t *v;
    char *wrong = NULL;
    size_t n = 0;
    buf_add_bytes(&r.in, buf_bytes(&p->out));
    buf_clear(&p->out);
    while (protocol_next(&r, &v, &wrong) == PROTOCOL_OBJECT) {
        check_clean(v);
        must(json_object_get(v, "id") || json_object_get(v, "feed"));
        must(!json_object_get(v, "id") ||
             !json_object_get(v, "result") != !json_object_get(v, "error"));
        n += json_object_get(v, "id") != NULL;
        json_decref(v);
    }
    must(!r.in.n && !wrong); // all of it was whole lines
    protocol_reader_deinit(&r);
    return n;
}

// The line alone, so that its answer is known by its id.
static void one_line(struct peer *p, struct bytes line)
{
    buf_add_bytes(&p->reader.in, line);
    buf_add_byte(&p->reader.in, '\n');
    do
        peer_work(p);
    while (p->has_work && !p->is_ending);
    must(p->is_ending || count_answers(p) == 1);
    feeds_tick(p, USEC_NEVER / 2);
    must(p->is_ending || count_answers(p) == 0);
}

static void talk(struct control *c, enum role role, struct bytes in)
{
    struct peer *p = peer_new(c, NULL, role, "ana");
    while (in.n && !p->is_ending) {
        const uint8_t *end = memchr(in.p, '\n', in.n);
        size_t n = end ? (size_t)(end - in.p) : in.n;
        one_line(p, bytes_of(in.p, n));
        in = bytes_skip(in, n + 1);
    }
    peer_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const pools[] = {"shared"};
    struct engine engine = {.seq = 0};
    const struct control_engine doors = {.ctx = &engine,
                                         .each_queue = each_queue,
                                         .each_lane = each_lane,
                                         .totals = totals,
                                         .limits = limits,
                                         .health = health,
                                         .why = why,
                                         .act = act,
                                         .reload = reload};
    const struct control_settings settings = {.node = "n",
                                              .label = "",
                                              .version = "0",
                                              .node_id = "00000001",
                                              .pools = pools,
                                              .pools_n = 1,
                                              .throttle_rate = "",
                                              .tells_customer = true};
    const struct control_options o = {
        .state = &engine.state, .engine = &doors, .settings = &settings};
    struct control *c;
    char *wrong = NULL;
    if (!size)
        return 0;
    state_customer_add(&engine.state, "acme")->is_known = true;
    struct state_ip *ip = state_ip_add(&engine.state, "198.51.100.7");
    ip->is_configured = ip->is_here = true;
    xfree(ip->pool);
    ip->pool = xstrdup("shared");
    must(control_open(&c, &o, &wrong) == 0);
    talk(c, (enum role)(data[0] % 3), bytes_of(data + 1, size - 1));
    control_close(c);
    state_deinit(&engine.state);
    return 0;
}
