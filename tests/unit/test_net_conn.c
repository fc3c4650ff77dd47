/* Connections and listeners over loopback: what is written arrives, ends and limits are told. */
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "base/buf.h"
#include "net/conn.h"

// One end of a connection under test, and all that was told about it.
struct end {
    struct conn *c;
    struct buf got;
    bool is_echoing, is_slow;
    bool is_open, has_drained, is_late;
    int opened, ended; // results
    unsigned ends;
};

static uv_loop_t loop;
static struct end server, client;
static unsigned accepted;

static void on_open(void *ctx, int r)
{
    struct end *e = ctx;
    e->is_open = true;
    e->opened = r;
}

static void on_bytes(void *ctx, struct bytes in)
{
    struct end *e = ctx;
    if (e->is_echoing) {
        struct buf out = {0};
        buf_add_bytes(&out, in);
        conn_write(e->c, &out);
        buf_deinit(&out);
        return;
    }
    buf_add_bytes(&e->got, in);
    if (e->is_slow)
        conn_pause(e->c);
}

static void on_drained(void *ctx)
{
    struct end *e = ctx;
    e->has_drained = true;
}

static void on_deadline(void *ctx)
{
    struct end *e = ctx;
    e->is_late = true;
}

static void on_end(void *ctx, int r)
{
    struct end *e = ctx;
    e->ends++;
    e->ended = r;
}

static const struct conn_ops ops = {on_open, on_bytes, on_drained, on_deadline, on_end};

static void on_accept(void *ctx, struct conn *c)
{
    (void)ctx;
    accepted++;
    if (server.c) {
        conn_close(c);
        return;
    }
    server.c = c;
    conn_own(c, &ops, &server);
}

static struct sockaddr_in address(const char *ip, uint16_t port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
    assert_int_equal(inet_pton(AF_INET, ip, &sa.sin_addr), 1);
    return sa;
}

// Runs the loop until it is true, at most `most`: a busy machine is no failure.
#define RUN_UNTIL(condition, most)                                                                 \
    do {                                                                                           \
        usec_t end_ = clock_monotonic() + (most);                                                  \
        while (!(condition) && clock_monotonic() < end_) {                                         \
            uv_run(&loop, UV_RUN_NOWAIT);                                                          \
            usleep(200);                                                                           \
        }                                                                                          \
    } while (0)

static bool run_until(const bool *flag)
{
    RUN_UNTIL(*flag, 5 * USEC_SECOND);
    return *flag;
}

// Only where nothing should happen.
static void run_for(usec_t span)
{
    RUN_UNTIL(false, span);
}

static void run_until_server(void)
{
    RUN_UNTIL(server.c, 5 * USEC_SECOND);
    assert_non_null(server.c);
}

static void run_until_got(struct end *e, size_t n)
{
    RUN_UNTIL(e->got.n >= n, 5 * USEC_SECOND);
    assert_int_equal(e->got.n, n);
}

static void run_until_end(struct end *e)
{
    RUN_UNTIL(e->ends, 5 * USEC_SECOND);
    assert_true(e->ends > 0);
}

static void say(struct end *e, const char *text)
{
    struct buf out = {0};
    buf_add_str(&out, text);
    conn_write(e->c, &out);
    assert_int_equal(out.n, 0);
    buf_deinit(&out);
}

static int begin(void **state)
{
    (void)state;
    memset(&server, 0, sizeof(server));
    memset(&client, 0, sizeof(client));
    accepted = 0;
    return uv_loop_init(&loop);
}

static int finish(void **state)
{
    (void)state;
    conn_close(server.c);
    conn_close(client.c);
    buf_deinit(&server.got);
    buf_deinit(&client.got);
    int r = UV_EBUSY; // stays so when a handle was forgotten
    RUN_UNTIL((r = uv_loop_close(&loop)) == 0, USEC_SECOND);
    return r;
}

