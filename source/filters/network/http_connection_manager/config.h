// Thread: any (constant)
#pragma once

#include "source/extension/factory.h"

namespace outrigger::filters::hcm {

// envoy.filters.network.http_connection_manager.
extern const extension::NetworkFilterFactory kFactory;

}  // namespace outrigger::filters::hcm
