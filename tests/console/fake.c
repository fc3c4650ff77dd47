#include "fake.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "remote/protocol.h"

enum { FEEDS = 32, TICK_MS = 20 };
#define HEARTBEAT (500 * USEC_MS)

struct feed {
    char name[32];
    json_t *params;
    bool is_due; // rows and order are to be sent
};

struct fake {
    pthread_t thread;
    pthread_mutex_t lock;
    const char *path;
    json_t *world;
    int listener, client;
    bool is_ending, is_mute, is_stale;
    int slow_ms;
    struct protocol_reader reader;
    struct buf out;
    struct feed feeds[FEEDS];
    usec_t beat_at;
    json_t *late; // an answer that waits
    usec_t late_at;
    int applied;
    int64_t seq;
    char last[2048];
};

static void send_object(struct fake *f, json_t *object)
{
    protocol_add(&f->out, object);
    json_decref(object);
}

static json_t *world(struct fake *f, const char *name)
{
    return json_object_get(f->world, name);
}

// Incidents whose filter speaks of their number are those that are kept, closed ones too.
static json_t *table(struct fake *f, const json_t *params)
{
    const char *by = protocol_get_text(params, "by", "provider"), *name;
    bool wants_kept = strncmp(protocol_get_text(params, "filter", ""), "number>", 7) == 0;
    name = wants_kept ? "incidents_kept" : protocol_get_text(params, "table", "");
    json_t *t = json_object_get(world(f, "tables"), name);
    return json_is_object(t) ? json_object_get(t, by) : t;
}

static double number_of(const json_t *row, const char *field)
{
    const json_t *v = json_object_get(row, field);
    return json_is_number(v) ? json_number_value(v) : -1;
}

static bool is_before(const json_t *a, const json_t *b, const char *field)
{
    const char *x = json_string_value(json_object_get(a, field));
    const char *y = json_string_value(json_object_get(b, field));
    return x && y ? strcmp(x, y) < 0 : number_of(a, field) < number_of(b, field);
}

static void insert_sorted(json_t *rows, json_t *row, const char *field, bool is_descending)
{
    size_t i = 0;
    while (field && i < json_array_size(rows) &&
           !(is_descending ? is_before(json_array_get(rows, i), row, field)
                           : is_before(row, json_array_get(rows, i), field)))
        i++;
    json_array_insert(rows, field ? i : json_array_size(rows), row);
}

static const char *text_of(const json_t *row, const char *field)
{
    const char *text = json_string_value(json_object_get(row, field));
    return text ? text : "";
}

// The words the console asks with by itself: `number>3`, `who:engine`, `!did:start`.
static bool matches_word(const json_t *row, const char *word)
{
    char field[32];
    const char *more = strchr(word, '>');
    if (more) {
        snprintf(field, sizeof(field), "%.*s", (int)(more - word), word);
        return number_of(row, field) > strtod(more + 1, NULL);
    }
    if (strncmp(word, "who:", 4) == 0)
        return strstr(text_of(row, "actor"), word + 4);
    if (strncmp(word, "!did:", 5) == 0)
        return !strstr(text_of(row, "kind"), word + 5);
    return true;
}

static bool matches_words(const json_t *row, const char *filter)
{
    char word[64];
    for (const char *at = filter; *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");
        snprintf(word, sizeof(word), "%.*s", (int)n, at);
        if (!matches_word(row, word))
            return false;
        at += n;
    }
    return true;
}

static bool matches(struct fake *f, const json_t *params, const json_t *row)
{
    const char *filter = protocol_get_text(params, "filter", NULL);
    const json_t *keys = filter ? json_object_get(world(f, "filters"), filter) : NULL, *key;
    size_t i;
    if (!filter)
        return true;
    if (!keys)
        return matches_words(row, filter);
    json_array_foreach(keys, i, key) if (json_equal(key, json_object_get(row, "key"))) return true;
    return false;
}

static json_t *select_rows(struct fake *f, const json_t *params, json_t **total)
{
    json_t *all = table(f, params), *rows = json_array(), *row;
    size_t i;
    const char *sort = protocol_get_text(params, "sort", NULL);
    bool is_descending = protocol_get_flag(params, "descending") || (sort && *sort == '-');
    sort = sort && *sort == '-' ? sort + 1 : sort;
    *total = json_integer((json_int_t)json_array_size(all));
    json_array_foreach(all, i, row) if (matches(f, params, row))
        insert_sorted(rows, row, sort, is_descending);
    return rows;
}

