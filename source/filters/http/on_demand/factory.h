// Thread: any (constant)
#pragma once

#include "source/extension/factory.h"

namespace outrigger::filters {

extern const extension::HttpFilterFactory kOnDemandFactory;

}  // namespace outrigger::filters
