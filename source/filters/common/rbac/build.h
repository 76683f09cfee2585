// Thread: main or a configuration thread
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "source/extension/factory.h"
#include "source/filters/common/rbac/engine.h"

namespace envoy::config::rbac::v3 {
class RBAC;
}

namespace outrigger::filters::rbac {

// Compiles. Refused, with the field's path: conditions, audit loggers, and every kind of permission or principal that
// is not implemented. `with_requests`: false on a connection, where rules about requests could never match and are
// refused as well. `field`: where the rules stand in the message that `context` builds, for the origins of the
// policies.
absl::StatusOr<Engine> BuildEngine(const envoy::config::rbac::v3::RBAC& rules, absl::string_view field,
                                   bool with_requests, extension::FactoryContext& context);

}  // namespace outrigger::filters::rbac
