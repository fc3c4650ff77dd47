/* What the files of this room share; nobody outside includes it.
 *
 * A *letter* is a message of which some recipients are in memory. Its recipients at one set of hosts
 * are a *parcel*; parcels wait in a *queue* (customer × list × provider), a customer's queues at a
 * provider are its *share*, and shares take turns in a *dock* (provider × pool), the place where the
 * *lanes* (IP × provider) of that pool load. A *site* is a set of hosts as a dock reaches it; an
 * *outbound* is one connection of a lane to a site; a *flight* is one transaction on it.
 *
 *   delivery.c  life, entries, settings      window.c    customers, what is fetched and parked
 *   queue.c     letters, parcels, counts     route.c     domain → provider and hosts
 *   hold.c      what may go now              lane.c      limits, back-off, choice of the IP
 *   dispatch.c  who is next                  outbound.c  connections; outbound_end.c: their ends
 *   flight.c    transactions                 outcome.c   what became of it
 *   table.c     what the console shows    conversation.c  what was said where it failed
 *
 * Everything runs on the loop. What may let something go marks a dock (dock_wake); the entry points
 * end with dispatch_end(), which serves those, so that nothing here is entered twice. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "base/text.h"
#include "core/fair.h"
#include "core/words.h"
#include "delivery/delivery.h"
#include "net/dns.h"
#include "net/timer.h"
#include "settings/settings.h"
#include "smtp/client.h"
#include "store/spool.h"

enum {
    WINDOW = 1000,         // recipients of one customer in memory that may go
    WINDOW_HELD = 1000,    // and of those that are held (but for the whole customer: none)
    MEMORY = 100000,       // recipients in memory, all customers
    TRANSACTION_MAX = 100, // recipients in one
    TURN_COST = 16 << 10,  // the quantum, and the least a message costs: small ones go one a turn
    TURN_COST_MOST = 1 << 20,   // a larger message pays no more, so that a round stays short
    MESSAGE_COST = 4 << 10,     // what a message costs beside its bytes
    LOOK_AHEAD = 16,            // parcels an outbound looks through for one of its site
    PASSED_MOST = 64,           // times a parcel may be overtaken so
    RETURNS_MOST = 3,           // times it comes back untried before that counts as a try
    REFUSALS_MOST = 3,          // IPs that are refused at the door before that does
    DOMAINS_MOST = 50000,       // routes remembered
    OUTBOUND_WRITES = 256 << 10 // bytes queued in the kernel's stead before an outbound makes more
};
#define BODIES_YOUNG ((uint64_t)32 << 20) // new messages keep their body below this
#define BODIES_MOST ((uint64_t)64 << 20)  // bodies are loaded below this; one always may be

#define CONNECT_SPAN (30 * USEC_SECOND) // one address
#define IDLE_SPAN (5 * USEC_SECOND)     // a connection without work is kept
#define STOP_SPAN (12 * USEC_SECOND)    // what is in flight may finish
#define BACKOFF_FIRST (10 * USEC_SECOND)
#define BACKOFF_MOST (5 * USEC_MINUTE)

/* A question to the store or DNS; d is NULL when nobody waits for the answer any more. */
struct ask {
    struct list link; // in delivery.asks, or lost_asks
    struct delivery *d;
    void *what;
};

/* A source address of ours. Lives as long as the delivery: configurations name few. */
struct source {
    char address[64];
    struct sockaddr_storage sa;
    char *helo;
    const struct settings_pool *pool; // of the settings in force; NULL: configured no more
    bool is_open;                     // may start transactions, whatever the provider
    bool is_out;                      // pulled or draining
};

/* How a lane fared, in minutes; made with its first outcome. */
struct lane_figures {
    int64_t minute; // the newest bucket, since 1970
    uint32_t tried[60], sent[60], deferred[60];
};

