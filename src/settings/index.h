/* What the look-ups walk; made once, when all is read. */
#pragma once
#include "base/map.h"
#include "settings/settings.h"

struct settings_index {
    struct map mx;        // suffix → const struct settings_provider
    struct map providers; // name → const struct settings_provider
    struct map routes;    // domain → const struct settings_route
};

void index_init(struct settings_index *x, const struct settings *s);
void index_deinit(struct settings_index *x);
