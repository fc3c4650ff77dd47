#include "warden/reader_wire.h"

#include <string.h>

#include "base/text.h"
#include "core/pack.h"
#include "mail/address.h"
#include "mail/feedback.h"

size_t wire_begin(struct buf *out)
{
    size_t at = out->n;
    pack_u32(out, 0);
    return at;
}

void wire_end(struct buf *out, size_t at)
{
    uint32_t n = (uint32_t)(out->n - at - WIRE_LENGTH);
    for (size_t i = 0; i < WIRE_LENGTH; i++)
        out->p[at + i] = (uint8_t)(n >> (8 * i));
}

uint32_t wire_length(const uint8_t bytes[WIRE_LENGTH])
{
    uint32_t n = 0;
    struct bytes in = bytes_of(bytes, WIRE_LENGTH);
    return take_u32(&in, &n) ? n : 0;
}

// ---- answers

static void put_text(struct buf *out, const char *text, size_t most)
{
    pack_str(out, strlen(text) <= most ? text : "");
}

void wire_put_answer(struct buf *out, const struct feedback *f)
{
    pack_u8(out, (uint8_t)f->kind);
    put_text(out, f->message_id, WIRE_ID);
    put_text(out, f->feedback_id, WIRE_ID);
    put_text(out, f->return_path, WIRE_ID);
    put_text(out, f->source_ip, WIRE_ID);
    pack_u32(out, (uint32_t)f->recipients_n);
    for (size_t i = 0; i < f->recipients_n; i++) {
        const struct feedback_recipient *r = &f->recipients[i];
        pack_u8(out, (uint8_t)r->class);
        pack_u8(out, (uint8_t)r->scope);
        pack_u16(out, (uint16_t)r->code);
        put_text(out, r->enhanced, sizeof(r->enhanced) - 1);
        put_text(out, r->address, WIRE_ADDRESS);
        put_text(out, r->reply, FEEDBACK_REPLY);
    }
}

#define IS_ROW(name, number, ...)                                                                  \
    case number:                                                                                   \
        return true;

static bool is_class(unsigned v)
{
    switch (v) {
        WORDS_CLASS(IS_ROW)
    }
    return false;
}

static bool is_scope(unsigned v)
{
    switch (v) {
        WORDS_SCOPE(IS_ROW)
    }
    return false;
}

static bool is_enhanced(const char *text)
{
    return !*text || (strspn(text, "0123456789.") == strlen(text) && strchr("245", *text));
}

// Text for people: whatever stands there, it comes out visible.
static bool take_visible(struct bytes *in, char **v, size_t most)
{
    struct bytes text;
    if (!take_bytes(in, &text) || text.n > most)
        return false;
    char room[FEEDBACK_REPLY + 1];
    text_visible(room, sizeof(room), text.p, text.n);
    *v = xstrdup(room);
    return true;
}

// "" or an address as every room takes it.
static bool take_address(struct bytes *in, char **v)
{
    struct bytes text;
    char address[ADDRESS_TEXT] = "";
    if (!take_bytes(in, &text) || text.n > WIRE_ADDRESS)
        return false;
    if (text.n && !address_parse(address, text))
        address[0] = '\0'; // an odd one names nobody
    *v = xstrdup(address);
    return true;
}

static bool take_recipient(struct bytes *in, struct feedback_recipient *r)
{
    uint8_t class, scope;
    uint16_t code;
    if (!take_u8(in, &class) || !take_u8(in, &scope) || !take_u16(in, &code) ||
        !take_text(in, r->enhanced, sizeof(r->enhanced)))
        return false;
    if (!is_class(class) || !is_scope(scope) || code > 599 || !is_enhanced(r->enhanced))
        return false;
    r->class = (enum class) class;
    r->scope = (enum scope)scope;
    r->code = code;
    return take_address(in, &r->address) && take_visible(in, &r->reply, FEEDBACK_REPLY);
}

static bool take_recipients(struct bytes *in, struct feedback *f)
{
    enum { LEAST = 16 }; // bytes of one
    uint32_t n;
    if (!take_count(in, &n, LEAST) || n > FEEDBACK_RECIPIENTS)
        return false;
    f->recipients = xcalloc(n ? n : 1, sizeof(*f->recipients));
    while (f->recipients_n < n)
        if (!take_recipient(in, &f->recipients[f->recipients_n++]))
            return false;
    return n || f->kind == FEEDBACK_OTHER;
}

