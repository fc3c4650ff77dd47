/* `suppress add|rm|check|import|export`. An import goes in pieces, several on their way at once, so that
 * the engine writes many in one transaction; a line that is wrong is said with its number and the rest goes
 * on. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/lines.h"
#include "remote/format.h"
#include "remote/suppress.h"

enum {
    PIECES = 16,              // on their way at once
    PIECE_BYTES = 300 << 10,  // of a piece; a request's line has room for 1 MiB
    CHECK_ONCE = 50,          // addresses of one question
    MISTAKES = 50,            // that are said
    PROGRESS = 200 * USEC_MS, // from one picture of it to the next
};
static const usec_t answer_most = 120 * USEC_SECOND;

static void add(json_t *params, const char *name, const char *value)
{
    if (value)
        json_object_set_new(params, name, json_string(value));
}

static json_t *params_of(const struct command_call *call)
{
    json_t *p = json_pack("{s:s}", "command", call->command->words);
    add(p, "customer", call->customer);
    add(p, "for", call->span);
    add(p, "reason", call->reason);
    if (call->is_trap)
        json_object_set_new(p, "trap", json_true());
    return p;
}

static json_t *addresses(const struct command_call *call, size_t from, size_t n)
{
    json_t *all = json_array();
    for (size_t i = from; i < from + n && i < call->targets_n; i++)
        json_array_append_new(all, json_string(call->targets[i]));
    return all;
}

// ---- add, rm

static const char *count_of(const json_t *entry)
{
    return protocol_get_text(json_object_get(entry, "fields"), "addresses", "0");
}

static enum cli_exit change(struct cli *cli)
{
    const struct command_call *call = cli->call;
    CLEANUP(json_decref) json_t *result = NULL;
    json_t *p = params_of(call);
    bool is_add = strcmp(call->command->words, "suppress add") == 0;
    json_object_set_new(p, "addresses", addresses(call, 0, call->targets_n));
    enum cli_exit r = cli_ask(cli, "manage", p, &result);
    if (r != CLI_DONE)
        return r;
    if (call->is_json)
        return cli_print_json(result);
    char until[FORMAT_TEXT] = "";
    usec_t at;
    json_int_t seq = protocol_get_number(result, "seq", 0);
    const char *expires = protocol_get_text(result, "expires_at", NULL);
    if (expires && clock_parse(&at, expires))
        format_time(until, at, clock_wall());
    printf("done: %jd %s, %s of %zu, for %s%s%s", (intmax_t)seq, call->command->words,
           count_of(result), call->targets_n, call->customer ? call->customer : "everybody",
           until[0] ? " until " : "", until);
    if (is_add)
        printf("; mxwarden undo %jd takes it back\n", (intmax_t)seq);
    else
        puts("");
    return CLI_DONE;
}

// ---- check

static void print_checked(const json_t *address)
{
    size_t i;
    const json_t *row, *rows = json_object_get(address, "rows");
    const char *what = protocol_get_text(address, "address", "");
    printf("%s: %s\n", what,
           json_is_true(json_object_get(address, "suppressed")) ? "no mail goes there"
                                                                : "mail goes there");
    json_array_foreach(rows, i, row)
    {
        printf("  %s\n", protocol_get_text(row, "words", ""));
    }
}

static enum cli_exit check(struct cli *cli)
{
    const struct command_call *call = cli->call;
    CLEANUP(json_decref) json_t *all = json_array();
    for (size_t i = 0; i < call->targets_n; i += CHECK_ONCE) {
        CLEANUP(json_decref) json_t *result = NULL;
        json_t *p = params_of(call);
        json_object_set_new(p, "addresses", addresses(call, i, CHECK_ONCE));
        enum cli_exit r = cli_ask(cli, "manage", p, &result);
        if (r != CLI_DONE)
            return r;
        json_array_extend(all, json_object_get(result, "addresses"));
    }
    if (call->is_json)
        return cli_print_json(all);
    for (size_t i = 0; i < json_array_size(all); i++)
        print_checked(json_array_get(all, i));
    return CLI_DONE;
}

// ---- import

/* Where a piece's rows stand in the file. */
struct piece {
    uint64_t id; // of its request; 0: free
    uint64_t *lines;
    size_t n;
};

struct import {
    struct cli *cli;
    const char *name;
    struct piece pieces[PIECES];
    size_t flying;
    struct piece fresh;           // not sent yet
    struct buf rows;              // its text
    int columns[SUPPRESS_FIELDS]; // where a field stands in the file's lines; -1: nowhere
    bool has_header;
    uint64_t done, mistakes;
    uint64_t left;   // stood already as more than the file says
    json_t *entries; // with --json
    json_int_t first_seq, last_seq;
    usec_t shown_at;
    bool is_terminal;
    enum cli_exit failed; // CLI_DONE: not
};

