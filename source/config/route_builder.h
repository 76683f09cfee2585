// Thread: main
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "envoy/config/route/v3/route.pb.h"
#include "source/config/build_context.h"
#include "source/model/route.h"

namespace outrigger::config {

inline constexpr uint32_t kDefaultMostDirectResponseBytes = 4096;  // max_direct_response_body_size_bytes

// A route configuration, compiled. `version`: of RDS; empty for an inline one, whose clusters must be known unless
// validate_clusters says otherwise.
absl::StatusOr<std::shared_ptr<const model::RouteTable>> BuildRouteTable(
    const envoy::config::route::v3::RouteConfiguration& routes, absl::string_view version, BuildContext& context);

}  // namespace outrigger::config
