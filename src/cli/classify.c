// `mxwarden classify FILE…` and `--replies FILE`: what mail that comes back and replies mean, without an
// engine. The bounds of a stranger's mail are those of the engine (mail/parts.h).
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/mbox.h"
#include "core/words.h"
#include "mail/feedback.h"
#include "mail/replies.h"
#include "settings/settings.h"

enum { LINE_MOST = 65536 };

// Where a provider ends, which no reply code begins: a reply may have tabs in it too. NULL: nowhere.
static char *provider_end(char *line)
{
    unsigned code;
    char enhanced[12];
    replies_codes(line, &code, enhanced);
    bool is_reply = code && strspn(line, "0123456789") == 3; // and no IP address
    return is_reply ? NULL : strchr(line, '\t');
}

// A line is a reply, or a provider, a tab and a reply.
static void classify_line(const struct replies *r, char *line)
{
    char enhanced[12];
    struct reply_said said = {.provider = "", .enhanced = enhanced, .text = line};
    struct reply_verdict v;
    char *tab = provider_end(line);
    if (tab) {
        *tab = '\0';
        said.provider = line;
        said.text = tab + 1;
    }
    replies_codes(said.text, &said.code, enhanced);
    replies_judge(r, &said, &v);
    CLEANUP(xfree) char *shown = text_visible_new(bytes_str(said.text));
    printf("%s\t%s\t%s\n", class_text(v.class), shown, scope_text(v.scope));
}

static enum cli_exit replies_file(const struct replies *r, const char *name, FILE *f)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    while ((n = getline(&line, &room, f)) >= 0) {
        if (n > LINE_MOST)
            line[LINE_MOST] = '\0';
        line[strcspn(line, "\r\n")] = '\0';
        classify_line(r, line);
    }
    free(line);
    return ferror(f) ? cli_say(CLI_FAILED, "%s: %s", name, strerror(errno)) : CLI_DONE;
}

static void classify_mail(const struct replies *r, const char *name, struct bytes mail)
{
    CLEANUP(feedback_free) struct feedback *f = feedback_read(mail, r);
    for (size_t i = 0; f->kind != FEEDBACK_OTHER && i < f->recipients_n; i++) {
        const struct feedback_recipient *one = &f->recipients[i];
        CLEANUP(xfree) char *address = text_visible_new(bytes_str(one->address));
        printf("%s\t%s\t%s\t%s\t%s\n", name, address, class_text(one->class), one->enhanced,
               scope_text(one->scope));
    }
}

static enum cli_exit mails_file(const struct replies *r, const char *name, FILE *f)
{
    CLEANUP(buf_deinit) struct buf mail = {0};
    CLEANUP(xfree) char *shown = text_visible_new(bytes_str(name));
    struct mbox m;
    errno = 0;
    mbox_init(&m, f);
    while (mbox_next(&m, &mail))
        classify_mail(r, shown, buf_bytes(&mail));
    mbox_deinit(&m);
    return ferror(f) ? cli_say(CLI_FAILED, "%s: %s", name, strerror(errno)) : CLI_DONE;
}

static enum cli_exit file_open(const struct replies *r, const char *name,
                               enum cli_exit (*read)(const struct replies *r, const char *name,
                                                     FILE *f))
{
    FILE *f = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
    if (!f)
        return cli_say(CLI_FAILED, "%s: %s", name, strerror(errno));
    enum cli_exit code = read(r, name, f);
    if (f != stdin)
        (void)fclose(f);
    return code;
}

// One that cannot be read is said; the others are read all the same.
static enum cli_exit classify_all(const struct replies *r, const struct command_call *call)
{
    enum cli_exit code = CLI_DONE;
    if (call->replies)
        return file_open(r, call->replies, replies_file);
    for (size_t i = 0; i < call->targets_n; i++)
        if (file_open(r, call->targets[i], mails_file) != CLI_DONE)
            code = CLI_FAILED;
    return code;
}

enum cli_exit cli_classify(const struct command_call *call)
{
    if (!call->replies == !call->targets_n)
        return cli_say(CLI_USAGE, "classify FILE…: bounces and complaints, mails or mbox; or "
                                  "--replies FILE: one reply a line; - for standard input");
    struct settings *s = settings_shipped();
    struct replies *r = replies_new(s->replies, s->replies_n);
    enum cli_exit code = classify_all(r, call);
    replies_free(r);
    settings_free(s);
    if (code == CLI_DONE && (fflush(stdout) || ferror(stdout)))
        return cli_say(CLI_FAILED, "standard output: %s", strerror(errno));
    return code;
}
