#include "engine/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "mail/token.h"

enum { FILE_MOST = 64 << 10, LINE_MOST = 200 };

static const char file_name[] = "token.keys";
static const char explanation[] =
    "# Keys of the addresses that bounces and complaints come back to. A line a key, `ID HEX`: "
    "the\n"
    "# first signs, all verify. The same file may be on several nodes. See docs/feedback.md.\n";

static int refused(char **why, const char *path, const char *what)
{
    *why = xasprintf("%s: %s", path, what);
    return 1;
}

// `ID HEX` and nothing else.
static bool parse_line(struct token_key *key, const char *line)
{
    char number[4];
    int64_t id;
    size_t n = strcspn(line, " ");
    if (n >= sizeof(number) || line[n] != ' ')
        return false;
    snprintf(number, sizeof(number), "%.*s", (int)n, line);
    if (!text_parse_number(&id, number, 0, 255))
        return false;
    key->id = (uint8_t)id;
    return text_parse_hex(key->secret, TOKEN_KEY, line + n + 1, strlen(line + n + 1));
}

static bool is_there_already(const struct token_keys *keys, uint8_t id)
{
    for (size_t i = 0; i < keys->n; i++)
        if (keys->keys[i].id == id)
            return true;
    return false;
}

// What is wrong with a line; NULL: nothing. Never quotes it: it may be a secret.
static const char *take_line(struct token_keys *keys, struct bytes in)
{
    char line[LINE_MOST];
    struct token_key key;
    while (in.n && (in.p[in.n - 1] == '\r' || in.p[in.n - 1] == ' '))
        in.n--;
    if (!in.n || in.p[0] == '#')
        return NULL;
    if (in.n >= sizeof(line) || memchr(in.p, '\0', in.n))
        return "expected `ID HEX`";
    snprintf(line, sizeof(line), "%.*s", (int)in.n, (const char *)in.p);
    if (!parse_line(&key, line))
        return "expected `ID HEX`: a number from 0 to 255, a blank and 64 digits 0-9 a-f";
    if (is_there_already(keys, key.id))
        return "this ID is here already, expected another for each key";
    if (keys->n == TOKEN_KEYS)
        return "one key too many, expected at most 8";
    keys->keys[keys->n++] = key;
    return NULL;
}

int keys_parse(struct token_keys *keys, struct bytes text, const char *name, char **why)
{
    unsigned number = 0;
    *keys = (struct token_keys){.n = 0};
    while (text.n) {
        const uint8_t *end = memchr(text.p, '\n', text.n);
        size_t n = end ? (size_t)(end - text.p) : text.n;
        const char *wrong = take_line(keys, bytes_of(text.p, n));
        number++;
        if (wrong) {
            *why = xasprintf("%s:%u: %s", name, number, wrong);
            return 1;
        }
        text = bytes_skip(text, end ? n + 1 : n);
    }
    return keys->n ? 0 : refused(why, name, "no key in it, expected a line `ID HEX`");
}

static int read_file(struct token_keys *keys, int fd, const char *path, char **why)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    struct stat st;
    if (fstat(fd, &st) < 0)
        return refused(why, path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return refused(why, path, "is no plain file");
    if (st.st_mode & 077)
        return refused(why, path, "others may read it, expected mode 0600");
    int r = file_read_all(fd, &text, FILE_MOST);
    return r < 0 ? refused(why, path, strerror(-r)) : keys_parse(keys, buf_bytes(&text), path, why);
}

int keys_load(struct token_keys *keys, bool *is_there, const char *dir, char **why)
{
    CLEANUP(xfree) char *path = xasprintf("%s/%s", dir, file_name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    *is_there = fd >= 0;
    if (fd < 0) // a folder that is none is the store's to name
        return errno == ENOENT || errno == ENOTDIR ? 0 : refused(why, path, strerror(errno));
    int r = read_file(keys, fd, path, why);
    close(fd);
    return r;
}

int keys_make(struct token_keys *keys, const char *dir, char **why)
{
    CLEANUP(xfree) char *path = xasprintf("%s/%s", dir, file_name);
    CLEANUP(buf_deinit) struct buf text = {0};
    char hex[2 * TOKEN_KEY + 1];
    *keys = (struct token_keys){.n = 1, .keys[0].id = 1};
    hash_random(keys->keys[0].secret, TOKEN_KEY);
    text_format_hex(hex, keys->keys[0].secret, TOKEN_KEY);
    buf_printf(&text, "%s1 %s\n", explanation, hex);
    int r = file_put(dir, file_name, buf_bytes(&text));
    return r < 0 ? refused(why, path, strerror(-r)) : 0;
}
