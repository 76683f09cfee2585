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

CloseInfo Connection::BrokenReason() const {
  const TransportFailure& failure = transport_->failure();
  if (failure.code[0] != 0) return {CloseReason::kTransportFailed, error_, failure.code};
  return {CloseReason::kPeerReset, error_, "reset"};
}

void Connection::Dump(DumpWriter& out) const {
  out.Field("id", id_).Field("remote", remote().ToString()).Field("local", local().ToString());
  out.Field("fd", fd_).Field("input", input_.size()).Field("output", output_.size());
  out.Field("read_pauses", read_pauses_).Field("above_high", above_high_ ? 1 : 0);
  out.Field("state", closed_       ? "closed"
                     : closing_    ? "closing"
                     : connecting_ ? "connecting"
                     : announced_  ? "connected"
                                   : "handshake");
  out.Field("bytes_read", stats_.bytes_read).Field("bytes_written", stats_.bytes_written);
  transport_->Dump(out);
  if (handler_ != nullptr) handler_->Dump(out);
}

}  // namespace outrigger::net
