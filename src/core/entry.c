#include "core/entry.h"

#include <string.h>

struct entry *entry_new(enum kind kind, const char *actor, const char *target, const char *reason)
{
    struct entry *e = xcalloc(1, sizeof(*e));
    e->kind = kind;
    e->actor = xstrdup(actor);
    e->target = xstrdup(target);
    e->reason = xstrdup(reason);
    e->evidence = xstrdup("{}");
    e->expires_at = USEC_NEVER;
    return e;
}

struct entry *entry_copy(const struct entry *e)
{
    struct entry *copy = entry_new(e->kind, e->actor, e->target, e->reason);
    copy->name = e->name;
    copy->hlc = e->hlc;
    copy->at = e->at;
    copy->expires_at = e->expires_at;
    entry_set_evidence(copy, e->evidence);
    for (size_t i = 0; i < e->fields_n; i++)
        entry_add_field(copy, e->fields[i].name, e->fields[i].value, e->fields[i].is_person);
    for (size_t i = 0; i < e->names_n; i++)
        entry_add_name(copy, e->names[i]);
    return copy;
}

struct entry *entry_free(struct entry *e)
{
    if (!e)
        return NULL;
    for (size_t i = 0; i < e->fields_n; i++) {
        xfree(e->fields[i].name);
        xfree(e->fields[i].value);
    }
    xfree(e->fields);
    xfree(e->names);
    xfree(e->actor);
    xfree(e->target);
    xfree(e->reason);
    xfree(e->evidence);
    return xfree(e);
}

void entry_set_evidence(struct entry *e, const char *json)
{
    char *copy = xstrdup(json); // first: `json` may be the old one
    xfree(e->evidence);
    e->evidence = copy;
}

void entry_add_field(struct entry *e, const char *name, const char *value, bool is_person)
{
    e->fields = xrealloc(e->fields, e->fields_n + 1, sizeof(*e->fields));
    e->fields[e->fields_n++] = (struct entry_field){xstrdup(name), xstrdup(value), is_person};
}

const char *entry_field_get(const struct entry *e, const char *name)
{
    for (size_t i = 0; i < e->fields_n; i++)
        if (strcmp(e->fields[i].name, name) == 0)
            return e->fields[i].value;
    return NULL;
}

void entry_add_name(struct entry *e, struct entry_name name)
{
    e->names = xrealloc(e->names, e->names_n + 1, sizeof(*e->names));
    e->names[e->names_n++] = name;
}
