// The file stands in the program itself, so that a command that needs no configuration knows it.
#include "settings/shipped.h"

static const char providers[] =
#include "shipped_providers.inc"
    ;

struct bytes shipped_providers(void)
{
    return bytes_of(providers, sizeof(providers) - 1);
}
