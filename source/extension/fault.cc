#include "source/extension/fault.h"

#include "absl/strings/cord.h"
#include "absl/strings/strip.h"

namespace outrigger::extension {

namespace {
// Carries the path that the text begins with, so that text that only looks like one is not taken for it.
constexpr absl::string_view kPath = "outrigger/field_path";
}  // namespace

absl::Status Invalid(absl::string_view cause) { return absl::InvalidArgumentError(cause); }
absl::Status Fault(absl::string_view path, absl::string_view cause) { return Under(path, Invalid(cause)); }

absl::Status Under(absl::string_view field, const absl::Status& status) {
  if (status.ok() || field.empty()) return status;
  std::string path(field);
  absl::string_view cause = status.message();
  if (const auto below = status.GetPayload(kPath); below.has_value()) {
    const std::string text(*below);
    if (absl::ConsumePrefix(&cause, text)) absl::ConsumePrefix(&cause, ": ");
    absl::StrAppend(&path, text.empty() || text[0] == '[' ? "" : ".", text);
  }
  absl::Status above(status.code(), absl::StrCat(path, ": ", cause));
  above.SetPayload(kPath, absl::Cord(path));
  return above;
}

absl::Status Under(absl::string_view field, size_t index, const absl::Status& status) {
  return Under(absl::StrCat(field, "[", index, "]"), status);
}

}  // namespace outrigger::extension
