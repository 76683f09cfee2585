// Thread: main
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "envoy/config/accesslog/v3/accesslog.pb.h"
#include "source/config/build_context.h"

namespace outrigger::config {

// File, standard output and standard error, with filter and format (the published default if none is given).
absl::StatusOr<std::shared_ptr<const observe::AccessLog>> MakeAccessLog(
    const envoy::config::accesslog::v3::AccessLog& log, BuildContext& context);

}  // namespace outrigger::config
