/* The scenarios: what each adds to a fleet that behaves. A row a scenario. */
#include "base/mem.h"
#include "world.h"

#define HOURS(n) ((usec_t)((n)*USEC_HOUR))

static usec_t after(const struct world *w, double hours)
{
    return w->now + HOURS(hours);
}

// The smallest with at least that share of the mail, and no greylisting.
static uint32_t of_share(const struct world *w, double share)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < w->providers_n; i++)
        if (w->providers[i].share > share && w->providers[i].grey <= 0)
            best = i;
    return best;
}

static void set_quiet(struct world *w)
{
    (void)w;
}

static void set_clumped(struct world *w)
{
    for (uint32_t i = 0; i < w->customers_n; i++) {
        w->customers[i].clump = 0.5;
        w->customers[i].dead = world_between(w, 0.004, 0.01);
    }
}

// ---- not the customers' fault

static void outage(struct world *w, int provider, double share, bool is_soft)
{
    usec_t from = after(w, 1.25) + (usec_t)(world_between(w, 0, 5) * USEC_MINUTE);
    w->outage = (struct world_outage){from, from + 20 * USEC_MINUTE, provider, share, is_soft};
}

static void set_big_hard(struct world *w)
{
    outage(w, 0, 1, false);
}

static void set_big_soft(struct world *w)
{
    outage(w, 0, 1, true);
}

static void set_small_hard(struct world *w)
{
    outage(w, (int)of_share(w, 0.02), 1, false);
}

static void set_small_soft(struct world *w)
{
    outage(w, (int)of_share(w, 0.02), 1, true);
}

static void set_part_hard(struct world *w)
{
    outage(w, 0, 0.1, false);
}

static void set_part_soft(struct world *w)
{
    outage(w, 0, 0.1, true);
}

static void set_dns_hard(struct world *w)
{
    outage(w, -1, 1, false);
}

static void set_dns_soft(struct world *w)
{
    outage(w, -1, 1, true);
}

static void set_dead_domain(struct world *w)
{
    uint32_t c = world_pick_customer(w, 200, 20000);
    struct world_run *run = world_add_run(w, c, after(w, 2), 300 + dice_below(&w->dice, 1200),
                                          HOURS(world_between(w, 0.5, 3)));
    run->gone = 1;
}

static void set_one_address(struct world *w)
{
    uint32_t c = world_pick_customer(w, 20, 5000);
    struct world_run *run = world_add_run(w, c, after(w, 2), 3000 + dice_below(&w->dice, 3000),
                                          HOURS(world_between(w, 1, 4)));
    run->is_same = true;
    run->is_refused = dice_falls(&w->dice, 0.5);
}

static void set_greylist(struct world *w)
{
    for (uint32_t i = 1; i < w->providers_n; i++)
        w->providers[i].grey = world_between(w, 0.5, 1);
}

static void set_full_wave(struct world *w)
{
    w->full = world_between(w, 0.08, 0.2);
    w->wave_from = after(w, 3);
}

static void set_late_lump(struct world *w)
{
    for (uint32_t i = 0; i < w->providers_n; i++)
        w->providers[i].late = dice_falls(&w->dice, 0.5) ? 0.95 : w->providers[i].late;
    w->lump_at = after(w, world_between(w, 4, 6));
}

// ---- a customer who is no culprit

static void set_old_list(struct world *w)
{
    uint32_t c = world_pick_customer(w, 100, 3000);
    struct world_run *old = world_add_run(w, c, after(w, 2), 2000, HOURS(world_between(w, 0.5, 1)));
    old->dead = world_between(w, 0.03, 0.04);
    struct world_run *clean = world_add_run(w, c, after(w, 4), 4000, HOURS(3));
    clean->dead = 0.006;
}

