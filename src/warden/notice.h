/* Letters to a customer's contact: what was seen, what was done, until when, how to put it right. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "core/decision.h"

struct entry;
struct warden;

enum { NOTICE_SAMPLES = 3 };
#define NOTICE_WAIT (30 * USEC_SECOND)

/* What a letter says beside the entry; masked. */
struct notice_facts {
    enum harm harm;
    uint64_t bad, of;
    double limit;
    char list[64];
    bool is_stolen;
    char samples[NOTICE_SAMPLES][DECISION_SAMPLE];
    size_t samples_n;
};

/* Enforces the engine's own entry (moved in) of a masked decision. Its field `told` says whether the
 * customer hears of it: of one cause (a kind of harm; being restored) once a day, and once more when
 * a worse step follows within it: nobody is suspended unheard because a warning came before. */
void notice_enforce(struct warden *w, struct entry *e, const struct decision *d);
/* The letters of the last day as the ledger has them; before the loop runs. */
void notice_load(struct warden *w);
void notice_deinit(struct warden *w);
/* After the commit: writes the letter. `facts` may be NULL. Of the engine's own, a letter about a warning
 * or a throttle waits NOTICE_WAIT, and is not written when a worse one follows meanwhile: who is
 * suspended within seconds gets one letter and not three. A kill in that time loses it. */
void notice_send(struct warden *w, const struct entry *e, const struct notice_facts *facts);
/* What waits is written now; at the engine's end. */
void notice_flush(struct warden *w);
