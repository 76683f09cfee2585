// Thread: main
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "envoy/config/route/v3/route.pb.h"
#include "source/config/build_context.h"
#include "source/model/route.h"

namespace outrigger::config {

inline constexpr uint32_t kDefaultMostDirectResponseBytes = 4096;  // max_direct_response_body_size_bytes

// The clusters that an inline table names must be known, those of a fetched one need not be; validate_clusters
// overrides.
enum class RouteOwner : uint8_t { kInline, kDiscovery };

// A route configuration, compiled.
absl::StatusOr<std::shared_ptr<const model::RouteTable>> BuildRouteTable(
    const envoy::config::route::v3::RouteConfiguration& routes, RouteOwner owner, absl::string_view version,
    BuildContext& context);

}  // namespace outrigger::config
