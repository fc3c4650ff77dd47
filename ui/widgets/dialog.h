/* The action dialog: what an act would do, as the engine's preview says it, before it is done. No
 * field has the focus until `e`; Enter in a field only ends the field; Enter is dead until the
 * preview has arrived and been there for 300 ms; what cannot be taken back by one key wants a word
 * typed. It decides; the console sends. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "ui/line.h"
#include "ui/widgets/field.h"

enum dialog_wish { DIALOG_NOTHING, DIALOG_PREVIEW, DIALOG_APPLY, DIALOG_LEAVE };
enum dialog_focus { FOCUS_NONE = -1, FOCUS_FOR, FOCUS_RATE, FOCUS_REASON };

struct dialog {
    bool is_open;
    char command[32];
    json_t *targets;
    struct field span, rate, reason, typed;
    enum dialog_focus focus;
    json_t *preview;  // NULL until it arrived
    uint64_t request; // id of the preview or apply under way; 0: none
    bool is_applying;
    bool wants_preview;    // a field changed that the preview depends on
    bool is_edited;        // the reason is the operator's, not the offered one
    usec_t arrived;        // monotonic: the preview
    char said[FIELD_TEXT]; // refusal, or what is missing
    char marked[128];      // "3 marked, not the cursor (home-mail)", or ""
};

/* targets is taken. `marked`: see above. */
void dialog_open(struct dialog *d, const char *command, json_t *targets, const char *marked);
void dialog_close(struct dialog *d);
/* Params for `act` in its phase (the caller's). */
json_t *dialog_params(const struct dialog *d, const char *phase);
/* The engine's answer to the preview. True: type-ahead is to be flushed. */
void dialog_preview(struct dialog *d, const json_t *preview, usec_t now);
/* The engine's refusal, of either phase. A stale preview is asked for anew. */
enum dialog_wish dialog_refused(struct dialog *d, const char *code, const char *message);
enum dialog_wish dialog_key(struct dialog *d, int key, usec_t now);
void dialog_paste(struct dialog *d, const char *text);
/* Over the body; the cursor's place. */
void dialog_draw(const struct dialog *d, int rows, int columns, usec_t now, int *cursor_row,
                 int *cursor_column);
/* "Enter suspend  e edit  Esc leave", for the bottom line. */
void dialog_keys(const struct dialog *d, struct line *l);
