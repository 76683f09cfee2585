#include "source/schema/field_path.h"

#include "absl/strings/str_cat.h"

namespace outrigger::schema {

std::string FieldPath::ToString() const {
  std::string out = root_;
  for (const Part& part : parts_) {
    if (part.index == kField) {
      absl::StrAppend(&out, out.empty() ? "" : ".", part.text);
    } else if (part.index == kKey) {
      absl::StrAppend(&out, "[\"", part.text, "\"]");
    } else {
      absl::StrAppend(&out, "[", part.index, "]");
    }
  }
  return out;
}

}  // namespace outrigger::schema
