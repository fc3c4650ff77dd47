// Headless, this process is the world and the engine its child. With a console, the world is a child
// and the engine the world's: each asks the kernel to be told when its parent dies.
#include "cli/demo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include <jansson.h>

#include "base/mem.h"
#include "remote/client.h"
#include "sim/world.h"

enum { PATH_ROOM = 4096, SOCKET_PATH_MOST = 107, START_SECONDS = 20, ASK_SECONDS = 5 };

struct demo {
    const struct demo_options *options;
    char dir[PATH_ROOM], engine[PATH_ROOM], socket[PATH_ROOM + 16];
    uint16_t submission, feedback; // ports of the engine
    pid_t engine_pid;
    uv_loop_t loop;
    uv_signal_t signals[3];
    struct world *world;
    json_t *suspended, *pulled; // what the engine had done when the last mail was in
    json_int_t automatic;
    int ready_fd; // the console's process waits for a byte here; -1: nobody
    bool is_over;
};

static void sleep_ms(unsigned ms)
{
    struct timespec ts = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&ts, NULL);
}

// The engine beside this program, and a directory beside both (or in /tmp where that is not possible).
static bool find_places(struct demo *d)
{
    char self[PATH_ROOM];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n < 0)
        return false;
    self[n] = '\0';
    const char *here = dirname(self);
    snprintf(d->engine, sizeof(d->engine), "%.*s/mxwardend", PATH_ROOM - 32, here);
    if (access(d->engine, X_OK) != 0) {
        fprintf(stderr, "mxwarden demo: no engine at %s\n", d->engine);
        return false;
    }
    snprintf(d->dir, sizeof(d->dir), "%.*s/demo.XXXXXX", PATH_ROOM - 32, here);
    if (strlen(d->dir) + strlen("/control.sock") > SOCKET_PATH_MOST || !mkdtemp(d->dir)) {
        snprintf(d->dir, sizeof(d->dir), "/tmp/mxwarden-demo.XXXXXX");
        if (!mkdtemp(d->dir)) {
            fprintf(stderr, "mxwarden demo: no place for its files: %s\n", strerror(errno));
            return false;
        }
    }
    snprintf(d->socket, sizeof(d->socket), "%s/control.sock", d->dir);
    return true;
}

static uint16_t free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t n = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0)
        return 0;
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &n) != 0)
        at.sin_port = 0;
    close(fd);
    return ntohs(at.sin_port);
}

static void remove_dir(const char *dir)
{
    pid_t pid = fork();
    if (pid == 0) {
        execlp("rm", "rm", "-rf", "--", dir, (char *)NULL);
        _exit(127);
    }
    if (pid > 0)
        waitpid(pid, NULL, 0);
}

// For a child, first thing: it ends with its parent, also when that is dead already. And the keys of
// the terminal (Ctrl-C) are its parent's.
static void be_child_of(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    setpgid(0, 0);
    if (getppid() != parent)
        _exit(1);
}

static void exec_engine(const struct demo *d, pid_t parent)
{
    char config[PATH_ROOM + 16], log[PATH_ROOM + 16];
    snprintf(config, sizeof(config), "%s/mxwarden.yaml", d->dir);
    snprintf(log, sizeof(log), "%s/engine.log", d->dir);
    be_child_of(parent);
    int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0) {
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
    }
    execl(d->engine, d->engine, "-c", config, (char *)NULL);
    _exit(127);
}

static void show_log(const struct demo *d)
{
    CLEANUP(xfree) char *path = xasprintf("%s/engine.log", d->dir);
    char text[4096];
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(text, 1, sizeof(text), f) : 0;
    fwrite(text, 1, n, stderr);
    if (f)
        fclose(f);
}

// Starts the engine and waits until it answers.
static bool start_engine(struct demo *d)
{
    pid_t self = getpid();
    d->engine_pid = fork();
    if (d->engine_pid == 0)
        exec_engine(d, self);
    for (int i = 0; d->engine_pid > 0 && i < START_SECONDS * 20; i++) {
        struct client *client = NULL;
        CLEANUP(xfree) char *why = NULL;
        if (client_connect(&client, d->socket, &why) == CLIENT_OK) {
            client_free(client);
            return true;
        }
        if (waitpid(d->engine_pid, NULL, WNOHANG) == d->engine_pid) {
            d->engine_pid = 0;
            break;
        }
        sleep_ms(50);
    }
    fprintf(stderr, "mxwarden demo: the engine did not start:\n");
    show_log(d);
    return false;
}

