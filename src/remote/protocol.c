#include "remote/protocol.h"

#include <math.h>
#include <string.h>

#include "base/text.h"

void protocol_reader_deinit(struct protocol_reader *r)
{
    buf_deinit(&r->in);
    r->scanned = 0;
}

static json_t *parse(struct bytes line, char **why)
{
    json_error_t error;
    json_t *v = json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES, &error);
    if (json_is_object(v))
        return v;
    if (v)
        *why = xstrdup("expected a JSON object a line");
    else {
        CLEANUP(xfree) char *text = text_visible_new(bytes_str(error.text));
        *why = xasprintf("no JSON: %s (column %d)", text, error.column);
    }
    json_decref(v);
    return NULL;
}

enum protocol_result protocol_next(struct protocol_reader *r, json_t **out, char **why)
{
    struct buf *in = &r->in;
    const uint8_t *end =
        in->n > r->scanned ? memchr(in->p + r->scanned, '\n', in->n - r->scanned) : NULL;
    if (!end) {
        r->scanned = in->n;
        return in->n >= PROTOCOL_LINE ? PROTOCOL_LONG : PROTOCOL_MORE;
    }
    size_t n = (size_t)(end - in->p);
    if (n >= PROTOCOL_LINE)
        return PROTOCOL_LONG;
    *out = parse(bytes_of(in->p, n), why);
    buf_consume(in, n + 1);
    r->scanned = 0;
    return *out ? PROTOCOL_OBJECT : PROTOCOL_WRONG;
}

static int add_piece(const char *piece, size_t n, void *ctx)
{
    buf_add(ctx, piece, n);
    return 0;
}

void protocol_add(struct buf *out, const json_t *message)
{
    json_dump_callback(message, add_piece, out, JSON_COMPACT | JSON_REAL_PRECISION(15));
    buf_add_byte(out, '\n');
}

json_t *protocol_request(uint64_t id, const char *method, json_t *params)
{
    return json_pack("{s:I,s:s,s:o}", "id", (json_int_t)id, "method", method, "params",
                     params ? params : json_object());
}

json_t *protocol_text(const char *s)
{
    if (!s)
        return json_null();
    CLEANUP(xfree) char *visible = text_visible_new(bytes_str(s));
    return json_string(visible);
}

json_t *protocol_time(usec_t at)
{
    char text[CLOCK_TEXT];
    if (at <= 0 || at == USEC_NEVER)
        return json_null();
    clock_format(text, at);
    return json_string(text);
}

json_t *protocol_rate(double rate)
{
    return rate < 0 || !isfinite(rate) ? json_null() : json_real(round(rate * 1e6) / 1e6);
}

const char *protocol_get_text(const json_t *object, const char *key, const char *otherwise)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s ? s : otherwise;
}

int64_t protocol_get_number(const json_t *object, const char *key, int64_t otherwise)
{
    const json_t *v = json_object_get(object, key);
    return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

bool protocol_get_flag(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}
