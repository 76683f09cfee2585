// Thread: any
#pragma once

#include "absl/strings/string_view.h"
#include "source/matching/format_command.h"

namespace outrigger::model {

// A fact that is empty is no value: the log shows "-".
inline void SetIfAny(absl::string_view text, matching::FormatValue* out) {
  if (!text.empty()) out->SetText(text);
}

}  // namespace outrigger::model
