/* Codes prove little; what they prove depends on where in the dialogue they came. */
#include "test.h"

#include <string.h>

#include "mail/classify.h"

static void codes_and_phase_say_class_and_scope(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned code;
        const char *enhanced;
        enum phase phase;
        const char *class, *scope;
    } cases[] = {
        // clang-format off
        {"nobody answered", 0, "", PHASE_CONNECT, "no-connect", "unknown"},
        {"the connection was lost", 0, "", PHASE_DATA, "no-connect", "unknown"},
        {"taken", 250, "2.0.0", PHASE_DATA, "delivered", "unknown"},
        {"taken without an enhanced code", 250, "", PHASE_DATA, "delivered", "unknown"},
        {"no such user", 550, "5.1.1", PHASE_RCPT, "unknown-user", "recipient"},
        {"no such user, said late", 550, "5.1.1", PHASE_DATA, "unknown-user", "recipient"},
        {"no such user, for now", 450, "4.1.1", PHASE_RCPT, "unknown-user", "recipient"},
        {"5.1.1 to MAIL is not the recipient", 550, "5.1.1", PHASE_MAIL, "undetermined", "unknown"},
        {"4.1.1 to MAIL likewise", 450, "4.1.1", PHASE_MAIL, "transient", "unknown"},
        {"5.1.1 in a banner speaks of our IP", 550, "5.1.1", PHASE_BANNER, "undetermined", "ip"},
        {"5.1.1 in a report", 550, "5.1.1", PHASE_NONE, "unknown-user", "recipient"},
        {"5.2.1", 550, "5.2.1", PHASE_RCPT, "inactive-mailbox", "recipient"},
        {"moved away", 550, "5.1.6", PHASE_RCPT, "inactive-mailbox", "recipient"},
        {"full", 452, "4.2.2", PHASE_RCPT, "mailbox-full", "recipient"},
        {"null MX", 556, "5.1.10", PHASE_RCPT, "domain-not-found", "recipient"},
        {"no route", 550, "5.4.4", PHASE_RCPT, "domain-not-found", "recipient"},
        {"the host's disk", 452, "4.3.1", PHASE_RCPT, "transient", "provider"},
        {"5.3.1 proves nothing", 550, "5.3.1", PHASE_RCPT, "undetermined", "unknown"},
        {"too big for them", 552, "5.3.4", PHASE_MAIL, "message-too-big", "message"},
        {"too big for the mailbox", 552, "5.2.3", PHASE_DATA, "message-too-big", "message"},
        {"552 to MAIL", 552, "", PHASE_MAIL, "message-too-big", "message"},
        {"552 after DATA", 552, "", PHASE_DATA, "message-too-big", "message"},
        {"552 to RCPT is the mailbox", 552, "", PHASE_RCPT, "mailbox-full", "recipient"},
        {"552 with a code that proves nothing", 552, "5.7.0", PHASE_DATA, "undetermined", "unknown"},
        {"too many recipients at once", 452, "4.5.3", PHASE_RCPT, "rate-limited", "message"},
        {"SPF", 550, "5.7.23", PHASE_DATA, "auth-policy", "sender-domain"},
        {"reverse DNS", 550, "5.7.25", PHASE_RCPT, "auth-policy", "ip"},
        {"DKIM and SPF", 550, "5.7.26", PHASE_DATA, "auth-policy", "sender-domain"},
        {"DMARC at Microsoft", 550, "5.7.509", PHASE_DATA, "auth-policy", "sender-domain"},
        {"given up by a relay", 554, "5.4.7", PHASE_NONE, "no-connect", "unknown"},
        {"a relay's timeout", 451, "4.4.1", PHASE_DATA, "no-connect", "unknown"},
        {"5.7.1 is used for everything", 550, "5.7.1", PHASE_RCPT, "undetermined", "unknown"},
        {"4.7.1 likewise", 450, "4.7.1", PHASE_RCPT, "transient", "unknown"},
        {"5.4.1 likewise", 550, "5.4.1", PHASE_RCPT, "undetermined", "unknown"},
        {"a bare 550 is not an unknown user", 550, "", PHASE_RCPT, "undetermined", "unknown"},
        {"a bare 450", 450, "", PHASE_RCPT, "transient", "unknown"},
        {"a refusing banner", 554, "", PHASE_BANNER, "undetermined", "ip"},
        {"a busy banner", 421, "", PHASE_BANNER, "transient", "ip"},
        {"a refused HELO", 550, "5.7.1", PHASE_HELO, "undetermined", "ip"},
        {"a reply that ends nothing", 354, "", PHASE_RCPT, "protocol", "unknown"},
        {"no code of SMTP", 999, "5.1.1", PHASE_RCPT, "protocol", "unknown"},
        {"nonsense for an enhanced code", 550, "5.1.1.1", PHASE_RCPT, "undetermined", "unknown"},
        {"an enhanced code cut short", 550, "5.1", PHASE_RCPT, "undetermined", "unknown"},
        {"a number too long", 550, "5.1.0001", PHASE_RCPT, "undetermined", "unknown"},
        // clang-format on
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum class class;
        enum scope scope;
        classify_reply(&class, &scope, cases[i].code, cases[i].enhanced, cases[i].phase);
        if (strcmp(class_text(class), cases[i].class) != 0 ||
            strcmp(scope_text(scope), cases[i].scope) != 0)
            fail_msg("%s: %s, %s", cases[i].name, class_text(class), scope_text(scope));
    }
}

// Whatever comes: 4xx and 5xx are never a success, and only a named recipient can be dead.
static void no_code_is_misread(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 700; code++)
        for (int phase = PHASE_NONE; phase <= PHASE_HELO; phase++)
            for (int i = 0; i < 8 * 8 * 30; i++) {
                char enhanced[16];
                enum class class;
                enum scope scope;
                snprintf(enhanced, sizeof(enhanced), "%d.%d.%d", i % 8, i / 8 % 8, i / 64);
                classify_reply(&class, &scope, code, enhanced, (enum phase)phase);
                assert_int_equal(class == CLASS_DELIVERED, code / 100 == 2);
                bool is_named = phase == PHASE_RCPT || phase == PHASE_DATA || phase == PHASE_NONE;
                if (scope == SCOPE_RECIPIENT && !is_named)
                    fail_msg("%u %s in phase %d", code, enhanced, phase);
            }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(codes_and_phase_say_class_and_scope),
    cmocka_unit_test(no_code_is_misread),
};
TEST_MAIN(tests)
