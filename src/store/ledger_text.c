// An entry to its JSON and back. The bytes that are hashed are made here once, when the entry is
// written, and never again.
#include <jansson.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "store/ledger_row.h"

enum { VERSION = 1, NAME_TEXT = 40, KIND_UNKNOWN = 0x7fff };

void ledger_hash(uint8_t hash[LEDGER_HASH], const char *bytes)
{
    SHA256((const unsigned char *)bytes, strlen(bytes), hash);
}

void ledger_hex(char out[2 * LEDGER_HASH + 1], const uint8_t hash[LEDGER_HASH])
{
    text_format_hex(out, hash, LEDGER_HASH);
}

static bool unhex(uint8_t hash[LEDGER_HASH], const char *text)
{
    return text_parse_hex(hash, LEDGER_HASH, text, strlen(text));
}

static void digest_of(char out[2 * LEDGER_HASH + 1], const uint8_t salt[16], const char *part)
{
    uint8_t hash[LEDGER_HASH];
    size_t n = strlen(part);
    uint8_t *both = xmalloc(16 + n);
    memcpy(both, salt, 16);
    memcpy(both + 16, part, n);
    SHA256(both, 16 + n, hash);
    xfree(both);
    ledger_hex(out, hash);
}

bool ledger_person_fits(const char *digest, const uint8_t salt[16], const char *part)
{
    char own[2 * LEDGER_HASH + 1];
    digest_of(own, salt, part);
    return strcmp(own, digest) == 0;
}

void ledger_text_deinit(struct ledger_text *t)
{
    free(t->bytes); // jansson's
    free(t->person);
    *t = (struct ledger_text){.bytes = NULL};
}

// What is no UTF-8 is made visible: jansson refuses it, and a field would vanish.
static json_t *text_json(const char *s)
{
    json_t *v = json_string(s);
    if (v)
        return v;
    CLEANUP(xfree) char *visible = text_visible_new(bytes_str(s));
    return json_string(visible);
}

static json_t *evidence_json(const char *text)
{
    json_t *v = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(v))
        return v;
    json_decref(v);
    should(!*text);
    return json_object();
}

static void name_format(char out[NAME_TEXT], struct entry_name name)
{
    char node[ID_NODE_TEXT];
    node_id_format(node, name.node);
    snprintf(out, NAME_TEXT, "%s/%llu", node, (unsigned long long)name.seq);
}

static bool name_parse(struct entry_name *name, const char *text)
{
    char node[ID_NODE_TEXT] = "";
    int64_t seq;
    if (strlen(text) < 10 || text[8] != '/')
        return false;
    memcpy(node, text, 8);
    if (!node_id_parse(&name->node, node) || !text_parse_number(&seq, text + 9, 1, INT64_MAX))
        return false;
    name->seq = (uint64_t)seq;
    return true;
}

static json_t *names_json(const struct entry *e)
{
    json_t *names = json_array();
    for (size_t i = 0; i < e->names_n; i++) {
        char text[NAME_TEXT];
        name_format(text, e->names[i]);
        json_array_append_new(names, json_string(text));
    }
    return names;
}

// The persons' fields go into `persons`; the entry itself says only that they are there.
static json_t *fields_json(const struct entry *e, json_t *persons)
{
    json_t *fields = json_object();
    for (size_t i = 0; i < e->fields_n; i++) {
        const struct entry_field *f = &e->fields[i];
        json_object_set_new(fields, f->name, f->is_person ? json_null() : text_json(f->value));
        if (f->is_person)
            json_object_set_new(persons, f->name, text_json(f->value));
    }
    return fields;
}

