#include "core/words.h"

#include <stddef.h>
#include <string.h>

#include "base/mem.h"

struct word {
    int number;
    const char *text;
};

static const char *text_of(const struct word *words, size_t n, int number)
{
    for (size_t i = 0; i < n; i++)
        if (words[i].number == number)
            return words[i].text;
    return "?";
}

static const struct word *word_of(const struct word *words, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(words[i].text, text) == 0)
            return &words[i];
    return NULL;
}

#define WORD_ROW(name, number, text, ...) {number, text},
// NOLINTBEGIN(bugprone-macro-parentheses): a type and a list of rows can't have any
#define DEFINE_WORDS(type, list)                                                                   \
    static const struct word type##_words[] = {list(WORD_ROW)};                                    \
    const char *type##_text(enum type v)                                                           \
    {                                                                                              \
        return text_of(type##_words, ARRAY_LEN(type##_words), (int)v);                             \
    }                                                                                              \
    bool type##_parse(enum type *v, const char *text)                                              \
    {                                                                                              \
        const struct word *w = word_of(type##_words, ARRAY_LEN(type##_words), text);               \
        if (w)                                                                                     \
            *v = (enum type)w->number;                                                             \
        return w;                                                                                  \
    }

// NOLINTEND(bugprone-macro-parentheses)
DEFINE_WORDS(standing, WORDS_STANDING)
DEFINE_WORDS(rotation, WORDS_ROTATION)
DEFINE_WORDS(stream, WORDS_STREAM)
DEFINE_WORDS(outcome_kind, WORDS_OUTCOME)
DEFINE_WORDS(class, WORDS_CLASS)
DEFINE_WORDS(scope, WORDS_SCOPE)
DEFINE_WORDS(phase, WORDS_PHASE)
DEFINE_WORDS(kind, WORDS_KIND)
DEFINE_WORDS(harm, WORDS_HARM)
DEFINE_WORDS(rung, WORDS_RUNG)
DEFINE_WORDS(action, WORDS_ACTION)
DEFINE_WORDS(severity, WORDS_SEVERITY)

#define SHAPE_CASE(name, number, text, shape)                                                      \
    case name:                                                                                     \
        return shape;

enum shape kind_shape(enum kind v)
{
    switch (v) {
        WORDS_KIND(SHAPE_CASE)
    }
    return SHAPE_FACT; // a newer version's kind: kept and shown, not applied
}
