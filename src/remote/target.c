#include "remote/target.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static const char *const kinds[] = {
    [TARGET_CUSTOMER] = "customer", [TARGET_IP] = "ip",
    [TARGET_QUEUE] = "queue",       [TARGET_LOG] = "log",
    [TARGET_MESSAGE] = "message",   [TARGET_PROVIDER] = "provider",
    [TARGET_LANE] = "lane",         [TARGET_INCIDENT] = "incident",
    [TARGET_EVENT] = "event",
};

const char *target_kind_text(enum target_kind kind)
{
    return kinds[kind];
}

static int wrong(char **why, const char *expected, const char *got)
{
    CLEANUP(xfree) char *shown = text_visible_new(bytes_of(got, strnlen(got, 80)));
    *why = xasprintf("expected %s, got `%s`", expected, shown);
    return 1;
}

static bool copy(char *out, size_t room, const char *from, size_t n)
{
    if (n >= room)
        return false;
    memcpy(out, from, n);
    out[n] = '\0';
    return true;
}

static bool take_name(char out[TEXT_NAME], const char *from, size_t n)
{
    return text_is_name_n(from, n) && copy(out, TEXT_NAME, from, n);
}

static bool take_ip(char out[TEXT_NAME], const char *from, size_t n)
{
    char text[TEXT_NAME];
    uint8_t raw[16];
    if (!copy(text, sizeof(text), from, n))
        return false;
    int family = strchr(text, ':') ? AF_INET6 : AF_INET;
    return inet_pton(family, text, raw) == 1 && inet_ntop(family, raw, out, TEXT_NAME);
}

// A provider may be a domain, or a fixed next hop by its address: letters, digits and . _ - : only.
static bool take_provider(char out[TARGET_PROVIDER_NAME], const char *from, size_t n)
{
    if (!n || !copy(out, TARGET_PROVIDER_NAME, from, n))
        return false;
    for (char *p = out; *p; p++) {
        *p = (char)tolower((unsigned char)*p);
        if (!isalnum((unsigned char)*p) && !strchr("._-:[]", *p))
            return false;
    }
    return true;
}

static int parse_customer(struct target *t, const char *s, char **why)
{
    const char *slash = strchrnul(s, '/');
    if (!take_name(t->customer, s, (size_t)(slash - s)) ||
        (*slash && !take_name(t->list, slash + 1, strlen(slash + 1))))
        return wrong(why, "a customer like acme, or its list like acme/spring", s);
    return 0;
}

static int parse_message(struct target *t, const char *s, char **why)
{
    size_t n = strlen(s);
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]))
            n = 0;
    if (n != TARGET_MESSAGE_ID - 1)
        return wrong(why, "a message's id of 26 letters and digits", s);
    for (size_t i = 0; i <= n; i++)
        t->message[i] = (char)toupper((unsigned char)s[i]);
    return 0;
}

static bool queue_part(struct target *t, const char *part, size_t n)
{
    const char *equals = memchr(part, '=', n);
    if (!equals)
        return false;
    size_t name = (size_t)(equals - part);
    const char *value = equals + 1;
    size_t rest = n - name - 1;
    struct bytes word = bytes_of(part, name);
    if (bytes_equal(word, bytes_str("customer")))
        return !t->customer[0] && take_name(t->customer, value, rest);
    if (bytes_equal(word, bytes_str("list")))
        return !t->list[0] && take_name(t->list, value, rest);
    if (bytes_equal(word, bytes_str("pool")))
        return !t->pool[0] && take_name(t->pool, value, rest);
    if (bytes_equal(word, bytes_str("provider")))
        return !t->provider[0] && take_provider(t->provider, value, rest);
    return bytes_equal(word, bytes_str("ip")) && !t->ip[0] && take_ip(t->ip, value, rest);
}

static int parse_queue(struct target *t, const char *s, char **why)
{
    if (strcmp(s, "all") == 0) {
        t->is_all = true;
        return 0;
    }
    for (const char *part = s;;) {
        const char *comma = strchrnul(part, ',');
        if (!queue_part(t, part, (size_t)(comma - part)))
            return wrong(
                why, "queue:all, or customer= list= provider= ip= pool= with commas between", s);
        if (!*comma)
            return 0;
        part = comma + 1;
    }
}