static bool take_feedback(struct bytes *in, struct feedback *f)
{
    uint8_t kind;
    if (!take_u8(in, &kind) || kind > FEEDBACK_UNSUBSCRIBE)
        return false;
    f->kind = (enum feedback_kind)kind;
    return take_visible(in, &f->message_id, WIRE_ID) &&
           take_visible(in, &f->feedback_id, WIRE_ID) &&
           take_visible(in, &f->return_path, WIRE_ID) && take_visible(in, &f->source_ip, WIRE_ID) &&
           take_recipients(in, f) && !in->n;
}

struct feedback *wire_take_answer(struct bytes in)
{
    CLEANUP(feedback_free) struct feedback *f = xcalloc(1, sizeof(*f));
    return take_feedback(&in, f) ? MOVE(f) : NULL;
}

// ---- rules

static void put_texts(struct buf *out, const char *const *texts, size_t n)
{
    pack_u32(out, (uint32_t)n);
    for (size_t i = 0; i < n; i++)
        pack_str(out, texts[i]);
}

void wire_put_rules(struct buf *out, const struct reply_rule *rules, size_t n)
{
    pack_u32(out, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        const struct reply_rule *r = &rules[i];
        pack_str(out, r->provider);
        put_texts(out, r->says, r->says_n);
        put_texts(out, r->unless, r->unless_n);
        pack_u8(out, (uint8_t)r->class);
        pack_u8(out, (uint8_t)r->scope);
        pack_u32(out, (uint32_t)r->at_n);
        for (size_t k = 0; k < r->at_n; k++)
            pack_u8(out, (uint8_t)r->at[k]);
        pack_u32(out, r->code);
        pack_bool(out, r->is_only_here);
        pack_bool(out, r->keeps_alive);
    }
}

static bool take_texts(struct bytes *in, const char ***texts, size_t *n)
{
    uint32_t count;
    if (!take_count(in, &count, WIRE_LENGTH))
        return false;
    *texts = xcalloc(count ? count : 1, sizeof(**texts));
    for (uint32_t i = 0; i < count; i++) {
        char *text;
        if (!take_str(in, &text, WIRE_RULES))
            return false;
        (*texts)[(*n)++] = text;
    }
    return true;
}

static bool take_phases(struct bytes *in, struct reply_rule *r)
{
    uint32_t n;
    if (!take_count(in, &n, 1))
        return false;
    enum phase *at = xcalloc(n ? n : 1, sizeof(*at));
    r->at = at;
    for (; r->at_n < n; r->at_n++) {
        uint8_t v;
        if (!take_u8(in, &v))
            return false;
        at[r->at_n] = (enum phase)v;
    }
    return true;
}

static bool take_rule(struct bytes *in, struct reply_rule *r)
{
    uint8_t class, scope;
    uint32_t code;
    char *provider;
    if (!take_str(in, &provider, WIRE_ID))
        return false;
    r->provider = provider;
    r->from = "";
    if (!take_texts(in, &r->says, &r->says_n) || !take_texts(in, &r->unless, &r->unless_n) ||
        !take_u8(in, &class) || !take_u8(in, &scope) || !take_phases(in, r) ||
        !take_u32(in, &code) || !take_bool(in, &r->is_only_here) || !take_bool(in, &r->keeps_alive))
        return false;
    r->class = (enum class) class;
    r->scope = (enum scope)scope;
    r->code = code;
    return true;
}

struct wire_rules *wire_take_rules(struct bytes in)
{
    enum { LEAST = 24 }; // bytes of one
    CLEANUP(wire_rules_free) struct wire_rules *rules = xcalloc(1, sizeof(*rules));
    uint32_t n;
    if (!take_count(&in, &n, LEAST))
        return NULL;
    rules->items = xcalloc(n ? n : 1, sizeof(*rules->items));
    while (rules->n < n)
        if (!take_rule(&in, &rules->items[rules->n++]))
            return NULL;
    return MOVE(rules);
}

static void free_texts(const char **texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        xfree((char *)texts[i]);
    xfree((void *)texts);
}

struct wire_rules *wire_rules_free(struct wire_rules *rules)
{
    if (!rules)
        return NULL;
    for (size_t i = 0; i < rules->n; i++) {
        struct reply_rule *r = &rules->items[i];
        xfree((char *)r->provider);
        free_texts(r->says, r->says_n);
        free_texts(r->unless, r->unless_n);
        xfree((enum phase *)r->at);
    }
    xfree(rules->items);
    return xfree(rules);
}
