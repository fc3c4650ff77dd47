#include "settings/value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

static const struct sockaddr_in *in4(const struct settings_address *a)
{
    return (const struct sockaddr_in *)&a->sa;
}

static const struct sockaddr_in6 *in6(const struct settings_address *a)
{
    return (const struct sockaddr_in6 *)&a->sa;
}

static bool parse_any_ip(struct settings_address *a, const char *text, uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    memset(&a->sa, 0, sizeof(a->sa));
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        memcpy(&a->sa, &v4, sizeof(v4));
        a->sa_n = sizeof(v4);
        return true;
    }
    if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) {
        memcpy(&a->sa, &v6, sizeof(v6));
        a->sa_n = sizeof(v6);
        return true;
    }
    return false;
}

bool value_is_any(const struct settings_address *a)
{
    static const struct in6_addr none;
    return a->sa.ss_family == AF_INET ? in4(a)->sin_addr.s_addr == 0
                                      : memcmp(&in6(a)->sin6_addr, &none, sizeof(none)) == 0;
}

bool value_parse_ip(struct settings_address *a, const char *text)
{
    if (!parse_any_ip(a, text, 0) || value_is_any(a))
        return false;
    if (a->sa.ss_family == AF_INET)
        return ntohl(in4(a)->sin_addr.s_addr) < 0xe0000000U; // below multicast, RFC 1112
    return in6(a)->sin6_addr.s6_addr[0] != 0xff && !IN6_IS_ADDR_V4MAPPED(&in6(a)->sin6_addr);
}

bool value_parse_address(struct settings_address *a, const char *text)
{
    char host[VALUE_ADDRESS];
    const char *colon = strrchr(text, ':');
    int64_t port;
    if (!colon || !text_parse_number(&port, colon + 1, 1, 65535))
        return false;
    bool is_bracketed = *text == '[';
    const char *from = text + is_bracketed;
    size_t n = (size_t)(colon - text);
    if (is_bracketed && (n < 3 || text[n - 1] != ']'))
        return false;
    n -= is_bracketed ? 2 : 0;
    if (n >= sizeof(host))
        return false;
    memcpy(host, from, n);
    host[n] = '\0';
    return (strchr(host, ':') != NULL) == is_bracketed && parse_any_ip(a, host, (uint16_t)port);
}

void value_format_ip(char out[VALUE_ADDRESS], const struct settings_address *a)
{
    const void *address = a->sa.ss_family == AF_INET ? (const void *)&in4(a)->sin_addr
                                                     : (const void *)&in6(a)->sin6_addr;
    if (!inet_ntop(a->sa.ss_family, address, out, VALUE_ADDRESS))
        *out = '\0';
}

static void map_v4(uint8_t out[16], const void *v4)
{
    memset(out, 0, 10);
    memset(out + 10, 0xff, 2);
    memcpy(out + 12, v4, 4);
}

bool value_address_bytes(uint8_t out[16], const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET)
        map_v4(out, &((const struct sockaddr_in *)(const void *)sa)->sin_addr);
    else if (sa->sa_family == AF_INET6)
        memcpy(out, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
    else
        return false;
    return true;
}

// Clears the bits of `net` behind the prefix; true when there were none.
static bool clear_beyond(uint8_t net[16], unsigned bits)
{
    bool were_none = true;
    for (unsigned i = bits / 8; i < 16; i++) {
        uint8_t kept = i == bits / 8 ? (uint8_t)(net[i] & (0xff00U >> bits % 8)) : 0;
        were_none = were_none && kept == net[i];
        net[i] = kept;
    }
    return were_none;
}

bool value_parse_network(uint8_t net[16], unsigned *bits, bool *is_exact, const char *text)
{
    char host[VALUE_ADDRESS];
    const char *slash = strchr(text, '/');
    size_t n = slash ? (size_t)(slash - text) : strlen(text);
    struct settings_address a;
    if (n >= sizeof(host))
        return false;
    memcpy(host, text, n);
    host[n] = '\0';
    if (!parse_any_ip(&a, host, 0))
        return false;
    unsigned most = a.sa.ss_family == AF_INET ? 32 : 128;
    int64_t prefix = most;
    if (slash && !text_parse_number(&prefix, slash + 1, 0, most))
        return false;
    value_address_bytes(net, (const struct sockaddr *)&a.sa);
    *bits = (unsigned)prefix + 128 - most;
    *is_exact = clear_beyond(net, *bits);
    return true;
}