static void set_first_campaign(struct world *w)
{
    uint32_t c = world_pick_customer(w, 10, 300);
    struct world_run *run = world_add_run(w, c, after(w, 3), 5000 + dice_below(&w->dice, 10000),
                                          HOURS(world_between(w, 1, 3)));
    run->dead = world_between(w, 0.005, 0.012);
    run->complaint = 0.0004;
}

// ---- culprits

static struct world_run *buy_list(struct world *w, uint32_t customer)
{
    usec_t from = after(w, 2 + world_between(w, 0, 0.2));
    struct world_run *run =
        world_add_run(w, customer, from, 5000, HOURS(world_between(w, 0.5, 1.5)));
    run->dead = world_log_between(w, 0.1, 0.4);
    run->complaint = world_between(w, 0.005, 0.02);
    run->spam = world_between(w, 0, 0.02);
    run->trap = 0.0002;
    world_blame(w, run);
    return run;
}

// Half of them new, half known since the world began.
static uint32_t some_customer(struct world *w)
{
    return dice_falls(&w->dice, 0.5) ? world_add_customer(w, 20)
                                     : world_pick_customer(w, 300, 5000);
}

static void set_bought(struct world *w)
{
    buy_list(w, some_customer(w));
}

static void set_two(struct world *w)
{
    uint32_t a = some_customer(w), b = some_customer(w);
    while (b == a)
        b = world_add_customer(w, 20);
    w->customers[b].ip = w->customers[a].ip;
    w->customers[b].ips = w->customers[a].ips;
    buy_list(w, a);
    buy_list(w, b);
}

static void set_thief(struct world *w)
{
    uint32_t c = world_pick_customer(w, 90, 500);
    w->has_habits = true;
    usec_t from = after(w, world_between(w, 74, 78));
    struct world_run *run = world_add_run(w, c, from, 3000, HOURS(world_between(w, 0.3, 1)));
    run->dead = world_between(w, 0.03, 0.15);
    run->spam = world_between(w, 0.1, 0.4);
    run->complaint = 0.01;
    run->is_harm = true;
    run->network = (uint32_t)dice_next(&w->dice) | 1;
    world_blame(w, run);
}

static void set_complainer(struct world *w)
{
    struct world_run *run = world_add_run(w, some_customer(w), after(w, 2), 20000, HOURS(5));
    run->dead = 0.008;
    run->complaint = world_between(w, 0.01, 0.03);
    world_blame(w, run);
}

static void set_snowshoe(struct world *w)
{
    for (int i = 0; i < 10; i++) {
        struct world_run *run = world_add_run(w, world_add_customer(w, 15),
                                              after(w, 2 + world_between(w, 0, 1)), 400, HOURS(4));
        run->dead = world_between(w, 0.15, 0.3);
        run->complaint = 0.01;
        world_blame(w, run);
    }
}

// Ten who mail one provider only: they are no outage of it.
static void set_collusion(struct world *w)
{
    int provider = (int)dice_below(&w->dice, 4);
    set_snowshoe(w);
    for (uint32_t i = 0; i < w->runs_n; i++)
        w->runs[i].provider = provider;
}

static void set_ramp(struct world *w)
{
    struct world_run *run = world_add_run(w, some_customer(w), after(w, 1.5), 8000, HOURS(7));
    run->dead = 0.005;
    run->dead_to = 0.12;
    world_blame(w, run);
    w->customers[run->customer].bad_from += (usec_t)(0.13 * 7 * USEC_HOUR); // over 2 % from here
}

static void set_block(struct world *w)
{
    static const int who[] = {0, 2, 3, 4};
    struct world_run *run =
        world_add_run(w, some_customer(w), after(w, 2), 6000, HOURS(world_between(w, 1, 2)));
    run->spam = world_between(w, 0.1, 0.3);
    run->dead = world_between(w, 0.02, 0.1);
    run->complaint = 0.01;
    world_blame(w, run);
    w->block.provider = who[dice_below(&w->dice, ARRAY_LEN(who))];
    w->block.after = 3 + dice_below(&w->dice, 6); // spam over one IP
    w->block.span = HOURS(world_between(w, 1, 3));
    w->block.is_soft = dice_falls(&w->dice, 0.5);
}

