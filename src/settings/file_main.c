#include "settings/files.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/state.h"
#include "settings/value.h"

#define AT(field) offsetof(struct file_main_data, field)
#define ARRAY(field) .array = AT(s.field), .count = AT(s.field##_n)

static void set(struct schema_reader *r, const char **to, const char *text)
{
    *to = arena_copy(r->keep, bytes_str(text));
}

static void check_socket(struct schema_reader *r, const struct tree_node *node, void *base)
{
    const char *path = ((struct file_main_data *)base)->s.control.socket;
    if (strlen(path) > VALUE_SOCKET)
        schema_say(r, node, "a socket's path of %zu bytes, expected at most %d", strlen(path),
                   VALUE_SOCKET);
}

static bool is_label(const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++)
        if (text[i] < 0x21 || text[i] > 0x7e)
            return false;
    return n <= 16;
}

// The rows of `domains` stand before those of the listeners, so that these can look there.
static void check_feedback(struct schema_reader *r, const struct tree_node *node,
                           const struct settings_listener *l)
{
    const struct settings *s = &((const struct file_main_data *)r->context)->s;
    const struct tree_node *kind = tree_member(node, "kind");
    if (l->trust_n)
        schema_say(r, tree_member(node, "trust"),
                   "`trust` at a listener of kind `feedback`, expected none: nobody submits there");
    if (!*s->domains.bounce && !s->domains.complaints_n)
        schema_say(r, kind,
                   "kind `feedback` needs `domains: bounce` or `domains: complaints`, "
                   "expected one of them: nothing could come in here");
}

static void check_bounce(struct schema_reader *r, const struct tree_node *node, void *base)
{
    const char *domain = *(const char **)(void *)((char *)base + AT(s.domains.bounce));
    if (strlen(domain) > VALUE_BOUNCE)
        schema_say(r, node, "a domain of %zu bytes, expected at most %d: a token stands before it",
                   strlen(domain), VALUE_BOUNCE);
}

static void check_listener(struct schema_reader *r, const struct tree_node *node, void *base)
{
    const struct settings_listener *l = base;
    char ip[VALUE_ADDRESS];
    if (l->kind == LISTENER_FEEDBACK)
        check_feedback(r, node, l);
    if (!l->address.sa_n)
        return;
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&l->address.sa;
    value_format_ip(ip, &l->address);
    CLEANUP(xfree)
    char *name = xasprintf("%s port %u", ip, ntohs(in->sin_port)); // as in sockaddr_in6
    const struct tree_node *address = tree_member(node, "address");
    schema_is_first(r, address ? address : node, "the listener", name, NULL);
}

static void init_trust(struct schema_reader *r, const struct tree_node *node, void *base)
{
    struct settings_trust *t = base;
    char name[VALUE_NETWORK];
    bool is_exact;
    if (!value_parse_network(t->net, &t->bits, &is_exact, node->key->text)) {
        schema_say(r, node->key,
                   "expected a network like 10.0.0.0/8 or \"2001:db8::/32\", got `%.60s`",
                   node->key->text);
        return;
    }
    if (!is_exact)
        schema_say(r, node->key, "`%s` has bits set behind its prefix, expected none",
                   node->key->text);
    value_format_network(name, t->net, t->bits);
    schema_is_first(r, node->key, "the network", name, node->up);
}

static bool is_customer(const char *text)
{
    char customer[64], list[64];
    return value_parse_customer(customer, list, text);
}

static void check_trust(struct schema_reader *r, const struct tree_node *node, void *base)
{
    struct settings_trust *t = base;
    char customer[64], list[64];
    if (!value_parse_customer(customer, list, t->customer))
        return;
    if (strcmp(customer, STATE_SELF) == 0)
        schema_say(r, node, "`%s` is the engine itself, expected a customer", STATE_SELF);
    set(r, &t->customer, customer);
    set(r, &t->list, list);
}

