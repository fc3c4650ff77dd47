/* What a mailbox provider of the simulated world says later, by mail: that a mailbox it took mail for is not
 * there, and that somebody complained. Each in its own form; seconds after the delivery; to the return
 * path of that mail, or to where it was told to report complaints. */
#pragma once
#include <stdint.h>

#include "base/bytes.h"
#include "sim/scenario.h"

struct answers;
struct timers;
struct uv_loop_s;

struct answers_options {
    struct uv_loop_s *loop;
    struct timers *timers;
    uint16_t port; // of the engine's feedback listener
    uint64_t seed;
};

struct answers *answers_new(const struct answers_options *options);
/* What is due later is never said. Takes NULL; returns NULL. */
struct answers *answers_free(struct answers *a);

/* The mail that it is about. Borrowed during the call. */
struct answer_to {
    const struct provider_plan *plan; // who says it
    const char *sender, *recipient;   // its envelope
    const char *ip;                   // from where it came
    struct bytes body;
};
/* Nobody of that name is here. */
void answers_bounce(struct answers *a, const struct answer_to *to);
/* The recipient calls it spam. A provider that never reports says nothing. */
void answers_complain(struct answers *a, const struct answer_to *to);