/* IP × provider. */
struct lane {
    struct list of_provider, of_dock;
    struct provider *provider;
    struct dock *dock; // NULL: its IP is configured no more
    struct source *source;
    struct list outbounds;
    uint32_t outbounds_n;
    uint32_t cap; // connections that it bore when one more was refused; 0: none
    usec_t cap_until;
    usec_t paused_until; // wall, USEC_NEVER: no end; 0: not paused
    uint32_t probe;      // connections it may have while it probes; 0: it does not
    usec_t probe_at;     // monotonic: then one more, when mail goes over it
    bool is_out;         // its IP was pulled or draining when it was judged
    bool is_open;        // rotation, pauses and holds let it start transactions
    double tokens;
    usec_t tokens_at;     // monotonic
    usec_t backoff_until; // monotonic; 0: no
    usec_t backoff_span;  // the last one
    usec_t until;         // wall, for people
    bool is_blocked;
    usec_t blocked_at;            // monotonic
    struct lane_figures *figures; // NULL before its first outcome
    char *last_reply;
};

/* Where mail for some domains goes; shared by the domains and sites that name it. */
struct hosts {
    char *key; // preferences and names, or the fixed hop
    char provider[TEXT_NAME];
    uint32_t refs;
    usec_t backoff_until; // monotonic: these hosts failed, not the provider as a whole
    usec_t backoff_span;
    size_t n;
    struct hosts_address {
        struct sockaddr_storage sa;
        char *name;       // of the host
        usec_t bad_until; // monotonic; tried last till then
        bool is_own;      // its own name says it is the provider's: what it says speaks for it
    } * addresses;
};

struct site {
    struct list of_dock;
    struct dock *dock;
    struct hosts *hosts;
    struct list idle;       // outbounds
    struct list connecting; // outbounds, each with the parcel it was opened for
    uint32_t parcels;       // in queues that may go
    uint32_t refs;          // parcels and outbounds
};

/* Provider × pool. */
struct dock {
    struct list of_provider;
    struct list awake;   // in delivery.awake
    struct list starved; // in delivery.starved: it waits for a connection of somebody else's
    struct delivery *d;
    struct provider *provider;
    char pool[TEXT_NAME];
    struct fair fair;
    struct list lanes; // lane.of_dock, those of the pool's IPs
    struct list sites;
    struct map site_of; // address of the hosts → site
    struct list idle;   // outbounds, the longest idle first
    uint32_t outbounds_n;
    uint32_t recipients; // in memory
    bool wants_room;     // all lanes are full and somebody's site has no outbound
    struct timer timer;  // the next time a lane may
};

struct provider {
    char name[TEXT_NAME]; // "" : where mail is counted that was not asked for yet
    uint32_t connections, connections_all, messages, rate; // 0: no limit
    usec_t rate_per;
    struct list docks, lanes;
    struct list shares;
    uint32_t outbounds_n;
    usec_t used_at; // monotonic
};

/* The customer as delivery sees it. */
struct customer {
    char name[TEXT_NAME];
    char pool[TEXT_NAME]; // in force: its own or the first
    struct delivery *d;
    struct state_customer *state;
    struct list wanting; // in delivery.wanting: waits for memory
    struct list shares;  // share.of_customer
    struct map share_of; // provider name → share
    struct timer timer;
    usec_t due_at;      // wall: the next on disk; USEC_NEVER: nothing
    usec_t held_at;     // wall: the newest that was parked as held
    usec_t released_at; // wall: what was parked so before is fetched
    uint32_t in_memory; // recipients
    uint32_t in_held;   // of them, in held queues
    uint64_t waiting;   // recipients, on disk too
    bool is_fetching, has_more;
    bool is_held;         // the whole customer
    bool is_pool_missing; // said already
};

/* Customer × provider: who takes turns. */
struct share {
    struct fair_member fair;
    struct list of_customer, of_provider;
    struct customer *customer;
    struct provider *provider;
    struct dock *dock;
    struct list queues;  // queue.link, all
    struct map queue_of; // list → queue
    struct list ready;   // queue.ready, those with parcels that may go, in turns
    uint64_t waiting;    // recipients, on disk too
    uint64_t held_lists; // recipients of held queues
    uint64_t held;       // as counted into the customer's
    bool is_held;        // all of it
    usec_t oldest_at, next_try_at;
    char *last_reply;
};

