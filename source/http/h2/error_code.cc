#include "source/http/h2/error_code.h"

namespace outrigger::http::h2 {

ResetReason ReasonOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kRefusedStream:
      return ResetReason::kRemoteRefused;
    case ErrorCode::kHttp11Required:
      return ResetReason::kHttp11Required;
    default:
      return ResetReason::kRemoteReset;
  }
}

const char* DetailOf(ErrorCode code) {
  return code == ErrorCode::kRefusedStream ? "http2.remote_refuse" : "http2.remote_reset";
}

const char* ViolationOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kFlowControlError:
      return "http2.flow_control_error";
    case ErrorCode::kFrameSizeError:
      return "http2.frame_size_error";
    case ErrorCode::kCompressionError:
      return "http2.header_compression_error";
    case ErrorCode::kEnhanceYourCalm:
      return "http2.too_many_settings";  // the only thing that it calms by itself
    default:
      return "http2.protocol_error";
  }
}

ErrorCode CodeFor(ResetReason reason, bool server) {
  switch (reason) {
    case ResetReason::kNone:
      return ErrorCode::kNoError;
    case ResetReason::kLocalRefused:
    case ResetReason::kOverflow:
    case ResetReason::kRemoteRefused:
    case ResetReason::kRemoteGoneAway:
    case ResetReason::kNotSent:
      return ErrorCode::kRefusedStream;
    case ResetReason::kProtocolError:
      return ErrorCode::kProtocolError;
    case ResetReason::kHttp11Required:
      return ErrorCode::kHttp11Required;
    case ResetReason::kConnectFailure:
    case ResetReason::kConnectTimeout:
      return ErrorCode::kConnectError;
    case ResetReason::kLocalReset:
    case ResetReason::kRemoteReset:
    case ResetReason::kConnectionTermination:
      break;
  }
  // A response that we cannot finish is an error of ours; a request that we do not want any more is cancelled.
  return server ? ErrorCode::kInternalError : ErrorCode::kCancel;
}

}  // namespace outrigger::http::h2
