/* One scalar of a file into its field, as its row's type says. */
#pragma once
#include "settings/schema.h"

/* False after telling what was expected. The field is set only when it is right. */
bool parse_value(struct schema_reader *r, const struct schema_row *row,
                 const struct tree_node *node, void *base);
/* Tells what the row expects, and what stands there. */
void parse_say_expected(struct schema_reader *r, const struct schema_row *row,
                        const struct tree_node *node);
