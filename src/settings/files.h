/* The three files and their tables. */
#pragma once
#include "settings/schema.h"
#include "settings/settings.h"

extern const struct schema file_main;      // mxwarden.yaml, into struct settings
extern const struct schema file_providers; // providers.yaml, into struct file_providers_data
extern const struct schema file_policy;    // policy.yaml, into the policy of struct settings

/* The files that mxwarden.yaml names, "" for none. */
struct file_names {
    const char *providers, *policy;
};

/* struct settings first, so that one base serves the rows of both. */
struct file_main_data {
    struct settings s;
    struct file_names names;
};

struct file_providers_data {
    struct settings_provider fallback; // `default:`
    struct settings_provider *items;
    size_t n;
    struct reply_words *words; // what `$name` in patterns stands for
    size_t words_n;
    struct file_providers_data *shipped; // instead of these replies; NULL: none
};