static struct listener *listen_here(const char *ip, const char *refusal)
{
    struct sockaddr_in sa = address(ip, 0);
    int r;
    struct listener *l =
        listener_open_tcp(&loop, (struct sockaddr *)&sa, refusal, on_accept, NULL, &r);
    assert_non_null(l);
    return l;
}

static void connect_to(struct listener *l, const char *ip)
{
    struct sockaddr_in peer = address(ip, listener_port(l));
    int r;
    client.c = conn_connect(&loop, (struct sockaddr *)&peer, NULL, &ops, &client, &r);
    assert_non_null(client.c);
    assert_true(run_until(&client.is_open));
    assert_int_equal(client.opened, 0);
    run_until_server();
}

static void what_is_said_comes_back(void **state)
{
    (void)state;
    struct listener *l = listen_here("127.0.0.1", NULL);
    server.is_echoing = true;
    connect_to(l, "127.0.0.1");
    say(&client, "hello");
    run_until_got(&client, 5);
    assert_string_equal((char *)client.got.p, "hello");
    listener_close(l);
}

static void ipv6_is_served_beside_ipv4(void **state)
{
    (void)state;
    struct sockaddr_in6 sa = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int r;
    struct listener *six =
        listener_open_tcp(&loop, (struct sockaddr *)&sa, NULL, on_accept, NULL, &r);
    if (!six && r == -EAFNOSUPPORT)
        skip();
    assert_non_null(six);
    sa.sin6_port = htons(listener_port(six));
    client.c = conn_connect(&loop, (struct sockaddr *)&sa, NULL, &ops, &client, &r);
    assert_true(run_until(&client.is_open));
    assert_int_equal(client.opened, 0);
    struct sockaddr_in four = address("127.0.0.1", listener_port(six));
    struct listener *same =
        listener_open_tcp(&loop, (struct sockaddr *)&four, NULL, on_accept, NULL, &r);
    assert_non_null(same); // the IPv6 one did not take the port from it
    listener_close(same);
    listener_close(six);
}

static void a_slow_reader_gets_every_byte(void **state)
{
    (void)state;
    enum { N = 12 << 20 };
    struct listener *l = listen_here("127.0.0.1", NULL);
    connect_to(l, "127.0.0.1");
    client.is_slow = true;
    struct buf out = {0};
    uint8_t *p = buf_reserve(&out, N);
    for (size_t i = 0; i < N; i++)
        p[i] = (uint8_t)(i * 7 + (i >> 13));
    buf_grew(&out, N);
    conn_write(server.c, &out);
    assert_int_equal(out.n, 0);
    assert_true(conn_queued(server.c) > 0);
    assert_false(server.has_drained);
    usec_t end = clock_monotonic() + 10 * USEC_SECOND;
    while (client.got.n < N && clock_monotonic() < end) {
        uv_run(&loop, UV_RUN_NOWAIT);
        conn_resume(client.c);
    }
    assert_int_equal(client.got.n, N);
    for (size_t i = 0; i < N; i++)
        if (client.got.p[i] != (uint8_t)(i * 7 + (i >> 13)))
            fail_msg("byte %zu differs", i);
    assert_true(run_until(&server.has_drained));
    assert_int_equal(conn_queued(server.c), 0);
    buf_deinit(&out);
    listener_close(l);
}

static void a_paused_end_hears_nothing_until_it_resumes(void **state)
{
    (void)state;
    struct listener *l = listen_here("127.0.0.1", NULL);
    connect_to(l, "127.0.0.1");
    conn_pause(server.c);
    say(&client, "first");
    run_for(20 * USEC_MS);
    assert_int_equal(server.got.n, 0);
    client.c = conn_close(client.c);
    run_for(20 * USEC_MS);
    assert_int_equal(server.ends, 0);
    conn_resume(server.c);
    run_until_end(&server);
    assert_int_equal(server.ended, 0);
    assert_string_equal((char *)server.got.p, "first");
    listener_close(l);
}

