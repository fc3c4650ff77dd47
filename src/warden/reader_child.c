// The template has done what needs a file before any mail comes: the converters of charsets are open, the
// parser has read a mail. A worker is a fork of it that gives up everything else. It lives in
// reader_sandbox.c's bounds; what it does beyond them ends it.
#include "warden/reader_child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "mail/feedback.h"
#include "mail/parts.h"
#include "mail/replies.h"
#include "warden/reader.h"
#include "warden/reader_sandbox.h"
#include "warden/reader_wire.h"

enum { NOBODY = 65534 };

// A bounce with what makes the parser load things: encodings, a charset in a header, several parts.
static const char sample[] =
    "From: =?iso-2022-jp?B?GyRCNEkbKEI=?= <MAILER-DAEMON@example.net>\r\n"
    "Subject: =?utf-8?Q?Undelivered?=\r\nMIME-Version: 1.0\r\n"
    "Date: Mon, 24 Nov 2025 16:00:00 +0000\r\n"
    "Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n"
    "--x\r\nContent-Type: text/plain; charset=windows-1252\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\n=80 no such user\r\n"
    "--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; example.net\r\n\r\n"
    "Final-Recipient: rfc822; a@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n\r\n"
    "--x\r\nContent-Type: text/html; charset=koi8-r\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    "PGI+eDwvYj4=\r\n--x\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <x@example.net>\r\n"
    "From: a@example.net\r\n\r\nx\r\n--x--\r\n";

// ---- frames

static bool read_all(int fd, void *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t got = read(fd, (char *)p + at, n - at);
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        at += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static bool read_frame(struct buf *in, size_t most)
{
    uint8_t length[WIRE_LENGTH];
    buf_clear(in);
    if (!read_all(READER_FD, length, sizeof(length)) || wire_length(length) > most)
        return false;
    size_t n = wire_length(length);
    uint8_t *p = buf_reserve(in, n ? n : 1);
    if (!read_all(READER_FD, p, n))
        return false;
    buf_grew(in, n);
    return true;
}

static bool write_text(const char *text)
{
    CLEANUP(buf_deinit) struct buf out = {0};
    size_t at = wire_begin(&out);
    buf_add_str(&out, text);
    wire_end(&out, at);
    return file_write_all(READER_FD, buf_bytes(&out)) == 0;
}

// ---- a worker

// A mail that takes longer than this is no mail: SIGPROF ends the process.
static void set_cpu_limit(unsigned seconds)
{
    struct itimerval limit = {.it_value = {.tv_sec = seconds}};
    must(setitimer(ITIMER_PROF, &limit, NULL) == 0);
}

static _Noreturn void work(pid_t parent, const struct replies *replies)
{
    CLEANUP(buf_deinit) struct buf in = {0}, out = {0};
    const char *wrong = sandbox_enter(parent);
    if (!write_text(wrong ? wrong : "") || wrong)
        _exit(1);
    while (read_frame(&in, READER_MAIL)) {
        set_cpu_limit(READER_CPU_SECONDS);
        CLEANUP(feedback_free) struct feedback *f = feedback_read(buf_bytes(&in), replies);
        buf_clear(&out);
        size_t at = wire_begin(&out);
        wire_put_answer(&out, f);
        wire_end(&out, at);
        set_cpu_limit(0);
        if (file_write_all(READER_FD, buf_bytes(&out)) < 0)
            break;
    }
    _exit(0);
}

// ---- the template

static void only_descriptor(int fd)
{
    if (fd != READER_FD)
        must(dup2(fd, READER_FD) == READER_FD);
    must(close_range(READER_FD + 1, ~0U, 0) == 0);
}

static bool send_descriptor(int fd)
{
    char byte = 0;
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.room = {0}};
    struct iovec part = {&byte, 1};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = control.room,
                       .msg_controllen = sizeof(control.room)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    return sendmsg(READER_FD, &m, 0) == 1;
}

static void end_worker(pid_t *worker)
{
    if (*worker <= 0)
        return;
    kill(*worker, SIGKILL);
    while (waitpid(*worker, NULL, 0) < 0 && errno == EINTR)
        continue;
    *worker = 0;
}

// In the place of the one before. False: no process, no socket, or nobody to give it to.
static bool fresh_worker(pid_t *worker, const struct replies *replies)
{
    int pair[2];
    pid_t own = getpid();
    end_worker(worker);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        return false;
    *worker = _Fork(); // not libuv's handlers, which close descriptors by numbers of before
    if (*worker == 0) {
        only_descriptor(pair[1]);
        work(own, replies);
    }
    close(pair[1]);
    bool is_sent = *worker > 0 && send_descriptor(pair[0]);
    close(pair[0]);
    return is_sent;
}

// Not root's, and not the engine's either where that is root.
static const char *give_up_root(void)
{
    if (geteuid() != 0)
        return NULL;
    bool is_done = setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
                   setresuid(NOBODY, NOBODY, NOBODY) == 0;
    return is_done ? NULL : "root can't be given up";
}

static void warm_up(void)
{
    CLEANUP(replies_free) struct replies *none = replies_new(NULL, 0);
    parts_prepare(); // converters of charsets too
    feedback_free(feedback_read(bytes_of(sample, sizeof(sample) - 1), none));
}

// What a terminal or a service manager says to all is for the engine: it ends us when it ends.
static void begin(int fd)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_NAME, "mxwarden-reader", 0, 0, 0);
    if (chdir("/") < 0)
        _exit(1);
    int null = open("/dev/null", O_RDWR);
    for (int i = 0; i <= 2 && null >= 0 && !sandbox_is_watched(); i++)
        dup2(null, i);
    only_descriptor(fd);
}

_Noreturn void reader_template(int fd)
{
    CLEANUP(buf_deinit) struct buf in = {0};
    struct wire_rules *rules = NULL;
    struct replies *replies = replies_new(NULL, 0);
    pid_t worker = 0;
    begin(fd);
    const char *wrong = give_up_root();
    if (!wrong)
        warm_up();
    bool is_fine = write_text(wrong ? wrong : "") && !wrong;
    while (is_fine && read_frame(&in, WIRE_RULES) && in.n) {
        if (in.p[0] == WIRE_FRESH_WORKER) {
            is_fine = fresh_worker(&worker, replies);
            continue;
        }
        replies_free(replies);
        wire_rules_free(rules);
        rules = wire_take_rules(bytes_skip(buf_bytes(&in), 1));
        must(rules);
        replies = replies_new(rules->items, rules->n);
    }
    end_worker(&worker);
    _exit(0);
}
