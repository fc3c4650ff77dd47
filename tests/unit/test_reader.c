/* The reader's process among mails that do what a parser's bug would let them do. */
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <uv.h>

#include "base/buf.h"
#include "core/reply_rule.h"
#include "mail/feedback.h"
#include "mail/replies.h"
#include "net/timer.h"
#include "warden/reader.h"
#include "warden/reader_sandbox.h"

static uv_loop_t loop;
static struct timers *timers;
static struct reader *reader;

// ---- inside the reader

struct feedback *__real_feedback_read(struct bytes mail, const struct replies *replies);
struct feedback *__wrap_feedback_read(struct bytes mail, const struct replies *replies);

static volatile unsigned sink;

static void spin(void)
{
    for (;;)
        sink++;
}

static void take_memory(void)
{
    for (;;) {
        char *p = malloc(1 << 20);
        if (!p)
            abort();
        memset(p, 1, 1 << 20);
    }
}

static void reach_out(void)
{
    sink += (unsigned)socket(AF_INET, SOCK_STREAM, 0);
}

static void run_code(void)
{
    void *p =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sink += p != MAP_FAILED;
}

static void fork_one(void)
{
    sink += (unsigned)fork();
}

static void kill_parent(void)
{
    kill(getppid(), SIGKILL);
}

static void die(void)
{
    *(volatile char *)(uintptr_t)(sink & 0) = 1; // cppcheck-suppress nullPointer; it is to die
}

static void be_silent(void)
{
    char byte;
    sink += (unsigned)read(3, &byte, 1);
}

static void lie(void)
{
    static const char nonsense[] = "\x05\0\0\0\xff\xff\xff\xff\xff";
    if (write(3, nonsense, sizeof(nonsense) - 1) > 0)
        be_silent();
}

static void talk_without_end(void)
{
    static const char length[] = "\xff\xff\xff\x7f";
    if (write(3, length, 4) > 0)
        be_silent();
}

static const struct deed {
    const char *name;
    void (*run)(void);
    bool is_slow;      // beyond READER_SPAN
    bool is_unwatched; // only without a sanitizer
} deeds[] = {
    {"takes a fault", die},
    {"loops", spin},
    {"takes memory", take_memory, .is_unwatched = true},
    {"opens a socket", reach_out},
    {"asks for memory that runs", run_code},
    {"forks", fork_one},
    {"kills the template", kill_parent},
    {"answers nonsense", lie},
    {"says that gigabytes come", talk_without_end},
    {"is silent", be_silent, .is_slow = true},
};

static const char opens[] = "opens a file";
static const char dies_later[] = "answers, and dies when nobody asks";

// Its answer is out long before.
static void die_later(void)
{
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {.tv_usec = 20000}}, NULL);
}

struct feedback *__wrap_feedback_read(struct bytes mail, const struct replies *replies)
{
    for (size_t i = 0; i < ARRAY_LEN(deeds); i++)
        if (bytes_equal(mail, bytes_str(deeds[i].name)))
            deeds[i].run();
    if (bytes_equal(mail, bytes_str(dies_later)))
        die_later();
    if (bytes_equal(mail, bytes_str(opens))) {
        static const char taken[] = "Subject: x\r\n\r\nx\r\n";
        return open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES
                   ? NULL
                   : __real_feedback_read(bytes_str(taken), replies);
    }
    return __real_feedback_read(mail, replies);
}

// ---- outside

struct told {
    int n, died, bounces, recipients;
    enum class class;
    char address[64];
};

static void on_read(void *ctx, struct feedback *answer)
{
    CLEANUP(feedback_free) struct feedback *f = answer;
    struct told *t = ctx;
    t->n++;
    if (!f) {
        t->died++;
        return;
    }
    t->bounces += f->kind == FEEDBACK_BOUNCE;
    t->recipients = (int)f->recipients_n;
    if (!f->recipients_n)
        return;
    t->class = f->recipients[0].class;
    snprintf(t->address, sizeof(t->address), "%s", f->recipients[0].address);
}

