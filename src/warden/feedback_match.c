#include "warden/feedback_match.h"

#include <string.h>
#include <strings.h>

#include "mail/address.h"

enum { LOCAL = 65 };

int match_address(struct token *out, const char *address, const char *bounce,
                  const struct token_keys *keys)
{
    char local[LOCAL];
    const char *domain = address_domain(address);
    if (!*bounce || !keys || strcmp(domain, bounce) != 0)
        return TOKEN_E_SHAPE;
    size_t n = (size_t)(domain - address) - 1;
    if (n >= sizeof(local))
        return TOKEN_E_SHAPE;
    memcpy(local, address, n);
    local[n] = '\0';
    return token_parse(out, local, keys);
}

struct match_lead match_token(const struct token *t)
{
    return (struct match_lead){.message = t->message,
                               .kind = t->kind,
                               .has_recipient_no = t->recipient_no != TOKEN_RECIPIENTS - 1,
                               .recipient_no = t->recipient_no,
                               .is_proven = true};
}

// ---- where a report leads

static bool of_return_path(struct match_lead *out, const char *path, const char *bounce,
                           const struct token_keys *keys, usec_t now, usec_t life)
{
    char address[ADDRESS_TEXT];
    struct token t;
    if (!address_parse(address, bytes_str(path)) ||
        match_address(&t, address, bounce, keys) != TOKEN_OK || t.at + life < now)
        return false;
    *out = match_token(&t);
    return true;
}

static bool id_parse(struct message_id *id, const char *text, size_t n)
{
    char one[ID_MESSAGE_TEXT];
    if (n != sizeof(one) - 1)
        return false;
    memcpy(one, text, n);
    one[n] = '\0';
    return message_id_parse(id, one);
}

// `list:customer:ULID:mxwarden`, as mail/headers.c writes it.
static bool of_feedback_id(struct match_lead *out, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, ":");
        if (id_parse(&out->message, text, n))
            return true;
        text += n + (text[n] == ':');
    }
    return false;
}

bool match_report(struct match_lead *out, const struct feedback *f, const char *bounce,
                  const struct token_keys *keys, usec_t now, usec_t life)
{
    *out = (struct match_lead){.kind = TOKEN_RETURN};
    return of_return_path(out, f->return_path, bounce, keys, now, life) ||
           of_feedback_id(out, f->feedback_id) ||
           id_parse(&out->message, f->message_id, strcspn(f->message_id, "@"));
}

// ---- what history knows

static void take_row(struct match *m, const struct outcome *o)
{
    switch (o->kind) {
    case OUTCOME_ACCEPTED:
        m->sender = o->sender ? o->sender : "";
        m->accepted_at = o->at;
        break;
    case OUTCOME_DELIVERED:
        m->delivered = o;
        break;
    case OUTCOME_BOUNCED:
    case OUTCOME_EXPIRED:
        m->has_bounced = true;
        break;
    case OUTCOME_COMPLAINED:
        m->has_complained = true;
        break;
    case OUTCOME_UNSUBSCRIBED:
        m->has_unsubscribed = true;
        break;
    case OUTCOME_HELD:
    case OUTCOME_REFUSED:
    case OUTCOME_DEFERRED:
    case OUTCOME_TRAP:
    case OUTCOME_LISTED:
    case OUTCOME_DELISTED:
        break;
    }
}

void match_history(struct match *m, const struct outcome *rows, size_t n)
{
    *m = (struct match){.sender = ""};
    for (size_t i = 0; i < n; i++)
        if (rows[i].recipient_no != rows[0].recipient_no)
            return; // of several, and the report says of which not
    m->is_known = n;
    for (size_t i = 0; i < n; i++)
        take_row(m, &rows[i]);
}

// ---- what follows

