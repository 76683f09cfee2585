// Thread: any (formats are immutable; a FormatSource belongs to one worker)
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "source/base/arena.h"
#include "source/base/value.h"
#include "source/matching/format_command.h"

namespace outrigger::matching {

// The text that access logs have if nothing is configured.
absl::string_view DefaultAccessLogFormat();

// core.v3.SubstitutionFormatString text_format: literal text with %OPERATOR(parameter):length% in it. A missing value
// is "-", or nothing with omit_empty_values. Cheap to copy (shared).
class TextFormat {
 public:
  TextFormat() = default;  // formats to nothing
  static absl::StatusOr<TextFormat> Create(absl::string_view format, const FormatOptions& options = {});
  // Appends; allocates only if *out has to grow.
  void Append(const FormatSource& source, std::string* out) const;
  // No command in it: always this text.
  bool constant() const;
  // Every command in it, for who wants to know what a format will ask for.
  void ForEachCommand(const std::function<void(const FormatCommand&)>& visit) const;

 private:
  friend class HeaderFormat;
  struct Program {
    std::vector<FormatPart> parts;
    bool omit_empty = false;
  };
  std::shared_ptr<const Program> program_;
};

// json_format: a tree whose strings are formats. A string that is one operator alone keeps its type: numbers, booleans
// and trees are not quoted, and a missing value is null (with omit_empty_values: the key is left out). Keys are sorted.
// Numbers and booleans in the tree stand for themselves. One line with a newline at the end.
class JsonFormat {
 public:
  JsonFormat() = default;
  static absl::StatusOr<JsonFormat> Create(const Value::Struct& format, const FormatOptions& options = {});
  void Append(const FormatSource& source, std::string* out) const;
  void ForEachCommand(const std::function<void(const FormatCommand&)>& visit) const;

 private:
  struct Node;
  std::shared_ptr<const Node> root_;
};

// The value of a header to add (HeaderValueOption): missing values are nothing. Plain text and a lone operator make no
// copy.
class HeaderFormat {
 public:
  HeaderFormat() = default;
  static absl::StatusOr<HeaderFormat> Create(absl::string_view format, FormatOptions options = {});
  // Lives in the arena, in the format, or in what the source gave, whichever is there already: good as long as the
  // stream and its configuration, provided that the source's own text is. "" if there is nothing.
  absl::string_view Evaluate(const FormatSource& source, Arena& arena) const;
  bool constant() const { return format_.constant(); }
  void ForEachCommand(const std::function<void(const FormatCommand&)>& visit) const { format_.ForEachCommand(visit); }

 private:
  TextFormat format_;
};

}  // namespace outrigger::matching