struct queue {
    struct list link, ready;
    struct share *share;
    char list[TEXT_NAME];
    struct list parcels;
    uint32_t recipients; // in its parcels
    uint64_t away;       // recipients that wait on disk
    uint64_t parked;     // of them, those whom the disk has under another provider's name
    bool is_held;
};

struct letter {
    struct spool_message *m;
    struct customer *customer;
    struct list parcels; // parcel.of_letter
    uint32_t pending;    // recipients in memory
    uint32_t flights;    // that use the body
    struct ask *loading; // the store is reading the body
    bool is_counted;     // its body, in delivery.bodies
    bool is_taking;      // letter_take() is not done with it
    bool is_new;         // from delivery_add(): on no other provider's account
    struct list loaders; // flights that wait for the body
    struct list queued;  // in delivery.loads: waits for room for its body
};

struct parcel {
    struct list link; // in its queue, or in its domain's `asking`
    struct list of_letter;
    struct letter *letter;
    struct domain *domain; // while it is asked for
    struct queue *queue;   // where it waits or came from
    struct site *site;
    bool is_waiting; // in queue
    uint8_t returns, refusals, passed;
    size_t n, room;
    uint32_t *recipients; // places in letter->m->recipients
};

struct domain {
    struct list link; // in delivery.domains, the least used first
    char *name;
    struct hosts *hosts; // NULL: none
    enum dns_result result;
    bool is_loop; // DNS_OK, and all that leads there is ourselves
    char why[128];
    usec_t expires_at;  // monotonic
    struct list asking; // parcels that wait for the answer
    struct ask *ask;
};

struct flight {
    struct list link, loader;
    struct outbound *outbound;
    struct parcel *parcel; // owned
    struct smtp_envelope envelope;
    const char **addresses;
    char *return_path; // a token of ours; NULL: the message's own sender
    uint32_t *failed;  // numbers of recipients that failed in it; NULL: none yet. Owned
    size_t failed_n;
    bool is_loading; // its body is awaited
    bool is_sent;    // the client has it
    usec_t sent_at;  // monotonic
};

enum outbound_state {
    OUTBOUND_CONNECTING, // TCP, or waiting to be greeted
    OUTBOUND_READY,
    OUTBOUND_QUITTING,
};

struct outbound {
    struct list of_lane, connecting, idle_site, idle_dock, idle_all;
    struct delivery *d;
    struct lane *lane;
    struct dock *dock;
    struct site *site;
    struct conn *conn;
    struct smtp_client *client;
    struct smtp_client_plan plan;
    char *helo;
    enum outbound_state state;
    struct parcel *parcel; // owned; what it was opened for, until it is ready
    size_t tried_n;        // addresses tried
    uint64_t tried[2];     // which, a bit each
    size_t address;        // the present one
    struct list flights;   // at most two
    uint32_t flights_n;
    uint32_t decided; // recipients with an answer, 421 apart
    usec_t done_at;   // monotonic: when a flight ended here last; 0: none
    usec_t pace;      // what that one took since it was sent or the one before ended
    bool is_over, is_yielding, is_pumping;
    enum phase over_phase;
    struct smtp_reply over_reply;
    struct buf over_said; // before it was ready
    usec_t opened_at;     // wall: the present address took the connection
    usec_t idle_until;    // monotonic; 0: not idle
    char why[160];        // the last address's failure
};

