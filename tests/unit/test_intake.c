/* Submission over real sockets, with the real machine and a real spool: who may, what is promised. */
#include "test.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "base/buf.h"
#include "core/outcome.h"
#include "core/state.h"
#include "intake/intake.h"
#include "intake/session.h"
#include "net/conn.h"
#include "net/timer.h"
#include "settings/settings.h"
#include "store/spool.h"
#include "store/store.h"

static const char configuration[] =
    "node: mta1.example.net\n"
    "state: unused\n"
    "listeners:\n"
    "  - {address: \"127.0.0.1:2525\", kind: submission, tls: none,\n"
    "     trust: {127.0.0.1: acme, 127.0.0.2: acme/spring}}\n"
    "  - {address: \"127.0.0.1:2526\", kind: submission, tls: none, trust: {127.0.0.0/8: bench}}\n"
    "  - {address: \"127.0.0.1:2527\", kind: feedback}\n"
    "domains: {bounce: b.test}\n"
    "pools: {shared: {ips: [127.0.0.1]}}\n"
    "limits: {sessions: 8, sessions_per_client: 3, message_size: 1M, recipients: 5}\n";

static uv_loop_t loop;
static struct timers *timers;
static struct state state;
static struct store *store;
static struct settings *settings;
static struct intake *intake;
static char dir[64];
static uint64_t seq;

// What was told.
static struct spool_message *messages[256];
static size_t messages_n, accepted_n, refused_n;
static enum class refused_class;
static char refused_reply[512];
static bool is_stopped;

static void on_accepted(void *ctx, struct spool_message *m)
{
    (void)ctx;
    assert_true(messages_n < ARRAY_LEN(messages));
    messages[messages_n++] = m;
}

static void on_outcome(void *ctx, const struct outcome *o)
{
    (void)ctx;
    assert_string_equal(o->ip, "");
    if (o->kind == OUTCOME_ACCEPTED) {
        accepted_n++;
        return;
    }
    assert_int_equal(o->kind, OUTCOME_REFUSED);
    refused_n++;
    refused_class = o->class;
    snprintf(refused_reply, sizeof(refused_reply), "%s", o->reply);
}

// Feedback: what was asked and handed over.
static char reported[64];
static size_t reported_n, reports;
static void (*report_done)(void *ctx, const struct smtp_reply *reply);
static void *report_ctx;

static void query_feedback(void *ctx, const char *address, struct smtp_reply *reply)
{
    (void)ctx;
    if (strcmp(address, "token@b.test") != 0)
        smtp_reply_set(reply, 550, "5.1.1", "no such address here");
}

static void on_feedback(void *ctx, const char *const *recipients, size_t n, struct bytes mail,
                        void (*done)(void *done_ctx, const struct smtp_reply *reply),
                        void *done_ctx)
{
    (void)ctx;
    reports++;
    reported_n = mail.n;
    snprintf(reported, sizeof(reported), "%s", n ? recipients[0] : "");
    report_done = done;
    report_ctx = done_ctx;
}

static void on_stopped(void *ctx)
{
    (void)ctx;
    is_stopped = true;
}

static struct settings *load(const char *text)
{
    struct settings *s;
    struct settings_mistakes mistakes = {0};
    int r = settings_load_text(&s, &mistakes, "test.yaml", bytes_str(text));
    if (r != 0)
        fail_msg("%u:%u: %s", mistakes.items[0].line, mistakes.items[0].column,
                 mistakes.items[0].text);
    // Any port that is free.
    for (size_t i = 0; i < s->listeners_n; i++)
        ((struct sockaddr_in *)&s->listeners[i].address.sa)->sin_port = 0;
    return s;
}

static void open_intake(void)
{
    struct intake_options options = {.loop = &loop,
                                     .settings = settings,
                                     .state = &state,
                                     .timers = timers,
                                     .on_accepted = on_accepted,
                                     .on_outcome = on_outcome,
                                     .query_feedback = query_feedback,
                                     .on_feedback = on_feedback};
    char *why = NULL;
    intake = intake_new(&options);
    if (intake_listen(intake, &why) != 0)
        fail_msg("%s", why);
    intake_set_store(intake, store);
}

