#include "source/observe/trace_context.h"

namespace outrigger::observe {
namespace {

constexpr size_t kReasonAt = 14;  // the version digit

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsDash(size_t at) { return at == 8 || at == 13 || at == 18 || at == 23; }

bool LowerHex(absl::string_view text) {
  for (char c : text) {
    if (HexDigit(c) < 0 || (c >= 'A' && c <= 'F')) return false;
  }
  return true;
}

bool AllZero(absl::string_view text) { return text.find_first_not_of('0') == absl::string_view::npos; }

}  // namespace

RequestIdText MakeRequestId(uint64_t high, uint64_t low) {
  static constexpr char kHex[] = "0123456789abcdef";
  high = (high & ~uint64_t{0xF000}) | 0x4000;              // version 4
  low = (low & ~(uint64_t{3} << 62)) | uint64_t{1} << 63;  // variant 10
  RequestIdText out;
  const auto put = [&out](size_t at, uint64_t value, int digits) {
    for (size_t i = at + static_cast<size_t>(digits); i > at; value >>= 4) out[--i] = kHex[value & 15];
  };
  put(0, high >> 32, 8);
  put(9, high >> 16, 4);
  put(14, high, 4);
  put(19, low >> 48, 4);
  put(24, low, 12);
  for (const size_t dash : {8, 13, 18, 23}) out[dash] = '-';
  return out;
}

bool IsUuid(absl::string_view id) {
  if (id.size() != kRequestIdLength) return false;
  for (size_t at = 0; at < id.size(); ++at) {
    if (IsDash(at) ? id[at] != '-' : HexDigit(id[at]) < 0) return false;
  }
  return true;
}

TraceReason TraceReasonOf(absl::string_view id) {
  if (id.size() != kRequestIdLength) return TraceReason::kNotTraceable;
  switch (id[kReasonAt]) {
    case '9':
      return TraceReason::kSampled;
    case 'a':
      return TraceReason::kForced;
    case 'b':
      return TraceReason::kClient;
    default:
      return TraceReason::kNotTraceable;
  }
}

bool SetTraceReason(char* id, size_t length, TraceReason reason) {
  if (length != kRequestIdLength) return false;
  switch (reason) {
    case TraceReason::kNotTraceable:
      id[kReasonAt] = '4';
      break;
    case TraceReason::kSampled:
      id[kReasonAt] = '9';
      break;
    case TraceReason::kForced:
      id[kReasonAt] = 'a';
      break;
    case TraceReason::kClient:
      id[kReasonAt] = 'b';
      break;
  }
  return true;
}

absl::optional<uint64_t> RequestIdNumber(absl::string_view id) {
  if (id.size() < 8) return absl::nullopt;
  uint64_t number = 0;
  for (size_t at = 0; at < 8; ++at) {
    const int digit = HexDigit(id[at]);
    if (digit < 0) return absl::nullopt;
    number = number << 4 | static_cast<uint64_t>(digit);
  }
  return number;
}

// https://www.w3.org/TR/trace-context-1/#traceparent-header
absl::optional<TraceParent> ParseTraceParent(absl::string_view header) {
  constexpr size_t kLength = 55;  // 2-32-16-2
  if (header.size() < kLength) return absl::nullopt;
  const absl::string_view version = header.substr(0, 2);
  if (!LowerHex(version) || version == "ff") return absl::nullopt;
  // A later version may have more fields, after another dash.
  if (header.size() > kLength && (version == "00" || header[kLength] != '-')) return absl::nullopt;
  if (header[2] != '-' || header[35] != '-' || header[52] != '-') return absl::nullopt;
  TraceParent out{header.substr(3, 32), header.substr(36, 16)};
  const absl::string_view flags = header.substr(53, 2);
  if (!LowerHex(out.trace_id) || !LowerHex(out.parent_id) || !LowerHex(flags)) return absl::nullopt;
  if (AllZero(out.trace_id) || AllZero(out.parent_id)) return absl::nullopt;
  out.flags = static_cast<uint8_t>(HexDigit(flags[0]) << 4 | HexDigit(flags[1]));
  return out;
}

}  // namespace outrigger::observe
