// Thread: any
#pragma once

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace outrigger::observe {

// A request id is a random UUID (RFC 4122 version 4). The fifteenth character, which a version 4 UUID fixes to '4',
// can carry why the request is traced, as the published request id extension packs it (pack_trace_reason).
constexpr size_t kRequestIdLength = 36;
using RequestIdText = std::array<char, kRequestIdLength>;

enum class TraceReason : uint8_t { kNotTraceable, kSampled, kForced, kClient };

// 122 of the 128 bits are used. The bits come from Engine::SecureRandom or a generator seeded by it.
RequestIdText MakeRequestId(uint64_t high, uint64_t low);
inline absl::string_view View(const RequestIdText& id) { return {id.data(), id.size()}; }

// Whether `id` is 36 characters of the UUID form (hexadecimal digits and dashes in place).
bool IsUuid(absl::string_view id);
// kNotTraceable if `id` is no UUID.
TraceReason TraceReasonOf(absl::string_view id);
// Writes the reason into a UUID in place (36 characters); false (unchanged) if it is not of that length.
bool SetTraceReason(char* id, size_t length, TraceReason reason);
// The first eight hexadecimal digits as a number, for sampling decisions that all hops agree on.
absl::optional<uint64_t> RequestIdNumber(absl::string_view id);

// W3C trace context, level 1: the header `traceparent`.
struct TraceParent {
  absl::string_view trace_id;   // 32 lower-case hexadecimal digits, not all zero; a view of the parsed text
  absl::string_view parent_id;  // 16
  uint8_t flags = 0;
  bool sampled() const { return (flags & 1) != 0; }
};
absl::optional<TraceParent> ParseTraceParent(absl::string_view header);

}  // namespace outrigger::observe
