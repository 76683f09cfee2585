// Thread: any (pure)
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "source/net/address.h"

namespace outrigger::control_plane {

// "127.0.0.1:18080", "[::1]:0", "localhost:18080".
absl::StatusOr<net::Address> ParseHostPort(absl::string_view text);

}  // namespace outrigger::control_plane
