// Thread: any (constant)
#pragma once

#include "source/extension/factory.h"

namespace outrigger::router {

// envoy.filters.http.router.
extern const extension::HttpFilterFactory kFactory;

}  // namespace outrigger::router
