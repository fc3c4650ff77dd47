/* What the store's trail keeps, for pages and explanations: conversations line by line, raw reports. All
 * text is made visible; of one at most CONVERSATION_LINES lines and CONVERSATION_BYTES are shown, the
 * rest is counted in a last line. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/outcome.h"
#include "store/trail.h"

enum { CONVERSATION_LINES = 500, CONVERSATION_BYTES = 64 << 10, CONVERSATIONS = 5 };

/* `{"at", "recipients": [numbers], "ip", "helo", "address", "host", "port", "opened_at", "lines": [{"ms",
 * "by", "text"}]}`; a reply of several lines that says yes is one, its lines joined by commas. */
json_t *conversation_json(const struct trail *t);
/* `{"at", "recipients", "lines": ["…"]}`. */
json_t *conversation_report_json(const struct trail *t);
/* All of one kind, as an array of these. */
json_t *conversation_list(const struct trail *trails, size_t n, enum trail_kind kind);
/* The one that an outcome ended, or the report that told of it; NULL: not among them. */
const struct trail *conversation_of(const struct outcome *o, const struct trail *trails, size_t n);
/* An outcome that a report told of, or may have. */
bool conversation_is_reported(const struct outcome *o);
/* Appends lines to `lines` as `explain` says them, `{"head", "text"}`. */
void conversation_explain(json_t *lines, const struct trail *t, usec_t now);
