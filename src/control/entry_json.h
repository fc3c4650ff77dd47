/* A ledger entry as the log's row: what `log` lists, `act` answers and pages show. */
#pragma once
#include <jansson.h>

#include "core/entry.h"
#include "core/state.h"

/* The evidence as an object; {} when it is none. */
json_t *entry_evidence(const struct entry *e);
/* What it lifts or undoes: null, a number, or an array of numbers. */
json_t *entry_undoes(const struct entry *e);
/* The number of the effective entry that lifted it, or null. */
json_t *entry_undone_by(const struct state *s, const struct entry *e);
/* What it sets (a throttle's rate, a customer's pool); never a person's address. */
json_t *entry_fields(const struct entry *e);
/* The whole row. */
json_t *entry_json(const struct state *s, const struct entry *e, const char *hash);