static const char *const column_names[SUPPRESS_FIELDS] = {"address", "customer", "class", "since",
                                                          "until",   "reason",   "trap"};

static void mistake(struct import *im, uint64_t line, const char *why)
{
    if (im->mistakes++ < MISTAKES)
        cli_say(CLI_FAILED, "%s:%" PRIu64 ": %s", im->name, line, why);
    else if (im->mistakes == MISTAKES + 1)
        cli_say(CLI_FAILED, "%s: more lines are wrong; the count comes at the end", im->name);
}

static void show(struct import *im, bool is_end)
{
    usec_t now = clock_monotonic();
    if (!im->is_terminal || (!is_end && now - im->shown_at < PROGRESS))
        return;
    im->shown_at = now;
    fprintf(stderr, "\r%" PRIu64 " addresses in the ledger%s", im->done, is_end ? "\n" : " …");
    (void)fflush(stderr);
}

static void take_result(struct import *im, const struct piece *p, const json_t *result)
{
    size_t i;
    const json_t *row, *skipped = json_object_get(result, "skipped");
    json_int_t seq = protocol_get_number(result, "seq", 0);
    json_array_foreach(skipped, i, row)
    {
        size_t at = (size_t)protocol_get_number(row, "row", 0);
        mistake(im, at < p->n ? p->lines[at] : 0, protocol_get_text(row, "why", "wrong"));
    }
    im->left += (uint64_t)protocol_get_number(result, "left_n", 0);
    if (!seq)
        return;
    im->done += strtoull(count_of(result), NULL, 10);
    im->first_seq = im->first_seq && im->first_seq < seq ? im->first_seq : seq;
    im->last_seq = im->last_seq > seq ? im->last_seq : seq;
    if (im->entries) {
        json_t *entry = json_copy((json_t *)result);
        json_object_del(entry, "skipped");
        json_object_del(entry, "skipped_n");
        json_object_del(entry, "left_n");
        json_array_append_new(im->entries, entry);
    }
}

static void take_answer(struct import *im, const json_t *message)
{
    uint64_t id = (uint64_t)protocol_get_number(message, "id", 0);
    const json_t *error = json_object_get(message, "error");
    for (size_t i = 0; i < PIECES; i++) {
        struct piece *p = &im->pieces[i];
        if (!id || p->id != id)
            continue;
        if (error) {
            const char *code = protocol_get_text(error, "code", "");
            im->failed = cli_say(strcmp(code, "not-allowed") == 0 ? CLI_NOT_ALLOWED : CLI_FAILED,
                                 "%s", protocol_get_text(error, "message", "it failed"));
        } else {
            take_result(im, p, json_object_get(message, "result"));
        }
        xfree(p->lines);
        *p = (struct piece){.id = 0};
        im->flying--;
    }
}

// Until at most so many are on their way, or it failed.
static void wait_for(struct import *im, size_t most)
{
    struct client *c = im->cli->client;
    enum client_result r = CLIENT_OK;
    while (im->flying > most && im->failed == CLI_DONE) {
        json_t *message = NULL;
        if (client_next(c, &message)) {
            take_answer(im, message);
            json_decref(message);
            show(im, false);
        } else if (r == CLIENT_E_TIMEOUT) {
            im->failed = cli_say(CLI_UNREACHABLE, "the engine does not answer");
        } else if (r != CLIENT_OK) {
            im->failed = cli_say(CLI_UNREACHABLE, "the engine has ended the connection");
        } else {
            r = client_wait(c, answer_most);
        }
    }
}

static void send_piece(struct import *im)
{
    if (!im->fresh.n || im->failed != CLI_DONE)
        return;
    wait_for(im, PIECES - 1);
    for (size_t i = 0; i < PIECES && im->failed == CLI_DONE; i++) {
        struct piece *p = &im->pieces[i];
        if (p->id)
            continue;
        json_t *params = params_of(im->cli->call);
        json_object_set_new(params, "rows", json_string((const char *)im->rows.p));
        *p = im->fresh;
        p->id = client_send(im->cli->client, "manage", params);
        im->fresh = (struct piece){.id = 0};
        im->flying++;
        break;
    }
    buf_clear(&im->rows);
}

