#include "control/entry_json.h"

#include "remote/protocol.h"

json_t *entry_evidence(const struct entry *e)
{
    json_t *v = json_loads(e->evidence, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(v))
        return v;
    json_decref(v);
    return json_object();
}

json_t *entry_undoes(const struct entry *e)
{
    if (!e->names_n)
        return json_null();
    if (e->names_n == 1)
        return json_integer((json_int_t)e->names[0].seq);
    json_t *all = json_array();
    for (size_t i = 0; i < e->names_n; i++)
        json_array_append_new(all, json_integer((json_int_t)e->names[i].seq));
    return all;
}

json_t *entry_undone_by(const struct state *s, const struct entry *e)
{
    const struct state_entry *se = state_entry_get(s, e->name);
    const struct entry *by = se && se->entry ? state_lifted_by(s, se) : NULL;
    return by ? json_integer((json_int_t)by->name.seq) : json_null();
}

json_t *entry_fields(const struct entry *e)
{
    json_t *all = json_object();
    for (size_t i = 0; i < e->fields_n; i++)
        if (!e->fields[i].is_person)
            json_object_set_new(all, e->fields[i].name, protocol_text(e->fields[i].value));
    return all;
}

json_t *entry_json(const struct state *s, const struct entry *e, const char *hash)
{
    char node[ID_NODE_TEXT];
    node_id_format(node, e->name.node);
    return json_pack("{s:o,s:I,s:s,s:o,s:o,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "key",
                     json_sprintf("log:%ju", (uintmax_t)e->name.seq), "seq",
                     (json_int_t)e->name.seq, "node", node, "at", protocol_time(e->at), "actor",
                     protocol_text(e->actor), "kind", kind_text(e->kind), "target",
                     protocol_text(e->target), "reason", protocol_text(e->reason), "evidence",
                     entry_evidence(e), "expires_at", protocol_time(e->expires_at), "undoes",
                     entry_undoes(e), "undone_by", entry_undone_by(s, e), "fields", entry_fields(e),
                     "hash", protocol_text(hash && hash[0] ? hash : NULL));
}
