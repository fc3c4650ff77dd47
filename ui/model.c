#include "ui/model.h"

#include <stdio.h>
#include <string.h>

#include "ui/row.h"

void model_init(struct model *m)
{
    *m = (struct model){0};
    headline_init(&m->headline);
}

void model_deinit(struct model *m)
{
    json_decref(m->status);
    m->status = NULL;
    headline_deinit(&m->headline);
}

static void copy(char out[MODEL_NAME], const json_t *hello, const char *field)
{
    snprintf(out, MODEL_NAME, "%s", row_text(hello, field));
}

void model_hello(struct model *m, const json_t *hello)
{
    usec_t now = row_time(hello, "now");
    copy(m->node, hello, "node");
    copy(m->node_id, hello, "node_id");
    copy(m->label, hello, "label");
    copy(m->user, hello, "user");
    copy(m->version, hello, "version");
    snprintf(m->role, sizeof(m->role), "%s", row_text(hello, "role"));
    if (now)
        m->now = now;
}

static void take_status(struct model *m, json_t *status)
{
    json_decref(m->status);
    m->status = json_incref(status);
}

void model_push(struct model *m, const json_t *push, usec_t monotonic)
{
    usec_t now = row_time(push, "now");
    json_t *status = json_object_get(push, "status");
    m->heard_at = monotonic;
    if (now)
        m->now = now;
    if (json_is_object(status))
        take_status(m, status);
}

int64_t model_ledger_seq(const struct model *m)
{
    return row_count(json_object_get(m->status, "ledger"), "seq");
}

void model_short_node(const struct model *m, char out[MODEL_NAME])
{
    size_t n = strcspn(m->node, ".");
    snprintf(out, MODEL_NAME, "%.*s", (int)n, m->node);
}

bool model_is_operator(const struct model *m)
{
    return strcmp(m->role, "operator") == 0;
}
