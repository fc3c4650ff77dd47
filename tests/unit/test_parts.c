/* A mail taken apart: what stands in which part, from mails as they should be and as they come; and that
 * what is made to hurt costs a walk. */
#include "test.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "mail/parts.h"

// "type:text|type:text", nesting as leading dots, `^` what belongs to an enclosed mail.
static char *shape(const char *mail)
{
    CLEANUP(buf_deinit) struct buf out = {0};
    CLEANUP(parts_free) struct parts *p = parts_read(bytes_str(mail));
    assert_true(p->n >= 1);
    for (size_t i = 0; i < p->n; i++) {
        const struct part *one = &p->items[i];
        assert_int_equal(strlen(one->text), one->text_n);
        if (i)
            buf_add_byte(&out, '|');
        for (unsigned d = 0; d < one->depth; d++)
            buf_add_byte(&out, '.');
        buf_printf(&out, "%s%s:", one->is_enclosed ? "^" : "", one->type);
        for (const char *c = one->text; *c; c++)
            buf_add_byte(&out, *c == '\n' ? '/' : (uint8_t)*c);
    }
    return buf_take_str(&out);
}

static void a_mail_has_these_parts(void **state)
{
    (void)state;
    static const struct {
        const char *name, *mail, *shape;
    } cases[] = {
        // clang-format off
        {"plain text", "Subject: x\n\nHello\nyou\n", "text/plain:Hello/you/"},
        {"CR LF", "Subject: x\r\n\r\nHello\r\nyou\r\n", "text/plain:Hello/you/"},
        {"CR alone", "Subject: x\r\rHello\ryou\r", "text/plain:Hello/you/"},
        {"the line of an mbox in front", "From a@b.example Mon Nov 23\nSubject: x\n\nHello\n", "text/plain:Hello/"},
        {"empty lines in front", "\n\nSubject: x\n\nHello\n", "text/plain:Hello/"},
        {"nothing", "", "text/plain:"},
        {"no header", "\nHello\n", "text/plain:Hello/"},
        {"no header and no empty line", "Hello you there\nnobody is home\n", "text/plain:Hello you there/nobody is home/"},
        {"headers alone", "Subject: x\n", "text/plain:"},
        {"base64", "Content-Transfer-Encoding: base64\n\nSGVsbG8NCnlvdQ==\n", "text/plain:Hello/you"},
        {"quoted-printable", "Content-Transfer-Encoding: quoted-printable\n\na=3Db=\n c=C3=A4\n", "text/plain:a=b c\xc3\xa4/"},
        {"Latin-1", "Content-Type: text/plain; charset=iso-8859-1\n\nEmpf\xe4nger\n", "text/plain:Empf\xc3\xa4nger/"},
        {"eight bits that nobody explains", "Subject: x\n\nEmpf\xe4nger\n", "text/plain:Empf\xc3\xa4nger/"},
        {"a charset that nobody knows", "Content-Type: text/plain; charset=x-none-such\n\nEmpf\xe4nger\n", "text/plain:Empf?nger/"},
        {"a charset that is a path", "Content-Type: text/plain; charset=\"../../x//y\"\n\na\xe4\n", "text/plain:a?/"},
        {"UTF-8 that is none", "Content-Type: text/plain; charset=utf-8\n\na\xe4z\n", "text/plain:a\xef\xbf\xbdz/"},
        {"Japanese", "Content-Type: text/plain; charset=iso-2022-jp\n\n\033$B%a!<%k\033(B.\n", "text/plain:\xe3\x83\xa1\xe3\x83\xbc\xe3\x83\xab./"},
        {"Japanese unsaid", "Subject: x\n\n\033$B%a!<%k\033(B.\n", "text/plain:\xe3\x83\xa1\xe3\x83\xbc\xe3\x83\xab./"},
        {"Shift_JIS", "Content-Type: text/plain; charset=Shift_JIS\n\n\x83\x81\x81[\x83\x8b\n", "text/plain:\xe3\x83\xa1\xe3\x83\xbc\xe3\x83\xab/"},
        {"KOI8-R", "Content-Type: text/plain; charset=koi8-r\n\n\xee\xc5\xd4\n", "text/plain:\xd0\x9d\xd0\xb5\xd1\x82/"},
        {"GB2312", "Content-Type: text/plain; charset=gb2312\n\n\xd3\xca\xbc\xfe\n", "text/plain:\xe9\x82\xae\xe4\xbb\xb6/"},
        {"HTML", "Content-Type: text/html\n\n<html><style>p {x}</style><p>No &lt;a@b.example&gt;<br>here &amp; <b>now</b></p>x", "text/html:No <a@b.example>/here & now/x/"},
        {"an address that HTML swallows", "Content-Type: text/html\n\nTo <c@d.example> not", "text/html:To <c@d.example> not/"},
        {"flowed", "Content-Type: text/plain; format=flowed\n\nno such \nuser\n here\n", "text/plain:no such user/here/"},
        {"a NUL and an escape", "Subject: x\n\na\033[2Jb\n", "text/plain:a [2Jb/"},
        {"two parts", "Content-Type: multipart/mixed; boundary=q\n\n--q\n\none\n--q\nContent-Type: text/html\n\n<i>two</i>\n--q--\n", "multipart/mixed:|.text/plain:one|.text/html:two/"},
        {"no last boundary", "Content-Type: multipart/mixed; boundary=\"q\"\n\n--q\n\none\n--q\n\ntwo\n", "multipart/mixed:|.text/plain:one|.text/plain:two/"},
        {"a boundary that is nowhere", "Content-Type: multipart/mixed; boundary=q\n\none\n--r\n\ntwo\n", "multipart/mixed:|.text/plain:one/--r//two/"},
        {"a multipart without one", "Content-Type: multipart/report\n\none\n", "multipart/report:|.text/plain:one/"},
        {"no type, but parts at once", "A: 1\n\n--qqqq\nContent-Type: text/html\n\n<i>one</i>\n--qqqq--\n", "multipart/mixed:|.text/html:one/"},
        {"no type, and parts behind a word on MIME", "A: 1\n\nThis is a MIME message.\n\n--qqqq\nContent-Type: text/html\n\n<i>one</i>\n--qqqq--\n", "multipart/mixed:|.text/html:one/"},
        {"no type, and somebody's parts in a text", "A: 1\n\nSee:\n\n--qqqq\nContent-Type: text/html\n\n<i>one</i>\n", "text/plain:See://--qqqq/Content-Type: text/html//<i>one</i>/"},
        {"an enclosed mail", "Content-Type: multipart/mixed; boundary=q\n\n--q\nContent-Type: message/rfc822\n\nSubject: in\n\ninner\n--q--\n", "multipart/mixed:|.message/rfc822:|..^text/plain:inner"},
        {"an enclosed mail in base64", "Content-Type: multipart/mixed; boundary=q\n\n--q\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogaW4KCmlubmVyCg==\n--q--\n", "multipart/mixed:|.message/rfc822:|..^text/plain:inner/"},
        {"headers of a mail", "Content-Type: multipart/mixed; boundary=q\n\n--q\nContent-Type: text/rfc822-headers\n\nSubject: in\nTo: a@b.example\n--q--\n", "multipart/mixed:|.text/rfc822-headers:"},
        {"a picture", "Content-Type: image/png\n\n\x89PNG\n", "image/png:"},
        // clang-format on
    };
    size_t wrong = 0;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(xfree) char *got = shape(cases[i].mail);
        if (strcmp(got, cases[i].shape) == 0)
            continue;
        print_error("%s: %s, not %s\n", cases[i].name, got, cases[i].shape);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

static void headers_are_decoded_and_of_one_line(void **state)
{
    (void)state;
    CLEANUP(parts_free)
    struct parts *p = parts_read(bytes_str(
        "Subject: =?iso-8859-1?Q?Empf=E4nger?=\n =?utf-8?B?IG5pY2h0?=\nX-A : b\nto: c@d.example\n"
        "X-Long: one\n\ttwo\n  three \nX-Odd: =?utf-8?Q?a=0D=0AB:_c?=\nX-Raw: gr\xfc\xdf\n"
        "Content-Type: multipart/report; report-type=\"Delivery-Status\";\n boundary=q\n\n"
        "--q\nContent-Type: message/rfc822\n\nSubject: inner\nMessage-ID: <1@a.example>\n"
        "Content-Type: text/html\n\nx\n--q\n"
        "Content-Type: text/rfc822-headers\n\nMessage-ID: <2@a.example>\n--q--\n"));
    const struct part *top = &p->items[0];
    assert_string_equal(part_header_get(top, "subject"), "Empf\xc3\xa4nger nicht");
    assert_string_equal(part_header_get(top, "X-A"), "b");
    assert_string_equal(part_header_get(top, "To"), "c@d.example");
    assert_string_equal(part_header_get(top, "X-Long"), "one two  three");
    assert_string_equal(part_header_get(top, "X-Odd"), "a  B: c");
    assert_string_equal(part_header_get(top, "X-Raw"), "gr\xc3\xbc\xc3\x9f");
    assert_null(part_header_get(top, "X-None"));
    assert_string_equal(top->report_type, "delivery-status");
    assert_int_equal(p->n, 4);
    assert_string_equal(part_header_get(&p->items[1], "Message-ID"), "<1@a.example>");
    assert_string_equal(part_header_get(&p->items[1], "Content-Type"), "text/html");
    assert_false(p->items[1].is_enclosed);
    assert_true(p->items[2].is_enclosed);
    assert_int_equal(p->items[2].up, 1);
    assert_string_equal(part_header_get(&p->items[3], "Message-ID"), "<2@a.example>");
}

enum hostile {
    NESTED_MULTIPARTS,
    NESTED_MESSAGES,
    NESTED_ENCODED,
    HEADER_LINES,
    HEADER_BYTES,
    HEADERS_OF_MANY,
    MANY_PARTS,
    PARAMETERS,
    BOUNDARY,
    OPEN_TAGS,
    OPEN_ADDRESSES,
    DASHES,
};

static void make(struct buf *out, enum hostile what)
{
    switch (what) {
    case NESTED_MULTIPARTS:
        for (int i = 0; i < 10000; i++)
            buf_printf(out, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i);
        buf_add_str(out, "\nthe end\n");
        break;
    case NESTED_MESSAGES:
        for (int i = 0; i < 10000; i++)
            buf_add_str(out, "Content-Type: message/rfc822\n\n");
        buf_add_str(out, "\nthe end\n");
        break;
    case NESTED_ENCODED: // each level is a mail in quoted-printable, which any level may hold
        for (int i = 0; i < 10000; i++)
            buf_add_str(out, "Content-Type: message/rfc822\nContent-Transfer-Encoding: "
                             "quoted-printable\n\n");
        buf_add_str(out, "\nthe end\n");
        break;
    case HEADER_LINES:
        for (int i = 0; i < 200000; i++)
            buf_add_str(out, "X-A: b\n");
        buf_add_str(out, "\nthe end\n");
        break;
    case HEADER_BYTES:
        buf_add_str(out, "Subject: ");
        for (int i = 0; i < 300000; i++)
            buf_add_str(out, "=?utf-8?Q?a?= ");
        buf_add_str(out, "\n\nthe end\n");
        break;
    case HEADERS_OF_MANY:
        buf_add_str(out, "Content-Type: multipart/mixed; boundary=q\n\n");
        for (int i = 0; i < 900; i++) {
            buf_add_str(out, "--q\n");
            for (int k = 0; k < 300; k++)
                buf_add_str(out, "X: y\n");
            buf_add_str(out, "\nx\n");
        }
        buf_add_str(out, "the end\n");
        break;
    case MANY_PARTS:
        buf_add_str(out, "Content-Type: multipart/mixed; boundary=q\n\n");
        for (int i = 0; i < 200000; i++)
            buf_add_str(out, "--q\n\nx\n");
        break;
    case PARAMETERS:
        buf_add_str(out, "Content-Type: text/plain");
        for (int i = 0; i < 9000; i++)
            buf_printf(out, "; a*%d=b", i);
        buf_add_str(out, "\n\nthe end\n");
        break;
    case BOUNDARY:
        buf_add_str(out, "Content-Type: multipart/mixed; boundary=");
        for (int i = 0; i < 50000; i++)
            buf_add_byte(out, 'b');
        buf_add_str(out, "\n\nthe end\n");
        break;
    case OPEN_TAGS:
        buf_add_str(out, "Content-Type: text/html\n\n");
        for (int i = 0; i < 1000000; i++)
            buf_add_str(out, i % 2 ? "<a" : "&l");
        break;
    case OPEN_ADDRESSES:
        buf_add_str(out, "To: ");
        for (int i = 0; i < 30000; i++)
            buf_add_str(out, i % 2 ? "a:" : "(<");
        buf_add_str(out, "\n\nthe end\n");
        break;
    case DASHES:
        for (int i = 0; i < 99; i++)
            buf_printf(out, "Content-Type: multipart/mixed; boundary=-%d\n\n---%d\n", i, i);
        buf_add_str(out, "\n");
        for (int i = 0; i < 300000; i++)
            buf_add_str(out, "---x\n");
        break;
    }
}

static void what_is_made_to_hurt_costs_a_walk(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum hostile what;
        bool is_beyond, keeps_end;
    } cases[] = {
        {"10,000 multiparts in each other", NESTED_MULTIPARTS, true, true},
        {"10,000 mails in each other", NESTED_MESSAGES, true, true},
        {"10,000 encoded mails in each other", NESTED_ENCODED, true, true},
        {"200,000 header lines", HEADER_LINES, true, true},
        {"a header of megabytes", HEADER_BYTES, true, true},
        {"300 headers for each of 900 parts", HEADERS_OF_MANY, true, false},
        {"200,000 parts", MANY_PARTS, false, false},
        {"9,000 parameters", PARAMETERS, true, true},
        {"a boundary of 50,000 letters", BOUNDARY, true, true},
        {"a million tags that never end", OPEN_TAGS, false, false},
        {"30,000 groups and comments that never end", OPEN_ADDRESSES, false, true},
        {"300,000 lines that could be boundaries", DASHES, true, false},
    };
    parts_prepare(); // what is loaded once costs nobody here
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_deinit) struct buf mail = {0};
        make(&mail, cases[i].what);
        usec_t begin = clock_monotonic();
        CLEANUP(parts_free) struct parts *p = parts_read(buf_bytes(&mail));
        usec_t took = clock_monotonic() - begin;
        const struct part *last = &p->items[p->n - 1];
        print_message("%s: %ld us, %zu parts\n", cases[i].name, (long)took, p->n);
        if (p->is_beyond != cases[i].is_beyond || p->n > PARTS_MOST)
            fail_msg("%s: beyond %d, %zu parts", cases[i].name, p->is_beyond, p->n);
        if (cases[i].keeps_end && !strstr(last->text, "the end"))
            fail_msg("%s: the text is lost", cases[i].name);
        // A sanitizer's build on a busy machine is ten times slower.
        assert_true(took < USEC_SECOND);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_mail_has_these_parts),
    cmocka_unit_test(headers_are_decoded_and_of_one_line),
    cmocka_unit_test(what_is_made_to_hurt_costs_a_walk),
};

TEST_MAIN(tests)
