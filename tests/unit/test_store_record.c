/* Journal records: what goes in comes out, and nothing else does. */
#include "store_help.h"

#include "store/record.h"
#include "store/segment.h"

static uint64_t seed = 42;
static uint32_t dice(uint32_t sides)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(seed >> 33) % sides;
}

static char *any_text(size_t max)
{
    size_t n = dice((uint32_t)max + 1);
    char *s = xmalloc(n + 1);
    for (size_t i = 0; i < n; i++)
        s[i] = (char)(1 + dice(255));
    s[n] = '\0';
    return s;
}

static struct spool_message *any_message(void)
{
    struct spool_message *m = spool_message_new();
    m->id = (struct message_id){(uint64_t)dice(1u << 31) << 33, dice(1u << 31)};
    m->accepted_at = (usec_t)dice(1u << 31) * 1000003;
    m->customer = (xfree(m->customer), any_text(63));
    m->list = (xfree(m->list), any_text(63));
    m->sender = (xfree(m->sender), any_text(300));
    m->stream = dice(2) ? STREAM_LIST : STREAM_TRANSACTIONAL;
    m->is_8bit = dice(2);
    for (uint32_t n = 1 + dice(20); n; n--) {
        CLEANUP(xfree) char *address = any_text(320);
        spool_message_add_recipient(m, address);
    }
    fill_body(m, dice(5000));
    return m;
}

static void messages_come_back_as_they_were(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        CLEANUP(spool_message_free) struct spool_message *m = any_message();
        CLEANUP(spool_message_free) struct spool_message *got = spool_message_new();
        CLEANUP(buf_deinit) struct buf b = {0};
        record_add_arrived(&b, m);
        assert_true(record_parse_arrived(got, bytes_of(b.p + RECORD_HEADER, b.n - RECORD_HEADER)));
        assert_true(message_id_equal(m->id, got->id));
        assert_true(m->accepted_at == got->accepted_at && m->stream == got->stream);
        assert_int_equal(m->is_8bit, got->is_8bit);
        assert_string_equal(m->customer, got->customer);
        assert_string_equal(m->list, got->list);
        assert_string_equal(m->sender, got->sender);
        assert_int_equal(m->recipients_n, got->recipients_n);
        for (size_t k = 0; k < m->recipients_n; k++)
            assert_string_equal(m->recipients[k].address, got->recipients[k].address);
        for (size_t n = 0; n + RECORD_HEADER < b.n; n += 1 + dice(7)) { // cut anywhere
            CLEANUP(spool_message_free) struct spool_message *cut = spool_message_new();
            CLEANUP(xfree) char *part = xmemdup0(b.p + RECORD_HEADER, n);
            assert_false(record_parse_arrived(cut, bytes_of(part, n)));
        }
    }
}

static void outcomes_come_back_and_long_replies_are_cut(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        CLEANUP(xfree) char *reply = any_text(2000);
        CLEANUP(xfree) char *recipient = any_text(320);
        struct outcome o =
            outcome_of((struct message_id){dice(9), dice(9)}, dice(9), OUTCOME_DEFERRED, "shop");
        struct record_outcome got;
        CLEANUP(buf_deinit) struct buf b = {0};
        o.reply = reply;
        o.recipient = recipient;
        o.took = dice(1000000);
        record_add_outcome(&b, &o, 123456789);
        assert_true(record_parse_outcome(&got, bytes_of(b.p + RECORD_HEADER, b.n - RECORD_HEADER)));
        assert_true(got.next_try_at == 123456789 && got.outcome.took == o.took);
        assert_true(message_id_equal(got.outcome.message, o.message));
        assert_int_equal(got.outcome.kind, o.kind);
        assert_string_equal(got.outcome.recipient, recipient);
        assert_true(strncmp(got.outcome.reply, reply, OUTCOME_REPLY) == 0);
        assert_true(strlen(got.outcome.reply) <= OUTCOME_REPLY);
        for (size_t n = 0; n + RECORD_HEADER < b.n; n += 1 + dice(9)) {
            CLEANUP(xfree) char *part = xmemdup0(b.p + RECORD_HEADER, n);
            assert_false(record_parse_outcome(&got, bytes_of(part, n)));
        }
    }
}

