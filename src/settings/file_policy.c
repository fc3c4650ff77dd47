#include "settings/files.h"

#include "base/mem.h"
#include "base/text.h"

#define AT(field) offsetof(struct settings, policy.field)
#define WORDS(list) .words = (list), .words_n = ARRAY_LEN(list)
#define EXPIRY .fallback = "4h", .min = USEC_MINUTE, .max = 365 * USEC_DAY

static bool is_rate(const char *text)
{
    uint32_t count;
    usec_t per;
    return text_parse_rate(&count, &per, text);
}

static const struct schema_word modes[] = {{"enforce", false}, {"observe", true}};
static const struct schema_word refusals[] = {{"450", 450}, {"550", 550}};
static const struct schema_word answers[] = {{"true", true}, {"false", false}};

// clang-format off
static const struct schema_row rows[] = {
    {"mode", SCHEMA_FLAG, "enforce: decisions are applied; observe: they are recorded and shown only", .fallback = "enforce",
     WORDS(modes), .at = AT(is_observing)},
    {"refusal", SCHEMA_WORD, "what a suspended customer's recipients are answered", .fallback = "450", WORDS(refusals),
     .at = AT(refusal)},
    {"throttle_rate", SCHEMA_TEXT, "the rate of a throttle that names none", .fallback = "100/h", .at = AT(throttle_rate),
     .expected = "a rate like 100/h (/s /m /h /d)", .is_right = is_rate},
    {"tells_customer", SCHEMA_FLAG, "whether the customer's contact is written to when something is done to it",
     .fallback = "true", WORDS(answers), .at = AT(tells_customer)},
    {"expiry", SCHEMA_SECTION, "how long an action lasts that says nothing itself"},
    {"expiry.warn", SCHEMA_DURATION, "until a warning ends", EXPIRY, .at = AT(expiry_warn)},
    {"expiry.throttle", SCHEMA_DURATION, "until a throttled customer sends freely again", EXPIRY, .at = AT(expiry_throttle)},
    {"expiry.suspend", SCHEMA_DURATION, "until a suspended customer may send again", EXPIRY, .at = AT(expiry_suspend)},
    {"expiry.pull", SCHEMA_DURATION, "until a pulled IP comes back", EXPIRY, .at = AT(expiry_pull)},
    {"expiry.drain", SCHEMA_DURATION, "until a drained IP comes back", EXPIRY, .at = AT(expiry_drain)},
    {"expiry.hold", SCHEMA_DURATION, "until held mail goes on", EXPIRY, .at = AT(expiry_hold)},
};
// clang-format on

const struct schema file_policy = {rows, ARRAY_LEN(rows)};