static void the_deadline_comes_once_and_may_move(void **state)
{
    (void)state;
    struct listener *l = listen_here("127.0.0.1", NULL);
    connect_to(l, "127.0.0.1");
    usec_t now = clock_monotonic();
    conn_set_deadline(client.c, now + 20 * USEC_MS);
    conn_set_deadline(client.c, now + 60 * USEC_MS);
    assert_true(run_until(&client.is_late));
    assert_true(clock_monotonic() >= now + 60 * USEC_MS);
    client.is_late = false;
    conn_set_deadline(client.c, clock_monotonic() + 20 * USEC_MS);
    conn_set_deadline(client.c, USEC_NEVER);
    run_for(40 * USEC_MS);
    assert_false(client.is_late);
    listener_close(l);
}

static void nobody_there_is_refused(void **state)
{
    (void)state;
    struct listener *l = listen_here("127.0.0.1", NULL);
    struct sockaddr_in peer = address("127.0.0.1", listener_port(l));
    listener_close(l);
    int r;
    client.c = conn_connect(&loop, (struct sockaddr *)&peer, NULL, &ops, &client, &r);
    assert_non_null(client.c);
    assert_false(client.is_open);
    assert_true(run_until(&client.is_open));
    assert_int_equal(client.opened, -ECONNREFUSED);
}

static void the_peer_sees_the_source_address(void **state)
{
    (void)state;
    struct listener *l = listen_here("127.0.0.1", NULL);
    struct sockaddr_in peer = address("127.0.0.1", listener_port(l));
    struct sockaddr_in source = address("127.0.0.5", 0);
    int r;
    client.c = conn_connect(&loop, (struct sockaddr *)&peer, (struct sockaddr *)&source, &ops,
                            &client, &r);
    assert_non_null(client.c);
    assert_true(run_until(&client.is_open));
    run_until_server();
    const struct sockaddr_in *seen = (const struct sockaddr_in *)conn_peer(server.c);
    assert_int_equal(seen->sin_addr.s_addr, source.sin_addr.s_addr);
    listener_close(l);
}

static void an_address_that_is_not_ours_is_said_at_once(void **state)
{
    (void)state;
    struct sockaddr_in peer = address("127.0.0.1", 9);
    struct sockaddr_in source = address("198.51.100.77", 0);
    int r;
    assert_null(conn_connect(&loop, (struct sockaddr *)&peer, (struct sockaddr *)&source, &ops,
                             &client, &r));
    assert_int_equal(r, -EADDRNOTAVAIL);
}

static void source_and_port_are_shared_between_peers(void **state)
{
    (void)state;
    // With a port bound before connect() each connection would take another port of the source; here
    // the kernel may give the same one towards different peers. What can be seen: no port is taken
    // before the peer is known.
    enum { N = 200 };
    struct listener *l = listen_here("0.0.0.0", NULL);
    struct sockaddr_in source = address("127.0.0.5", 0);
    struct conn *many[N];
    for (size_t i = 0; i < N; i++) {
        char ip[32];
        snprintf(ip, sizeof(ip), "127.0.1.%zu", 1 + i % 4);
        struct sockaddr_in peer = address(ip, listener_port(l));
        int r;
        many[i] = conn_connect(&loop, (struct sockaddr *)&peer, (struct sockaddr *)&source, &ops,
                               &client, &r);
        assert_non_null(many[i]);
        run_for(0);
    }
    RUN_UNTIL(accepted >= N, 5 * USEC_SECOND);
    assert_int_equal(accepted, N);
    for (size_t i = 0; i < N; i++)
        conn_close(many[i]);
    listener_close(l);
}