// A segment with three messages, of which the bytes [from, from + n) are changed.
struct segment {
    char dir[64];
    int folder;
    struct buf bytes;
    size_t starts[4];
};

static void segment_build(struct segment *s)
{
    *s = (struct segment){.folder = -1};
    snprintf(s->dir, sizeof(s->dir), "/tmp/mxwarden-store-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    s->folder = open(s->dir, O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 3; i++) {
        CLEANUP(spool_message_free) struct spool_message *m = any_message();
        CLEANUP(buf_deinit) struct buf b = {0};
        s->starts[i] = s->bytes.n;
        record_add_arrived(&b, m);
        record_seal(b.p, bytes_of(m->body, m->size), (struct place){1, s->bytes.n});
        buf_add(&s->bytes, b.p, b.n);
        buf_add(&s->bytes, m->body, m->size);
    }
    s->starts[3] = s->bytes.n;
}

static size_t whole_records(const struct segment *s, const uint8_t *p, size_t n, bool *is_torn)
{
    struct segment_walk w;
    struct segment_record record;
    size_t found = 0;
    int fd = openat(s->folder, "00000001.seg", O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(pwrite(fd, p, n, 0), (ssize_t)n);
    assert_int_equal(ftruncate(fd, (off_t)s->bytes.n + 10000), 0);
    segment_walk_init(&w, fd, (struct place){1, 0}, UINT64_MAX, true);
    while (segment_walk_next(&w, &record) > 0) {
        assert_true(record.at.offset == s->starts[found]);
        found++;
    }
    *is_torn = w.is_torn;
    segment_walk_deinit(&w);
    return found;
}

static size_t records_before(const struct segment *s, size_t at)
{
    size_t n = 0;
    while (n < 3 && s->starts[n + 1] <= at)
        n++;
    return n;
}

static void reading_stops_at_what_is_torn_or_flipped(void **state)
{
    (void)state;
    struct segment s;
    bool is_torn;
    segment_build(&s);
    assert_int_equal(whole_records(&s, s.bytes.p, s.bytes.n, &is_torn), 3);
    assert_false(is_torn);
    for (int i = 0; i < 400; i++) {
        size_t at = dice((uint32_t)s.bytes.n);
        CLEANUP(xfree) char *copy = xmemdup0(s.bytes.p, s.bytes.n);
        copy[at] = (char)(copy[at] ^ 1 << dice(8));
        size_t found = whole_records(&s, (uint8_t *)copy, s.bytes.n, &is_torn);
        assert_int_equal(found, records_before(&s, at));
        assert_true(is_torn || found == 3);
        // Cut: the rest reads as zeros. A record that ends in zeros itself cannot tell.
        found = whole_records(&s, s.bytes.p, at, &is_torn);
        assert_int_equal(found, records_before(&s, at));
    }
    remove_tree(s.dir);
    close(s.folder);
    buf_deinit(&s.bytes);
}

static void a_record_elsewhere_is_none(void **state)
{
    (void)state;
    struct segment s;
    bool is_torn;
    segment_build(&s);
    CLEANUP(buf_deinit) struct buf moved = {0};
    buf_add(&moved, s.bytes.p + s.starts[1], s.bytes.n - s.starts[1]);
    assert_int_equal(whole_records(&s, moved.p, moved.n, &is_torn), 0);
    assert_true(is_torn);
    remove_tree(s.dir);
    close(s.folder);
    buf_deinit(&s.bytes);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(messages_come_back_as_they_were),
    cmocka_unit_test(outcomes_come_back_and_long_replies_are_cut),
    cmocka_unit_test(reading_stops_at_what_is_torn_or_flipped),
    cmocka_unit_test(a_record_elsewhere_is_none),
};
TEST_MAIN(tests)
