/* The verbs of the SMTP server, one row each. */
#pragma once
#include <stdbool.h>

#include "base/bytes.h"
#include "smtp/session.h"

struct verb {
    const char *name;
    void (*handle)(struct smtp_server *s, struct bytes argument);
    unsigned states;      // in which it may come
    const char *disorder; // the answer in others
    bool has_path;        // its line may be twice as long
    bool is_bare;         // takes no argument
    bool is_chat;         // brings no message nearer: only so many of them
};

/* Any case; NULL when there is none. */
const struct verb *verb_get(struct bytes name);
