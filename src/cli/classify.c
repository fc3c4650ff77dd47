// `mxwarden classify --replies FILE`: what the rules make of replies, without an engine.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "core/words.h"
#include "mail/replies.h"
#include "settings/settings.h"

enum { LINE_MOST = 65536 };

// A line is a reply, or a provider, a tab and a reply.
static void classify_line(const struct replies *r, char *line)
{
    char enhanced[12];
    struct reply_said said = {.provider = "", .enhanced = enhanced, .text = line};
    struct reply_verdict v;
    char *tab = strchr(line, '\t');
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

static enum cli_exit classify_file(const struct replies *r, FILE *f)
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
    return ferror(f) ? cli_say(CLI_FAILED, "%s", strerror(errno)) : CLI_DONE;
}

enum cli_exit cli_classify(const struct command_call *call)
{
    if (!call->replies)
        return cli_say(CLI_USAGE, "classify --replies FILE: a file with one reply a line, or -");
    FILE *f = strcmp(call->replies, "-") == 0 ? stdin : fopen(call->replies, "re");
    if (!f)
        return cli_say(CLI_FAILED, "%s: %s", call->replies, strerror(errno));
    struct settings *s = settings_shipped();
    struct replies *r = replies_new(s->replies, s->replies_n);
    enum cli_exit code = classify_file(r, f);
    replies_free(r);
    settings_free(s);
    if (f != stdin)
        (void)fclose(f);
    return code;
}
