#include "smtp/command.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

static struct bytes skip_blanks(struct bytes in)
{
    while (in.n && in.p[0] == ' ')
        in = bytes_skip(in, 1);
    return in;
}

// Where the path ends: the first `>` outside a quoted local part. in.n when there is none.
static size_t path_end(struct bytes in)
{
    bool is_quoted = false;
    for (size_t i = 0; i < in.n; i++) {
        if (is_quoted && in.p[i] == '\\')
            i++;
        else if (in.p[i] == '"')
            is_quoted = !is_quoted;
        else if (in.p[i] == '>' && !is_quoted)
            return i;
    }
    return in.n;
}

// `@one,@two:user@three` is `user@three`.
static struct bytes without_route(struct bytes path)
{
    if (!path.n || path.p[0] != '@')
        return path;
    const uint8_t *colon = memchr(path.p, ':', path.n);
    return colon ? bytes_skip(path, (size_t)(colon - path.p) + 1) : path;
}

static bool read_address(char address[ADDRESS_TEXT], const char *domain, struct bytes path)
{
    char full[ADDRESS_TEXT];
    if (!bytes_equal_nocase(path, bytes_str("postmaster")))
        return address_parse(address, path);
    int n = snprintf(full, sizeof(full), "%.*s@%s", (int)path.n, path.p, domain);
    return n > 0 && (size_t)n < sizeof(full) && address_parse(address, bytes_str(full));
}

enum smtp_path_result smtp_path_parse(char address[ADDRESS_TEXT], struct bytes *params,
                                      const char *keyword, const char *domain,
                                      struct bytes argument)
{
    size_t n = strlen(keyword);
    if (!bytes_starts_nocase(argument, keyword) || argument.n == n || argument.p[n] != ':')
        return SMTP_PATH_SYNTAX;
    struct bytes in = skip_blanks(bytes_skip(argument, n + 1));
    if (!in.n || in.p[0] != '<')
        return SMTP_PATH_SYNTAX;
    in = bytes_skip(in, 1);
    size_t end = path_end(in);
    if (end == in.n || (end + 1 < in.n && in.p[end + 1] != ' '))
        return SMTP_PATH_SYNTAX;
    *params = bytes_skip(in, end + 1);
    if (end == 0) {
        address[0] = '\0';
        return SMTP_PATH_DONE;
    }
    struct bytes path = without_route(bytes_of(in.p, end));
    return read_address(address, domain, path) ? SMTP_PATH_DONE : SMTP_PATH_ADDRESS;
}

bool smtp_param_next(struct bytes *name, struct bytes *value, struct bytes *params)
{
    *params = skip_blanks(*params);
    if (!params->n)
        return false;
    const uint8_t *blank = memchr(params->p, ' ', params->n);
    size_t n = blank ? (size_t)(blank - params->p) : params->n;
    const uint8_t *equals = memchr(params->p, '=', n);
    *name = bytes_of(params->p, equals ? (size_t)(equals - params->p) : n);
    *value = equals ? bytes_of(equals + 1, n - name->n - 1) : bytes_of(NULL, 0);
    *params = bytes_skip(*params, n);
    return true;
}

bool smtp_param_size(uint64_t *size, struct bytes value)
{
    if (!value.n || value.n > 20)
        return false;
    *size = 0;
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '9')
            return false;
        uint64_t digit = value.p[i] - (uint64_t)'0';
        *size = *size > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *size * 10 + digit;
    }
    return true;
}

bool smtp_helo_is_valid(struct bytes name)
{
    if (!name.n || name.n > 255)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        uint8_t c = name.p[i] | 0x20;
        bool is_alnum = (c >= 'a' && c <= 'z') || (name.p[i] >= '0' && name.p[i] <= '9');
        if (!is_alnum && (!name.p[i] || !strchr("-._:[]", name.p[i])))
            return false;
    }
    return true;
}
