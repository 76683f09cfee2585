// Thread: main or a configuration thread
#pragma once

#include "absl/status/statusor.h"
#include "source/filters/common/rbac/engine.h"

namespace envoy::config::rbac::v3 {
class RBAC;
}

namespace outrigger::filters::rbac {

// Compiles. Refused, with the field's path: conditions, audit loggers, and every kind of permission or principal that
// is not implemented. `with_requests`: false on a connection, where rules about requests could never match and are
// refused as well.
absl::StatusOr<Engine> BuildEngine(const envoy::config::rbac::v3::RBAC& rules, bool with_requests);

}  // namespace outrigger::filters::rbac
