/* What the store's tests share: a state in a directory of its own, messages to put in, and waiting
 * for callbacks on a real loop. */
#pragma once
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "base/error.h"
#include "base/hash.h"
#include "core/entry.h"
#include "store/history.h"
#include "store/ledger.h"
#include "store/spool.h"
#include "store/store.h"

struct fixture {
    char dir[64];
    uv_loop_t loop;
    struct store *store;
    struct store_options options;
    int fatal;
};

static inline void on_fatal(void *ctx, const char *why)
{
    struct fixture *f = ctx;
    (void)why;
    f->fatal++;
}

// Opens the state in f->dir; fails the test when it can't be.
static inline void fixture_open(struct fixture *f)
{
    CLEANUP(xfree) char *why = NULL;
    f->options.dir = f->dir;
    f->options.on_fatal = on_fatal;
    f->options.ctx = f;
    if (!f->options.history_kept)
        f->options.history_kept = 30 * USEC_DAY;
    must(uv_loop_init(&f->loop) == 0);
    if (store_open(&f->store, &f->loop, &f->options, &why))
        fail_msg("%s", why);
}

static inline void fixture_new(struct fixture *f)
{
    *f = (struct fixture){.fatal = 0};
    snprintf(f->dir, sizeof(f->dir), "/tmp/mxwarden-store-XXXXXX");
    must(mkdtemp(f->dir));
    fixture_open(f);
}

static inline void fixture_close(struct fixture *f)
{
    f->store = store_close(f->store);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    must(uv_loop_close(&f->loop) == 0);
}

static inline void remove_tree(const char *path)
{
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        CLEANUP(xfree) char *inner = xasprintf("%s/%s", path, e->d_name);
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (lstat(inner, &st) == 0 && S_ISDIR(st.st_mode))
            remove_tree(inner);
        else
            unlink(inner);
    }
    if (d)
        closedir(d);
    rmdir(path);
}

static inline void fixture_free(struct fixture *f)
{
    if (f->store)
        fixture_close(f);
    remove_tree(f->dir);
}

static inline void fixture_reopen(struct fixture *f)
{
    fixture_close(f);
    fixture_open(f);
}

static inline void on_timer(uv_timer_t *t)
{
    *(bool *)t->data = true;
}