static void add_window(struct fake *f, json_t *push, const json_t *params)
{
    json_t *total, *rows = select_rows(f, params, &total), *row;
    json_t *order = json_array(), *window = json_object();
    int64_t offset = protocol_get_number(params, "offset", 0), i;
    int64_t limit = protocol_get_number(params, "limit", 100);
    for (i = offset; i < offset + limit && (row = json_array_get(rows, (size_t)i)); i++) {
        json_array_append(order, json_object_get(row, "key"));
        json_object_set(window, json_string_value(json_object_get(row, "key")), row);
    }
    json_object_set_new(push, "total", total);
    json_object_set_new(push, "matched", json_integer((json_int_t)json_array_size(rows)));
    json_object_set_new(push, "order", order);
    json_object_set_new(push, "rows", window);
    json_decref(rows);
}

static void push_feed(struct fake *f, struct feed *feed)
{
    json_t *push = json_pack("{s:s, s:O}", "feed", feed->name, "now",
                             json_object_get(world(f, "hello"), "now"));
    const char *target = protocol_get_text(feed->params, "target", "");
    if (feed->is_due && strcmp(protocol_get_text(feed->params, "table", ""), "show") == 0)
        json_object_set(push, "page", json_object_get(world(f, "pages"), target));
    else if (feed->is_due)
        add_window(f, push, feed->params);
    if (feed->is_due)
        json_object_set(push, "status", world(f, "status"));
    feed->is_due = false;
    send_object(f, push);
}

static void push_all(struct fake *f)
{
    bool is_beat = clock_monotonic() - f->beat_at > HEARTBEAT;
    if (f->is_mute)
        return;
    if (is_beat)
        f->beat_at = clock_monotonic();
    for (size_t i = 0; i < FEEDS; i++)
        if (f->feeds[i].params && (f->feeds[i].is_due || is_beat))
            push_feed(f, &f->feeds[i]);
}

static void drop_feed(struct feed *feed)
{
    json_decref(feed->params);
    *feed = (struct feed){0};
}

static const char *add_feed(struct fake *f, json_t *params)
{
    const char *filter = protocol_get_text(params, "filter", "");
    const json_t *wrong = json_object_get(world(f, "wrong_filters"), filter);
    const char *target = protocol_get_text(params, "target", NULL);
    if (wrong)
        return json_string_value(wrong);
    if (target && !json_object_get(world(f, "pages"), target))
        return "there is no such thing";
    for (size_t i = 0; i < FEEDS; i++) {
        struct feed *feed = &f->feeds[i];
        if (feed->params)
            continue;
        snprintf(feed->name, sizeof(feed->name), "%s", protocol_get_text(params, "feed", "?"));
        feed->params = json_incref(params);
        feed->is_due = true;
        return NULL;
    }
    return "too many feeds";
}

static json_t *list(struct fake *f, const json_t *params)
{
    json_t *total, *rows = select_rows(f, params, &total);
    size_t matched = json_array_size(rows);
    while (json_array_size(rows) > (size_t)protocol_get_number(params, "limit", 100))
        json_array_remove(rows, json_array_size(rows) - 1);
    return json_pack("{s:o, s:I, s:o}", "total", total, "matched", (json_int_t)matched, "rows",
                     rows);
}

static void remove_feed(struct fake *f, const json_t *params)
{
    const char *name = protocol_get_text(params, "feed", "");
    for (size_t i = 0; i < FEEDS; i++)
        if (f->feeds[i].params && strcmp(f->feeds[i].name, name) == 0)
            drop_feed(&f->feeds[i]);
}

static json_t *answer(const json_t *id, json_t *result)
{
    return json_pack("{s:O, s:o}", "id", id, "result", result);
}

static json_t *refusal(const json_t *id, const char *code, const char *message)
{
    return json_pack("{s:O, s:{s:s, s:s}}", "id", id, "error", "code", code, "message", message);
}

static json_t *preview(struct fake *f, const json_t *id, const json_t *params)
{
    char name[1024];
    const json_t *targets = json_object_get(params, "targets");
    snprintf(name, sizeof(name), "%s %s", protocol_get_text(params, "command", ""),
             json_string_value(json_array_get(targets, 0)));
    json_t *found = json_object_get(world(f, "previews"), name);
    if (!found)
        return refusal(id, "refused", "the world knows no such preview");
    return answer(id, json_incref(found));
}

