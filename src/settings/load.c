/* Reading the files in their order, and making one configuration of them. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/map.h"
#include "base/mem.h"
#include "core/reply_rule.h"
#include "settings/files.h"
#include "settings/index.h"
#include "settings/settings.h"
#include "settings/shipped.h"

struct owner {
    struct file_main_data data; // its settings are what callers hold
    struct arena arena;
    struct settings_index index;
};

struct loader {
    const struct settings_text *texts; // instead of the disk, unless NULL
    size_t texts_n;
    struct owner *owner;
    struct mistakes mistakes;
    const char *folder; // of the main file, with its slash; "" for the current one
};

// 0 or the errno of why not. Only regular files: a pipe could keep a reload waiting.
static int read_disk(struct buf *b, const char *name)
{
    struct stat st;
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return errno;
    int e = fstat(fd, &st) < 0     ? errno
            : S_ISDIR(st.st_mode)  ? EISDIR
            : !S_ISREG(st.st_mode) ? EINVAL
                                   : -file_read_all(fd, b, TREE_BYTES);
    close(fd);
    return e == EFBIG ? 0 : e; // the tree refuses what is too large
}

static int read_text(const struct loader *l, struct buf *b, const char *name)
{
    if (!l->texts)
        return read_disk(b, name);
    for (size_t i = 0; i < l->texts_n; i++) {
        if (strcmp(l->texts[i].name, name) == 0) {
            buf_add_bytes(b, l->texts[i].text);
            return 0;
        }
    }
    return ENOENT;
}

// A file as a tree. `named` is the place in the main file that names it: where it is told that it
// can't be read.
static unsigned load_tree(struct loader *l, struct tree *tree, const char *name,
                          const struct tree_node *named)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    int e = read_text(l, &text, name);
    unsigned file = e && l->mistakes.files_n ? 0 : mistakes_file(&l->mistakes, name);
    if (!e) {
        tree_load(tree, buf_bytes(&text), &l->mistakes, file);
        return file;
    }
    mistakes_add(&l->mistakes, 0, named->line, named->column, "`%s` can't be read: %s", name,
                 e == EINVAL ? "it is no regular file" : strerror(e));
    tree->is_cut = true;
    return file;
}

static void read_tree(struct loader *l, const struct schema *schema, const struct tree *tree,
                      unsigned file, void *base)
{
    struct schema_reader r = {.schema = schema,
                              .keep = &l->owner->arena,
                              .mistakes = &l->mistakes,
                              .file = file,
                              .folder = l->folder,
                              .is_cut = tree->is_cut,
                              .context = base};
    schema_read(&r, tree->root, base);
    schema_reader_deinit(&r);
}

// A file that the main one names under `key`; without a name its defaults.
static void load_named(struct loader *l, const struct schema *schema, const struct tree *main,
                       const char *key, const char *name, void *base)
{
    CLEANUP(tree_deinit) struct tree tree = {0};
    unsigned file = name && *name ? load_tree(l, &tree, name, tree_member(main->root, key)) : 0;
    read_tree(l, schema, &tree, file, base);
}

// What replies mean, as shipped, where the configuration says nothing of them; the rest of that file
// holds only where it is named.
static void load_shipped_replies(struct loader *l, struct file_providers_data *providers)
{
    CLEANUP(tree_deinit) struct tree tree = {0};
    struct file_providers_data shipped = {0};
    unsigned file = mistakes_file(&l->mistakes, "providers.yaml (as shipped)");
    tree_load(&tree, shipped_providers(), &l->mistakes, file);
    read_tree(l, &file_providers, &tree, file, &shipped);
    providers->shipped = arena_new(&l->owner->arena, 1, sizeof(shipped));
    *providers->shipped = shipped;
}

static int by_name(const void *left, const void *right)
{
    const struct settings_provider *a = left, *b = right;
    return strcmp(a->name, b->name);
}

static void add_replies(struct settings *s, const struct settings_provider *p, const char *name)
{
    for (size_t i = 0; i < p->replies_n; i++) {
        s->replies[s->replies_n] = p->replies[i];
        s->replies[s->replies_n++].provider = name;
    }
}

static size_t count_replies(const struct file_providers_data *data)
{
    size_t n = data->fallback.replies_n;
    for (size_t i = 0; i < data->n; i++)
        n += data->items[i].replies_n;
    return n;
}

// Each provider's own, then everybody's.
static void join_replies(struct owner *o, const struct file_providers_data *data)
{
    struct settings *s = &o->data.s;
    const struct file_providers_data *said = data->shipped ? data->shipped : data;
    s->replies = arena_new(&o->arena, count_replies(said), sizeof(*s->replies));
    for (size_t i = 0; i < said->n; i++)
        add_replies(s, &said->items[i], said->items[i].name);
    add_replies(s, &said->fallback, "");
}

// The default first, then the file's, and those that the routes make unless the file has them.
static void join_providers(struct owner *o, const struct file_providers_data *data)
{
    enum { ROUTE_CONNECTIONS = 20 };
    struct settings *s = &o->data.s;
    struct map names = {0};
    struct settings_provider *all =
        arena_new(&o->arena, 1 + data->n + s->delivery.routes_n, sizeof(*all));
    all[0] = data->fallback;
    all[0].name = "";
    s->providers_n = 1;
    for (size_t i = 0; i < data->n; i++) {
        map_put_str(&names, data->items[i].name, all);
        all[s->providers_n++] = data->items[i];
    }
    for (size_t i = 0; i < s->delivery.routes_n; i++) {
        const char *name = s->delivery.routes[i].provider;
        if (!map_put_str(&names, name, all))
            all[s->providers_n++] = (struct settings_provider){
                .name = name, .connections = ROUTE_CONNECTIONS, .rate_per = USEC_SECOND};
    }
    map_deinit(&names);
    join_replies(o, data);
    qsort(all + 1, s->providers_n - 1, sizeof(*all), by_name);
    s->providers = all;
}

static int by_prefix(const void *left, const void *right)
{
    const struct settings_trust *a = left, *b = right;
    return a->bits != b->bits ? (a->bits > b->bits ? -1 : 1) : memcmp(a->net, b->net, 16);
}

// What needs all of the files to be right.
static void complete(struct owner *o, const struct file_providers_data *providers)
{
    struct settings *s = &o->data.s;
    for (size_t i = 0; i < s->listeners_n; i++)
        if (s->listeners[i].trust_n)
            qsort(s->listeners[i].trust, s->listeners[i].trust_n, sizeof(struct settings_trust),
                  by_prefix);
    for (size_t i = 0; i < s->pools_n; i++)
        for (size_t j = 0; j < s->pools[i].ips_n; j++)
            if (!s->pools[i].ips[j].helo)
                s->pools[i].ips[j].helo = s->node;
    s->policy.is_there = *o->data.names.policy;
    join_providers(o, providers);
    index_init(&o->index, s);
    s->index = &o->index;
}

static const struct tree_node top = {.line = 1, .column = 1};

// What a policy leaves out; blocklists are asked only when it names them.
static void init_policy(struct policy *p)
{
    policy_default(p);
    p->is_there = false;
    p->zones = NULL;
    p->zones_n = 0;
}

static void load_policy(struct loader *l, const char *file)
{
    CLEANUP(tree_deinit) struct tree tree = {0};
    l->folder = "";
    unsigned number = load_tree(l, &tree, file, &top);
    read_tree(l, &file_policy, &tree, number, &l->owner->data.s);
    l->owner->data.s.policy.is_there = true;
}

static void load_all(struct loader *l, const char *file)
{
    struct owner *o = l->owner;
    const char *slash = strrchr(file, '/');
    struct file_providers_data providers = {0};
    CLEANUP(tree_deinit) struct tree tree = {0};
    o->data.s.file = arena_copy(&o->arena, bytes_str(file));
    l->folder = arena_copy(&o->arena, bytes_of(file, slash ? (size_t)(slash - file) + 1 : 0));
    unsigned number = load_tree(l, &tree, file, &top);
    read_tree(l, &file_main, &tree, number, &o->data);
    load_named(l, &file_providers, &tree, "providers", o->data.names.providers, &providers);
    if (!count_replies(&providers))
        load_shipped_replies(l, &providers);
    load_named(l, &file_policy, &tree, "policy", o->data.names.policy, &o->data.s);
    if (!l->mistakes.n)
        complete(o, &providers);
}

static int load(struct settings **out, struct settings_mistakes *mistakes, struct loader *l,
                const char *file, void (*read)(struct loader *l, const char *file))
{
    l->owner = xcalloc(1, sizeof(*l->owner));
    *out = NULL;
    init_policy(&l->owner->data.s.policy);
    read(l, file);
    bool is_right = !l->mistakes.n;
    mistakes_finish(&l->mistakes, mistakes);
    if (!is_right) {
        settings_free(&l->owner->data.s);
        return 1;
    }
    settings_mistakes_deinit(mistakes);
    *out = &l->owner->data.s;
    return 0;
}

int settings_load(struct settings **out, struct settings_mistakes *mistakes, const char *file)
{
    struct loader l = {0};
    return load(out, mistakes, &l, file, load_all);
}

int settings_load_policy(struct settings **out, struct settings_mistakes *mistakes,
                         const char *file)
{
    struct loader l = {0};
    return load(out, mistakes, &l, file, load_policy);
}

int settings_load_texts(struct settings **out, struct settings_mistakes *mistakes,
                        const struct settings_text *files, size_t n)
{
    must(n > 0);
    struct loader l = {.texts = files, .texts_n = n};
    return load(out, mistakes, &l, files[0].name, load_all);
}

int settings_load_text(struct settings **out, struct settings_mistakes *mistakes, const char *name,
                       struct bytes text)
{
    struct settings_text file = {name, text};
    return settings_load_texts(out, mistakes, &file, 1);
}

struct settings *settings_shipped(void)
{
    static const char main_text[] =
        "node: none\nstate: none\nproviders: providers.yaml\n"
        "listeners: [{address: \"127.0.0.1:25\", kind: submission, tls: none}]\n"
        "pools: {none: {ips: [127.0.0.1]}}\n";
    struct settings *s;
    struct settings_mistakes mistakes = {0};
    const struct settings_text files[] = {{"mxwarden.yaml", bytes_str(main_text)},
                                          {"providers.yaml", shipped_providers()}};
    must(settings_load_texts(&s, &mistakes, files, ARRAY_LEN(files)) == 0);
    return s;
}

struct settings *settings_free(struct settings *s)
{
    if (!s)
        return NULL;
    struct owner *o = CONTAINER_OF(s, struct owner, data.s);
    index_deinit(&o->index);
    arena_deinit(&o->arena);
    xfree(o);
    return NULL;
}