void value_format_network(char out[VALUE_NETWORK], const uint8_t net[16], unsigned bits)
{
    char ip[VALUE_ADDRESS] = "";
    uint8_t v4[16];
    map_v4(v4, net + 12);
    bool is_v4 = bits >= 96 && memcmp(v4, net, 16) == 0;
    inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? net + 12 : net, ip, sizeof(ip));
    snprintf(out, VALUE_NETWORK, "%s/%u", ip, is_v4 ? bits - 96 : bits);
}

static bool is_label(const char *p, size_t n)
{
    if (n < 1 || n > 63 || p[0] == '-' || p[n - 1] == '-')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isascii((unsigned char)p[i]) || (!isalnum((unsigned char)p[i]) && p[i] != '-'))
            return false;
    return true;
}

bool value_parse_domain(char out[VALUE_DOMAIN], const char *text)
{
    size_t n = strlen(text), label = 0;
    if (n >= VALUE_DOMAIN)
        return false;
    for (size_t i = 0; i <= n; i++) {
        if (text[i] && text[i] != '.')
            continue;
        if (!is_label(text + label, i - label))
            return false;
        label = text[i] ? i + 1 : label;
    }
    for (size_t i = 0; i <= n; i++)
        out[i] = (char)tolower((unsigned char)text[i]);
    return strspn(out + label, "0123456789") < n - label; // else it would be an address
}

bool value_is_resolver(const char *text)
{
    char host[VALUE_ADDRESS];
    size_t n = strcspn(text, "@");
    struct settings_address a;
    int64_t port;
    if (n >= sizeof(host) || (text[n] && !text_parse_number(&port, text + n + 1, 1, 65535)))
        return false;
    memcpy(host, text, n);
    host[n] = '\0';
    return parse_any_ip(&a, host, 0) && !value_is_any(&a);
}

// A name in a zone file: underscores and a final dot may stand in it.
static bool is_owner(const char *text)
{
    char plain[VALUE_DOMAIN], lower[VALUE_DOMAIN];
    size_t n = strlen(text);
    n -= n > 1 && text[n - 1] == '.';
    if (n >= sizeof(plain))
        return false;
    memcpy(plain, text, n);
    plain[n] = '\0';
    for (char *c = plain; *c; c++)
        if (*c == '_')
            *c = 'x';
    return value_parse_domain(lower, plain);
}

static bool is_a(char **word, size_t n)
{
    struct in_addr a;
    return n == 1 && inet_pton(AF_INET, word[0], &a) == 1;
}

static bool is_aaaa(char **word, size_t n)
{
    struct in6_addr a;
    return n == 1 && inet_pton(AF_INET6, word[0], &a) == 1;
}

static bool is_mx(char **word, size_t n)
{
    int64_t preference;
    return n == 2 && text_parse_number(&preference, word[0], 0, 65535) &&
           (strcmp(word[1], ".") == 0 || is_owner(word[1])); // "." is the null MX, RFC 7505
}

static bool is_name(char **word, size_t n)
{
    return n == 1 && is_owner(word[0]);
}

static bool is_something(char **word, size_t n)
{
    return n >= 1 && *word[0];
}

static const struct record {
    const char *type;
    bool (*check)(char **word, size_t n);
} records[] = {
    {"A", is_a},           {"AAAA", is_aaaa},     {"MX", is_mx},         {"CNAME", is_name},
    {"PTR", is_name},      {"NS", is_name},       {"TXT", is_something}, {"TLSA", is_something},
    {"SRV", is_something}, {"SOA", is_something},
};

static bool is_typed(char **word, size_t n)
{
    for (size_t i = 0; n && i < ARRAY_LEN(records); i++)
        if (strcasecmp(word[0], records[i].type) == 0)
            return records[i].check(word + 1, n - 1);
    return false;
}

bool value_is_record(const char *text)
{
    char *word[16], *rest = NULL;
    size_t n = 0, at = 1;
    int64_t ttl;
    CLEANUP(xfree) char *copy = xstrdup(text);
    for (char *w = strtok_r(copy, " ", &rest); w && n < ARRAY_LEN(word);
         w = strtok_r(NULL, " ", &rest))
        word[n++] = w;
    if (n < 3 || !is_owner(word[0]))
        return false;
    at += text_parse_number(&ttl, word[at], 0, INT32_MAX);
    at += at < n && strcasecmp(word[at], "IN") == 0;
    return at < n && is_typed(word + at, n - at);
}