static json_t *apply(struct fake *f, const json_t *id, const json_t *params)
{
    CLEANUP(xfree) char *text = json_dumps(params, JSON_SORT_KEYS | JSON_COMPACT);
    const char *command = protocol_get_text(params, "command", "");
    if (f->is_stale) {
        f->is_stale = false;
        return refusal(id, "stale", "acme-news was restored meanwhile.");
    }
    f->applied++;
    snprintf(f->last, sizeof(f->last), "%s", text);
    const json_t *targets = json_object_get(params, "targets");
    return answer(id, json_pack("{s:I, s:s, s:O}", "seq", (json_int_t)++f->seq, "kind", command,
                                "target", json_array_get(targets, 0)));
}

static void on_act(struct fake *f, const json_t *id, const json_t *params)
{
    bool is_apply = strcmp(protocol_get_text(params, "phase", ""), "apply") == 0;
    json_t *a = is_apply ? apply(f, id, params) : preview(f, id, params);
    if (is_apply || !f->slow_ms) {
        send_object(f, a);
        return;
    }
    json_decref(f->late);
    f->late = a;
    f->late_at = clock_monotonic() + f->slow_ms * USEC_MS;
}

static void on_request(struct fake *f, json_t *request)
{
    const json_t *id = json_object_get(request, "id");
    json_t *params = json_object_get(request, "params");
    const char *method = protocol_get_text(request, "method", ""), *why = NULL;
    if (strcmp(method, "hello") == 0)
        send_object(f, answer(id, json_incref(world(f, "hello"))));
    else if (strcmp(method, "act") == 0)
        on_act(f, id, params);
    else if (strcmp(method, "list") == 0)
        send_object(f, answer(id, list(f, params)));
    else if (strcmp(method, "feed") == 0) {
        why = add_feed(f, params);
        send_object(f, why ? refusal(id, "usage", why) : answer(id, json_object()));
    } else {
        remove_feed(f, params);
        send_object(f, answer(id, json_object()));
    }
}

static void end_client(struct fake *f)
{
    if (f->client >= 0)
        close(f->client);
    f->client = -1;
    protocol_reader_deinit(&f->reader);
    f->reader = (struct protocol_reader){0};
    buf_deinit(&f->out);
    f->out = (struct buf){0};
    for (size_t i = 0; i < FEEDS; i++)
        drop_feed(&f->feeds[i]);
}

static void on_readable(struct fake *f)
{
    char bytes[4096], *why = NULL;
    ssize_t n = read(f->client, bytes, sizeof(bytes));
    json_t *request;
    if (n <= 0) {
        end_client(f);
        return;
    }
    buf_add(&f->reader.in, bytes, (size_t)n);
    while (protocol_next(&f->reader, &request, &why) == PROTOCOL_OBJECT) {
        on_request(f, request);
        json_decref(request);
    }
    xfree(why);
}

static void flush(struct fake *f)
{
    while (f->client >= 0 && f->out.n) {
        ssize_t n = send(f->client, f->out.p, f->out.n, MSG_NOSIGNAL);
        if (n <= 0) {
            end_client(f);
            return;
        }
        buf_consume(&f->out, (size_t)n);
    }
}

static void turn(struct fake *f, struct pollfd fds[2])
{
    if (fds[0].revents) {
        end_client(f);
        f->client = accept(f->listener, NULL, NULL);
    } else if (fds[1].revents && f->client >= 0)
        on_readable(f);
    if (f->late && clock_monotonic() >= f->late_at)
        send_object(f, MOVE(f->late));
    if (f->client >= 0)
        push_all(f);
    flush(f);
}

static void *run(void *ctx)
{
    struct fake *f = ctx;
    for (;;) {
        struct pollfd fds[2] = {{.fd = f->listener, .events = POLLIN},
                                {.fd = f->client, .events = POLLIN}};
        poll(fds, 2, TICK_MS);
        pthread_mutex_lock(&f->lock);
        bool is_ending = f->is_ending;
        if (!is_ending)
            turn(f, fds);
        pthread_mutex_unlock(&f->lock);
        if (is_ending)
            return NULL;
    }
}

struct fake *fake_start(const char *path, const char *file)
{
    struct fake *f = xcalloc(1, sizeof(*f));
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    json_error_t error;
    f->world = json_load_file(file, 0, &error);
    if (!f->world)
        fprintf(stderr, "%s:%d: %s\n", file, error.line, error.text);
    must(f->world);
    must(strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path) + 1);
    unlink(path);
    f->path = path;
    f->client = -1;
    f->seq = 4478;
    f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(bind(f->listener, (struct sockaddr *)&address, sizeof(address)) == 0);
    must(listen(f->listener, 4) == 0);
    pthread_mutex_init(&f->lock, NULL);
    must(pthread_create(&f->thread, NULL, run, f) == 0);
    return f;
}

