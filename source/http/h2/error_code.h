// Thread: any
#pragma once

#include <cstdint>

#include "source/http/protocol.h"

namespace outrigger::http::h2 {

// RFC 9113 section 7.
enum class ErrorCode : uint32_t {
  kNoError = 0x0,
  kProtocolError = 0x1,
  kInternalError = 0x2,
  kFlowControlError = 0x3,
  kSettingsTimeout = 0x4,
  kStreamClosed = 0x5,
  kFrameSizeError = 0x6,
  kRefusedStream = 0x7,
  kCancel = 0x8,
  kCompressionError = 0x9,
  kConnectError = 0xa,
  kEnhanceYourCalm = 0xb,
  kInadequateSecurity = 0xc,
  kHttp11Required = 0xd,
};

// What a RST_STREAM of the peer means for our side.
ResetReason ReasonOf(ErrorCode code);
const char* DetailOf(ErrorCode code);
// What the framer found wrong with the whole connection, by the code of the GOAWAY that it sends.
const char* ViolationOf(ErrorCode code);
// What we tell the peer when we end a stream for `reason`.
ErrorCode CodeFor(ResetReason reason, bool server);

}  // namespace outrigger::http::h2