static void half_closed_peers_still_get_their_answer(void **state)
{
    (void)state;
    struct listener *l = listen_here("127.0.0.1", NULL);
    struct sockaddr_in peer = address("127.0.0.1", listener_port(l));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&peer, sizeof(peer)), 0);
    assert_int_equal(write(fd, "last", 4), 4);
    shutdown(fd, SHUT_WR);
    run_until_end(&server);
    assert_int_equal(server.ended, 0);
    assert_int_equal(server.ends, 1);
    assert_string_equal((char *)server.got.p, "last");
    say(&server, "answer");
    server.c = conn_finish(server.c);
    char in[16] = {0};
    assert_int_equal(read(fd, in, sizeof(in)), 6);
    assert_string_equal(in, "answer");
    assert_int_equal(read(fd, in, sizeof(in)), 0);
    close(fd);
    listener_close(l);
}

static void last_words_arrive_though_more_was_coming(void **state)
{
    (void)state;
    struct listener *l = listen_here("127.0.0.1", NULL);
    struct sockaddr_in peer = address("127.0.0.1", listener_port(l));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&peer, sizeof(peer)), 0);
    run_until_server();
    assert_int_equal(write(fd, "unread noise", 12), 12);
    say(&server, "go away");
    server.c = conn_finish(server.c);
    run_for(5 * USEC_MS);
    assert_int_equal(write(fd, "more noise", 10), 10);
    run_for(5 * USEC_MS);
    char in[16] = {0};
    assert_int_equal(read(fd, in, sizeof(in)), 7);
    assert_string_equal(in, "go away");
    assert_int_equal(read(fd, in, sizeof(in)), 0);
    close(fd);
    listener_close(l);
}

static void a_reset_is_told_after_what_was_sent(void **state)
{
    (void)state;
    struct listener *l = listen_here("127.0.0.1", NULL);
    struct sockaddr_in peer = address("127.0.0.1", listener_port(l));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&peer, sizeof(peer)), 0);
    run_until_server();
    assert_int_equal(write(fd, "554 no", 6), 6);
    struct linger now = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd);
    run_until_end(&server);
    assert_int_equal(server.ended, -ECONNRESET);
    say(&server, "nobody hears this");
    assert_int_equal(conn_queued(server.c), 0);
    run_for(5 * USEC_MS);
    listener_close(l);
}

static void writing_to_nobody_is_told_later(void **state)
{
    (void)state;
    struct listener *l = listen_here("127.0.0.1", NULL);
    connect_to(l, "127.0.0.1");
    conn_pause(server.c);
    client.c = conn_close(client.c);
    usec_t end = clock_monotonic() + USEC_SECOND;
    while (!server.ends && clock_monotonic() < end) {
        say(&server, "x");
        unsigned ends = server.ends;
        say(&server, "y");
        assert_int_equal(server.ends, ends);
        run_for(USEC_MS);
    }
    assert_int_equal(server.ends, 1);
    assert_true(server.ended < 0);
    listener_close(l);
}

static void unix_peers_have_credentials(void **state)
{
    (void)state;
    char dir[] = "/tmp/mxwarden-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/socket", dir);
    int r;
    struct listener *l = listener_open_unix(&loop, path, 0666, on_accept, NULL, &r);
    assert_non_null(l);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0666);
    struct sockaddr_un peer = {.sun_family = AF_UNIX};
    snprintf(peer.sun_path, sizeof(peer.sun_path), "%s", path);
    client.c = conn_connect(&loop, (struct sockaddr *)&peer, NULL, &ops, &client, &r);
    assert_non_null(client.c);
    assert_true(run_until(&client.is_open));
    run_until_server();
    uint32_t uid, gid, groups[64];
    int32_t pid;
    assert_true(conn_credentials(server.c, &uid, &gid, &pid));
    assert_int_equal(uid, getuid());
    assert_int_equal(gid, getgid());
    assert_int_equal(pid, getpid());
    int n = getgroups(0, NULL);
    if (n <= 64)
        assert_int_equal(conn_groups(server.c, groups, 64), n);
    listener_close(l);
    assert_int_equal(stat(path, &st), -1); // it takes its file along
    rmdir(dir);
}