static bool is_final(const struct feedback_recipient *r)
{
    switch (r->class) {
    case CLASS_DELIVERED:
    case CLASS_TRANSIENT:
    case CLASS_AUTO_REPLY:
    case CLASS_COMPLAINT:
    case CLASS_UNSUBSCRIBE:
        return false;
    case CLASS_AUTH_POLICY:
        return *r->reply; // else a report of authentication alone: the mail may well be there
    case CLASS_UNKNOWN_USER:
    case CLASS_INACTIVE_MAILBOX:
    case CLASS_MAILBOX_FULL:
    case CLASS_RECIPIENT_REFUSED:
    case CLASS_DOMAIN_NOT_FOUND:
    case CLASS_MESSAGE_TOO_BIG:
    case CLASS_CONTENT_SPAM:
    case CLASS_IP_REPUTATION_BLOCK:
    case CLASS_RATE_LIMITED:
    case CLASS_PROTOCOL:
    case CLASS_NO_CONNECT:
    case CLASS_UNDETERMINED:
    case CLASS_SUSPENDED:
    case CLASS_OVER_LIMIT:
    case CLASS_UNCONFIRMED:
        break;
    }
    return true;
}

// What a bounce says of this recipient: under its own address; else, since a forward or a list has another
// one, the first failure it tells of.
static const struct feedback_recipient *said_of(const struct feedback *f, const char *address)
{
    for (size_t i = 0; i < f->recipients_n; i++)
        if (strcasecmp(f->recipients[i].address, address) == 0)
            return &f->recipients[i];
    for (size_t i = 0; i < f->recipients_n; i++)
        if (is_final(&f->recipients[i]))
            return &f->recipients[i];
    return NULL;
}

static void fill(struct outcome *news, enum outcome_kind kind, enum class class, enum scope scope)
{
    news->kind = kind;
    news->class = class;
    news->scope = scope;
}

static bool set_bounce(struct outcome *news, const struct match *m, const struct feedback *f)
{
    const struct feedback_recipient *r = said_of(f, m->delivered->recipient);
    if (m->has_bounced || !r || !is_final(r))
        return false;
    fill(news, OUTCOME_BOUNCED, r->class, r->scope);
    news->code = (uint16_t)r->code;
    news->reply = r->reply;
    return true;
}

static bool set_complaint(struct outcome *news, const struct match *m)
{
    fill(news, OUTCOME_COMPLAINED, CLASS_COMPLAINT, SCOPE_RECIPIENT);
    return !m->has_complained;
}

static bool set_unsubscribe(struct outcome *news, const struct match *m)
{
    fill(news, OUTCOME_UNSUBSCRIBED, CLASS_UNSUBSCRIBE, SCOPE_RECIPIENT);
    return !m->has_unsubscribed;
}

static bool set_kind(struct outcome *news, const struct match *m, const struct match_lead *lead,
                     const struct feedback *f)
{
    switch (f->kind) {
    case FEEDBACK_BOUNCE:
        return lead->kind == TOKEN_RETURN && set_bounce(news, m, f);
    case FEEDBACK_COMPLAINT:
        return set_complaint(news, m);
    case FEEDBACK_UNSUBSCRIBE:
        return set_unsubscribe(news, m);
    case FEEDBACK_OTHER: // a person's mail to the address to leave by, whatever it says
        return lead->kind == TOKEN_UNSUBSCRIBE && set_unsubscribe(news, m);
    case FEEDBACK_AUTO_REPLY:
        break;
    }
    return false;
}

bool match_news(struct outcome *news, const struct match *m, const struct match_lead *lead,
                const struct feedback *f, usec_t now)
{
    const struct outcome *d = m->delivered;
    if (!d)
        return false;
    *news = (struct outcome){.at = now,
                             .stream = d->stream,
                             .attempt = d->attempt,
                             .recipient_no = d->recipient_no,
                             .message = d->message,
                             .customer = d->customer,
                             .list = d->list,
                             .ip = d->ip,
                             .provider = d->provider,
                             .recipient = d->recipient,
                             .reply = "",
                             .delivered_at = d->at,
                             .is_unproven = !lead->is_proven};
    return set_kind(news, m, lead, f);
}
