// Thread: main, before workers start
#pragma once

#include "absl/status/statusor.h"
#include "source/overload/spec.h"

namespace envoy::config::bootstrap::v3 {
class Bootstrap;
}

namespace outrigger::config {

// The bootstrap's overload manager. Refused, by name: a monitor, action or load shed point that is not known here, one
// that is there twice, and a trigger that names no monitor. Nothing configured: nothing is monitored.
absl::StatusOr<overload::OverloadSpec> OverloadOf(const envoy::config::bootstrap::v3::Bootstrap& bootstrap);

}  // namespace outrigger::config
