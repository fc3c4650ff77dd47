/* JSON as we write it: members of an object, each with the comma before it when it is not the first.
 *
 * `json_` adds one member; what is not known is simply not added. Text that is no UTF-8 shows as
 * text_visible() would show it, since JSON has no way to say a bad byte. A number that is none (NaN,
 * infinite) is null. Numbers are written with a point whatever the locale. Pure. */
#pragma once
#include <stdint.h>

#include "base/clock.h"

struct buf;

/* A value alone: a quoted string. */
void json_quoted(struct buf *out, const char *s);
/* Members. `name` is ours: nothing in it needs escaping. Empty or NULL text is no member. */
void json_text(struct buf *out, const char *name, const char *value);
void json_count(struct buf *out, const char *name, uint64_t value);
/* At most six digits that count, as %.6g. */
void json_number(struct buf *out, const char *name, double value);
/* Unix seconds with milliseconds; before 1970 is 0. */
void json_time(struct buf *out, const char *name, usec_t at);
/* The name of a member whose value the caller writes next. */
void json_name(struct buf *out, const char *name);