static void add_row(struct import *im, uint64_t line, const char *const fields[SUPPRESS_FIELDS])
{
    if (!im->fresh.lines)
        im->fresh.lines = xcalloc(SUPPRESS_ROWS, sizeof(*im->fresh.lines));
    im->fresh.lines[im->fresh.n++] = line;
    size_t last = SUPPRESS_FIELDS - 1;
    while (last > 0 && !*fields[last])
        last--;
    for (size_t i = 0; i <= last; i++)
        buf_printf(&im->rows, "%s%s", i ? "\t" : "", fields[i]);
    buf_add_byte(&im->rows, '\n');
    if (im->fresh.n == SUPPRESS_ROWS || im->rows.n >= PIECE_BYTES)
        send_piece(im);
}

// Is the first line a header? Then where which column is.
static bool take_header(struct import *im, char *cells[SUPPRESS_CELLS], size_t n)
{
    bool has_address = false;
    for (size_t i = 0; i < n; i++)
        has_address |= strcmp(cells[i], "address") == 0;
    for (size_t f = 0; has_address && f < SUPPRESS_FIELDS; f++) {
        im->columns[f] = -1;
        for (size_t i = 0; i < n; i++)
            if (strcmp(cells[i], column_names[f]) == 0)
                im->columns[f] = (int)i;
    }
    return has_address;
}

// No control character (each takes six bytes of a request), and UTF-8.
static bool is_text(const char *line, size_t n)
{
    bool is_ascii = true;
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)line[i] < ' ')
            return false;
        is_ascii &= (unsigned char)line[i] < 0x80;
    }
    CLEANUP(json_decref) json_t *v = is_ascii ? NULL : json_stringn(line, n);
    return is_ascii || v;
}

// Of what spreadsheets write in front of a file, the length.
static size_t mark_of(const char *line)
{
    static const char mark[] = "\xef\xbb\xbf";
    return strncmp(line, mark, sizeof(mark) - 1) == 0 ? sizeof(mark) - 1 : 0;
}

static bool is_short(const char *const fields[SUPPRESS_FIELDS])
{
    for (size_t f = 0; f < SUPPRESS_FIELDS; f++)
        if (strlen(fields[f]) > SUPPRESS_REASON)
            return false;
    return true;
}

static void take_line(struct import *im, char *line, size_t n, uint64_t number)
{
    char *cells[SUPPRESS_CELLS];
    const char *fields[SUPPRESS_FIELDS];
    char what[SUPPRESS_WHAT];
    size_t cells_n;
    while (n && (line[n - 1] == '\r' || line[n - 1] == ' '))
        n--;
    line[n] = '\0';
    size_t mark = number == 1 ? mark_of(line) : 0;
    line += mark;
    n -= mark;
    if (!is_text(line, n)) {
        mistake(im, number, "a control character or what is no UTF-8 is in it");
        return;
    }
    if (!n || !suppress_cut_csv(line, cells, &cells_n)) {
        if (n)
            mistake(im, number, "expected an address, or CSV as its header says");
        return;
    }
    if (number == 1 && take_header(im, cells, cells_n)) {
        im->has_header = true;
        return;
    }
    for (size_t f = 0; f < SUPPRESS_FIELDS; f++)
        fields[f] =
            im->columns[f] >= 0 && (size_t)im->columns[f] < cells_n ? cells[im->columns[f]] : "";
    if (cells_n > 1 && !im->has_header)
        mistake(im, number, "expected one address; columns take a header: address,customer,…");
    else if (!suppress_parse_cell(what, fields[SUPPRESS_ADDRESS]))
        mistake(im, number, "expected a mail address or @domain");
    else if (!is_short(fields))
        mistake(im, number, "expected at most 1,000 bytes in a field");
    else
        add_row(im, number, fields);
}

static int read_all(struct import *im, int fd)
{
    struct lines l;
    char *line;
    size_t n;
    int r = 0;
    lines_init(&l, fd);
    for (bool is_over = false; !is_over && r == 0 && im->failed == CLI_DONE;) {
        switch (lines_next(&l, &line, &n)) {
        case LINES_LINE:
            take_line(im, line, n, l.number);
            break;
        case LINES_LONG:
            mistake(im, l.number, "it is far too long");
            break;
        case LINES_MORE:
            r = lines_read(&l);
            break;
        case LINES_END:
            is_over = true;
            break;
        }
    }
    lines_deinit(&l);
    return r;
}

static enum cli_exit import_end(struct import *im)
{
    show(im, true);
    if (im->entries)
        cli_print_json(im->entries);
    else if (im->done)
        printf("done: %" PRIu64 " addresses, ledger %jd to %jd\n", im->done,
               (intmax_t)im->first_seq, (intmax_t)im->last_seq);
    if (im->left && !im->entries)
        printf("%" PRIu64 " stood already as a spam trap or a person's wish: left so\n", im->left);
    if (im->failed != CLI_DONE)
        return im->failed;
    if (!im->mistakes)
        return CLI_DONE;
    return cli_say(CLI_FAILED, "%" PRIu64 " lines were wrong and left out", im->mistakes);
}