static void a_stale_socket_is_replaced_a_living_one_is_not(void **state)
{
    (void)state;
    char dir[] = "/tmp/mxwarden-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/socket", dir);
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), r;
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    close(fd);
    struct listener *l = listener_open_unix(&loop, path, 0600, on_accept, NULL, &r);
    assert_non_null(l);
    assert_null(listener_open_unix(&loop, path, 0600, on_accept, NULL, &r));
    assert_int_equal(r, -EADDRINUSE);
    listener_close(l);
    fd = open(path, O_CREAT | O_WRONLY, 0600); // somebody's file
    close(fd);
    assert_null(listener_open_unix(&loop, path, 0600, on_accept, NULL, &r));
    assert_int_equal(r, -EEXIST);
    unlink(path);
    rmdir(dir);
    char longer[200];
    memset(longer, 'a', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    assert_null(listener_open_unix(&loop, longer, 0600, on_accept, NULL, &r));
    assert_int_equal(r, -ENAMETOOLONG);
}

static void a_taken_port_is_said(void **state)
{
    (void)state;
    struct listener *l = listen_here("127.0.0.1", NULL);
    struct sockaddr_in sa = address("127.0.0.1", listener_port(l));
    int r;
    assert_null(listener_open_tcp(&loop, (struct sockaddr *)&sa, NULL, on_accept, NULL, &r));
    assert_int_equal(r, -EADDRINUSE);
    listener_close(l);
}

// The last descriptors are taken by hand; then connections are refused in words until some are free.
static void without_descriptors_connections_hear_why(void **state)
{
    (void)state;
    enum { LIMIT = 64 };
    static const char refusal[] = "421 4.3.2 too busy\r\n";
    struct rlimit before, few;
    getrlimit(RLIMIT_NOFILE, &before);
    struct listener *l = listen_here("127.0.0.1", refusal);
    struct sockaddr_in peer = address("127.0.0.1", listener_port(l));
    int one = socket(AF_INET, SOCK_STREAM, 0), two = socket(AF_INET, SOCK_STREAM, 0);
    few = (struct rlimit){LIMIT, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    int taken[LIMIT], n = 0;
    while (n < LIMIT && (taken[n] = open("/dev/null", O_RDONLY)) >= 0)
        n++;
    connect(one, (struct sockaddr *)&peer, sizeof(peer));
    char in[64] = {0};
    ssize_t got = -1;
    RUN_UNTIL((got = recv(one, in, sizeof(in) - 1, MSG_DONTWAIT)) > 0, 5 * USEC_SECOND);
    unsigned accepted_then = accepted;
    while (n)
        close(taken[--n]);
    connect(two, (struct sockaddr *)&peer, sizeof(peer));
    RUN_UNTIL(accepted, 5 * USEC_SECOND);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(got, strlen(refusal));
    assert_string_equal(in, refusal);
    assert_int_equal(accepted_then, 0);
    assert_int_equal(accepted, 1);
    close(one);
    close(two);
    listener_close(l);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, finish)
static const struct CMUnitTest tests[] = {
    CASE(what_is_said_comes_back),
    CASE(ipv6_is_served_beside_ipv4),
    CASE(a_slow_reader_gets_every_byte),
    CASE(a_paused_end_hears_nothing_until_it_resumes),
    CASE(the_deadline_comes_once_and_may_move),
    CASE(nobody_there_is_refused),
    CASE(the_peer_sees_the_source_address),
    CASE(an_address_that_is_not_ours_is_said_at_once),
    CASE(source_and_port_are_shared_between_peers),
    CASE(half_closed_peers_still_get_their_answer),
    CASE(last_words_arrive_though_more_was_coming),
    CASE(a_reset_is_told_after_what_was_sent),
    CASE(writing_to_nobody_is_told_later),
    CASE(unix_peers_have_credentials),
    CASE(a_stale_socket_is_replaced_a_living_one_is_not),
    CASE(a_taken_port_is_said),
    CASE(without_descriptors_connections_hear_why),
};
TEST_MAIN(tests)
