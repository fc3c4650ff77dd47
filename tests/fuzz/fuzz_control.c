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
#include "core/incident.h"
#include "store/suppress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct engine {
    struct state state;
    struct incidents incidents;
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
    incidents_apply(&engine->incidents, e);
    done(done_ctx, 0, e, "");
    entry_free(e);
}

static void suppress(void *ctx, struct entry *e, const struct suppress_row *rows, size_t n,
                     control_act_fn *done, void *done_ctx)
{
    for (size_t i = 0; i < n; i++)
        must(strchr(rows[i].address, '@') && rows[i].s.flags & SUPPRESSION_MANUAL);
    act(ctx, e, done, done_ctx);
}

static void unsuppress(void *ctx, struct entry *e, const struct suppress_removal *what,
                       control_act_fn *done, void *done_ctx)
{
    struct engine *engine = ctx;
    if (what->n % 2) {
        act(engine, e, done, done_ctx);
        return;
    }
    entry_free(e);
    done(done_ctx, 0, NULL, NULL);
}

static int reload(void *ctx, const char *actor, char **mistakes)
{
    (void)ctx;
    (void)actor;
    *mistakes = xstrdup("mxwarden.yaml:1:1: \x1b]0;no\nfile");
    return 1;
}

static const struct incidents *incidents(void *ctx)
{
    struct engine *engine = ctx;
    return &engine->incidents;
}

// One with all that strangers write.
static void add_incident(struct engine *engine)
{
    static const char *const fields[][2] = {{"subject", "lane:198.51.100.7/google"},
                                            {"severity", "critical"},
                                            {"cause", "acme\x1b[2J: 91 % \xe2\x80\xae"},
                                            {"you", "suspend acme"},
                                            {"culprit", "customer:acme"},
                                            {"share", "0.9"},
                                            {"list", "a\nb"}};
    CLEANUP(entry_free)
    struct entry *e = entry_new(KIND_INCIDENT, "engine", "incident:1", "google \xff blocks\r\nit");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        entry_add_field(e, fields[i][0], fields[i][1], false);
    entry_set_evidence(e, "{\"culprits\":[{\"customer\":\"ac\\nme\",\"share\":2,\"samples\":[\"550 "
                          "\\u001b[31m\",7]},3],\"samples\":\"no\"}");
    e->name = (struct entry_name){.node = {.v = 1}, .seq = ++engine->seq};
    e->hlc = 1;
    incidents_apply(&engine->incidents, e);
}

static bool is_clean(const char *text, size_t n)
{
    char shown[8192];
    return n >= sizeof(shown) || text_visible(shown, sizeof(shown), text, n) == n;
}

// An incident's report alone has lines, and only the engine ends one.
static bool is_clean_text(const char *text)
{
    if (strncmp(text, "Incident ", 9) != 0)
        return is_clean(text, strlen(text));
    for (; *text; text += strcspn(text, "\n"), text += *text != '\0')
        if (!is_clean(text, strcspn(text, "\n")))
            return false;
    return true;
}

static void check_clean(const json_t *v)
{
    const char *name;
    json_t *member;
    size_t i;
    const char *text = json_string_value(v);
    must(!text || is_clean_text(text));
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
                                         .suppress = suppress,
                                         .unsuppress = unsuppress,
                                         .reload = reload,
                                         .incidents = incidents};
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
    add_incident(&engine);
    must(control_open(&c, &o, &wrong) == 0);
    talk(c, (enum role)(data[0] % 3), bytes_of(data + 1, size - 1));
    control_close(c);
    state_deinit(&engine.state);
    incidents_deinit(&engine.incidents);
    return 0;
}
