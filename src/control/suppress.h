/* `manage` of suppressions: add, rm, check, import, export; and `undo` of an entry that made some. Rows
 * and addresses are checked here whoever sent them. Each answers once. */
#pragma once
#include <jansson.h>

#include "control/world.h"

struct request;

void suppress_add_run(struct request *r, const json_t *params);
void suppress_rm_run(struct request *r, const json_t *params);
void suppress_check_run(struct request *r, const json_t *params);
void suppress_import_run(struct request *r, const json_t *params);
void suppress_export_run(struct request *r, const json_t *params);

/* Does `undo` of these params name an entry that the state does not fold? Then it is answered from the
 * ledger, and true. */
bool suppress_undo_run(struct request *r, const json_t *params);

/* A row as JSON, and in words: "unknown-user for everybody since 20 Nov until 19 May, as google said". */
struct suppress_row;
json_t *suppress_row_json(const struct suppress_row *row);
enum { SUPPRESS_WORDS = 1100 };
void suppress_row_words(char out[SUPPRESS_WORDS], const struct suppress_row *row, usec_t now);
