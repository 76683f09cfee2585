// Thread: any (constant)
#pragma once

#include "source/extension/factory.h"

namespace outrigger::filters {

extern const extension::NetworkFilterFactory kNetworkRbacFactory;

}  // namespace outrigger::filters