// RFC 5321 §4.1.2: atoms with single dots between them.
static bool is_dot_string(const char *text, size_t n)
{
    if (!n || n > 64 || text[0] == '.' || text[n - 1] == '.')
        return false;
    for (size_t i = 0; i < n; i++) {
        bool is_letter = (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z') ||
                         (text[i] >= '0' && text[i] <= '9') ||
                         (text[i] && strchr("!#$%&'*+-/=?^_`{|}~", text[i]));
        if (!is_letter && (text[i] != '.' || text[i + 1] == '.'))
            return false;
    }
    return true;
}

bool value_is_mailbox(const char *text)
{
    char domain[VALUE_DOMAIN];
    const char *at = strchr(text, '@');
    return at && is_dot_string(text, (size_t)(at - text)) && value_parse_domain(domain, at + 1);
}

bool value_is_user(const char *text)
{
    size_t n = strlen(text);
    if (n < 1 || n > 32 || *text == '-' || *text == '.')
        return false;
    return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == n;
}

bool value_is_user_or_group(const char *text)
{
    return value_is_user(text + (*text == '@'));
}

bool value_parse_customer(char customer[64], char list[64], const char *text)
{
    size_t n = strcspn(text, "/");
    const char *second = text[n] ? text + n + 1 : "";
    if (!text_is_name_n(text, n) || (text[n] && !text_is_name(second)))
        return false;
    snprintf(customer, 64, "%.*s", (int)n, text);
    snprintf(list, 64, "%s", second);
    return true;
}

// digits x 10^power. Both are small enough that one exact division or multiplication gives the
// nearest double (Clinger, How to Read Floating Point Numbers Accurately, 1990).
struct decimal {
    uint64_t digits;
    int power;
};

enum { DECIMAL_DIGITS = 15, DECIMAL_POWER = 22 };

// NULL, or what stands behind the digits; each is counted, and moves the point where `step` says.
static const char *add_digits(struct decimal *d, int *count, const char *text, int step)
{
    const char *c = text;
    for (; isdigit((unsigned char)*c); c++) {
        if (*count >= DECIMAL_DIGITS)
            return NULL;
        *count += d->digits || *c != '0';
        d->digits = d->digits * 10 + (uint64_t)(*c - '0');
        d->power += step;
        if (d->power < -DECIMAL_POWER)
            return NULL;
    }
    return c > text ? c : NULL;
}

static const char *add_exponent(struct decimal *d, const char *text)
{
    int sign = *text == '-' ? -1 : 1, v = 0;
    text += *text == '-' || *text == '+';
    if (!isdigit((unsigned char)*text))
        return NULL;
    for (; isdigit((unsigned char)*text); text++) {
        v = v * 10 + (*text - '0');
        if (v > DECIMAL_POWER)
            return NULL;
    }
    d->power += sign * v;
    return text;
}

// What stands behind the number, NULL when there is none.
static const char *parse_decimal(struct decimal *d, const char *text)
{
    int count = 0;
    *d = (struct decimal){0};
    const char *c = add_digits(d, &count, text, 0);
    if (c && *c == '.')
        c = add_digits(d, &count, c + 1, -1);
    if (c && *c == 'e')
        c = add_exponent(d, c + 1);
    return c;
}

static bool decimal_value(double *v, const struct decimal *d)
{
    double scale = 1;
    int places = d->power < 0 ? -d->power : d->power;
    if (places > DECIMAL_POWER)
        return false;
    for (int i = 0; i < places; i++)
        scale *= 10; // exact up to 10^22
    *v = d->power < 0 ? (double)d->digits / scale : (double)d->digits * scale;
    return true;
}

bool value_parse_real(double *v, const char *text)
{
    struct decimal d;
    const char *end = parse_decimal(&d, text);
    return end && !*end && decimal_value(v, &d);
}

bool value_parse_share(double *v, const char *text)
{
    struct decimal d;
    double share;
    const char *end = parse_decimal(&d, text);
    if (!end || strcmp(end, "%") != 0)
        return false;
    d.power -= 2;
    if (!decimal_value(&share, &d) || share > 1)
        return false;
    *v = share;
    return true;
}
