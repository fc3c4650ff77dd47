/* From an SMTP reply and its phase to class and scope: the codes' evidence (docs/words.md). Pure. */
#pragma once
#include "core/words.h"

/* `code` 0: no answer came (timeout, refused, lost): no-connect. `enhanced` "5.1.1" or "". A 4xx
 * without a clue is transient, a 5xx undetermined. */
void classify_reply(enum class *class, enum scope *scope, unsigned code, const char *enhanced,
                    enum phase phase);
