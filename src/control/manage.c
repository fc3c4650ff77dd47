/* `manage`: customers, reload, verify. Customers are register entries: what is given is set, the last
 * one counts. A contact is a person's address and stands beside the ledger's chain. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "control/entry_json.h"
#include "control/peer.h"
#include "control/suppress.h"
#include "remote/format.h"
#include "store/ledger.h"

// What a customer command was given.
struct setting {
    const char *customer, *contact, *language, *pool, *rate, *reason;
    char text[TEXT_NAME];
};

static bool is_address(const char *s)
{
    const char *at = strrchr(s, '@');
    char shown[300];
    size_t n = strlen(s);
    return at && at > s && at[1] && n <= 254 && !strpbrk(s, " \t<>,;\"") &&
           text_visible(shown, sizeof(shown), s, n) == n && strcmp(shown, s) == 0;
}

static bool is_rate(const char *s)
{
    uint32_t count;
    usec_t per;
    return strcmp(s, "none") == 0 || text_parse_rate(&count, &per, s);
}

// False: the request has been answered.
static bool read_setting(struct request *r, const json_t *params, struct setting *s)
{
    struct target t;
    CLEANUP(xfree) char *why = NULL;
    const struct world *w = &r->control->world;
    const char *id = protocol_get_text(params, "customer", "");
    s->contact = protocol_get_text(params, "contact", NULL);
    s->language = protocol_get_text(params, "language", NULL);
    s->pool = protocol_get_text(params, "pool", NULL);
    s->rate = protocol_get_text(params, "rate", NULL);
    s->reason = protocol_get_text(params, "reason", "");
    s->customer = s->text;
    if (target_parse_kind(&t, TARGET_CUSTOMER, id, &why) || t.list[0])
        request_fail(r, "usage", "customer: %s", why ? why : "expected a customer, not a list");
    else if (s->contact && s->contact[0] && !is_address(s->contact))
        request_fail(r, "usage", "contact: expected a mail address");
    else if (s->language && strcmp(s->language, "en") != 0 && strcmp(s->language, "de") != 0)
        request_fail(r, "usage", "language: expected en or de");
    else if (s->rate && !is_rate(s->rate))
        request_fail(r, "usage", "rate: expected one like 100/h, or none");
    else if (strlen(s->reason) > 1000)
        request_fail(r, "usage", "reason: expected at most 1,000 bytes");
    else if (strcmp(t.customer, STATE_SELF) == 0)
        request_fail(r, "refused", STATE_SELF " is the engine's own mail; take another name");
    else if (s->pool && !world_has_pool(w, s->pool))
        request_fail(r, "refused", "there is no pool %s; pools stand in the configuration",
                     text_is_name(s->pool) ? s->pool : "of that name");
    else {
        memcpy(s->text, t.customer, sizeof(s->text));
        return true;
    }
    return false;
}

static void on_act(void *ctx, int r, const struct entry *e, const char *hash)
{
    struct request *request = ctx;
    struct world *w = &request->control->world;
    if (r < 0 || !e) {
        request_fail(request, "failed", "the ledger could not be written (%s): nothing was done",
                     strerror(r < 0 ? -r : EIO));
    } else {
        world_add_entry(w, e, hash);
        request_answer(request, entry_json(w->state, e, hash));
    }
    world_asked(w);
}

static void append(struct request *r, const struct setting *s, const char *removed)
{
    struct world *w = &r->control->world;
    CLEANUP(xfree) char *target = xasprintf("customer:%s", s->customer);
    CLEANUP(xfree) char *reason = text_visible_new(bytes_str(s->reason));
    struct entry *e = entry_new(KIND_CUSTOMER, request_peer(r)->user, target, reason);
    e->at = clock_wall();
    if (s->contact)
        entry_add_field(e, "contact", s->contact, true);
    if (s->language)
        entry_add_field(e, "language", s->language, false);
    if (s->pool)
        entry_add_field(e, "pool", s->pool, false);
    if (s->rate)
        entry_add_field(e, "rate", s->rate, false);
    if (removed)
        entry_add_field(e, "removed", removed, false);
    world_ask(w);
    w->engine->act(w->engine->ctx, e, on_act, r);
}

static void customer_add(struct request *r, const json_t *params)
{
    struct setting s;
    if (!read_setting(r, params, &s))
        return;
    const struct state_customer *c = state_customer_get(r->control->world.state, s.customer);
    if (c && c->is_known)
        request_fail(r, "refused", "customer %s is there already; customer set changes it",
                     s.customer);
    else
        append(r, &s, "no");
}

static const struct state_customer *known(struct request *r, const struct setting *s)
{
    const struct state_customer *c = state_customer_get(r->control->world.state, s->customer);
    if (c && c->is_known)
        return c;
    request_fail(r, "refused", "there is no customer %s; customer add makes it", s->customer);
    return NULL;
}

static void customer_set(struct request *r, const json_t *params)
{
    struct setting s;
    if (!read_setting(r, params, &s) || !known(r, &s))
        return;
    if (!s.contact && !s.language && !s.pool && !s.rate)
        request_fail(r, "usage", "customer set: what? contact, language, pool or rate");
    else
        append(r, &s, NULL);
}

static void customer_rm(struct request *r, const json_t *params)
{
    struct setting s;
    char n[FORMAT_TEXT];
    const struct state_customer *c;
    if (!read_setting(r, params, &s) || !(c = known(r, &s)))
        return;
    format_count_full(n, (int64_t)(c->queued));
    if (c->queued)
        request_fail(r, "refused",
                     "%s of %s's messages wait, and would have no owner; suspend it, and remove it "
                     "when they have left",
                     n, s.customer);
    else
        append(r, &s, "yes");
}

// A line each becomes one line: an error's message has no newlines.
static void join_lines(char *text)
{
    size_t n = strlen(text);
    while (n && text[n - 1] == '\n')
        text[--n] = '\0';
    for (; *text; text++)
        if (*text == '\n')
            *text = ';';
}

static void reload(struct request *r, const json_t *params)
{
    const struct control_engine *e = r->control->world.engine;
    CLEANUP(xfree) char *mistakes = NULL;
    (void)params;
    bool is_refused = e->reload(e->ctx, request_peer(r)->user, &mistakes);
    if (mistakes)
        join_lines(mistakes);
    if (is_refused)
        request_fail(r, "refused", "the configuration has mistakes, nothing was changed: %s",
                     mistakes ? mistakes : "see the log");
    else
        request_answer(r, json_pack("{s:b}", "reloaded", 1));
}

static void on_verified(void *ctx, const struct ledger_check *c)
{
    struct request *r = ctx;
    struct world *w = &r->control->world;
    r->control->is_verifying = false;
    if (!c->broken_seq) {
        w->verified_seq = c->entries;
        w->verified_at = clock_wall();
    } else {
        log_error("control", "the ledger's chain is broken at %ju: %s", (uintmax_t)c->broken_seq,
                  c->why);
    }
    request_answer(
        r, json_pack("{s:I,s:o,s:o,s:b}", "entries", (json_int_t)c->entries, "broken_seq",
                     c->broken_seq ? json_integer((json_int_t)c->broken_seq) : json_null(), "why",
                     protocol_text(c->broken_seq ? c->why : NULL), "holds", !c->broken_seq));
    world_asked(w);
}

static void verify(struct request *r, const json_t *params)
{
    struct world *w = &r->control->world;
    (void)params;
    if (!w->store) {
        request_fail(r, "failed", "there is no ledger to check");
    } else if (r->control->is_verifying) {
        request_fail(r, "refused", "the chain is being checked already; status says the result");
    } else {
        r->control->is_verifying = true;
        world_ask(w);
        ledger_verify(w->store, on_verified, r);
    }
}

static const struct {
    const char *words;
    void (*run)(struct request *r, const json_t *params);
} commands[] = {
    {"customer add", customer_add},
    {"customer set", customer_set},
    {"customer rm", customer_rm},
    {"reload", reload},
    {"verify", verify},
    {"suppress add", suppress_add_run},
    {"suppress rm", suppress_rm_run},
    {"suppress check", suppress_check_run},
    {"suppress import", suppress_import_run},
    {"suppress export", suppress_export_run},
};

void manage_run(struct request *r, const json_t *params)
{
    const char *words = protocol_get_text(params, "command", "");
    const struct peer *p = request_peer(r);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i].words, words) != 0)
            continue;
        if (p->role < command_get(words)->role)
            request_fail(r, "not-allowed", "%s is %s; %s takes an operator", p->user,
                         role_text(p->role), words);
        else
            commands[i].run(r, params);
        return;
    }
    request_fail(
        r, "usage",
        "command: expected customer add, customer set, customer rm, suppress add, suppress rm, "
        "suppress check, suppress import, suppress export, reload or verify");
}
