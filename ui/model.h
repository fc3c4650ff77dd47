/* What the console knows of the engine beside the rows of its views: who it is, its status, its
 * clock. The clock is the node's own: it moves only with what the engine sends. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "ui/headline.h"

enum { MODEL_NAME = 128 };

struct model {
    char node[MODEL_NAME], label[MODEL_NAME], user[MODEL_NAME], version[MODEL_NAME];
    char node_id[MODEL_NAME];
    char role[16];   // operator, viewer, none; "" before the first hello
    json_t *status;  // the last status row, or NULL
    usec_t now;      // the node's clock as it last told; 0 before
    usec_t heard_at; // monotonic: when something came last
    struct headline headline;
};

void model_init(struct model *m);
void model_deinit(struct model *m);
/* The result of `hello`. */
void model_hello(struct model *m, const json_t *hello);
/* Any push: its clock, and the status when it carries one. */
void model_push(struct model *m, const json_t *push, usec_t monotonic);
/* "" or `mta1`: the node's first label, for sentences. */
/* The ledger's end as the status told last; -1 while unknown. */
int64_t model_ledger_seq(const struct model *m);
void model_short_node(const struct model *m, char out[MODEL_NAME]);
bool model_is_operator(const struct model *m);
