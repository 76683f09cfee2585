#include <iterator>

#include "source/net/connection.h"

namespace outrigger::net {

absl::string_view CloseReasonName(CloseReason reason) {
  static constexpr absl::string_view kNames[] = {
      "local",           "local_abort",      "peer",         "peer_reset",   "connect_failed",
      "connect_timeout", "transport_failed", "idle_timeout", "write_stalled"};
  const size_t i = static_cast<size_t>(reason);
  return i < std::size(kNames) ? kNames[i] : "unknown";
}

}  // namespace outrigger::net
