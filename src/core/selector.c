#include "core/selector.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"

static bool set_name(char value[TEXT_NAME], struct bytes text)
{
    if (!text_is_name_n((const char *)text.p, text.n))
        return false;
    memcpy(value, text.p, text.n);
    value[text.n] = '\0';
    return true;
}

static bool set_ip(char value[TEXT_NAME], struct bytes text)
{
    char given[TEXT_NAME];
    uint8_t address[16];
    if (text.n >= sizeof(given))
        return false;
    memcpy(given, text.p, text.n);
    given[text.n] = '\0';
    int family = strchr(given, ':') ? AF_INET6 : AF_INET;
    return inet_pton(family, given, address) == 1 && inet_ntop(family, address, value, TEXT_NAME);
}

static const struct key {
    const char *text; // with its equal sign
    size_t at;
    bool (*set)(char value[TEXT_NAME], struct bytes text);
} keys[] = {
    {"customer=", offsetof(struct selector, customer), set_name},
    {"list=", offsetof(struct selector, list), set_name},
    {"provider=", offsetof(struct selector, provider), set_name},
    {"ip=", offsetof(struct selector, ip), set_ip},
    {"pool=", offsetof(struct selector, pool), set_name},
};

static char *value_of(struct selector *sel, const struct key *key)
{
    return (char *)sel + key->at;
}

static bool set_pair(struct selector *sel, struct bytes pair)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        size_t n = strlen(keys[i].text);
        if (pair.n <= n || memcmp(pair.p, keys[i].text, n) != 0)
            continue;
        char *value = value_of(sel, &keys[i]);
        return !*value && keys[i].set(value, bytes_skip(pair, n));
    }
    return false;
}

bool selector_parse(struct selector *sel, const char *target)
{
    *sel = (struct selector){.is_all = strcmp(target, "queue:all") == 0};
    if (sel->is_all)
        return true;
    if (strncmp(target, "queue:", 6) != 0)
        return false;
    for (const char *at = target + 6;; at++) {
        size_t n = strcspn(at, ",");
        if (!set_pair(sel, bytes_of(at, n)))
            return false;
        at += n;
        if (!*at)
            return true;
    }
}

void selector_format(char out[SELECTOR_TEXT], const struct selector *sel)
{
    int n = snprintf(out, SELECTOR_TEXT, "queue:%s", sel->is_all ? "all" : "");
    const char *between = "";
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const char *value = (const char *)sel + keys[i].at;
        if (sel->is_all || !*value)
            continue;
        n += snprintf(out + n, SELECTOR_TEXT - (size_t)n, "%s%s%s", between, keys[i].text, value);
        between = ",";
    }
}
