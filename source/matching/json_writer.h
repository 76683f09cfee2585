// Thread: any (pure functions)
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "source/base/value.h"

namespace outrigger::matching {

// Appends JSON to text. Strings are escaped as RFC 8259 needs and no more; bytes that are no UTF-8 become
// U+FFFD, so that the line stays JSON whatever a peer sent.
void AppendJsonString(absl::string_view text, std::string* out);
// Integers without a fraction, others with the fewest digits that read back the same; NaN and infinities are null.
void AppendJsonNumber(double number, std::string* out);
void AppendJsonValue(const Value& value, std::string* out);

}  // namespace outrigger::matching
