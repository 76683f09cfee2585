// Thread: any
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace outrigger::http {

enum class Protocol : uint8_t { kHttp10, kHttp11, kHttp2 };
absl::string_view ProtocolName(Protocol protocol);  // "HTTP/1.0", "HTTP/1.1", "HTTP/2"

// Why a stream ended before its messages were complete, as both sides of the codec seam say it.
enum class ResetReason : uint8_t {
  kNone,
  kLocalReset,      // we gave up on it (timeout, filter, the other side of the proxy went away)
  kLocalRefused,    // refused before any processing (overload, drain, too many streams)
  kRemoteReset,     // the peer reset it (RST_STREAM, or an h1 connection cut in the middle of a message)
  kRemoteRefused,   // RST_STREAM REFUSED_STREAM: certainly not processed
  kRemoteGoneAway,  // above GOAWAY's last id (RFC 9113 6.8): certainly not processed, and the connection takes no more
  kConnectFailure,  // no connection could be made
  kConnectTimeout,
  kConnectionTermination,  // the connection ended underneath
  kNotSent,                // so it did before a byte of the request was written (h1 client): certainly not processed
  kProtocolError,          // the peer broke the protocol; detail says how
  kOverflow,               // a circuit breaker or pending queue was full
  kHttp11Required,
};
absl::string_view ResetReasonName(ResetReason reason);

}  // namespace outrigger::http
