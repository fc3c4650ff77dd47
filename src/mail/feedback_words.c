// The questions in their order; see feedback_words.h.
#include "mail/feedback_words.h"

#include <string.h>

#include "base/mem.h"
#include "mail/feedback.h"

void feedback_words_deinit(struct words *w)
{
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&w->people, &i));) {
        struct words_person *who = item->value;
        xfree(who->address);
        xfree(who);
    }
    map_deinit(&w->people);
    map_deinit(&w->asked);
    map_deinit(&w->others);
    map_deinit(&w->failed);
    xfree(w->message_id);
    xfree(w->feedback_id);
    xfree(w->return_path);
    xfree(w->places);
    xfree(w->lines);
    xfree(w->text);
    xfree(w->low);
}

static void give(char **slot, char **from)
{
    if (!*from || (*slot && **slot))
        return;
    xfree(*slot);
    *slot = MOVE(*from);
}

bool feedback_words(struct feedback *f, const struct parts *p, const struct replies *replies)
{
    CLEANUP(feedback_words_deinit) struct words w = {.parts = p, .replies = replies};
    words_gather(&w);
    words_original(&w);
    words_mark_failure(&w);
    words_find(&w);
    if (!words_is_bounce(&w))
        return false;
    words_said(&w, f);
    give(&f->message_id, &w.message_id);
    give(&f->feedback_id, &w.feedback_id);
    give(&f->return_path, &w.return_path);
    return f->recipients_n > 0;
}