static void open_store(uint64_t disk_reserve)
{
    struct store_options options = {
        .dir = dir, .disk_reserve = disk_reserve, .history_kept = USEC_DAY};
    char *why = NULL;
    if (store_open(&store, &loop, &options, &why) != 0)
        fail_msg("%s", why);
}

static int begin(void **s)
{
    (void)s;
    messages_n = accepted_n = refused_n = 0;
    reports = 0;
    report_done = NULL;
    is_stopped = false;
    refused_reply[0] = '\0';
    snprintf(dir, sizeof(dir), "/tmp/mxwarden-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    uv_loop_init(&loop);
    timers = timers_new(&loop);
    state_init(&state);
    // Two doors at the same address and port 0 would be taken for one: the second has its own.
    settings = load(configuration);
    ((struct sockaddr_in *)&settings->listeners[1].address.sa)->sin_addr.s_addr =
        htonl(INADDR_LOOPBACK + 99);
    ((struct sockaddr_in *)&settings->listeners[2].address.sa)->sin_addr.s_addr =
        htonl(INADDR_LOOPBACK + 98);
    open_store(0);
    open_intake();
    return 0;
}

static void remove_tree(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *e;
    while (d && (e = readdir(d))) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        char *inside = xasprintf("%s/%s", path, e->d_name);
        if (unlink(inside) < 0)
            remove_tree(inside);
        xfree(inside);
    }
    if (d)
        closedir(d);
    rmdir(path);
}

static int finish(void **s)
{
    (void)s;
    intake = intake_free(intake);
    store = store_close(store);
    for (size_t i = 0; i < messages_n; i++)
        spool_message_free(messages[i]);
    timers = timers_free(timers);
    state_deinit(&state);
    settings = settings_free(settings);
    uv_run(&loop, UV_RUN_DEFAULT);
    remove_tree(dir);
    return uv_loop_close(&loop);
}

static void turn(void)
{
    uv_run(&loop, UV_RUN_NOWAIT);
    usleep(200);
}

static void run_for(usec_t span)
{
    usec_t end = clock_monotonic() + span;
    while (clock_monotonic() < end)
        turn();
}

// Runs the loop until it is true: a busy machine is no failure.
#define RUN_UNTIL(condition)                                                                       \
    do {                                                                                           \
        usec_t end_ = clock_monotonic() + 5 * USEC_SECOND;                                         \
        while (!(condition) && clock_monotonic() < end_)                                           \
            turn();                                                                                \
        assert_true(condition);                                                                    \
    } while (0)

// ---- a client

