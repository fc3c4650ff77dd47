// Titles and causes: the thing first, number and limit together, "looks like" until it is proven.
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/decision.h"
#include "warden/incident.h"

enum { SHORT = 64 };
#define SHARE_OF_A_CULPRIT 0.5

static const char *name_of(const char *target)
{
    const char *colon = strchr(target, ':');
    return colon ? colon + 1 : target;
}

// `before name after`, the name cut so that all is a title's width.
static void fit(char out[INCIDENT_WHAT], const char *before, const char *name, const char *after)
{
    enum { LEAST = 6 };
    size_t rest = strlen(before) + strlen(after), n = strlen(name);
    size_t room = rest + LEAST < INCIDENT_TITLE ? INCIDENT_TITLE - rest : LEAST;
    if (n > room)
        snprintf(out, INCIDENT_WHAT, "%.40s%.*s…%.90s", before, (int)room - 1, name, after);
    else
        snprintf(out, INCIDENT_WHAT, "%.40s%.*s%.90s", before, (int)n, name, after);
}

static void per_cent(char out[SHORT], double rate)
{
    snprintf(out, SHORT, rate > 0 && rate < 0.00995 ? "%.2f %%" : "%.1f %%", rate * 100);
}

// A limit without zeros behind the point: "5 %", "0.3 %".
static void limit_text(char out[SHORT], double limit)
{
    snprintf(out, SHORT, "%.3g %%", limit * 100);
}

// 3,322
static void count(char out[SHORT], uint64_t n)
{
    char digits[SHORT];
    int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
    size_t at = 0;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
}

static void clock_text(char out[SHORT], usec_t at)
{
    time_t seconds = (time_t)(at / USEC_SECOND);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    strftime(out, SHORT, "%H:%MZ", &tm);
}

// How people call each harm: in a title, in a cause, and what it looks like.
static const struct {
    const char *title, *cause, *like;
} harms[HARM_N] = {
    [HARM_DEAD] = {" sends to dead addresses", "dead", "looks like an old or bought list"},
    [HARM_COMPLAINT] = {" draws spam complaints", "called spam",
                        "looks like mail nobody asked for"},
    [HARM_SPAM] = {" is refused as spam", "refused as spam", "looks like spam to the providers"},
    [HARM_REPEAT] = {" writes to known dead addresses", "to addresses known as dead or gone",
                     "looks like a list that is never cleaned"},
    [HARM_UNCONFIRMED] = {" writes to who never agreed", "never confirmed",
                          "looks like an imported list"},
    [HARM_TRAP] = {" hits spam traps", "spam-trap hits", "looks like a bought or collected list"},
};

// What is wrong, in words; the numbers are the cause's.
static void customer_title(char out[INCIDENT_WHAT], const struct decision *d)
{
    fit(out, "", name_of(d->target),
        *d->signs     ? ": a stolen password?"
        : d->has_harm ? harms[d->harm].title
                      : " harms one of our IPs"); // the guard's: an address suffers from it
}

// "213 of 3,322 dead in 24 h: 6.4 %, limit 5 %"
static void numbers_text(char out[INCIDENT_YOU], const struct decision *d)
{
    char bad[SHORT], of[SHORT], rate[SHORT] = "", limit[SHORT];
    bool is_share = d->of >= d->bad && d->of;
    count(bad, d->bad);
    count(of, d->of);
    limit_text(limit, d->limit);
    if (is_share)
        per_cent(rate, (double)d->bad / (double)d->of);
    if (d->harm == HARM_TRAP)
        snprintf(out, INCIDENT_YOU, "%s %s in 7 days, limit %.0f", bad, harms[d->harm].cause,
                 d->limit);
    else
        snprintf(out, INCIDENT_YOU, "%s%s%s %s in 24 h%s%s%s%s", bad, is_share ? " of " : "",
                 is_share ? of : "", harms[d->harm].cause, is_share ? ": " : "", rate,
                 d->limit > 0 ? ", limit " : "", d->limit > 0 ? limit : "");
}

// "list spring: 213 of 3,322 dead in 24 h: 6.4 %, limit 5 %; looks like an old or bought list"
static void customer_cause(char out[INCIDENT_CAUSE], const struct decision *d)
{
    char numbers[INCIDENT_YOU];
    if (!d->has_harm) {
        snprintf(out, INCIDENT_CAUSE, "%s", d->reason);
        return;
    }
    numbers_text(numbers, d);
    snprintf(out, INCIDENT_CAUSE, "%s%s%s%s; %s", *d->list ? "list " : "", d->list,
             *d->list ? ": " : "", numbers, *d->signs ? d->signs : harms[d->harm].like);
}

static const struct decision_culprit *culprit_of(const struct decision *d)
{
    return d->culprits_n && d->culprits[0].share >= SHARE_OF_A_CULPRIT ? &d->culprits[0] : NULL;
}

