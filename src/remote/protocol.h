/* The control protocol's lines (docs/protocol.md): one JSON object a line, at most PROTOCOL_LINE
 * bytes, UTF-8, no duplicate keys. Both ends use it. It knows no sockets. */
#pragma once
#include <jansson.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"

enum {
    PROTOCOL_VERSION = 1,
    PROTOCOL_LINE = 1 << 20,   // bytes of a line, its newline included
    PROTOCOL_OUTPUT = 4 << 20, // bytes a client may leave unread
    PROTOCOL_FEEDS = 32,       // a client
    PROTOCOL_ROWS = 500,       // a feed
    PROTOCOL_TARGETS = 1000,   // of one act
};

DEFINE_CLEANUP(json_t *, json_decref)

/* Bytes in, lines out. Zeroed is fresh. */
struct protocol_reader {
    struct buf in;
    size_t scanned; // bytes at the front in which no newline is
};
void protocol_reader_deinit(struct protocol_reader *r);
enum protocol_result {
    PROTOCOL_OBJECT = 0, // *out is an object, the caller's
    PROTOCOL_MORE = 1,   // no whole line yet
    PROTOCOL_WRONG = 2,  // that line was no object: *why (owned) says what; go on with the next
    PROTOCOL_LONG = 3,   // a line over the bound: the connection ends
};
/* The next line of what was added to r->in. */
enum protocol_result protocol_next(struct protocol_reader *r, json_t **out, char **why);

/* Appends the object (borrowed) as a line. */
void protocol_add(struct buf *out, const json_t *message);
/* A request; params (may be NULL) is taken. */
json_t *protocol_request(uint64_t id, const char *method, json_t *params);

/* A string made visible (text_visible): whatever came from outside goes through here. NULL: null. */
json_t *protocol_text(const char *s);
/* RFC 3339; 0 and USEC_NEVER are null. */
json_t *protocol_time(usec_t at);
/* A fraction with sane digits; negative is null: unknown. */
json_t *protocol_rate(double rate);
/* The member's text, or `otherwise` when it is none. Borrowed. */
const char *protocol_get_text(const json_t *object, const char *key, const char *otherwise);
int64_t protocol_get_number(const json_t *object, const char *key, int64_t otherwise);
bool protocol_get_flag(const json_t *object, const char *key);
