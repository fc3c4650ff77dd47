/* Fields of machine-readable parts (message/delivery-status, message/feedback-report), as they are and as
 * they come: folded, wrapped without a blank in front, with empty lines where none belong. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { FIELD_NAME = 40, FIELD_VALUE = 8192 };

struct field {
    char name[FIELD_NAME]; // lower case
    char *value;           // unfolded; owned by the walk, valid until the next field
    bool is_apart;         // an empty line stands in front
};

struct field_walk {
    const char *at;   // text left
    bool is_any_name; // any word before a colon begins a field (ARF), not only names of reports
    struct field field;
};

/* Of a text whose values are never wrapped without a blank: "Source: Provider" is a field as well. */
struct field_walk field_walk_of_any(const char *text);
/* for (w = field_walk_of(text); field_next(&w);) … field_walk_deinit(&w); Lines that belong to no field are
 * left out. */
struct field_walk field_walk_of(const char *text);
bool field_next(struct field_walk *w);
void field_walk_deinit(struct field_walk *w);
static inline void field_walk_deinit_p(struct field_walk *w)
{
    field_walk_deinit(w);
}
/* Does a field of one of these names (lower case, NULL at the end) begin a line of it? */
bool fields_have(const char *text, const char *const *names);
