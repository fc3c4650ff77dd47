/* The reader: a process of its own that takes strangers' mail apart (mail/feedback.h), so that what kills a
 * parser costs one report.
 *
 * Forked before the engine has threads or secrets in memory. It has a socket pair and nothing else: no
 * files, no network (libseccomp: read, write, memory, time, exit), bounds on memory, CPU and stack
 * (setrlimit), no new privileges, a CPU limit for each mail. Gets one mail, answers with facts, gets the
 * next. When it dies or is silent for READER_SPAN it is killed, that mail's answer is `died`, and another
 * is forked from a small template process that stays clean; so it is after READER_MAILS mails. At most
 * READER_WAITING mails and READER_BYTES wait. The template ends with the engine; should it end before,
 * nothing is read any more (said in the log), all that waits is `died` and reader_ask() is false. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"

struct feedback;
struct reader;
struct reply_rule;
struct timers;
struct uv_loop_s;

#define READER_SPAN (10 * USEC_SECOND)
enum {
    READER_WAITING = 100,
    READER_BYTES = 64 << 20,
    READER_MAIL = 4 << 20, // a longer mail is cut there
    READER_MAILS = 100,
};

/* Forks, and waits till a reader is shut in; call it first of all in main(), before threads and secrets.
 * NULL with *why (owned): such a process can't be had here. */
struct reader *reader_new(char **why);
/* Now the loop is there. */
void reader_start(struct reader *r, struct uv_loop_s *loop, struct timers *timers);
/* What waits is dropped without a word. Before the timers are freed; run the loop once more afterwards, if
 * it was started. Takes NULL; returns NULL. */
struct reader *reader_free(struct reader *r);
DEFINE_CLEANUP(struct reader *, reader_free)
/* The rules by which replies are judged; after reader_start() and at each reload. Copied. */
void reader_set_replies(struct reader *r, const struct reply_rule *rules, size_t n);

/* False: too many wait, try again later. The mail is copied. `done` on the loop, never inside the call:
 * `f` is the callee's now (feedback_free); NULL when the mail killed the reader. */
bool reader_ask(struct reader *r, struct bytes mail, void (*done)(void *ctx, struct feedback *f),
                void *ctx);
/* How many mails have killed it since the start. */
size_t reader_deaths(const struct reader *r);
/* The template's process. */
int reader_pid(const struct reader *r);
