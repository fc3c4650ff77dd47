#include "control/value.h"

#include <stdarg.h>
#include <stdio.h>

#include "remote/protocol.h"

void value_text(struct value *v, const char *text)
{
    v->type = VALUE_TEXT;
    v->text = text;
}

void value_text_or_none(struct value *v, const char *text)
{
    if (text && text[0])
        value_text(v, text);
}

void value_printf(struct value *v, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it misses the va_start above
    (void)vsnprintf(v->room, sizeof(v->room), format, args);
    va_end(args);
    value_text(v, v->room);
}

void value_word(struct value *v, const char *text, int rank)
{
    v->type = VALUE_WORD;
    v->text = text;
    v->number = rank;
}

void value_count(struct value *v, uint64_t n)
{
    v->type = VALUE_COUNT;
    v->number = (double)n;
}

void value_rate(struct value *v, double rate)
{
    if (rate < 0)
        return;
    v->type = VALUE_RATE;
    v->number = rate;
}

void value_time(struct value *v, usec_t at)
{
    if (at <= 0 || at == USEC_NEVER)
        return;
    v->type = VALUE_TIME;
    v->number = (double)at;
}

void value_flag(struct value *v, bool is)
{
    v->type = VALUE_FLAG;
    v->number = is;
}

void value_json(struct value *v, json_t *json)
{
    v->type = VALUE_JSON;
    v->json = json;
}

json_t *value_take_json(struct value *v)
{
    switch (v->type) {
    case VALUE_NONE:
        return json_null();
    case VALUE_TEXT:
    case VALUE_WORD:
        return protocol_text(v->text);
    case VALUE_COUNT:
        return json_integer((json_int_t)v->number);
    case VALUE_RATE:
        return protocol_rate(v->number);
    case VALUE_TIME:
        return protocol_time((usec_t)v->number);
    case VALUE_FLAG:
        return json_boolean(v->number != 0);
    case VALUE_JSON:
        return MOVE(v->json);
    }
    return json_null();
}

void value_deinit(struct value *v)
{
    json_decref(v->json);
    v->json = NULL;
}