static void run_until(const int *n, int want, usec_t span)
{
    usec_t end = clock_monotonic() + span;
    while (*n < want && clock_monotonic() < end) {
        uv_run(&loop, UV_RUN_NOWAIT);
        usleep(200);
    }
    if (*n < want)
        fail_msg("no answer");
}

static struct told ask_for(struct bytes mail, usec_t span)
{
    struct told t = {0};
    assert_true(reader_ask(reader, mail, on_read, &t));
    assert_int_equal(t.n, 0); // never inside the call
    run_until(&t.n, 1, span);
    return t;
}

static struct told ask(const char *mail)
{
    return ask_for(bytes_str(mail), READER_SPAN + 5 * USEC_SECOND);
}

static const char bounce[] =
    "From: MAILER-DAEMON@mx.example.net\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/plain; charset=iso-2022-jp\r\n\r\nSorry.\r\n"
    "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n\r\n"
    "Final-Recipient: rfc822; nobody@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    "Diagnostic-Code: smtp; 550 5.1.1 qwertz uiop\r\n--b--\r\n";

static int begin(void **state)
{
    char *why = NULL;
    (void)state;
    reader = reader_new(&why);
    if (!reader)
        fail_msg("%s", why);
    uv_loop_init(&loop);
    timers = timers_new(&loop);
    reader_start(reader, &loop, timers);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    reader = reader_free(reader);
    timers_free(timers);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

static void a_bounce_comes_back_as_facts(void **state)
{
    (void)state;
    struct told t = ask(bounce);
    assert_int_equal(t.bounces, 1);
    assert_int_equal(t.recipients, 1);
    assert_int_equal(t.class, CLASS_UNKNOWN_USER);
    assert_string_equal(t.address, "nobody@example.net");
    t = ask("");
    assert_int_equal(t.died, 0);
    assert_int_equal(t.bounces, 0);
}

static void other_rules_are_taken_at_once(void **state)
{
    (void)state;
    static const char *says[] = {"qwertz uiop"};
    const struct reply_rule rule = {.provider = "",
                                    .says = says,
                                    .says_n = 1,
                                    .class = CLASS_MAILBOX_FULL,
                                    .scope = SCOPE_RECIPIENT,
                                    .from = ""};
    reader_set_replies(reader, &rule, 1);
    assert_int_equal(ask(bounce).class, CLASS_MAILBOX_FULL);
    reader_set_replies(reader, NULL, 0);
    assert_int_equal(ask(bounce).class, CLASS_UNKNOWN_USER);
    const struct reply_rule alive = {
        .provider = "", .says = says, .says_n = 1, .keeps_alive = true, .from = ""};
    struct reply_rule coded = rule;
    coded.code = 550; // three digits
    reader_set_replies(reader, &coded, 1);
    assert_int_equal(ask(bounce).class, CLASS_MAILBOX_FULL);
    coded.code = 551;
    reader_set_replies(reader, &coded, 1);
    assert_int_equal(ask(bounce).class, CLASS_UNKNOWN_USER);
    reader_set_replies(reader, &alive, 1);
    assert_int_equal(ask(bounce).class, CLASS_UNDETERMINED);
    // Also where a worker is on its way that still has those before.
    reader_set_replies(reader, &rule, 1);
    reader_set_replies(reader, NULL, 0);
    assert_int_equal(ask(bounce).class, CLASS_UNKNOWN_USER);
}

static void what_a_mail_does_to_its_reader_costs_that_mail_alone(void **state)
{
    (void)state;
    size_t deaths = 0;
    for (size_t i = 0; i < ARRAY_LEN(deeds); i++) {
        if (deeds[i].is_unwatched && sandbox_is_watched())
            continue;
        usec_t began = clock_monotonic();
        struct told t = ask(deeds[i].name);
        usec_t took = clock_monotonic() - began;
        if (!t.died || reader_deaths(reader) != ++deaths)
            fail_msg("%s: nothing happened", deeds[i].name);
        if (!deeds[i].is_slow && took >= READER_SPAN) // two seconds of CPU: more on a busy machine
            fail_msg("%s: took %lld ms", deeds[i].name, (long long)(took / USEC_MS));
        if (ask(bounce).bounces != 1)
            fail_msg("%s: the next is not read", deeds[i].name);
    }
    assert_int_equal(reader_deaths(reader), deaths);
}

// What stderr gets meanwhile goes into a file.
static int said_to_file(void)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    int before = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    fclose(file);
    return before;
}