struct delivery {
    struct delivery_options o;
    const struct settings *settings;
    struct replies *replies; // what answers mean, by these settings
    struct dns *dns;
    struct timers *timers;
    struct map customers, providers, sources, domain_of, hosts_of;
    struct list domains, asks, lost_asks, awake, starved, wanting, loads, idle;
    size_t starved_n, yielding;
    uint64_t bodies; // bytes of bodies in memory
    uint32_t in_memory;
    uint32_t outbounds_n, in_flight;
    uint64_t queued, held;
    usec_t last_outcome_at;
    struct timer change, sweep, stop;
    bool is_started, is_stopping, has_ip_holds;
    bool is_running;  // inside an entry point: dispatch_end() does what is due
    bool has_changed; // delivery_changed() was called inside one
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

struct ask *ask_new(struct delivery *d, void *what);
/* Of an answer: the delivery, or NULL when nobody waits; *what is what was asked for. Frees the ask. */
struct delivery *ask_take(struct ask *a, void **what);
/* Nobody waits for it any more; `what` is what the answer finds. */
void ask_lose(struct ask *a, void *what);

/* --- delivery.c */
/* Judges all anew, and again when the next hold expires. */
void delivery_judge(struct delivery *d);
/* A transaction ended: perhaps the last, at a stop. */
void delivery_rested(struct delivery *d);

/* --- window.c */
struct customer *customer_of(struct delivery *d, const char *name);
/* Something of it is due on disk at `at` (wall). */
void customer_due(struct customer *c, usec_t at);
void customer_fetch(struct customer *c);
/* A hold ended: what was parked because of holds comes again. */
void customer_release(struct customer *c);
/* n recipients left memory, whether they wait elsewhere or not. */
void window_left(struct customer *c, uint32_t n);
/* Who waited for memory is fetched for. */
void window_serve(struct delivery *d);
/* The parcel goes back to the disk, uncharged, until `at` (wall), and is freed. */
void parcel_park(struct delivery *d, struct parcel *p, usec_t at);
/* The same because its lanes are in back-off until `until` (monotonic); spread by how many wait. */
void parcel_park_for(struct delivery *d, struct parcel *p, usec_t until);
/* The letter's body is wanted for a flight. True: it is there. */
bool body_want(struct delivery *d, struct letter *l, struct flight *f);
/* No flight uses it now: kept while there is room. */
void body_unused(struct delivery *d, struct letter *l);
void body_drop(struct delivery *d, struct letter *l);
/* Room for bodies was made. */
void body_serve(struct delivery *d);

/* --- queue.c */
struct share *share_of(struct delivery *d, struct customer *c, const char *provider);
struct queue *queue_of(struct share *s, const char *list);
void share_free(struct delivery *d, struct share *s);
/* Recipients begin or cease to wait in it. */
void share_count(struct delivery *d, struct share *s, int64_t n);
/* Its held recipients are counted into the customer's and the total. */
void share_recount(struct delivery *d, struct share *s);
/* Recipients of it begin to wait on disk, or cease to; never below nothing. */
void queue_away(struct delivery *d, struct queue *q, int64_t n);
/* The same for that customer's queue by names, of one that no parcel was placed for. */
void queue_away_unplaced(struct delivery *d, const struct letter *l, const char *provider,
                         int64_t n);
/* Takes a message (moved in) into memory and on its way. */
void letter_take(struct delivery *d, struct spool_message *m, bool is_new);
/* n of its recipients left memory; frees it with the last. */
void letter_left(struct delivery *d, struct letter *l, uint32_t n);
struct parcel *parcel_new(struct letter *l);
void parcel_add(struct parcel *p, uint32_t recipient);
void parcel_free(struct delivery *d, struct parcel *p);
/* Its domain is known: into its queue. */
void parcel_place(struct delivery *d, struct parcel *p, struct hosts *hosts);
void queue_put(struct delivery *d, struct queue *q, struct parcel *p, bool is_first);
void queue_out(struct delivery *d, struct parcel *p);
/* As many recipients of a waiting parcel as one transaction takes, out of its queue; the rest waits on. */
struct parcel *parcel_split(struct delivery *d, struct parcel *p);
/* It was not tried: waits again, in front. */
void parcel_return(struct delivery *d, struct parcel *p);
/* Whether the queue takes part in turns changed. */
void queue_set_held(struct delivery *d, struct queue *q, bool is_held);
/* The share goes over to another dock with all it has. */
void share_move(struct delivery *d, struct share *s, const char *pool);

/* --- hold.c */
/* Judges customers, lanes and queues anew. */
void hold_judge_all(struct delivery *d);
void hold_judge_customer(struct delivery *d, struct customer *c);
/* All that the customer has waiting in memory goes back to disk, due at once. */
void hold_send_home(struct delivery *d, struct customer *c);
void hold_judge_share(struct delivery *d, struct share *s);
void hold_judge_lane(struct delivery *d, struct lane *l);
void hold_judge_queue(struct delivery *d, struct queue *q);
/* May this queue's mail go over this IP? */
bool hold_allows(struct delivery *d, const struct queue *q, const struct source *source);

/* --- route.c */
/* The provider's name for a domain's hosts (at least one): that of the first host, by preference,
 * which the settings know; else the best host less its first label, where that still is a name of
 * two labels and the host is not the domain itself. */
void route_name(char out[TEXT_NAME], const struct settings *s, const char *domain,
                const struct dns_mx *mx);
/* The parcel's recipients are of that domain; parcel_place() or outcomes follow, perhaps at once. */
void route_ask(struct delivery *d, struct parcel *p, struct domain *domain);
/* The domain in the cache, made when new. */
struct domain *route_domain(struct delivery *d, const char *name);
/* Forgets the least used routes beyond DOMAINS_MOST. */
void route_trim(struct delivery *d);
/* All answers are stale: the settings changed, perhaps the resolver, which then is asked anew. */
void route_forget(struct delivery *d, bool is_new_dns);

/* loop.c: true, and `kept` filled, when mail hosts fell away because they are ourselves or no better. */
bool loop_cut(struct dns_mx *kept, const struct dns_mx *mx, const struct settings *s);
void route_deinit(struct delivery *d);
void hosts_unref(struct delivery *d, struct hosts *h);

/* --- lane.c */
/* From best to worst: of several lanes the best answer counts. */
enum lane_answer {
    LANE_OK,
    LANE_FULL_LANE,     // all connections of the lanes are taken
    LANE_FULL_PROVIDER, // all of the provider
    LANE_FULL_ALL,      // all there are
    LANE_SLOW,          // the rate is used up; *at says until when
    LANE_DOWN,          // all are in back-off; *at says until when
    LANE_UNREACHABLE,   // the hosts have no address of our IPs' kind
    LANE_NONE,          // no IP may now
};
struct provider *provider_of(struct delivery *d, const char *name);
void provider_set_limits(struct delivery *d, struct provider *p);
void provider_free(struct delivery *d, struct provider *p);
struct dock *dock_of(struct delivery *d, struct provider *p, const char *pool);
/* The lanes of the pool's IPs as the settings have them. */
void dock_sync(struct delivery *d, struct dock *dock);
struct site *site_of(struct dock *dock, struct hosts *hosts);
void site_unref(struct delivery *d, struct site *s);
/* Where a new connection for that queue and site may begin: the least loaded lane. */
enum lane_answer lane_choose(struct delivery *d, struct dock *dock, const struct queue *q,
                             const struct site *site, usec_t now, struct lane **lane, usec_t *at);
/* May it start a transaction now? */
bool lane_may(const struct lane *l, usec_t now);
/* Is there a token? Takes it when asked to. */
bool lane_token(struct lane *l, usec_t now, bool takes);
uint32_t lane_connections_max(const struct lane *l, usec_t now);
void lane_back_off(struct lane *l, usec_t now, const char *reply);
void lane_recovered(struct lane *l);
/* A pause is over: one connection, and one more at a time while mail goes over it. */
void lane_probe(struct lane *l, usec_t now);
void hosts_back_off(struct hosts *h, usec_t now);
void lane_note(struct lane *l, const struct outcome *o);
/* Sums of the last n minutes (at most 60). */
struct lane_sums {
    uint64_t tried, sent, deferred;
};
struct lane_sums lane_sums(const struct lane *l, usec_t wall, int minutes);
/* Replaces an owned string, where it is another. */
void text_replace(char **reply, const char *text);

/* --- dispatch.c */
/* Every entry from the loop stands between these two: what it woke is served at the end, and what
 * others call from inside (on_outcome) takes effect there. */
void dispatch_begin(struct delivery *d);
void dispatch_end(struct delivery *d);
void dock_wake(struct delivery *d, struct dock *dock);
/* The same at a time (monotonic); the earliest of several counts. */
void dock_wake_at(struct dock *dock, usec_t at);
/* The outbound's next parcel by turns, out of its queue and charged; NULL: none for it now. */
struct parcel *dispatch_next(struct delivery *d, struct outbound *s, usec_t now);
/* A connection ended: who waited for one tries again. */
void dispatch_freed(struct delivery *d, struct dock *dock);

/* --- outbound.c */
/* A new connection for that parcel (moved in), out of its queue already. */
void outbound_open(struct delivery *d, struct lane *l, struct parcel *p);
/* The present address failed, or there was none yet: on to the next, or it is the end. */
void outbound_connect(struct outbound *s);
/* Hands an idle one a parcel (moved in). */
void outbound_send(struct outbound *s, struct parcel *p);
/* Ends it in good manners, nothing being in flight. */
void outbound_quit(struct outbound *s);
void outbound_enter(struct outbound *s, enum outbound_state state);
void outbound_set_idle(struct outbound *s, bool is_idle);
/* Until nothing moves: events, new work, bytes out. May free the outbound. */
void outbound_pump(struct outbound *s);

/* --- outbound_end.c */
/* Closes at once; what it had in flight waits again. */
void outbound_close(struct outbound *s);
/* It is over by itself: judges why, and frees it. */
void outbound_end(struct outbound *s);
/* Out of everything that counts or finds it; the connection is closed. What it had stays in it. */
void outbound_detach(struct outbound *s);
void outbound_free(struct outbound *s);
/* Pauses the lane, or only these hosts where the lane reaches others that may be well, or where the
 * one who speaks is not the provider. True when it was not paused already. */
bool outbound_back_off(struct outbound *s, bool is_hosts, const char *reply, usec_t now);
/* Does the host it talks to speak for the provider? */
bool outbound_is_own(const struct outbound *s);

/* --- flight.c */
void flight_new(struct outbound *s, struct parcel *p);
/* Is the message sent from an address of its own for each recipient (mail/token.h)? */
bool flight_has_token(const struct delivery *d, const struct spool_message *m);
/* What was decided leaves memory, the rest waits again, or is given up when it comes back often. */
void flight_end(struct flight *f, struct lane *lane, const char *why);
/* The server is done with it. */
void flight_done(struct flight *f, usec_t now);
/* Hands the client what is ready; what may not go any more waits again. */
void flight_send_ready(struct outbound *s, usec_t now);
/* New work, as long as there is a slot for it. */
void flight_fill(struct outbound *s, usec_t now);
/* The body of its flight is there (or r < 0: it can't be read). */
void flight_loaded(struct flight *f, int r);

/* --- conversation.c */
/* That recipient of its parcel (a place in the message) failed in this transaction. */
void conversation_failed(struct flight *f, uint32_t recipient);
/* The transaction is over: keeps what was said for all that failed in it. */
void conversation_done(const struct flight *f, struct bytes said);
/* The door was shut, and all of the parcel fails for it: keeps what was said there. */
void conversation_shut(const struct outbound *s, const struct parcel *p);

/* --- outcome.c */
/* The wait before the next try after `attempt` tries; `dice` in [0, 1) is the jitter. */
usec_t outcome_retry(usec_t first, usec_t most, unsigned attempt, double dice);
/* What an answer means: the provider's rules, everybody's, else the codes. True: a refusal that no rule
 * knew. */
bool outcome_classify(const struct delivery *d, const char *provider, enum phase phase,
                      const struct smtp_reply *reply, enum class *class, enum scope *scope);
/* One recipient's answer; it leaves memory when the caller says letter_left(). True: the answer is
 * about our IP, and none but a pause helps. */
bool outcome_reply(struct delivery *d, struct parcel *p, uint32_t recipient, struct lane *lane,
                   enum phase phase, const struct smtp_reply *reply);
/* Tells the wiring of a refusal at the door that no recipient is charged for. */
void outcome_door(struct delivery *d, const struct lane *lane, enum class class, enum scope scope,
                  bool is_unknown, enum phase phase, const struct smtp_reply *reply);
/* The same for all of a parcel's recipients; frees it. */
void outcome_reply_all(struct delivery *d, struct parcel *p, struct lane *lane, enum phase phase,
                       const struct smtp_reply *reply);
/* All of a parcel's recipients meet the same end for a reason of our own; frees it. */
void outcome_own(struct delivery *d, struct parcel *p, struct lane *lane, bool is_final,
                 enum class class, enum phase phase, const char *why);
double outcome_dice(void);
