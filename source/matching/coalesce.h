// Thread: any
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "source/matching/format_command.h"

namespace outrigger::matching {

// The parameter of %COALESCE(...)%: {"operators": ["NAME", {"command": "NAME", "param": "...", "max_length": 5}]}.
// COALESCE inside COALESCE is refused.
absl::Status ParseCoalesce(absl::string_view json, std::vector<FormatCommand>* out);

}  // namespace outrigger::matching
