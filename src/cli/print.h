/* JSON rows as aligned text for people. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum print_as {
    PRINT_TEXT,
    PRINT_COUNT, // 1,204
    PRINT_RATE,  // 6.4
    PRINT_TIME,  // 11:55Z
    PRINT_CLOCK, // 12:04:31Z
    PRINT_FIRST, // of an array of texts
};

/* A column of a table: what it shows, its head, how. Numbers stand right. */
struct print_column {
    const char *name, *head;
    enum print_as as;
    size_t least; // its width at least, so that what follows later stands below
};

/* Prints the rows (objects) under their heads; unknown is `–`. On a terminal the last column ends at
 * its width. `now` is the node's clock or ours. */
void print_table(FILE *to, const struct print_column *columns, size_t n, const json_t *rows,
                 bool has_head);
/* Prints any object: its plain members a line each, its arrays of objects as tables. */
void print_object(FILE *to, const json_t *object);
/* What a message's or an event's page has of conversations and reports, each under its head; nothing
 * where it has none. (conversation.c) */
void print_said(FILE *to, json_t *page);