// A status code "5.7.1", of n bytes.
static bool is_enhanced(const char *s, size_t n)
{
    return n >= 5 && strchr("245", s[0]) && s[1] == '.' && strspn(s, "0123456789.") >= n;
}

// "mx3.outlook.example", which says nothing about us.
static bool is_host(const char *s, size_t n)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return n > 3 && strcspn(s, ".") < n - 1 && strcspn(s, letters) < n &&
           strspn(s, "-.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") >= n;
}

// The reply without its codes said twice, and without the host that speaks: "550 5.7.1 on our list".
static void plain_reply(char out[DECISION_SAMPLE], const char *reply)
{
    const char *code = reply, *enhanced = "", *p = reply;
    int enhanced_n = 0;
    if (strspn(reply, "0123456789") != 3 || !strchr(" -", reply[3]) || !reply[3]) {
        snprintf(out, DECISION_SAMPLE, "%.199s", reply);
        return;
    }
    for (size_t n; *p; p += n, p += strspn(p, " ")) {
        n = strcspn(p, " ");
        bool is_code = n >= 3 && strncmp(p, code, 3) == 0 && (n == 3 || p[3] == '-');
        if (is_code && n > 4)
            n = 4; // "550-5.7.1"
        if (is_enhanced(p, n) && !enhanced_n) {
            enhanced = p;
            enhanced_n = (int)n;
        } else if (!is_code && !is_enhanced(p, n) && !is_host(p, n)) {
            break;
        }
    }
    snprintf(out, DECISION_SAMPLE, "%.3s%s%.*s%s%.180s", code, enhanced_n ? " " : "", enhanced_n,
             enhanced, *p ? " " : "", p);
}

// What is known of it besides: the answer, where there is one.
static void said(char out[DECISION_REASON], const struct decision *d)
{
    char reply[DECISION_SAMPLE];
    plain_reply(reply, d->samples[0]);
    snprintf(out, DECISION_REASON, "%s", *reply ? reply : d->reason);
}

// Whose harm it is that an address suffers from.
static void blame_cause(char out[INCIDENT_CAUSE], const struct decision *d)
{
    const struct decision_culprit *c = culprit_of(d);
    char bad[SHORT], of[SHORT], answer[DECISION_REASON];
    said(answer, d);
    if (c) {
        count(bad, c->bad);
        count(of, c->of);
        snprintf(out, INCIDENT_CAUSE, "%s%s%s: %.0f %% of the harm, %s of %s bad; %s", c->customer,
                 *d->list ? ", list " : "", d->list, floor(c->share * 100 + 0.5), bad, of,
                 *d->signs ? d->signs : answer);
    } else if (d->culprits_n) {
        snprintf(out, INCIDENT_CAUSE, "no single culprit, %s most: %.0f %% of the harm; %s",
                 d->culprits[0].customer, floor(d->culprits[0].share * 100 + 0.5), answer);
    } else {
        snprintf(out, INCIDENT_CAUSE, "nobody of ours stands out: %s", answer);
    }
}

static void take_culprit(struct incident_words *out, const struct decision *d)
{
    const struct decision_culprit *c = culprit_of(d);
    if (!c)
        return;
    snprintf(out->culprit, sizeof(out->culprit), "customer:%s", c->customer);
    out->share = c->share;
}

// The smallest that ends it: the list where most came by one, else who it is.
static void suspend_text(char out[INCIDENT_YOU], const char *customer, const char *list)
{
    bool is_list = *list && !strchr(customer, '/') && !strchr(customer, '+');
    snprintf(out, INCIDENT_YOU, "suspend %s%s%s", customer, is_list ? "/" : "",
             is_list ? list : "");
}

static void customer_words(struct incident_words *out, const struct decision *d, bool is_observing)
{
    const char *name = name_of(d->target);
    customer_title(out->what, d);
    customer_cause(out->cause, d);
    snprintf(out->culprit, sizeof(out->culprit), "%.79s", d->target);
    if (d->action == ACTION_THROTTLE || (is_observing && d->action == ACTION_SUSPEND))
        suspend_text(out->you, name, d->list);
    else if (is_observing)
        snprintf(out->you, sizeof(out->you), "warn %s", name);
}

static void take_lane(struct incident_words *out, const char *target)
{
    const char *name = name_of(target), *slash = strchr(name, '/');
    size_t n = strcspn(name, "/#");
    snprintf(out->ip, sizeof(out->ip), "%.*s", (int)n, name);
    if (slash)
        snprintf(out->provider, sizeof(out->provider), "%.255s", slash + 1);
}

static void lane_words(struct incident_words *out, const struct decision *d, bool is_observing)
{
    char after[80];
    if (strncmp(d->target, "provider:", 9) == 0) {
        snprintf(out->provider, sizeof(out->provider), "%.255s", name_of(d->target));
        fit(out->what, "", out->provider, ": all lanes paused");
    } else {
        take_lane(out, d->target);
        snprintf(after, sizeof(after), " blocks %s", out->ip);
        fit(out->what, "", out->provider, after);
    }
    blame_cause(out->cause, d);
    take_culprit(out, d);
    if (*out->culprit)
        suspend_text(out->you, d->culprits[0].customer, d->list);
    else if (is_observing)
        snprintf(out->you, sizeof(out->you), "pause %s", name_of(d->target));
}