static enum cli_exit import_file(struct cli *cli)
{
    const char *name = cli->call->targets[0];
    bool is_stdin = strcmp(name, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cli_say(CLI_FAILED, "%s: %s", name, strerror(errno));
    struct import im = {.cli = cli,
                        .name = name,
                        .columns = {0, -1, -1, -1, -1, -1, -1},
                        .entries = cli->call->is_json ? json_array() : NULL,
                        .is_terminal = isatty(STDERR_FILENO)};
    int r = read_all(&im, fd);
    send_piece(&im);
    wait_for(&im, 0);
    if (r < 0)
        im.failed = cli_say(CLI_FAILED, "%s: %s", name, strerror(-r));
    enum cli_exit code = import_end(&im);
    for (size_t i = 0; i < PIECES; i++)
        xfree(im.pieces[i].lines);
    xfree(im.fresh.lines);
    buf_deinit(&im.rows);
    json_decref(im.entries);
    if (!is_stdin)
        close(fd);
    return code;
}

// ---- export

static void print_cell(const char *text, bool is_last)
{
    if (!strpbrk(text, ",\"")) {
        printf("%s%s", text, is_last ? "\n" : ",");
        return;
    }
    (void)putchar('"');
    for (; *text; text++) {
        if (*text == '"')
            (void)putchar('"');
        (void)putchar(*text);
    }
    printf("\"%s", is_last ? "\n" : ",");
}

static void print_csv(char *const fields[SUPPRESS_FIELDS])
{
    for (size_t f = 0; f < SUPPRESS_FIELDS; f++)
        print_cell(fields[f], f + 1 == SUPPRESS_FIELDS);
}

static void print_object(char *const fields[SUPPRESS_FIELDS], bool is_first)
{
    CLEANUP(json_decref) json_t *o = json_object();
    for (size_t f = 0; f < SUPPRESS_TRAP; f++)
        json_object_set_new(o, column_names[f], json_string(fields[f]));
    if (!*fields[SUPPRESS_OWNER])
        json_object_set_new(o, column_names[SUPPRESS_OWNER], json_null());
    if (strcmp(fields[SUPPRESS_UNTIL], "never") == 0)
        json_object_set_new(o, column_names[SUPPRESS_UNTIL], json_null());
    json_object_set_new(o, column_names[SUPPRESS_TRAP], json_boolean(*fields[SUPPRESS_TRAP]));
    (void)fputs(is_first ? "[\n" : ",\n", stdout);
    json_dumpf(o, stdout, JSON_COMPACT);
}

// A page; how many rows.
static size_t print_page(const char *rows, bool is_json, bool is_first)
{
    CLEANUP(xfree) char *text = xstrdup(rows);
    char *fields[SUPPRESS_FIELDS];
    size_t n = 0;
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        if (!suppress_cut(line, '\t', fields))
            continue;
        if (is_json)
            print_object(fields, is_first && !n);
        else
            print_csv(fields);
        n++;
    }
    return n;
}

static enum cli_exit export_all(struct cli *cli)
{
    CLEANUP(xfree) char *after = NULL;
    bool is_json = cli->call->is_json;
    size_t n = 0;
    if (!is_json)
        puts("address,customer,class,since,until,reason,trap");
    do {
        CLEANUP(json_decref) json_t *result = NULL;
        json_t *p = params_of(cli->call);
        add(p, "after", after);
        enum cli_exit r = cli_ask(cli, "manage", p, &result);
        if (r != CLI_DONE)
            return r;
        n += print_page(protocol_get_text(result, "rows", ""), is_json, !n);
        const char *next = protocol_get_text(result, "next", NULL);
        xfree(after);
        after = next ? xstrdup(next) : NULL;
        if (ferror(stdout))
            return cli_say(CLI_FAILED, "it could not be written: %s", strerror(errno));
    } while (after);
    if (is_json)
        puts(n ? "\n]" : "[]");
    return CLI_DONE;
}

enum cli_exit cli_suppress(struct cli *cli)
{
    static const struct {
        const char *words;
        enum cli_exit (*run)(struct cli *cli);
    } rows[] = {{"suppress add", change},
                {"suppress rm", change},
                {"suppress check", check},
                {"suppress import", import_file},
                {"suppress export", export_all}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcmp(rows[i].words, cli->call->command->words) == 0)
            return rows[i].run(cli);
    return CLI_FAILED;
}
