// Thread: any
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace outrigger::schema {

// Where in a message something is: `clusters[2].metadata.filter_metadata["envoy.lb"]`. Kept while walking down; text is
// made only when asked. The names given must outlive the path (they come from descriptors and from the tree that is
// read).
class FieldPath {
 public:
  // Removes on destruction what it added.
  class Step {
   public:
    Step(FieldPath& path, absl::string_view field) : path_(path) { path_.parts_.push_back({field, kField}); }
    Step(FieldPath& path, size_t index) : path_(path) { path_.parts_.push_back({{}, static_cast<int64_t>(index)}); }
    struct Key {
      absl::string_view text;
    };
    Step(FieldPath& path, Key key) : path_(path) { path_.parts_.push_back({key.text, kKey}); }
    ~Step() { path_.parts_.pop_back(); }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

   private:
    FieldPath& path_;
  };

  FieldPath() = default;
  // `root` is what stands before every path, such as "static_resources".
  explicit FieldPath(absl::string_view root) : root_(root) {}

  std::string ToString() const;
  size_t depth() const { return parts_.size(); }

 private:
  static constexpr int64_t kField = -1;
  static constexpr int64_t kKey = -2;
  struct Part {
    absl::string_view text;
    int64_t index;  // of a list item, or kField or kKey
  };

  std::string root_;
  std::vector<Part> parts_;
};

}  // namespace outrigger::schema
