// Thread: any
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "source/base/arena.h"
#include "source/http/header_map.h"

namespace outrigger::http {

// gRPC over HTTP/2 wire facts that HTTP code needs: telling a gRPC request, status numbers, grpc-message encoding.
enum class GrpcStatus : uint8_t {
  kOk = 0,
  kCanceled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};
absl::string_view GrpcStatusName(uint32_t status);  // "Unavailable", ... ; "InvalidCode" beyond the known

// POST with content-type application/grpc or application/grpc+...
bool IsGrpcContentType(absl::string_view content_type);
bool IsGrpcRequest(const HeaderMap& headers);
// The published mapping of "HTTP to gRPC status codes".
int GrpcStatusFromHttp(uint32_t http_status);
// Statuses that speak of the server rather than of the request: what the published mapping to HTTP makes a 5xx of, and
// what is no status (-1 and unknown numbers).
bool IsGrpcServerError(int grpc_status);
// grpc-message is percent-encoded: all but space..~ without '%'.
absl::string_view PercentEncodeGrpcMessage(absl::string_view text, Arena& arena);
// "1H", "30S", "500m", ...: at most 8 digits and a unit. False: malformed.
bool ParseGrpcTimeout(absl::string_view text, int64_t* nanoseconds);
// The grpc-status of trailers or a trailers-only answer, -1 if absent or malformed.
int ReadGrpcStatus(const HeaderMap& headers);

}  // namespace outrigger::http