static int parse_lane(struct target *t, const char *s, char **why)
{
    const char *slash = strchr(s, '/');
    if (!slash || !take_ip(t->ip, s, (size_t)(slash - s)) ||
        !take_provider(t->provider, slash + 1, strlen(slash + 1)))
        return wrong(why, "an address and a provider like 198.51.100.7/google", s);
    return 0;
}

static void write_queue(struct target *t)
{
    const struct {
        const char *name, *value;
    } parts[] = {{"customer", t->customer},
                 {"list", t->list},
                 {"provider", t->provider},
                 {"ip", t->ip},
                 {"pool", t->pool}};
    size_t n = (size_t)snprintf(t->text, TARGET_TEXT, "queue:%s", t->is_all ? "all" : "");
    const char *comma = "";
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (!parts[i].value[0])
            continue;
        n += (size_t)snprintf(t->text + n, TARGET_TEXT - n, "%s%s=%s", comma, parts[i].name,
                              parts[i].value);
        comma = ",";
    }
}

static int parse_value(struct target *t, const char *s, char **why)
{
    int64_t seq;
    switch (t->kind) {
    case TARGET_CUSTOMER:
        if (parse_customer(t, s, why))
            return 1;
        snprintf(t->text, TARGET_TEXT, "customer:%s%s%s", t->customer, t->list[0] ? "/" : "",
                 t->list);
        return 0;
    case TARGET_IP:
        if (!take_ip(t->ip, s, strlen(s)))
            return wrong(why, "an IP address", s);
        snprintf(t->text, TARGET_TEXT, "ip:%s", t->ip);
        return 0;
    case TARGET_QUEUE:
        if (parse_queue(t, s, why))
            return 1;
        write_queue(t);
        return 0;
    case TARGET_LOG:
        if (!text_parse_number(&seq, s, 1, INT64_MAX))
            return wrong(why, "a ledger number like 17", s);
        t->seq = (uint64_t)seq;
        snprintf(t->text, TARGET_TEXT, "log:%ju", (uintmax_t)t->seq);
        return 0;
    case TARGET_MESSAGE:
        if (parse_message(t, s, why))
            return 1;
        snprintf(t->text, TARGET_TEXT, "message:%s", t->message);
        return 0;
    case TARGET_PROVIDER:
        if (!take_provider(t->provider, s, strlen(s)))
            return wrong(why, "a provider's name", s);
        snprintf(t->text, TARGET_TEXT, "provider:%s", t->provider);
        return 0;
    case TARGET_INCIDENT:
        if (!text_parse_number(&seq, s, 1, TARGET_INCIDENT_MOST))
            return wrong(why, "an incident's number like 318", s);
        t->seq = (uint64_t)seq;
        snprintf(t->text, TARGET_TEXT, "incident:%ju", (uintmax_t)t->seq);
        return 0;
    case TARGET_EVENT:
        if (!text_parse_number(&seq, s, 1, INT64_MAX))
            return wrong(why, "an event's number like 9", s);
        t->seq = (uint64_t)seq;
        snprintf(t->text, TARGET_TEXT, "event:%ju", (uintmax_t)t->seq);
        return 0;
    case TARGET_LANE:
        if (parse_lane(t, s, why))
            return 1;
        snprintf(t->text, TARGET_TEXT, "lane:%s/%s", t->ip, t->provider);
        return 0;
    }
    return 1;
}

int target_parse_kind(struct target *t, enum target_kind kind, const char *text, char **why)
{
    if (kind == TARGET_LANE && !strchr(text, '/'))
        kind = TARGET_PROVIDER; // all its lanes
    size_t n = strlen(kinds[kind]);
    *t = (struct target){.kind = kind};
    if (strncmp(text, kinds[kind], n) == 0 && text[n] == ':')
        text += n + 1;
    return parse_value(t, text, why);
}

int target_parse(struct target *t, const char *text, char **why)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        size_t n = strlen(kinds[i]);
        if (strncmp(text, kinds[i], n) == 0 && text[n] == ':')
            return target_parse_kind(t, (enum target_kind)i, text, why);
    }
    return wrong(why,
                 "customer:ID, ip:ADDR, lane:ADDR/PROVIDER, queue:…, message:ID, provider:ID, "
                 "incident:N or log:SEQ",
                 text);
}
