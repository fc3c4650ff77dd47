#include "core/decision.h"

#include "base/buf.h"
#include "core/json.h"

static void add_harm(struct buf *out, const struct decision *d)
{
    if (d->has_harm)
        json_text(out, "harm", harm_text(d->harm));
    if (d->of)
        json_number(out, "rate", (double)d->bad / (double)d->of);
    if (d->of || d->has_harm) {
        json_count(out, "bad", d->bad);
        json_count(out, "of", d->of);
    }
    if (d->limit > 0)
        json_number(out, "limit", d->limit);
    if (d->certainty > 0)
        json_number(out, "certainty", d->certainty);
}

static void add_samples(struct buf *out, const char (*samples)[DECISION_SAMPLE])
{
    json_name(out, "samples");
    buf_add_byte(out, '[');
    for (int i = 0; i < DECISION_SAMPLES && *samples[i]; i++) {
        if (i)
            buf_add_byte(out, ',');
        json_quoted(out, samples[i]);
    }
    buf_add_byte(out, ']');
}

static void add_culprits(struct buf *out, const struct decision *d)
{
    if (!d->culprits_n)
        return;
    json_name(out, "culprits");
    buf_add_byte(out, '[');
    for (size_t i = 0; i < d->culprits_n && i < DECISION_CULPRITS; i++) {
        const struct decision_culprit *c = &d->culprits[i];
        buf_add_str(out, i ? ",{" : "{");
        json_text(out, "customer", c->customer);
        json_number(out, "share", c->share);
        json_count(out, "bad", c->bad);
        json_count(out, "of", c->of);
        add_samples(out, c->samples);
        buf_add_byte(out, '}');
    }
    buf_add_byte(out, ']');
}

void decision_format_evidence(struct buf *out, const struct decision *d)
{
    buf_add_byte(out, '{');
    add_harm(out, d);
    json_text(out, "list", d->list);
    json_text(out, "provider", d->provider);
    json_text(out, "signs", d->signs);
    json_text(out, "pool", d->pool);
    if (d->customers_of) {
        json_count(out, "customers", d->customers);
        json_count(out, "customers_of", d->customers_of);
    }
    add_culprits(out, d);
    if (*d->samples[0])
        add_samples(out, d->samples);
    buf_add_byte(out, '}');
}

void decision_format(struct buf *out, const struct decision *d)
{
    buf_add_byte(out, '{');
    json_time(out, "t", d->at);
    json_text(out, "action", action_text(d->action));
    json_text(out, "target", d->target);
    json_name(out, "reason");
    json_quoted(out, d->reason);
    json_name(out, "evidence");
    decision_format_evidence(out, d);
    if (d->until > 0 && d->until != USEC_NEVER)
        json_time(out, "until", d->until);
    buf_add_str(out, "}\n");
}