void fake_stop(struct fake *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    f->is_ending = true;
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    close(f->listener);
    unlink(f->path);
    end_client(f);
    json_decref(f->late);
    json_decref(f->world);
    pthread_mutex_destroy(&f->lock);
    xfree(f);
}

static void all_due(struct fake *f)
{
    for (size_t i = 0; i < FEEDS; i++)
        f->feeds[i].is_due = true;
}

static json_t *find(struct fake *f, const char *name, const char *key, size_t *at)
{
    json_t *rows = json_object_get(world(f, "tables"), name), *row;
    for (*at = 0; (row = json_array_get(rows, *at)); ++*at)
        if (strcmp(protocol_get_text(row, "key", ""), key) == 0)
            return row;
    return NULL;
}

void fake_move(struct fake *f, const char *name, const char *key, size_t to)
{
    size_t at;
    pthread_mutex_lock(&f->lock);
    json_t *rows = json_object_get(world(f, "tables"), name), *row = find(f, name, key, &at);
    must(row);
    json_incref(row);
    json_array_remove(rows, at);
    json_array_insert_new(rows, to, row);
    all_due(f);
    pthread_mutex_unlock(&f->lock);
}

void fake_set(struct fake *f, const char *name, const char *key, const char *field,
              const char *text)
{
    size_t at;
    pthread_mutex_lock(&f->lock);
    json_t *row = find(f, name, key, &at);
    must(row);
    json_object_set_new(row, field, json_string_nocheck(text));
    all_due(f);
    pthread_mutex_unlock(&f->lock);
}

void fake_calm(struct fake *f)
{
    pthread_mutex_lock(&f->lock);
    json_t *tables = world(f, "tables"), *kept = json_object_get(tables, "incidents_kept");
    json_array_clear(json_object_get(tables, "incidents"));
    while (json_array_size(kept) > 1) // the last one is closed
        json_array_remove(kept, 0);
    json_object_set_new(json_object_get(world(f, "status"), "ledger"), "seq",
                        json_integer(++f->seq));
    all_due(f);
    pthread_mutex_unlock(&f->lock);
}

void fake_repeat(struct fake *f, const char *name, int times)
{
    pthread_mutex_lock(&f->lock);
    json_t *rows = json_object_get(world(f, "tables"), name);
    const json_t *last = json_array_get(rows, json_array_size(rows) - 1);
    for (int i = 0; i < times; i++) {
        json_t *row = json_deep_copy(last);
        json_object_set_new(row, "key", json_sprintf("incident:%d", i + 1));
        json_object_set_new(row, "number", json_integer(i + 1));
        json_array_append_new(rows, row);
    }
    all_due(f);
    pthread_mutex_unlock(&f->lock);
}

void fake_incident(struct fake *f, const char *key, const char *severity)
{
    size_t at;
    pthread_mutex_lock(&f->lock);
    json_t *row = find(f, "incidents", key, &at);
    must(row);
    json_object_set_new(row, "severity", json_string(severity));
    json_object_set_new(json_object_get(world(f, "status"), "ledger"), "seq",
                        json_integer(++f->seq));
    all_due(f);
    pthread_mutex_unlock(&f->lock);
}

void fake_mute(struct fake *f, bool is_mute)
{
    pthread_mutex_lock(&f->lock);
    f->is_mute = is_mute;
    pthread_mutex_unlock(&f->lock);
}

void fake_role(struct fake *f, const char *role)
{
    pthread_mutex_lock(&f->lock);
    json_object_set_new(world(f, "hello"), "role", json_string(role));
    pthread_mutex_unlock(&f->lock);
}

void fake_slow(struct fake *f, int ms)
{
    pthread_mutex_lock(&f->lock);
    f->slow_ms = ms;
    pthread_mutex_unlock(&f->lock);
}

void fake_stale(struct fake *f)
{
    pthread_mutex_lock(&f->lock);
    f->is_stale = true;
    pthread_mutex_unlock(&f->lock);
}

int fake_applied(struct fake *f, char *params, size_t room)
{
    pthread_mutex_lock(&f->lock);
    int n = f->applied;
    if (params)
        snprintf(params, room, "%s", f->last);
    pthread_mutex_unlock(&f->lock);
    return n;
}
