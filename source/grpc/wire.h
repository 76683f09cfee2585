// Thread: any
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "source/base/time.h"

namespace outrigger::grpc {

// grpc-message as sent: %XX becomes a byte; what is malformed stays as it is.
std::string PercentDecode(absl::string_view text);

// grpc-timeout: at most eight digits and a unit, rounded up.
std::string TimeoutText(Duration timeout);

// A cluster's name as :authority, if it can stand there; "localhost" otherwise.
std::string AuthorityFrom(absl::string_view cluster);

}  // namespace outrigger::grpc