// Runs the loop until *flag is not 0, at most ten seconds.
static inline void wait_for(struct fixture *f, const int *flag)
{
    uv_timer_t timer;
    bool is_over = false;
    uv_timer_init(&f->loop, &timer);
    timer.data = &is_over;
    uv_timer_start(&timer, on_timer, 10000, 0);
    while (!*flag && !is_over)
        uv_run(&f->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_true(*flag);
}

static inline void run_for(struct fixture *f, unsigned ms)
{
    uv_timer_t timer;
    bool is_over = false;
    uv_timer_init(&f->loop, &timer);
    timer.data = &is_over;
    uv_timer_start(&timer, on_timer, ms, 0);
    while (!is_over)
        uv_run(&f->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&f->loop, UV_RUN_NOWAIT);
}

// A body that its id determines, so that a reader can tell whole from half and mine from yours.
static inline void fill_body(struct spool_message *m, size_t size)
{
    m->size = size;
    m->body = xmalloc(size + 1);
    uint64_t x = m->id.lo * 0x9e3779b97f4a7c15ULL + m->id.hi;
    for (size_t i = 0; i < size; i++) {
        x = x * 6364136223846793005ULL + 1442695040888963407ULL;
        m->body[i] = (uint8_t)(x >> 56);
    }
}

static inline bool body_is_its_own(const struct spool_message *m)
{
    struct spool_message copy = {.id = m->id};
    fill_body(&copy, m->size);
    bool is = m->body && memcmp(copy.body, m->body, m->size) == 0;
    xfree(copy.body);
    return is;
}

static inline struct spool_message *message_make(struct store *s, const char *customer,
                                                 size_t recipients, size_t size)
{
    struct spool_message *m = spool_message_new();
    m->accepted_at = clock_wall();
    m->id = store_message_id(s, m->accepted_at);
    m->customer = (xfree(m->customer), xstrdup(customer));
    m->sender = (xfree(m->sender), xstrdup("a@shop.test"));
    for (size_t i = 0; i < recipients; i++) {
        char address[40];
        snprintf(address, sizeof(address), "r%zu@big.test", i);
        spool_message_add_recipient(m, address);
    }
    fill_body(m, size);
    return m;
}

struct added {
    struct fixture *f;
    struct spool_message *m;
    bool is_kept;
    int is_done, result;
};

static inline void on_added(void *ctx, int result)
{
    struct added *a = ctx;
    a->is_done = 1;
    a->result = result;
    if (a->is_kept && result == SPOOL_OK)
        spool_keep(a->f->store, a->m->id);
}

// Adds one and waits; the message is freed. Gives its id.
static inline struct message_id add_one(struct fixture *f, const char *customer, size_t recipients,
                                        size_t size, bool is_kept)
{
    CLEANUP(spool_message_free)
    struct spool_message *m = message_make(f->store, customer, recipients, size);
    struct added a = {.f = f, .m = m, .is_kept = is_kept};
    assert_int_equal(spool_add(f->store, m, on_added, &a), SPOOL_OK);
    wait_for(f, &a.is_done);
    assert_int_equal(a.result, SPOOL_OK);
    return m->id;
}

static inline struct outcome outcome_of(struct message_id id, uint32_t no, enum outcome_kind kind,
                                        const char *customer)
{
    return (struct outcome){.at = clock_wall(),
                            .kind = kind,
                            .class = kind == OUTCOME_DELIVERED ? CLASS_DELIVERED : CLASS_TRANSIENT,
                            .message = id,
                            .recipient_no = no,
                            .attempt = 1,
                            .code = 250,
                            .customer = customer,
                            .list = "",
                            .ip = "127.0.0.2",
                            .provider = "big",
                            .recipient = "r0@big.test",
                            .reply = "250 2.0.0 Ok: queued as 4F1D2A0B3C"};
}

struct due_result {
    int is_done;
    struct spool_message **messages;
    size_t n, recipients;
    bool has_more;
    usec_t next_at;
};

static inline void on_due(void *ctx, struct spool_due *due)
{
    struct due_result *r = ctx;
    *r = (struct due_result){1, due->messages, due->n, 0, due->has_more, due->next_at};
    for (size_t i = 0; i < due->n; i++)
        r->recipients += due->messages[i]->recipients_n;
}

static inline void due_free(struct due_result *r)
{
    for (size_t i = 0; i < r->n; i++)
        spool_message_free(r->messages[i]);
    xfree(r->messages);
    *r = (struct due_result){0};
}

static inline void due_get(struct fixture *f, struct due_result *r, const char *customer,
                           usec_t now, size_t limit)
{
    *r = (struct due_result){0};
    spool_due(f->store, customer, now, 0, limit, on_due, r);
    wait_for(f, &r->is_done);
}

static inline void on_found(void *ctx, struct spool_message *m)
{
    struct due_result *r = ctx;
    r->messages = xcalloc(1, sizeof(*r->messages));
    r->messages[0] = m;
    r->n = m ? 1 : 0;
    r->is_done = 1;
}

// Also waits for a fold: what was handed in before is in the database afterwards.
static inline struct spool_message *find(struct fixture *f, struct message_id id)
{
    struct due_result r = {0};
    spool_find(f->store, id, on_found, &r);
    wait_for(f, &r.is_done);
    struct spool_message *m = r.messages[0];
    xfree(r.messages);
    return m;
}

static inline void settle(struct fixture *f)
{
    spool_message_free(find(f, (struct message_id){0, 0}));
}

static inline void on_body(void *ctx, int r)
{
    *(int *)ctx = r == 0 ? 1 : -1;
}

// 1: whole; -1: not.
static inline int load_body(struct fixture *f, struct spool_message *m)
{
    int r = 0;
    spool_load_body(f->store, m, on_body, &r);
    wait_for(f, &r);
    return r;
}