static int come_from(const char *ip, size_t door)
{
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    inet_pton(AF_INET, ip, &from.sin_addr);
    to.sin_addr = ((struct sockaddr_in *)&settings->listeners[door].address.sa)->sin_addr;
    to.sin_port = htons(intake_port(intake, door));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static bool ends_reply(const struct buf *in)
{
    if (in->n < 5 || in->p[in->n - 1] != '\n')
        return false;
    size_t from = in->n - 1;
    while (from && in->p[from - 1] != '\n')
        from--;
    return in->p[from + 3] == ' ';
}

// What comes until a reply is whole, the connection ended ("" then) or 3 s have gone.
static char *hear(int fd)
{
    struct buf in = {0};
    usec_t end = clock_monotonic() + 3 * USEC_SECOND;
    buf_reserve(&in, 1);
    while (!ends_reply(&in) && clock_monotonic() < end) {
        turn();
        uint8_t *p = buf_reserve(&in, 4096);
        ssize_t n = recv(fd, p, 4096, MSG_DONTWAIT);
        if (n > 0)
            buf_grew(&in, (size_t)n);
        else if (n == 0 || errno != EAGAIN)
            break;
    }
    char *text = buf_take_str(&in);
    buf_deinit(&in);
    return text;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

struct line {
    const char *say, *hear; // NULL: nothing to say; the reply begins with `hear`
};

static void talk_at(int fd, const struct line *lines, size_t n, int at)
{
    for (size_t i = 0; i < n; i++) {
        if (lines[i].say)
            say(fd, lines[i].say);
        CLEANUP(xfree) char *heard = hear(fd);
        if (strncmp(heard, lines[i].hear, strlen(lines[i].hear)) != 0)
            fail_msg("line %d: to `%s` we heard `%s` and not `%s`", at,
                     lines[i].say ? lines[i].say : "", heard, lines[i].hear);
    }
}
#define TALK(fd, ...)                                                                              \
    talk_at(fd, (const struct line[]){__VA_ARGS__},                                                \
            sizeof((const struct line[]){__VA_ARGS__}) / sizeof(struct line), __LINE__)

// Begins a session that has said EHLO.
static int greeted(const char *ip, size_t door)
{
    int fd = come_from(ip, door);
    TALK(fd, {NULL, "220 mta1.example.net"}, {"EHLO client.test\r\n", "250-"});
    return fd;
}

static void apply(enum kind kind, const char *target, const char *reason, uint64_t lifts)
{
    struct entry *e = entry_new(kind, "ana", target, reason);
    seq++;
    e->name = (struct entry_name){.node = {1}, .seq = seq};
    e->hlc = (int64_t)seq;
    e->at = clock_wall();
    e->expires_at = USEC_NEVER;
    if (lifts)
        entry_add_name(e, (struct entry_name){.node = {1}, .seq = lifts});
    state_apply(&state, e);
    entry_free(e);
}

// ---- cases

static void an_accepted_message_is_durable_and_told(void **s)
{
    (void)s;
    int fd = greeted("127.0.0.1", 0);
    say(fd, "MAIL FROM:<ana@Shop.Test>\r\nRCPT TO:<b@BIG.test>\r\n");
    run_for(20 * USEC_MS);
    TALK(fd, {NULL, "250 2.1.0"}, {"RCPT TO:<c@big.test>\r\n", "250 2.1.5"}, {"DATA\r\n", "354"});
    say(fd, "Subject: hello\r\n\r\n..dot\r\n.\r\n");
    CLEANUP(xfree) char *reply = hear(fd);
    assert_int_equal(messages_n, 1);
    const struct spool_message *m = messages[0];
    char id[ID_MESSAGE_TEXT], expected[128];
    message_id_format(id, m->id);
    snprintf(expected, sizeof(expected), "250 2.0.0 Ok: queued as %s\r\n", id);
    assert_string_equal(reply, expected);
    assert_string_equal(m->customer, "acme");
    assert_string_equal(m->list, "");
    assert_string_equal(m->sender, "ana@shop.test");
    assert_int_equal(m->stream, STREAM_TRANSACTIONAL);
    assert_int_equal(m->recipients_n, 2);
    assert_string_equal(m->recipients[0].address, "b@big.test");
    assert_memory_equal(m->body, "Received: from client.test", 26);
    static const char tail[] = "Subject: hello\r\n\r\n.dot\r\n";
    assert_memory_equal(m->body + m->size - strlen(tail), tail, strlen(tail));
    assert_int_equal(accepted_n, 2);
    assert_int_equal(m->segment > 0 || m->offset > 0, true);
    close(fd);
}

static void the_network_says_who_it_is(void **s)
{
    (void)s;
    int fd = greeted("127.0.0.2", 0);
    TALK(fd, {"MAIL FROM:<>\r\n", "250"}, {"RCPT TO:<b@big.test>\r\n", "250"}, {"DATA\r\n", "354"},
         {".\r\n", "250 2.0.0 Ok: queued as "});
    assert_string_equal(messages[0]->customer, "acme");
    assert_string_equal(messages[0]->list, "spring");
    assert_int_equal(messages[0]->stream, STREAM_LIST);
    assert_string_equal(messages[0]->sender, "");
    close(fd);
    fd = greeted("127.0.0.9", 1);
    TALK(fd, {"MAIL FROM:<a@shop.test>\r\n", "250"});
    close(fd);
    fd = greeted("127.0.0.9", 0);
    TALK(fd,
         {"MAIL FROM:<a@shop.test>\r\n",
          "550 5.7.1 127.0.0.9 is in no network that may submit mail here"},
         {"RCPT TO:<b@big.test>\r\n", "503"});
    close(fd);
    assert_true(state_customer_get(&state, "bench")->is_known);
}

static void the_suspended_hear_why_until_they_are_restored(void **s)
{
    (void)s;
    int fd = greeted("127.0.0.1", 0);
    apply(KIND_SUSPEND, "customer:acme", "test", 0);
    TALK(fd, {"MAIL FROM:<a@shop.test>\r\n", "250"},
         {"RCPT TO:<b@big.test>\r\n", "450 4.7.1 customer acme is suspended: test"},
         {"DATA\r\n", "5"});
    assert_int_equal(refused_n, 1);
    assert_int_equal(refused_class, CLASS_SUSPENDED);
    assert_string_equal(refused_reply, "450 4.7.1 customer acme is suspended: test");
    apply(KIND_RESTORE, "customer:acme", "fine again", seq);
    TALK(fd, {"RCPT TO:<b@big.test>\r\n", "250"}, {"DATA\r\n", "354"}, {".\r\n", "250 2.0.0"});
    assert_int_equal(messages_n, 1);
    assert_int_equal(accepted_n, 1);
    close(fd);
}

static void a_rate_counts_messages_not_attempts(void **s)
{
    (void)s;
    struct state_customer *acme = state_customer_add(&state, "acme");
    acme->rate = 2;
    acme->rate_per = USEC_HOUR;
    int fd = greeted("127.0.0.1", 0);
    for (int i = 0; i < 3; i++)
        TALK(fd, {"MAIL FROM:<a@shop.test>\r\n", "250"}, {"RCPT TO:<b@big.test>\r\n", "250"},
             {"RCPT TO:<c@big.test>\r\n", "250"},
             {"RCPT TO:<d@big.test>\r\n", "450 4.7.1 customer acme is over its rate of 2/h"},
             {"RSET\r\n", "250"});
    assert_int_equal(refused_class, CLASS_OVER_LIMIT);
    TALK(fd, {"MAIL FROM:<a@shop.test>\r\n", "250"}, {"RCPT TO:<b@big.test>\r\n", "250"});
    close(fd); // it gives up
    RUN_UNTIL(intake_sessions(intake) == 0);
    fd = greeted("127.0.0.1", 0);
    TALK(fd, {"MAIL FROM:<a@shop.test>\r\n", "250"}, {"RCPT TO:<b@big.test>\r\n", "250"},
         {"RCPT TO:<c@big.test>\r\n", "250"}, {"DATA\r\n", "354"}, {".\r\n", "250 2.0.0"},
         {"MAIL FROM:<a@shop.test>\r\n", "250"}, {"RCPT TO:<d@big.test>\r\n", "450 4.7.1"});
    close(fd);
}

static void sessions_of_a_client_are_counted_over_all_doors(void **s)
{
    (void)s;
    int a = greeted("127.0.0.1", 0), b = greeted("127.0.0.1", 1), c = greeted("127.0.0.1", 0);
    int d = come_from("127.0.0.1", 1), other = greeted("127.0.0.3", 1);
    TALK(d, {NULL, "421 4.7.0 mta1.example.net too many sessions from your address"}, {NULL, ""});
    close(d);
    assert_int_equal(intake_sessions(intake), 4);
    TALK(a, {"QUIT\r\n", "221"});
    close(a);
    run_for(10 * USEC_MS);
    d = greeted("127.0.0.1", 0);
    close(b);
    close(c);
    close(d);
    close(other);
    RUN_UNTIL(intake_sessions(intake) == 0);
}

static void sessions_are_limited_in_all(void **s)
{
    (void)s;
    int fd[9];
    for (int i = 0; i < 8; i++) {
        char ip[32];
        snprintf(ip, sizeof(ip), "127.0.1.%d", i + 1);
        fd[i] = greeted(ip, 1);
    }
    fd[8] = come_from("127.0.2.1", 1);
    TALK(fd[8], {NULL, "421 4.7.0 mta1.example.net too many sessions, try again later\r\n"});
    for (int i = 0; i < 9; i++)
        close(fd[i]);
}

static void strangers_reports_take_half_of_what_is_there(void **s)
{
    (void)s;
    int fd[4];
    for (int i = 0; i < 4; i++) {
        char ip[32];
        snprintf(ip, sizeof(ip), "127.0.1.%d", i + 1);
        fd[i] = greeted(ip, 2);
    }
    int more = come_from("127.0.2.1", 2), customer = greeted("127.0.0.1", 0);
    TALK(more, {NULL, "421 4.7.0 mta1.example.net too many sessions, try again later\r\n"});
    close(more);
    intake->reporting = INTAKE_REPORTING + 1;
    TALK(fd[0], {"MAIL FROM:<>\r\n", "250"}, {"RCPT TO:<token@b.test>\r\n", "250"},
         {"DATA\r\n", "452 4.3.1"});
    TALK(customer, {"MAIL FROM:<a@shop.test>\r\n", "250"}, {"RCPT TO:<b@big.test>\r\n", "250"},
         {"DATA\r\n", "354"});
    intake->reporting = 0;
    for (int i = 0; i < 4; i++)
        close(fd[i]);
    close(customer);
    RUN_UNTIL(intake_sessions(intake) == 0);
    fd[0] = greeted("127.0.1.1", 2); // what ended gave its place back
    close(fd[0]);
}

static void few_descriptors_mean_few_sessions(void **s)
{
    (void)s;
    struct rlimit before, few;
    getrlimit(RLIMIT_NOFILE, &before);
    few = (struct rlimit){64, before.rlim_max};
    intake_free(intake);
    settings->limits.sessions = 1000;
    settings->limits.sessions_per_client = 1000;
    setrlimit(RLIMIT_NOFILE, &few);
    open_intake();
    int fd[30];
    size_t n = 0, greeted_n = 0, refused = 0;
    for (; n < 20; n++) {
        fd[n] = come_from("127.0.0.1", 0);
        char *heard = hear(fd[n]);
        greeted_n += strncmp(heard, "220", 3) == 0;
        refused += strncmp(heard, "421", 3) == 0;
        xfree(heard);
    }
    setrlimit(RLIMIT_NOFILE, &before);
    while (n)
        close(fd[--n]);
    assert_true(greeted_n >= 4);
    assert_int_equal(greeted_n + refused, 20);
    assert_true(refused > 0);
}

static void answer_report(unsigned code, const char *enhanced, const char *text)
{
    struct smtp_reply reply;
    smtp_reply_set(&reply, code, enhanced, "%s", text);
    report_done(report_ctx, &reply);
}

static void a_feedback_door_asks_and_hands_over(void **s)
{
    (void)s;
    int fd = greeted("127.0.0.9", 2);
    TALK(fd, {"MAIL FROM:<>\r\n", "250"}, {"RCPT TO:<a@big.test>\r\n", "550 5.1.1"},
         {"DATA\r\n", "554"}, {"VRFY token@b.test\r\n", "252"},
         {"RCPT TO:<token@B.test>\r\n", "250"}, {"DATA\r\n", "354"});
    say(fd, "Subject: x\r\n\r\n..dot\r\n.\r\nNOOP\r\n");
    RUN_UNTIL(reports == 1);
    run_for(50 * USEC_MS);
    assert_int_equal(reported_n,
                     strlen("Subject: x\r\n\r\n.dot\r\n")); // as it came: nothing is added
    assert_string_equal(reported, "token@b.test");
    answer_report(451, "4.3.2", "later");
    TALK(fd, {NULL, "451 4.3.2 later\r\n250"}, {"MAIL FROM:<a@x.test>\r\n", "250"},
         {"RCPT TO:<token@b.test>\r\n", "250"}, {"DATA\r\n", "354"});
    say(fd, "x\r\n.\r\n");
    RUN_UNTIL(reports == 2);
    answer_report(250, "2.0.0", "Ok: taken");
    TALK(fd, {NULL, "250 2.0.0 Ok: taken"});
    close(fd);
    assert_int_equal(messages_n + accepted_n + refused_n, 0); // nobody submitted anything
}

static void intake_may_go_while_a_report_is_read(void **s)
{
    (void)s;
    int fd = greeted("127.0.0.9", 2);
    TALK(fd, {"MAIL FROM:<>\r\n", "250"}, {"RCPT TO:<token@b.test>\r\n", "250"},
         {"DATA\r\n", "354"});
    say(fd, "x\r\n.\r\n");
    RUN_UNTIL(reports == 1);
    session_close_all(intake);                // as at the end's last moment
    answer_report(250, "2.0.0", "Ok: taken"); // finds nobody
    close(fd);
    fd = greeted("127.0.0.9", 2);
    TALK(fd, {"MAIL FROM:<>\r\n", "250"}, {"RCPT TO:<token@b.test>\r\n", "250"},
         {"DATA\r\n", "354"});
    say(fd, "x\r\n.\r\n");
    RUN_UNTIL(reports == 2); // it has no answer when intake goes
    close(fd);
}

static void a_door_that_becomes_another_ends_its_sessions(void **s)
{
    (void)s;
    char *why = NULL;
    int fd = greeted("127.0.0.9", 2);
    struct settings *old = settings, *changed = load(configuration);
    for (size_t i = 0; i < changed->listeners_n; i++)
        changed->listeners[i].address = old->listeners[i].address;
    changed->listeners[2].kind = LISTENER_SUBMISSION;
    assert_int_equal(intake_set_settings(intake, changed, &why), 0);
    settings = changed;
    settings_free(old);
    TALK(fd, {NULL, "421 4.3.2"});
    close(fd);
    fd = greeted("127.0.0.9", 2);
    TALK(fd, {"MAIL FROM:<>\r\n", "550 5.7.1"});
    close(fd);
}

static void mail_that_goes_in_circles_is_stopped(void **s)
{
    (void)s;
    int fd = greeted("127.0.0.1", 0);
    TALK(fd, {"MAIL FROM:<a@shop.test>\r\n", "250"}, {"RCPT TO:<b@big.test>\r\n", "250"},
         {"DATA\r\n", "354"});
    for (int i = 0; i < 100; i++)
        say(fd, "Received: from a by b\r\n");
    TALK(fd, {"\r\nhello\r\n.\r\n", "554 5.4.6"}, {"NOOP\r\n", "250"});
    assert_int_equal(messages_n, 0);
    close(fd);
}

static void a_full_disk_is_said_before_anything_is_sent(void **s)
{
    (void)s;
    intake = intake_free(intake);
    store_close(store);
    open_store(UINT64_MAX / 2);
    open_intake();
    RUN_UNTIL(!store_may_accept(store)); // it looks every second
    int fd = greeted("127.0.0.1", 0);
    TALK(fd, {"MAIL FROM:<a@shop.test>\r\n", "452 4.3.1"});
    close(fd);
}

static void too_much_at_once_is_put_off(void **s)
{
    (void)s;
    int fd = greeted("127.0.0.1", 0), other = greeted("127.0.0.1", 0);
    TALK(fd, {"MAIL FROM:<a@shop.test>\r\n", "250"}, {"RCPT TO:<b@big.test>\r\n", "250"},
         {"DATA\r\n", "354"});
    intake->receiving += INTAKE_RECEIVING; // as if others were at it
    TALK(other, {"MAIL FROM:<a@shop.test>\r\n", "250"}, {"RCPT TO:<b@big.test>\r\n", "250"},
         {"DATA\r\n", "354"}, {"small\r\n.\r\n", "250 2.0.0"});
    say(fd, "one more byte");
    run_for(10 * USEC_MS);
    TALK(other, {"MAIL FROM:<a@shop.test>\r\n", "250"}, {"RCPT TO:<b@big.test>\r\n", "250"},
         {"DATA\r\n", "452 4.3.1"});
    struct buf text = {0};
    for (int i = 0; i < INTAKE_SHARE / 64 + 1; i++)
        buf_add_str(&text, "0123456789012345678901234567890123456789012345678901234567890\r\n ");
    say(fd, (char *)text.p);
    buf_deinit(&text);
    TALK(fd, {NULL, "421 4.3.1"});
    run_for(10 * USEC_MS);
    assert_int_equal(intake->receiving, INTAKE_RECEIVING);
    intake->receiving = 0;
    close(fd);
    close(other);
}

static void who_does_not_read_is_not_read_from(void **s)
{
    (void)s;
    enum { MOST = 64 << 20 };
    int fd = greeted("127.0.0.1", 0);
    static const char mail[] = "MAIL FROM:<> SIZE=99999999999\r\n"; // refused, and no mistake
    enum { MAIL = sizeof(mail) - 1 };
    static char mails[MAIL * 1024 + 1];
    for (size_t i = 0; i < 1024; i++)
        memcpy(mails + MAIL * i, mail, MAIL + 1);
    size_t sent = 0;
    for (int idle = 0; sent < MOST && idle < 100;) {
        ssize_t n = send(fd, mails, sizeof(mails) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        idle = n > 0 ? 0 : idle + 1;
        turn();
    }
    assert_true(sent < MOST);
    struct session *session = LIST_FIRST(&intake->sessions, struct session, link);
    assert_non_null(session);
    assert_in_range(conn_queued(session->conn), 64 << 10, 512 << 10);
    close(fd);
    run_for(20 * USEC_MS);
}

static void a_session_that_dies_meanwhile_loses_nothing(void **s)
{
    (void)s;
    int fd = greeted("127.0.0.1", 0);
    TALK(fd, {"MAIL FROM:<a@shop.test>\r\n", "250"}, {"RCPT TO:<b@big.test>\r\n", "250"},
         {"DATA\r\n", "354"});
    say(fd, "hello\r\n.\r\n");
    struct linger now = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd); // a reset
    // On loopback the text has arrived by then, and is read before the reset is looked at.
    RUN_UNTIL(messages_n && !intake_sessions(intake));
    assert_int_equal(accepted_n, 1);
}

static void intake_may_go_while_the_spool_writes(void **s)
{
    (void)s;
    int fd = greeted("127.0.0.1", 0);
    TALK(fd, {"MAIL FROM:<a@shop.test>\r\n", "250"}, {"RCPT TO:<b@big.test>\r\n", "250"},
         {"DATA\r\n", "354"});
    say(fd, "hello\r\n.\r\n");
    uv_run(&loop, UV_RUN_ONCE);
    intake = intake_free(intake);
    run_for(50 * USEC_MS);
    close(fd);
}

static void a_client_that_sends_all_at_once_gets_all_answers(void **s)
{
    (void)s;
    enum { N = 100 };
    int fd = come_from("127.0.0.1", 0);
    struct buf out = {0}, in = {0};
    buf_add_str(&out, "EHLO client.test\r\n");
    for (int i = 0; i < N; i++)
        buf_add_str(&out, "MAIL FROM:<a@shop.test>\r\nRCPT TO:<b@big.test>\r\nDATA\r\n"
                          "Subject: x\r\n\r\nhello\r\n.\r\n");
    buf_add_str(&out, "QUIT\r\n");
    say(fd, (char *)out.p);
    shutdown(fd, SHUT_WR);
    usec_t end = clock_monotonic() + 10 * USEC_SECOND;
    ssize_t n = 1;
    while (n != 0 && clock_monotonic() < end) {
        turn();
        uint8_t *p = buf_reserve(&in, 4096);
        n = recv(fd, p, 4096, MSG_DONTWAIT);
        if (n > 0)
            buf_grew(&in, (size_t)n);
    }
    size_t queued = 0;
    for (char *at = (char *)in.p; (at = strstr(at, "250 2.0.0 Ok: queued as ")); at++)
        queued++;
    assert_int_equal(queued, N);
    assert_int_equal(messages_n, N);
    assert_non_null(strstr((char *)in.p, "\r\n221 "));
    assert_int_equal(intake_sessions(intake), 0);
    buf_deinit(&out);
    buf_deinit(&in);
    close(fd);
}

static void the_end_comes_at_a_command_boundary(void **s)
{
    (void)s;
    int idle = greeted("127.0.0.1", 0), busy = greeted("127.0.0.1", 0);
    TALK(busy, {"MAIL FROM:<a@shop.test>\r\n", "250"}, {"RCPT TO:<b@big.test>\r\n", "250"},
         {"DATA\r\n", "354"});
    say(busy, "half a ");
    run_for(10 * USEC_MS);
    intake_stop(intake, on_stopped, NULL);
    assert_false(is_stopped);
    TALK(idle, {NULL, "421 4.3.2"}, {NULL, ""});
    run_for(20 * USEC_MS);
    assert_false(is_stopped);
    say(busy, "message\r\n.\r\n");
    CLEANUP(xfree) char *heard = hear(busy);
    assert_memory_equal(heard, "250 2.0.0 Ok: queued as ", 24);
    RUN_UNTIL(is_stopped);
    assert_int_equal(messages_n, 1);
    close(idle);
    close(busy);
}

static void who_holds_up_the_end_is_cut_off(void **s)
{
    (void)s;
    int fd = greeted("127.0.0.1", 0);
    TALK(fd, {"MAIL FROM:<a@shop.test>\r\n", "250"}, {"RCPT TO:<b@big.test>\r\n", "250"},
         {"DATA\r\n", "354"});
    intake_stop(intake, on_stopped, NULL);
    usec_t from = clock_monotonic();
    while (!is_stopped && clock_monotonic() - from < 9 * USEC_SECOND)
        turn();
    assert_true(is_stopped);
    assert_in_range(clock_monotonic() - from, 4 * USEC_SECOND, 8 * USEC_SECOND);
    close(fd);
}

static void a_reload_keeps_what_stays(void **s)
{
    (void)s;
    int stays = greeted("127.0.0.1", 0), goes = greeted("127.0.0.1", 1);
    uint16_t port = intake_port(intake, 0);
    struct settings *old = settings;
    settings = load("node: mta1.example.net\n"
                    "state: unused\n"
                    "listeners:\n"
                    "  - {address: \"127.0.0.77:2527\", kind: submission, tls: none, trust: "
                    "{127.0.0.0/8: fresh}}\n"
                    "  - {address: \"127.0.0.1:2525\", kind: submission, tls: none, trust: "
                    "{127.0.0.1: other}}\n"
                    "pools: {shared: {ips: [127.0.0.1]}}\n");
    char *why = NULL;
    assert_int_equal(intake_set_settings(intake, settings, &why), 0);
    settings_free(old);
    assert_int_equal(intake_port(intake, 1), port);
    TALK(goes, {NULL, "421 4.3.2"});
    TALK(stays, {"MAIL FROM:<a@shop.test>\r\n", "250"}, {"RCPT TO:<b@big.test>\r\n", "250"},
         {"DATA\r\n", "354"}, {".\r\n", "250 2.0.0"});
    assert_string_equal(messages[0]->customer, "other");
    int fd = greeted("127.0.0.1", 0);
    close(fd);
    close(goes);
    close(stays);
}

static void a_reload_that_cannot_open_changes_nothing(void **s)
{
    (void)s;
    uint16_t port = intake_port(intake, 0);
    struct settings *wrong =
        load("node: mta1.example.net\n"
             "state: unused\n"
             "listeners:\n"
             "  - {address: \"127.0.0.77:2527\", kind: submission, tls: none}\n"
             "  - {address: \"198.51.100.99:2525\", kind: submission, tls: none}\n"
             "pools: {shared: {ips: [127.0.0.1]}}\n");
    char *why = NULL;
    assert_int_equal(intake_set_settings(intake, wrong, &why), 1);
    assert_string_equal(why,
                        "cannot listen on 198.51.100.99:2525: Cannot assign requested address");
    xfree(why);
    settings_free(wrong);
    assert_int_equal(intake_port(intake, 0), port);
    int fd = greeted("127.0.0.1", 0);
    TALK(fd, {"MAIL FROM:<a@shop.test>\r\n", "250"});
    close(fd);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, finish)
static const struct CMUnitTest tests[] = {
    CASE(an_accepted_message_is_durable_and_told),
    CASE(the_network_says_who_it_is),
    CASE(the_suspended_hear_why_until_they_are_restored),
    CASE(a_rate_counts_messages_not_attempts),
    CASE(sessions_of_a_client_are_counted_over_all_doors),
    CASE(sessions_are_limited_in_all),
    CASE(strangers_reports_take_half_of_what_is_there),
    CASE(few_descriptors_mean_few_sessions),
    CASE(a_feedback_door_asks_and_hands_over),
    CASE(intake_may_go_while_a_report_is_read),
    CASE(a_door_that_becomes_another_ends_its_sessions),
    CASE(mail_that_goes_in_circles_is_stopped),
    CASE(a_full_disk_is_said_before_anything_is_sent),
    CASE(too_much_at_once_is_put_off),
    CASE(who_does_not_read_is_not_read_from),
    CASE(a_session_that_dies_meanwhile_loses_nothing),
    CASE(intake_may_go_while_the_spool_writes),
    CASE(a_client_that_sends_all_at_once_gets_all_answers),
    CASE(the_end_comes_at_a_command_boundary),
    CASE(who_holds_up_the_end_is_cut_off),
    CASE(a_reload_keeps_what_stays),
    CASE(a_reload_that_cannot_open_changes_nothing),
};
TEST_MAIN(tests)
