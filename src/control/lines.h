/* The five lines of an incident (what, cause, done, next, you), its story and its report, in words: what
 * the list, the page, the preview and whoever pastes it say alike. */
#pragma once
#include <stdbool.h>

#include "control/world.h"
#include "core/incident.h"

struct buf;

/* All that are known, or NULL. */
const struct incidents *lines_incidents(const struct world *w);
/* The known incident of that number, or NULL. */
const struct incident *lines_get(const struct world *w, uint64_t number);
/* The number of the open one about this subject, 0: none. */
uint32_t lines_about(const struct world *w, const char *subject);

enum lines_state { LINES_OPEN, LINES_ACKNOWLEDGED, LINES_RESOLVED, LINES_CLOSED };
enum lines_state lines_state(const struct incident *i);
const char *lines_state_text(enum lines_state s);
/* "318 has no culprit: …", for who wants to act on somebody; "" where there is one. */
void lines_no_culprit(struct buf *out, const struct incident *i);
/* At most 22 columns: "acme-news 91 %", "old/bought list?", "yahoo itself"; "" : nothing short. */
void lines_short(struct buf *out, const struct incident *i);
/* "11:53Z acme-news warned, throttled to 100/h, 11:58Z suspended; lane 198.51.100.7/gmx paused; 14 held":
 * an hour stands where it is another than the one before. "": nothing. */
void lines_done(struct buf *out, const struct world *w, const struct incident *i, usec_t now);
/* What changes by itself: "12:55Z one probe to gmx over 198.51.100.7"; "": nothing. */
void lines_next(struct buf *out, const struct world *w, const struct incident *i, usec_t now);
/* The smallest action that ends the harm, in words, and the command for it: "" where there is nothing to
 * do (the words say why). */
void lines_you(struct buf *out, struct buf *command, const struct world *w,
               const struct incident *i, usec_t now);
/* "nobody", "engine" where nobody is needed, or a name. Borrowed. */
const char *lines_has_it(const struct world *w, const struct incident *i, usec_t now);
/* "throttles acme-news to 100/h: dead recipients 6.1 %"; the actor stands before it. */
void lines_story(struct buf *out, const struct incident_line *line, bool is_first);
/* What a hold's end brings, in words: "acme-news restored", "one probe to gmx over 198.51.100.7". */
void lines_end(struct buf *out, const struct world *w, const struct entry *e);
/* The same where there is little room: "probe 198.51.100.7/gmx". */
void lines_coming(struct buf *out, const struct world *w, const struct entry *e);