// True when it ran until now and ended well.
static bool stop_engine(struct demo *d)
{
    int status = 0;
    if (d->engine_pid <= 0)
        return false;
    kill(d->engine_pid, SIGTERM);
    waitpid(d->engine_pid, &status, 0);
    d->engine_pid = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    fprintf(stderr, "mxwarden demo: the engine did not end well (%s %d):\n",
            WIFSIGNALED(status) ? "signal" : "exit code",
            WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    show_log(d);
    return false;
}

// What a customer's sign-up would say: where to write to, and which pool it sends over.
static bool add_customers(const struct demo *d)
{
    const struct customer_plan *plans;
    size_t n = scenario_customers(&plans);
    struct client *client = NULL;
    CLEANUP(xfree) char *why = NULL;
    bool is_well = client_connect(&client, d->socket, &why) == CLIENT_OK;
    for (size_t i = 0; i < n && is_well; i++) {
        json_t *result = NULL, *error = NULL;
        if (!scenario_is_first(i))
            continue;
        json_t *params =
            json_pack("{s:s,s:s,s:o,s:s,s:s}", "command", "customer set", "customer", plans[i].name,
                      "contact", json_sprintf("ops@%s.test", plans[i].name), "pool", plans[i].pool,
                      "reason", "signed up");
        is_well = client_call(client, "manage", params, ASK_SECONDS * USEC_SECOND, &result, &error,
                              &why) == CLIENT_OK;
        if (error)
            fprintf(stderr, "mxwarden demo: %s\n",
                    json_string_value(json_object_get(error, "message")));
        json_decref(result);
        json_decref(error);
    }
    client_free(client);
    return is_well;
}

// Recipients that wait at the engine, as it says itself.
static uint64_t ask_waiting(const struct demo *d)
{
    struct client *client = NULL;
    json_t *result = NULL, *error = NULL;
    CLEANUP(xfree) char *why = NULL;
    if (client_connect(&client, d->socket, &why) == CLIENT_OK)
        client_call(client, "status", NULL, ASK_SECONDS * USEC_SECOND, &result, &error, &why);
    json_int_t n = json_integer_value(json_object_get(result, "queued")) +
                   json_integer_value(json_object_get(result, "held"));
    json_decref(result);
    json_decref(error);
    client_free(client);
    return (uint64_t)n;
}

// Ids of the rows of a table whose field has that value, as the engine knows them.
static json_t *ask_ids(const struct demo *d, const char *table, const char *filter, const char *id)
{
    struct client *client = NULL;
    json_t *result = NULL, *error = NULL, *row, *ids = json_array();
    CLEANUP(xfree) char *why = NULL;
    size_t i;
    if (client_connect(&client, d->socket, &why) == CLIENT_OK)
        client_call(client, "list",
                    json_pack("{s:s,s:s,s:i}", "table", table, "filter", filter, "limit", 500),
                    ASK_SECONDS * USEC_SECOND, &result, &error, &why);
    json_array_foreach(json_object_get(result, "rows"), i, row)
        json_array_append(ids, json_object_get(row, id));
    json_decref(result);
    json_decref(error);
    client_free(client);
    return ids;
}

// Entries of the engine's own that did something to somebody.
static json_int_t ask_automatic(const struct demo *d)
{
    static const char *const kinds[] = {"warn",  "throttle", "suspend", "restore", "pull",
                                        "drain", "return",   "pause",   "resume",  "observed"};
    json_int_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        CLEANUP(xfree) char *filter = xasprintf("who:engine did:%s", kinds[i]);
        json_t *ids = ask_ids(d, "log", filter, "seq");
        n += (json_int_t)json_array_size(ids);
        json_decref(ids);
    }
    return n;
}

static void act_on_all(struct client *client, const char *command, const char *prefix, json_t *ids)
{
    size_t i;
    json_t *id;
    json_array_foreach(ids, i, id)
    {
        json_t *result = NULL, *error = NULL;
        CLEANUP(xfree) char *why = NULL;
        client_call(client, "act",
                    json_pack("{s:s,s:s,s:[o],s:s}", "phase", "apply", "command", command,
                              "targets", json_sprintf("%s:%s", prefix, json_string_value(id)),
                              "reason", "the demo ends: everything that waits may go"),
                    ASK_SECONDS * USEC_SECOND, &result, &error, &why);
        json_decref(result);
        json_decref(error);
    }
}

static void ask_what_was_done(struct demo *d)
{
    d->suspended = ask_ids(d, "customers", "standing:suspended", "id");
    d->pulled = ask_ids(d, "ips", "rotation:pulled", "address");
    d->automatic = ask_automatic(d);
}

// The last mail is in: what the engine did is noted; then all that it holds may go, so that the
// world's own ends can say that nothing was lost.
static void on_ending(void *ctx)
{
    struct demo *d = ctx;
    struct client *client = NULL;
    CLEANUP(xfree) char *why = NULL;
    if (d->suspended || !d->options->is_headless)
        return;
    ask_what_was_done(d);
    if (client_connect(&client, d->socket, &why) != CLIENT_OK)
        return;
    act_on_all(client, "restore", "customer", d->suspended);
    act_on_all(client, "return", "ip", d->pulled);
    client_free(client);
}

