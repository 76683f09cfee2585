#include "source/http/grpc_status.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"

namespace outrigger::http {

absl::string_view GrpcStatusName(uint32_t status) {
  static constexpr absl::string_view kNames[] = {
      "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
      "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
      "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
      "DataLoss", "Unauthenticated"};
  return status < sizeof(kNames) / sizeof(kNames[0]) ? kNames[status] : absl::string_view("InvalidCode");
}

bool IsGrpcContentType(absl::string_view content_type) {
  constexpr absl::string_view kGrpc = "application/grpc";
  if (!absl::StartsWithIgnoreCase(content_type, kGrpc)) return false;
  return content_type.size() == kGrpc.size() || content_type[kGrpc.size()] == '+' || content_type[kGrpc.size()] == ';';
}

bool IsGrpcRequest(const HeaderMap& headers) {
  const absl::string_view type = headers.Get(KnownHeader::kContentType);
  return !type.empty() && IsGrpcContentType(type);
}

int GrpcStatusFromHttp(uint32_t http_status) {
  switch (http_status) {
    case 400:
      return static_cast<int>(GrpcStatus::kInternal);
    case 401:
      return static_cast<int>(GrpcStatus::kUnauthenticated);
    case 403:
      return static_cast<int>(GrpcStatus::kPermissionDenied);
    case 404:
      return static_cast<int>(GrpcStatus::kUnimplemented);
    case 429:
    case 502:
    case 503:
    case 504:
      return static_cast<int>(GrpcStatus::kUnavailable);
    default:
      return static_cast<int>(GrpcStatus::kUnknown);
  }
}

bool IsGrpcServerError(int grpc_status) {
  if (grpc_status < 0 || grpc_status > static_cast<int>(GrpcStatus::kUnauthenticated)) return true;
  switch (static_cast<GrpcStatus>(grpc_status)) {
    case GrpcStatus::kUnknown:
    case GrpcStatus::kDeadlineExceeded:
    case GrpcStatus::kUnimplemented:
    case GrpcStatus::kInternal:
    case GrpcStatus::kUnavailable:
    case GrpcStatus::kDataLoss:
      return true;
    default:
      return false;
  }
}

absl::string_view PercentEncodeGrpcMessage(absl::string_view text, Arena& arena) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  char* out = static_cast<char*>(arena.Allocate(text.size() * 3 + 1, 1));
  size_t n = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte <= 0x7e && c != '%') {
      out[n++] = c;
      continue;
    }
    out[n++] = '%';
    out[n++] = kHex[byte >> 4];
    out[n++] = kHex[byte & 15];
  }
  return {out, n};
}

bool ParseGrpcTimeout(absl::string_view text, int64_t* nanoseconds) {
  if (text.size() < 2 || text.size() > 9) return false;
  int64_t value = 0;  // at most 99999999
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + (text[i] - '0');
  }
  int64_t unit = 0;
  switch (text[text.size() - 1]) {
    case 'H':
      unit = 3600LL * 1000000000LL;
      break;
    case 'M':
      unit = 60LL * 1000000000LL;
      break;
    case 'S':
      unit = 1000000000LL;
      break;
    case 'm':
      unit = 1000000LL;
      break;
    case 'u':
      unit = 1000LL;
      break;
    case 'n':
      unit = 1;
      break;
    default:
      return false;
  }
  constexpr int64_t kLongest = 10LL * 365 * 24 * 3600 * 1000000000LL;  // beyond ten years nobody waits; and it must fit
  *nanoseconds = value > kLongest / unit ? kLongest : value * unit;
  return true;
}

int ReadGrpcStatus(const HeaderMap& headers) {
  const absl::string_view text = headers.Get(KnownHeader::kGrpcStatus);
  uint32_t status = 0;
  if (text.empty() || !absl::SimpleAtoi(text, &status) || status > 1000) return -1;
  return static_cast<int>(status);
}

}  // namespace outrigger::http