static size_t lines_of_stderr(void)
{
    char c;
    size_t n = 0;
    lseek(STDERR_FILENO, 0, SEEK_SET);
    while (read(STDERR_FILENO, &c, 1) == 1)
        n += c == '\n';
    return n;
}

static void a_stranger_does_not_fill_the_log(void **state)
{
    (void)state;
    struct told t = {0};
    int before = said_to_file();
    for (int i = 0; i < 5; i++) {
        t = ask(dies_later);
        for (int k = 0; k < 50; k++) {
            uv_run(&loop, UV_RUN_NOWAIT);
            usleep(1000);
        }
    }
    t.bounces += ask(bounce).bounces;
    size_t lines = lines_of_stderr();
    dup2(before, STDERR_FILENO);
    close(before);
    assert_int_equal(t.bounces, 1);
    assert_int_equal(lines, 1);
}

static void a_file_is_refused_and_the_mail_is_read(void **state)
{
    (void)state;
    assert_int_equal(ask(opens).died, 0);
}

static void nesting_costs_nothing(void **state)
{
    (void)state;
    CLEANUP(buf_deinit) struct buf mail = {0};
    buf_add_str(&mail, "MIME-Version: 1.0\r\n");
    for (int i = 0; i < 10000; i++)
        buf_printf(&mail, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i);
    ask(bounce); // a warm one
    usec_t began = clock_monotonic();
    struct told t = ask_for(buf_bytes(&mail), READER_SPAN);
    usec_t took = clock_monotonic() - began;
    assert_int_equal(t.died, 0);
    if (took > (sandbox_is_watched() ? 1000 : 100) * USEC_MS)
        fail_msg("10,000 nested parts took %lld ms", (long long)(took / USEC_MS));
}

static void what_is_too_much_is_refused(void **state)
{
    (void)state;
    struct told t = {0};
    int taken = 0;
    while (taken < 2 * READER_WAITING && reader_ask(reader, bytes_str(bounce), on_read, &t))
        taken++;
    assert_int_equal(taken, READER_WAITING);
    run_until(&t.n, taken, READER_SPAN);
    assert_int_equal(t.bounces, taken); // and some of them by a second reader
    CLEANUP(xfree) char *large = xmalloc(READER_MAIL);
    memset(large, 'x', READER_MAIL);
    t = (struct told){0};
    for (taken = 0; reader_ask(reader, bytes_of(large, READER_MAIL), on_read, &t);)
        taken++;
    assert_int_equal(taken, READER_BYTES / READER_MAIL);
    run_until(&t.n, taken, taken * READER_SPAN);
    assert_int_equal(t.died, 0);
}

static void the_end_of_the_template_is_the_end_of_reading(void **state)
{
    (void)state;
    struct told t = {0};
    assert_true(reader_ask(reader, bytes_str(deeds[1].name), on_read, &t));
    assert_true(reader_ask(reader, bytes_str(bounce), on_read, &t));
    kill(reader_pid(reader), SIGKILL);
    run_until(&t.n, 2, READER_SPAN);
    assert_int_equal(t.died, 2);
    assert_false(reader_ask(reader, bytes_str(bounce), on_read, &t));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, finish)
static const struct CMUnitTest tests[] = {
    TEST(a_bounce_comes_back_as_facts),
    TEST(other_rules_are_taken_at_once),
    TEST(what_a_mail_does_to_its_reader_costs_that_mail_alone),
    TEST(a_stranger_does_not_fill_the_log),
    TEST(a_file_is_refused_and_the_mail_is_read),
    TEST(nesting_costs_nothing),
    TEST(what_is_too_much_is_refused),
    TEST(the_end_of_the_template_is_the_end_of_reading),
};
TEST_MAIN(tests)