// One JSON line, and what else the world knows.
static bool print_summary(struct demo *d)
{
    struct world_summary s;
    world_summary_get(d->world, &s);
    if (!d->suspended)
        ask_what_was_done(d);
    uint64_t waiting = d->options->is_headless ? 0 : ask_waiting(d);
    s.lost = s.lost > waiting ? s.lost - waiting : 0; // a world left early has mail on its way
    json_t *line = json_pack(
        "{s:I,s:I,s:I,s:I,s:I,s:i,s:I,s:o,s:o,s:I,s:I,s:I,s:I,s:I}", "submitted",
        (json_int_t)s.submitted, "delivered", (json_int_t)s.delivered, "bounced",
        (json_int_t)s.bounced, "deferred", (json_int_t)s.deferred, "complained",
        (json_int_t)s.complained, "optin_pending", 0, "actions_automatic", d->automatic,
        "customers_suspended", d->suspended, "ips_pulled", d->pulled, "lost", (json_int_t)s.lost,
        "existing", (json_int_t)s.existing, "duplicated", (json_int_t)s.duplicated, "refused",
        (json_int_t)s.refused, "reports", (json_int_t)s.reports);
    char *text = json_dumps(line, JSON_COMPACT);
    puts(text ? text : "{}");
    fflush(stdout);
    free(text);
    json_decref(line);
    return s.lost == 0;
}

static void on_over(void *ctx)
{
    struct demo *d = ctx;
    d->is_over = true;
    uv_stop(&d->loop);
}

static void on_signal(uv_signal_t *signal, int number)
{
    struct demo *d = signal->data;
    (void)number;
    // Nobody waits for a world that was left; headless, a second signal ends the wait.
    if (d->is_over || !d->options->is_headless)
        uv_stop(&d->loop);
    else
        world_end(d->world);
    d->is_over = true;
}

// From the first moment on: whoever leaves early leaves nothing behind either.
static void open_loop(struct demo *d)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    uv_loop_init(&d->loop);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        uv_signal_init(&d->loop, &d->signals[i]);
        d->signals[i].data = d;
        uv_signal_start(&d->signals[i], on_signal, numbers[i]);
    }
}

static void close_loop(struct demo *d)
{
    for (size_t i = 0; i < ARRAY_LEN(d->signals); i++)
        uv_close((uv_handle_t *)&d->signals[i], NULL);
    uv_run(&d->loop, UV_RUN_DEFAULT); // lets what was closed go
    uv_loop_close(&d->loop);
}

// Headless, the end of the time is for what is still under way then.
static usec_t submission_span(const struct demo_options *o)
{
    return o->is_headless ? o->span - o->span / 8 : o->span;
}

static bool open_world(struct demo *d)
{
    CLEANUP(xfree) char *why = NULL;
    d->world = world_new(&(struct world_options){.loop = &d->loop,
                                                 .seed = d->options->seed,
                                                 .span = submission_span(d->options),
                                                 .is_endless = !d->options->is_headless,
                                                 .on_ending = on_ending,
                                                 .on_over = on_over,
                                                 .ctx = d},
                         &why);
    if (!d->world) {
        fprintf(stderr, "mxwarden demo: %s\n", why);
        return false;
    }
    d->submission = free_port();
    d->feedback = free_port();
    int r =
        scenario_write(d->dir, &(struct scenario_ports){.submission = d->submission,
                                                        .feedback = d->feedback,
                                                        .providers = world_provider_port(d->world),
                                                        .is_observing = d->options->is_observing});
    if (r < 0)
        fprintf(stderr, "mxwarden demo: %s: %s\n", d->dir, strerror(-r));
    return r == 0;
}

// Lives until the world is over; the exit code.
static int live(struct demo *d)
{
    bool is_well = false;
    open_loop(d);
    if (open_world(d) && start_engine(d) && add_customers(d)) {
        if (d->ready_fd >= 0 && write(d->ready_fd, "r", 1) != 1)
            d->is_over = true; // the console's process is gone
        world_start(d->world, d->submission, d->feedback);
        if (!d->is_over)
            uv_run(&d->loop, UV_RUN_DEFAULT);
        is_well = print_summary(d);
    }
    is_well &= stop_engine(d);
    world_free(d->world);
    close_loop(d);
    remove_dir(d->dir);
    return is_well ? 0 : 1;
}

// The world in a child, the console here.
static int live_with_console(struct demo *d)
{
    int ready[2];
    char byte;
    if (pipe2(ready, O_CLOEXEC) != 0)
        return 1;
    pid_t self = getpid(), world = fork();
    if (world == 0) {
        be_child_of(self);
        close(ready[0]);
        d->ready_fd = ready[1];
        exit(live(d));
    }
    close(ready[1]);
    if (world < 0 || read(ready[0], &byte, 1) != 1) {
        if (world > 0)
            waitpid(world, NULL, 0);
        close(ready[0]);
        return 1;
    }
    int code = d->options->console(d->options->ctx, d->socket), status = 0;
    kill(world, SIGTERM);
    waitpid(world, &status, 0);
    close(ready[0]);
    return code ? code : WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int demo_run(const struct demo_options *options)
{
    struct demo d = {.options = options, .ready_fd = -1};
    if (!find_places(&d))
        return 1;
    return options->is_headless ? live(&d) : live_with_console(&d);
}
