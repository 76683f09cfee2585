// Thread: any
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "source/schema/tree.h"

namespace outrigger::schema {

// From the words of a scalar to values. False: the words do not say such a value, or it does not fit.

// Decimal, hexadecimal (0x) or, with a leading zero, octal as YAML 1.1 has it; also 5.0 and 1e3, which are whole.
bool ReadSigned(const Node& node, int64_t& out);
bool ReadUnsigned(const Node& node, uint64_t& out);
bool ReadDouble(const Node& node, double& out);
// true and false; unquoted also yes, no, on and off, as YAML 1.1 has them.
bool ReadBool(const Node& node, bool& out);
// Base64, the standard or the URL alphabet, with or without padding.
bool ReadBytes(const Node& node, std::string& out);
// "1.5s" into seconds and nanoseconds; the protobuf range of ±10,000 years.
bool ReadDurationText(absl::string_view text, int64_t& seconds, int32_t& nanos);
// RFC 3339 into seconds and nanoseconds since 1970.
bool ReadTimestampText(absl::string_view text, int64_t& seconds, int32_t& nanos);

}  // namespace outrigger::schema