// The zone in "listed on zen.spamhaus.org (…)", or "".
static void zone_of(char out[SHORT], const char *reason)
{
    const char *at = strstr(reason, "listed on ");
    *out = '\0';
    if (at)
        snprintf(out, SHORT, "%.*s", (int)strcspn(at + 10, " ,;:()"), at + 10);
}

static void ip_words(struct incident_words *out, const struct decision *d, bool is_observing)
{
    char zone[SHORT], before[80];
    take_lane(out, d->target);
    zone_of(zone, d->reason);
    if (*zone) {
        snprintf(before, sizeof(before), "%.40s is on ", out->ip);
        fit(out->what, before, zone, "");
    } else {
        snprintf(before, sizeof(before), "%.40s is ", out->ip);
        fit(out->what, before, d->reason, "");
    }
    blame_cause(out->cause, d);
    take_culprit(out, d);
    if (*out->culprit)
        suspend_text(out->you, d->culprits[0].customer, d->list);
    else if (is_observing)
        snprintf(out->you, sizeof(out->you), "%s %s", action_text(d->action), out->ip);
}

static void outage_words(struct incident_words *out, const struct decision *d)
{
    char after[SHORT], since[SHORT];
    if (strncmp(d->target, "node:", 5) == 0) {
        clock_text(since, d->at);
        snprintf(out->what, sizeof(out->what), "all providers fail since %s", since);
        snprintf(out->cause, sizeof(out->cause),
                 "our DNS or network: %u of %u customers fail everywhere; nothing is lost, "
                 "nobody is judged",
                 d->customers, d->customers_of);
        return;
    }
    snprintf(out->provider, sizeof(out->provider), "%.255s", name_of(d->target));
    snprintf(after, sizeof(after), " %s %u of %u customers",
             strstr(d->reason, "defer") ? "defers" : "fails for", d->customers, d->customers_of);
    fit(out->what, "", out->provider, after);
    const char *numbers = strstr(d->reason, ": ");
    size_t n = numbers ? strcspn(numbers + 2, ";") : 0;
    snprintf(out->cause, sizeof(out->cause), "%s itself: %.*s; nobody is judged", out->provider,
             n ? (int)n : 9, n ? numbers + 2 : "all alike");
}

static void call_words(struct incident_words *out, const struct decision *d)
{
    if (*d->pool)
        fit(out->what, "pool ", d->pool, ": the guard stopped it");
    else
        fit(out->what, "decide about ", name_of(d->target), "");
    snprintf(out->cause, sizeof(out->cause), "%s", d->reason);
    take_culprit(out, d);
    if (strncmp(d->target, "ip:", 3) == 0 || strncmp(d->target, "lane:", 5) == 0)
        take_lane(out, d->target);
    if (*out->culprit)
        suspend_text(out->you, d->culprits[0].customer, d->list);
    else if (*out->ip)
        snprintf(out->you, sizeof(out->you), "pull %s", out->ip);
}

static void observed(struct incident_words *out)
{
    size_t n = strlen(out->cause);
    snprintf(out->cause + n, sizeof(out->cause) - n, "; only observed, nothing is done");
}

bool incident_words_make(struct incident_words *out, const struct decision *d, bool is_observing)
{
    *out = (struct incident_words){.severity = SEVERITY_WARNING};
    snprintf(out->list, sizeof(out->list), "%s", d->list);
    switch (d->action) {
    case ACTION_WARN:
    case ACTION_THROTTLE:
    case ACTION_SUSPEND:
        out->severity = d->action == ACTION_WARN       ? SEVERITY_NOTICE
                        : d->action == ACTION_THROTTLE ? SEVERITY_WARNING
                                                       : SEVERITY_CRITICAL;
        customer_words(out, d, is_observing);
        break;
    case ACTION_PAUSE:
        out->severity = SEVERITY_CRITICAL;
        lane_words(out, d, is_observing);
        break;
    case ACTION_PULL:
    case ACTION_DRAIN:
        out->severity = d->action == ACTION_PULL ? SEVERITY_CRITICAL : SEVERITY_WARNING;
        ip_words(out, d, is_observing);
        break;
    case ACTION_INCIDENT:
        if (strncmp(d->target, "node:", 5) == 0)
            out->severity = SEVERITY_CRITICAL; // no mail moves at all
        outage_words(out, d);
        return true;
    case ACTION_CALL_OPERATOR:
        call_words(out, d);
        return true;
    case ACTION_RESTORE:
    case ACTION_RETURN:
    case ACTION_RESUME:
    case ACTION_INCIDENT_END:
    case ACTION_POOL:
        return false;
    }
    if (is_observing)
        observed(out);
    return true;
}
