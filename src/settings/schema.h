/* What a configuration file may say: one table a file, a row a key. The reader walks a tree by it,
 * sets defaults, and tells every mistake; the shipped examples are tested against it.
 *
 * Paths are dotted; `*` stands for any key of a mapping, `-` for any item of a list. Those two rows
 * make an array: one element for each, and the rows below them count their offsets from it.
 *     {"pools.*.ips.-.helo", SCHEMA_DOMAIN, …}
 * Adding a key is adding a row. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "settings/arena.h"
#include "settings/mistakes.h"
#include "settings/tree.h"

struct schema_reader;
struct schema_row;

enum schema_type {
    SCHEMA_SECTION,  // a mapping whose keys are rows
    SCHEMA_LIST,     // a list whose items are the row `-`
    SCHEMA_TEXT,     // const char *
    SCHEMA_NAME,     // const char *; the rule for nodes, customers, pools…
    SCHEMA_PATH,     // const char *; made to start at the file's folder
    SCHEMA_DOMAIN,   // const char *, lower case
    SCHEMA_NUMBER,   // uint32_t
    SCHEMA_COUNT,    // uint64_t, a whole number too
    SCHEMA_REAL,     // double, >= 0: `9`, `0.25`, `1e6`
    SCHEMA_SHARE,    // double in 0-1, written in percent: `0.1%`
    SCHEMA_PORT,     // uint16_t
    SCHEMA_SIZE,     // uint64_t
    SCHEMA_DURATION, // usec_t
    SCHEMA_RATE,     // uint32_t, and a usec_t at `also`; `none` is 0
    SCHEMA_DATE,     // usec_t
    SCHEMA_IP,       // struct settings_address
    SCHEMA_ADDRESS,  // struct settings_address, with a port
    SCHEMA_FLAG,     // bool: the first word is false, the second true
    SCHEMA_WORD,     // unsigned: the number of the word
};

/* A word that a value may be, and what it stands for. */
struct schema_word {
    const char *text;
    unsigned number;
};

/* Looks at a value that has been read into `base` (where the row's offsets count from); tells what
 * is wrong with schema_say. */
typedef void schema_check_fn(struct schema_reader *r, const struct tree_node *node, void *base);

struct schema_row {
    const char *path;
    enum schema_type type;
    const char *help;     // what it is for; also what is expected where it is missing
    const char *fallback; // the default as one would write it; NULL: zero, or what `init` set
    bool is_required;
    int64_t min, max;  // NUMBER, COUNT, REAL; SIZE in bytes; DURATION in microseconds; SHARE in
                       // millionths; a max of 0: no bounds
    const char *zero;  // a word for zero (NAME: for ""), whatever the bounds: `none`
    const char *never; // DURATION: a word for USEC_NEVER, whatever the bounds: `never`
    size_t at, also;   // offsets of the value
    const struct schema_word *words;
    size_t words_n;
    const char *expected;               // instead of the type's own words
    bool (*is_right)(const char *text); // TEXT: its form
    schema_check_fn *check;

    const char *shorthand; // SECTION: a bare text stands for a mapping with this key alone

    // `*` and `-` only: the array they make.
    size_t item, array, count; // bytes of an element; offsets of pointer and number
    bool needs_one;            // an empty one is a mistake
    schema_check_fn *init;     // prepares an element before it is read; for `*` it takes in the key
};

struct schema {
    const struct schema_row *rows;
    size_t n;
};

struct schema_reader {
    const struct schema *schema;
    struct arena *keep; // what is read lives there
    struct mistakes *mistakes;
    unsigned file;        // its number there
    const char *folder;   // relative paths start there; "" for the current one
    bool is_cut;          // the file was not read to its end: nothing is said of what is missing
    void *context;        // for checks
    struct map seen;      // what must be unique: "kind value" → its first node
    struct arena scratch; // dies with the reader
};

/* Reads a file's tree (root NULL: empty, all defaults) into *base. */
void schema_read(struct schema_reader *r, const struct tree_node *root, void *base);
/* A mistake at a node. */
#define schema_say(r, node, ...)                                                                   \
    mistakes_add((r)->mistakes, (r)->file, (node)->line, (node)->column, __VA_ARGS__)
/* True when `value` is there for the first time; else tells both places. `kind` says what it is: "the
 * address"; what is unique only inside `inside` (NULL: in the file) is told apart by it. */
bool schema_is_first(struct schema_reader *r, const struct tree_node *node, const char *kind,
                     const char *value, const struct tree_node *inside);
void schema_reader_deinit(struct schema_reader *r);
/* The end of a row's path. */
const char *schema_key(const struct schema_row *row);
