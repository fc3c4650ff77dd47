/* config/providers.yaml as it was at the build: what replies mean where no configuration says it. */
#pragma once
#include "base/bytes.h"

struct bytes shipped_providers(void);