static void set_listing(struct world *w)
{
    uint32_t c = some_customer(w);
    struct world_run *run = buy_list(w, c);
    w->listing = (struct world_listing){w->customers[c].ip, run->from + 20 * USEC_MINUTE,
                                        run->from + HOURS(3), "127.0.0.2"};
}

static void set_listing_error(struct world *w)
{
    w->listing = (struct world_listing){dice_below(&w->dice, w->ips_n), after(w, 2), after(w, 4),
                                        "127.255.255.254"};
}

#define CALM                                                                                       \
    .span = HOURS(8), .top_least = 3000, .top = 40000, .customers_least = 40, .customers = 120
#define BUSY                                                                                       \
    .span = HOURS(2), .top_least = 70000, .top = 100000, .customers_least = 150, .customers = 250
#define LONG                                                                                       \
    .span = HOURS(80), .top_least = 1000, .top = 2500, .customers_least = 30, .customers = 50

const struct scenario scenarios[] = {
    {"quiet", "nothing happens", CALM, .set = set_quiet},
    {"clumped", "every list comes in clumps (beta, shape 0.5)", CALM, .set = set_clumped},
    {"big, full", "a big provider bounces all", BUSY, .set = set_big_hard},
    {"big, full, 4xx", "a big provider puts all off", BUSY, .set = set_big_soft},
    {"small, full", "a small provider bounces all", BUSY, .set = set_small_hard},
    {"small, full, 4xx", "a small provider puts all off", BUSY, .set = set_small_soft},
    {"big, 10 %", "a big provider bounces a tenth", BUSY, .set = set_part_hard},
    {"big, 10 %, 4xx", "a big provider puts a tenth off", BUSY, .set = set_part_soft},
    {"our DNS, no such", "our resolver denies every domain", BUSY, .set = set_dns_hard},
    {"our DNS, silent", "our resolver does not answer", BUSY, .set = set_dns_soft},
    {"dead domain", "one client's domain is gone", CALM, .set = set_dead_domain},
    {"one address", "one dead address, thousands of times", CALM, .set = set_one_address},
    {"greylisting", "most providers greylist", CALM, .set = set_greylist},
    {"full mailboxes", "a wave of full mailboxes", CALM, .set = set_full_wave},
    {"bounces in a lump", "hours of bounces come at once", CALM, .set = set_late_lump},
    {"old list", "3-4 % of 2,000 dead, then clean", CALM, .set = set_old_list},
    {"first campaign", "a small customer's first, to the living", CALM, .set = set_first_campaign},
    {"bought list", "10-40 % dead, complaints", CALM, .set = set_bought},
    {"stolen password", "spam from a new network", LONG, .set = set_thief},
    {"complaints", "1-3 % of deliveries, hours late", .span = HOURS(14), .top_least = 1000,
     .top = 10000, .customers_least = 40, .customers = 80, .set = set_complainer},
    {"two culprits", "two bought lists over one pool", CALM, .set = set_two},
    {"snowshoe", "ten small ones, 15-30 % dead", CALM, .set = set_snowshoe},
    {"collusion", "ten small ones at one provider", CALM, .set = set_collusion},
    {"slow ramp", "0.5 to 12 % in seven hours", .span = HOURS(9.5), .top_least = 3000, .top = 30000,
     .customers_least = 40, .customers = 120, .set = set_ramp},
    {"block", "a provider blocks the spammer's IPs", CALM, .set = set_block},
    {"listing", "a blocklist names the culprit's IP", CALM, .set = set_listing},
    {"list's error", "127.255.255.254 is no listing", CALM, .set = set_listing_error},
};
const size_t scenarios_n = ARRAY_LEN(scenarios);
