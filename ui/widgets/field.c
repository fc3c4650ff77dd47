#include "ui/widgets/field.h"

#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "base/text.h"
#include "ui/screen.h"

void field_set(struct field *f, const char *text)
{
    snprintf(f->text, sizeof(f->text), "%s", text);
    f->n = strlen(f->text);
}

static void cut_to(struct field *f, size_t n)
{
    f->n = n;
    f->text[n] = '\0';
}

static bool erase_one(struct field *f)
{
    if (!f->n)
        return false;
    size_t n = f->n - 1;
    while (n && ((unsigned char)f->text[n] & 0xc0) == 0x80)
        n--;
    cut_to(f, n);
    return true;
}

static bool erase_word(struct field *f)
{
    size_t n = f->n;
    while (n && f->text[n - 1] == ' ')
        n--;
    while (n && f->text[n - 1] != ' ')
        n--;
    cut_to(f, n);
    return true;
}

bool field_paste(struct field *f, const char *text)
{
    char clean[FIELD_TEXT];
    text_visible(clean, sizeof(clean), text, strlen(text));
    size_t n = strlen(clean);
    if (f->n + n >= FIELD_TEXT)
        return false;
    memcpy(f->text + f->n, clean, n + 1);
    f->n += n;
    return n > 0;
}

bool field_key(struct field *f, int key)
{
    char bytes[8] = "";
    mbstate_t state = {0};
    if (key == KEY_ERASE)
        return erase_one(f);
    if (key == CTRL_KEY('u')) {
        cut_to(f, 0);
        return true;
    }
    if (key == CTRL_KEY('w'))
        return erase_word(f);
    if (key < ' ' || key >= KEY_ARROW_UP || wcrtomb(bytes, (wchar_t)key, &state) == (size_t)-1)
        return false;
    return field_paste(f, bytes);
}
