/* A YAML file as a tree in which every node knows its place. Made of libyaml's events; what our
 * files have no use for is a mistake: aliases, anchors, tags, a second document, tabs, duplicate
 * keys (told with both places), control characters. Size, depth and nodes are capped: a file is a
 * stranger too. Scalars stay text; the schema decides what they mean (`no` and `010` are traps). */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "settings/arena.h"
#include "settings/mistakes.h"

enum { TREE_BYTES = 1 << 20, TREE_DEPTH = 16, TREE_NODES = 50000, TREE_SCALAR = 4096 };

enum tree_kind { TREE_TEXT, TREE_LIST, TREE_MAP };

struct tree_node {
    enum tree_kind kind;
    bool is_broken;         // a mistake was told here: no more about it
    bool is_empty;          // nothing written, `key:`
    unsigned line, column;  // from 1
    const char *text;       // of TREE_TEXT; no control characters in it
    struct tree_node *key;  // in a map: what it is called
    struct tree_node *up;   // the list or map around it; NULL for the root
    struct tree_node *next; // beside it
    struct tree_node *first, *last;
    size_t n; // nodes in it
};

struct tree {
    struct arena arena;
    struct tree_node *root; // NULL: an empty file
    bool is_cut;            // reading ended early: what is missing may stand further down
};

/* Reads what it can; mistakes go to `m` under the number `file`. Free with tree_deinit. */
void tree_load(struct tree *t, struct bytes text, struct mistakes *m, unsigned file);
void tree_deinit(struct tree *t);
/* The member of a map, or NULL. Takes NULL. */
const struct tree_node *tree_member(const struct tree_node *map, const char *key);

static inline void tree_deinit_p(struct tree *t)
{
    tree_deinit(t);
}
