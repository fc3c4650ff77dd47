/* What a command is about, as text that CLI, console and engine write alike: `customer:acme`,
 * `customer:acme/spring`, `ip:198.51.100.7`, `lane:198.51.100.7/google`, `log:17`, `incident:318`, `message:ULID`, `event:9`,
 * `provider:google`, and for
 * queues `queue:all` or `queue:customer=acme,provider=google` (together: and). One parser checks and
 * canonicalises it, so that equal targets are equal strings. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum target_kind {
    TARGET_CUSTOMER, // one of its lists too
    TARGET_IP,
    TARGET_QUEUE,
    TARGET_LOG,
    TARGET_MESSAGE,
    TARGET_PROVIDER,
    TARGET_LANE, // an IP at a provider
    TARGET_INCIDENT,
    TARGET_EVENT, // an outcome of the newest, by its number since the start
};

enum {
    TARGET_TEXT = 600,
    TARGET_PROVIDER_NAME = 256,
    TARGET_MESSAGE_ID = 27,
    TARGET_INCIDENT_MOST = 999999999
};

struct target {
    enum target_kind kind;
    char text[TARGET_TEXT];   // the canonical form
    char customer[TEXT_NAME]; // of a customer, or a queue's part; "" for none, as all below
    char list[TEXT_NAME];     // of customer:acme/spring, or a queue's part
    char ip[TEXT_NAME];       // canonical text
    char pool[TEXT_NAME];     // a queue's part
    char provider[TARGET_PROVIDER_NAME];
    char message[TARGET_MESSAGE_ID]; // upper case
    uint64_t seq;                    // of log:SEQ, incident:N and event:N, from 1
    bool is_all;                     // queue:all
};

/* Reads the text with its prefix. 0, or 1 with *why (owned): what was expected. */
int target_parse(struct target *t, const char *text, char **why);
/* The same of a kind, with the prefix or without (`acme`, `198.51.100.7`, `17`). What is said for a lane
 * without an address (`google`, `provider:google`) is the provider: all its lanes. */
int target_parse_kind(struct target *t, enum target_kind kind, const char *text, char **why);
/* The word before the colon. */
const char *target_kind_text(enum target_kind kind);