void ledger_format(struct ledger_text *t, const struct entry *e, const uint8_t prev[LEDGER_HASH])
{
    char node[ID_NODE_TEXT], before[2 * LEDGER_HASH + 1], digest[2 * LEDGER_HASH + 1] = "";
    json_t *persons = json_object(), *o = json_object();
    json_t *fields = fields_json(e, persons);
    *t = (struct ledger_text){.bytes = NULL};
    node_id_format(node, e->name.node);
    ledger_hex(before, prev);
    if (json_object_size(persons)) {
        t->person = json_dumps(persons, JSON_COMPACT);
        hash_random(t->salt, sizeof(t->salt));
        digest_of(digest, t->salt, t->person);
    }
    json_object_set_new(o, "v", json_integer(VERSION));
    json_object_set_new(o, "node", json_string(node));
    json_object_set_new(o, "seq", json_integer((json_int_t)e->name.seq));
    json_object_set_new(o, "hlc", json_integer(e->hlc));
    json_object_set_new(o, "at", json_integer(e->at));
    json_object_set_new(o, "actor", text_json(e->actor));
    json_object_set_new(o, "kind", json_string(kind_text(e->kind)));
    json_object_set_new(o, "target", text_json(e->target));
    json_object_set_new(o, "reason", text_json(e->reason));
    json_object_set_new(o, "evidence", evidence_json(e->evidence));
    json_object_set_new(o, "fields", fields);
    json_object_set_new(o, "expires",
                        e->expires_at == USEC_NEVER ? json_null() : json_integer(e->expires_at));
    json_object_set_new(o, "names", names_json(e));
    json_object_set_new(o, "prev", json_string(before));
    json_object_set_new(o, "person_digest", json_string(digest));
    t->bytes = json_dumps(o, JSON_COMPACT);
    must(t->bytes);
    ledger_hash(t->hash, t->bytes);
    json_decref(o);
    json_decref(persons);
}

static const char *text_of(json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static bool read_names(struct entry *e, json_t *names)
{
    size_t i;
    json_t *v;
    json_array_foreach(names, i, v)
    {
        struct entry_name name;
        if (!json_is_string(v) || !name_parse(&name, json_string_value(v)))
            return false;
        entry_add_name(e, name);
    }
    return json_is_array(names);
}

static bool read_fields(struct entry *e, json_t *fields, json_t *persons)
{
    const char *key;
    json_t *v;
    json_object_foreach(fields, key, v)
    {
        const char *person = json_string_value(json_object_get(persons, key));
        if (json_is_null(v))
            entry_add_field(e, key, person ? person : "", true); // "" once it is erased
        else if (json_is_string(v))
            entry_add_field(e, key, json_string_value(v), false);
        else
            return false;
    }
    return json_is_object(fields);
}

// Numbers, and what has a form of its own.
static bool read_rest(struct entry *e, json_t *o, json_t *persons)
{
    const char *node = text_of(o, "node");
    json_t *expires = json_object_get(o, "expires");
    json_t *evidence = json_object_get(o, "evidence");
    e->name.seq = (uint64_t)json_integer_value(json_object_get(o, "seq"));
    e->hlc = json_integer_value(json_object_get(o, "hlc"));
    e->at = json_integer_value(json_object_get(o, "at"));
    e->expires_at = json_is_integer(expires) ? json_integer_value(expires) : USEC_NEVER;
    if (!node || !node_id_parse(&e->name.node, node) || !e->name.seq || e->name.seq > INT64_MAX ||
        e->hlc <= 0 || !json_is_object(evidence))
        return false;
    char *text = json_dumps(evidence, JSON_COMPACT);
    entry_set_evidence(e, text);
    free(text);
    return read_names(e, json_object_get(o, "names")) &&
           read_fields(e, json_object_get(o, "fields"), persons);
}

static struct entry *read_entry(json_t *o, json_t *persons)
{
    const char *actor = text_of(o, "actor"), *kind_word = text_of(o, "kind");
    const char *target = text_of(o, "target"), *reason = text_of(o, "reason");
    enum kind kind;
    if (json_integer_value(json_object_get(o, "v")) < VERSION || !actor || !kind_word || !target ||
        !reason)
        return NULL;
    if (!kind_parse(&kind, kind_word))
        kind = (enum kind)KIND_UNKNOWN; // a newer version's: kept and shown, not applied
    struct entry *e = entry_new(kind, actor, target, reason);
    return read_rest(e, o, persons) ? e : entry_free(e);
}

struct entry *ledger_parse(const char *bytes, const char *person, uint8_t prev[LEDGER_HASH],
                           char digest[2 * LEDGER_HASH + 1])
{
    uint8_t before[LEDGER_HASH];
    json_t *o = json_loads(bytes, JSON_REJECT_DUPLICATES, NULL);
    json_t *persons = person ? json_loads(person, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const char *prev_text = text_of(o, "prev"), *digest_text = text_of(o, "person_digest");
    struct entry *e = NULL;
    if (prev_text && unhex(before, prev_text) && digest_text &&
        (!*digest_text || strlen(digest_text) == 2 * LEDGER_HASH))
        e = read_entry(o, persons);
    if (e && prev)
        memcpy(prev, before, sizeof(before));
    if (e && digest)
        snprintf(digest, 2 * LEDGER_HASH + 1, "%s", digest_text);
    json_decref(o);
    json_decref(persons);
    return e;
}