static void init_pool(struct schema_reader *r, const struct tree_node *node, void *base)
{
    struct settings_pool *p = base;
    p->name = "";
    if (text_is_name(node->key->text))
        set(r, &p->name, node->key->text);
    else
        schema_say(r, node->key,
                   "expected a pool's name (a-z 0-9 . _ -, first a letter or digit, at most 63), "
                   "got `%.60s`",
                   node->key->text);
}

static void check_ip(struct schema_reader *r, const struct tree_node *node, void *base)
{
    const struct settings_address *a = base;
    schema_is_first(r, node, "the IP", a->text, NULL);
}

static void init_route(struct schema_reader *r, const struct tree_node *node, void *base)
{
    struct settings_route *route = base;
    char domain[VALUE_DOMAIN] = "*";
    route->domain = route->provider = "";
    if (strcmp(node->key->text, "*") != 0 && !value_parse_domain(domain, node->key->text)) {
        schema_say(r, node->key,
                   "expected a domain like example.net (in xn-- form) or \"*\", got `%.60s`",
                   node->key->text);
        return;
    }
    set(r, &route->domain, domain);
    schema_is_first(r, node->key, "the route", domain, NULL);
}

static void check_route(struct schema_reader *r, const struct tree_node *node, void *base)
{
    struct settings_route *route = base;
    char ip[VALUE_ADDRESS];
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&route->hop.sa;
    if (value_is_any(&route->hop))
        schema_say(r, node, "`%s` is no address to connect to", route->hop.text);
    value_format_ip(ip, &route->hop);
    for (char *c = ip; *c; c++)
        if (*c == ':')
            *c = '-'; // so that it is a name like every provider's
    route->provider = arena_printf(r->keep, "route-%s-%u", ip, ntohs(in->sin_port));
}

static void check_delivery(struct schema_reader *r, const struct tree_node *node, void *base)
{
    const struct settings *s = &((struct file_main_data *)base)->s;
    const struct tree_node *first = tree_member(node, "retry_first");
    const struct tree_node *most = tree_member(node, "retry_most");
    if (s->delivery.retry_most && s->delivery.retry_first > s->delivery.retry_most)
        schema_say(r, first ? first : most,
                   "`retry_first` is longer than `retry_most`, expected at most as long");
}

static const struct schema_word kinds[] = {{"submission", LISTENER_SUBMISSION},
                                           {"feedback", LISTENER_FEEDBACK}};
static const struct schema_word tls[] = {{"none", LISTENER_TLS_NONE}};

#define WORDS(list) .words = (list), .words_n = ARRAY_LEN(list)
#define WHO "a user like ana, or a group like \"@mail-ops\""
#define RANGE(from, to) .min = (from), .max = (to)

