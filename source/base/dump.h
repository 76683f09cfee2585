// Thread: any
#pragma once

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace outrigger {

// Writes the state of live objects as an indented tree for /dump and the crash handler. Every long-lived class has
// `void Dump(DumpWriter&) const`: cheap, safe at any time on its own thread, no I/O.
class DumpWriter {
 public:
  explicit DumpWriter(std::string& out) : out_(out) {}
  template <class V>
  DumpWriter& Field(absl::string_view name, const V& value) {
    absl::StrAppend(&out_, std::string(depth_ * 2, ' '), name, ": ", value, "\n");
    return *this;
  }
  void Open(absl::string_view name) {
    absl::StrAppend(&out_, std::string(depth_ * 2, ' '), name, ":\n");
    ++depth_;
  }
  void Close() { --depth_; }

 private:
  std::string& out_;
  size_t depth_ = 0;
};

}  // namespace outrigger
