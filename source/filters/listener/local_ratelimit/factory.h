// Thread: any (constant)
#pragma once

#include "source/extension/factory.h"

namespace outrigger::filters {

extern const extension::ListenerFilterFactory kLocalRateLimitFactory;

}  // namespace outrigger::filters