// clang-format off
static const struct schema_row rows[] = {
    {"node", SCHEMA_NAME, "this node's name, as HELO, ledger and console show it", .is_required = true, .at = AT(s.node)},
    {"state", SCHEMA_PATH, "the folder that keeps spool, ledger and all other state", .is_required = true, .at = AT(s.state)},
    {"user", SCHEMA_TEXT, "who the engine becomes when root starts it; without it, the owner of the state folder",
     .fallback = "", .at = AT(s.user), .expected = "a user's name", .is_right = value_is_user},

    {"control", SCHEMA_SECTION, "the operators' door"},
    {"control.socket", SCHEMA_PATH, "the Unix socket that the console and the command line speak to",
     .fallback = "/run/mxwarden/control.sock", .at = AT(s.control.socket), .check = check_socket},
    {"control.operators", SCHEMA_LIST, "who may look and act, beside root and the engine's own user"},
    {"control.operators.-", SCHEMA_TEXT, "a user, or an @group", .item = sizeof(char *), ARRAY(control.operators),
     .expected = WHO, .is_right = value_is_user_or_group},
    {"control.viewers", SCHEMA_LIST, "who may look only"},
    {"control.viewers.-", SCHEMA_TEXT, "a user, or an @group", .item = sizeof(char *), ARRAY(control.viewers),
     .expected = WHO, .is_right = value_is_user_or_group},
    {"control.label", SCHEMA_TEXT, "shown in the console beside the node's name", .fallback = "", .at = AT(s.control.label),
     .expected = "a word of at most 16 characters like PROD", .is_right = is_label},

    {"domains", SCHEMA_SECTION, "domains of the engine's own"},
    {"domains.bounce", SCHEMA_DOMAIN, "where bounces of what it sends come back to", .fallback = "", .at = AT(s.domains.bounce),
     .check = check_bounce},
    {"domains.complaints", SCHEMA_LIST, "the addresses that complaint reports of mailbox providers come to"},
    {"domains.complaints.-", SCHEMA_TEXT, "such an address", .item = sizeof(char *), ARRAY(domains.complaints),
     .expected = "an address like fbl@example.net", .is_right = value_is_mailbox},

    {"listeners", SCHEMA_LIST, "the addresses where customers hand in their mail", .is_required = true},
    {"listeners.-", SCHEMA_SECTION, "a mapping with an address", .item = sizeof(struct settings_listener), ARRAY(listeners),
     .needs_one = true, .check = check_listener},
    {"listeners.-.address", SCHEMA_ADDRESS, "address and port to listen on", .is_required = true,
     .at = offsetof(struct settings_listener, address)},
    {"listeners.-.kind", SCHEMA_WORD, "what comes in here", .fallback = "submission", WORDS(kinds),
     .at = offsetof(struct settings_listener, kind)},
    {"listeners.-.tls", SCHEMA_WORD, "how connections are encrypted", .fallback = "none", WORDS(tls),
     .at = offsetof(struct settings_listener, tls)},
    {"listeners.-.trust", SCHEMA_SECTION, "networks whose clients are a customer without a password"},
    {"listeners.-.trust.*", SCHEMA_TEXT, "the customer, or its list, that a network is", .item = sizeof(struct settings_trust),
     .array = offsetof(struct settings_listener, trust), .count = offsetof(struct settings_listener, trust_n),
     .init = init_trust, .at = offsetof(struct settings_trust, customer),
     .expected = "a customer like acme, or a list like acme/spring", .is_right = is_customer, .check = check_trust},

    {"dns", SCHEMA_SECTION, "how names are looked up"},
    {"dns.servers", SCHEMA_LIST, "resolvers to ask; without them, the system's"},
    {"dns.servers.-", SCHEMA_TEXT, "a resolver", .item = sizeof(char *), ARRAY(dns.servers),
     .expected = "a resolver's address like 127.0.0.1 or 127.0.0.1@5353", .is_right = value_is_resolver},
    {"dns.local", SCHEMA_LIST, "records answered from here, before anybody is asked"},
    {"dns.local.-", SCHEMA_TEXT, "a record", .item = sizeof(char *), ARRAY(dns.local),
     .expected = "a record like `big.test. MX 10 mx.big.test.`", .is_right = value_is_record},

    {"pools", SCHEMA_SECTION, "the sending IP addresses, in pools with names", .is_required = true},
    {"pools.*", SCHEMA_SECTION, "a pool with its IPs", .item = sizeof(struct settings_pool), ARRAY(pools),
     .needs_one = true, .init = init_pool},
    {"pools.*.ips", SCHEMA_LIST, "the pool's addresses", .is_required = true},
    {"pools.*.ips.-", SCHEMA_SECTION, "an address", .item = sizeof(struct settings_ip),
     .array = offsetof(struct settings_pool, ips), .count = offsetof(struct settings_pool, ips_n),
     .needs_one = true, .shorthand = "address", .expected = "an address, or a mapping with one"},
    {"pools.*.ips.-.address", SCHEMA_IP, "the address that mail leaves from", .is_required = true,
     .at = offsetof(struct settings_ip, address), .check = check_ip},
    {"pools.*.ips.-.helo", SCHEMA_DOMAIN, "the name it says in EHLO, which its reverse DNS should show; without it, the node's",
     .at = offsetof(struct settings_ip, helo)},
    {"pools.*.ips.-.warming_since", SCHEMA_DATE, "the day a new address began to send; without it, the address is warm",
     .at = offsetof(struct settings_ip, warming_since)},

    {"delivery", SCHEMA_SECTION, "how mail goes out", .check = check_delivery},
    {"delivery.routes", SCHEMA_SECTION, "fixed next hops instead of DNS, by domain; \"*\" is all others"},
    {"delivery.routes.*", SCHEMA_ADDRESS, "the next hop", .item = sizeof(struct settings_route), ARRAY(delivery.routes),
     .init = init_route, .at = offsetof(struct settings_route, hop), .check = check_route},
    {"delivery.port", SCHEMA_PORT, "the port of other people's mail servers", .fallback = "25", .at = AT(s.delivery.port)},
    {"delivery.retry_first", SCHEMA_DURATION, "how long a deferred recipient first waits; each wait is twice the one before",
     .fallback = "5m", RANGE(USEC_MS * 100, USEC_DAY), .at = AT(s.delivery.retry_first)},
    {"delivery.retry_most", SCHEMA_DURATION, "the longest wait between two tries", .fallback = "4h",
     RANGE(USEC_MS * 100, 7 * USEC_DAY), .at = AT(s.delivery.retry_most)},
    {"delivery.give_up", SCHEMA_DURATION, "when a recipient is given up and its sender told", .fallback = "3d",
     RANGE(USEC_SECOND, 30 * USEC_DAY), .at = AT(s.delivery.give_up)},
    {"delivery.connections", SCHEMA_NUMBER, "outgoing connections at once, over everything", .fallback = "500",
     RANGE(1, 60000), .at = AT(s.delivery.connections)},

    {"limits", SCHEMA_SECTION, "bounds on what comes in"},
    {"limits.message_size", SCHEMA_SIZE, "a message's largest size", .fallback = "50M", RANGE(1024, 1 << 30),
     .at = AT(s.limits.message_size)},
    {"limits.recipients", SCHEMA_NUMBER, "recipients of one message", .fallback = "1000", RANGE(1, 100000),
     .at = AT(s.limits.recipients)},
    {"limits.commands_in_error", SCHEMA_NUMBER, "wrong commands of one session before it is ended", .fallback = "20",
     RANGE(1, 1000), .at = AT(s.limits.commands_in_error)},
    {"limits.sessions", SCHEMA_NUMBER, "sessions at once, over all listeners", .fallback = "1000", RANGE(1, 100000),
     .at = AT(s.limits.sessions)},
    {"limits.sessions_per_client", SCHEMA_NUMBER, "sessions at once of one client address", .fallback = "50",
     RANGE(1, 100000), .at = AT(s.limits.sessions_per_client)},
    {"limits.disk_reserve", SCHEMA_SIZE, "below this much free disk new mail waits outside (452) and delivery goes on",
     .fallback = "256M", RANGE(0, INT64_C(1) << 50), .at = AT(s.limits.disk_reserve)},
    {"limits.session_idle", SCHEMA_DURATION, "how long a session may say nothing", .fallback = "5m",
     RANGE(USEC_SECOND, USEC_HOUR), .at = AT(s.limits.session_idle)},

    {"providers", SCHEMA_PATH, "the file that knows the mailbox providers; without it, every set of MX hosts is one of its own",
     .fallback = "", .at = AT(names.providers)},
    {"policy", SCHEMA_PATH, "the file that says what is done, and for how long; without it, nothing is decided automatically",
     .fallback = "", .at = AT(names.policy)},
};
// clang-format on

const struct schema file_main = {rows, ARRAY_LEN(rows)};
