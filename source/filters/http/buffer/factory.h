// Thread: any (constant)
#pragma once

#include "source/extension/factory.h"

namespace outrigger::filters {

extern const extension::HttpFilterFactory kBufferFactory;

}  // namespace outrigger::filters
