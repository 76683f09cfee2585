#include "source/http/protocol.h"

namespace outrigger::http {

absl::string_view ProtocolName(Protocol protocol) {
  switch (protocol) {
    case Protocol::kHttp10:
      return "HTTP/1.0";
    case Protocol::kHttp11:
      return "HTTP/1.1";
    case Protocol::kHttp2:
      return "HTTP/2";
  }
  return "";
}

absl::string_view ResetReasonName(ResetReason reason) {
  switch (reason) {
    case ResetReason::kNone:
      return "none";
    case ResetReason::kLocalReset:
      return "local_reset";
    case ResetReason::kLocalRefused:
      return "local_refused_stream_reset";
    case ResetReason::kRemoteReset:
      return "remote_reset";
    case ResetReason::kRemoteRefused:
    case ResetReason::kRemoteGoneAway:
      return "remote_refused_stream_reset";
    case ResetReason::kConnectFailure:
      return "connection_failure";
    case ResetReason::kConnectTimeout:
      return "connection_timeout";
    case ResetReason::kConnectionTermination:
    case ResetReason::kNotSent:
      return "connection_termination";
    case ResetReason::kProtocolError:
      return "protocol_error";
    case ResetReason::kOverflow:
      return "overflow";
    case ResetReason::kHttp11Required:
      return "http_1.1_required";
  }
  return "";
}

}  // namespace outrigger::http
