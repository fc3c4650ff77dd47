#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "mail/compose.h"
#include "mail/notice_words.h"
#include "mail/report.h"

enum { NUMBER = 32 };

// The values that a text may name.
struct values {
    const struct notice_plan *plan;
    char n[NUMBER], bad[NUMBER], of[NUMBER], rate[NUMBER], limit[NUMBER];
};

static const struct notice_template *template_of(const struct notice_language *l, const char *name)
{
    const struct notice_template *t = l->templates;
    while (t->name && strcmp(t->name, name) != 0)
        t++;
    return t;
}

static void add_top(struct buf *out, const struct notice_plan *plan,
                    const struct notice_template *t)
{
    CLEANUP(xfree) char *subject = xasprintf("%s: %s", plan->customer, t->subject);
    compose_date(out, "Date", plan->now);
    buf_add_str(out, "From: Mail Delivery System <MAILER-DAEMON@");
    compose_atom(out, plan->node);
    buf_add_str(out, ">\r\n");
    compose_address(out, "To", plan->to);
    compose_field(out, "Subject", "", subject);
    buf_add_str(out, "Message-ID: <notice.");
    compose_atom(out, plan->customer);
    buf_printf(out, ".%s.%lld@", t->name ? t->name : "other", (long long)plan->now);
    compose_atom(out, plan->node);
    buf_add_str(out, ">\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                     "Content-Type: text/plain; charset=UTF-8\r\n"
                     "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
}

// `{name}` in our own text; NULL: there is no such value.
static const char *value_of(const struct values *v, const char *name, size_t n)
{
    const struct {
        const char *name, *value;
    } rows[] = {{"n", v->n},
                {"bad", v->bad},
                {"of", v->of},
                {"rate", v->rate},
                {"limit", v->limit},
                {"customer", v->plan->customer},
                {"node", v->plan->node}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strlen(rows[i].name) == n && memcmp(rows[i].name, name, n) == 0)
            return rows[i].value;
    return NULL;
}

static void add_text(struct buf *text, const char *from, const struct values *v)
{
    while (*from) {
        size_t plain = strcspn(from, "{"), n;
        buf_add(text, from, plain);
        from += plain;
        if (!*from)
            return;
        n = strcspn(from, "}");
        const char *value = value_of(v, from + 1, n - 1);
        must(value && from[n]); // our own texts; a test renders each
        text_visible_add(text, bytes_str(value));
        from += n + 1;
    }
}

// "Name: value", when there is a value.
static void add_fact(struct buf *text, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    buf_printf(text, "%-10s ", name);
    text_visible_add(text, bytes_str(value));
    buf_add_str(text, "\n");
}

static void add_section(struct buf *text, const char *head, const char *body,
                        const struct values *v)
{
    buf_printf(text, "\n%s\n", head);
    add_text(text, body, v);
    buf_add_str(text, "\n");
}

// "6.4 %", small ones with two places.
static void percent(char out[NUMBER], double rate, const struct notice_language *l)
{
    rate *= 100;
    snprintf(out, NUMBER, "%.*f", rate < 1 ? 2 : 1, rate);
    char *point = strchr(out, '.');
    if (point)
        *point = l->decimal_point;
    strncat(out, " %", NUMBER - strlen(out) - 1);
}

static void take_values(struct values *v, const struct notice_language *l)
{
    const struct notice_harm *h = v->plan->harm;
    snprintf(v->n, NUMBER, "%llu", (unsigned long long)v->plan->waiting);
    if (!h)
        return;
    snprintf(v->bad, NUMBER, "%llu", (unsigned long long)h->bad);
    snprintf(v->of, NUMBER, "%llu", (unsigned long long)h->of);
    percent(v->rate, h->of ? (double)h->bad / (double)h->of : 0, l);
    percent(v->limit, h->limit, l);
}

static void add_seen(struct buf *text, const struct notice_language *l, const struct values *v)
{
    const struct notice_harm *h = v->plan->harm;
    add_section(text, l->seen, l->harms[h->harm].seen, v);
    add_fact(text, l->list, h->list);
    if (h->samples_n)
        buf_printf(text, "%s\n", l->examples);
    for (size_t i = 0; i < h->samples_n; i++) {
        buf_add_str(text, "  ");
        text_visible_add(text, bytes_str(h->samples[i]));
        buf_add_str(text, "\n");
    }
    if (h->is_stolen)
        buf_printf(text, "%s\n", l->stolen);
}

static void add_facts(struct buf *text, const struct notice_language *l, const struct values *v)
{
    const struct notice_plan *plan = v->plan;
    CLEANUP(buf_deinit) struct buf waiting = {0};
    if (plan->waiting)
        add_text(&waiting, l->messages, v);
    if (!plan->harm) // what was seen says it better
        add_fact(text, l->why, plan->reason);
    add_fact(text, l->rate, plan->rate);
    add_fact(text, l->until, plan->until);
    add_fact(text, l->waiting, plan->waiting ? (const char *)waiting.p : "");
}

void notice_format(struct buf *out, const struct notice_plan *plan)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    const struct notice_language *l = notice_language_get(plan->language);
    const struct notice_template *t = template_of(l, plan->template_name);
    struct values v = {.plan = plan};
    take_values(&v, l);
    add_top(out, plan, t);
    add_text(&text, t->what, &v);
    buf_add_str(&text, "\n\n");
    add_facts(&text, l, &v);
    if (plan->harm)
        add_seen(&text, l, &v);
    add_section(&text, l->means, t->means, &v);
    add_section(&text, l->todo, plan->harm ? l->harms[plan->harm->harm].todo : t->todo, &v);
    if (plan->harm && t->name && strcmp(t->name, "suspended") == 0)
        buf_printf(&text, "%s\n", t->todo);
    buf_add_str(&text, "\n");
    add_text(&text, l->footer, &v);
    compose_text(out, buf_bytes(&text));
}

bool notice_has_language(const char *code)
{
    return strcmp(notice_language_get(code)->code, code) == 0;
}
