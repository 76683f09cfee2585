// Thread: any (immutable after Build)
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace outrigger::matching {

// A compressed trie of strings, flat in memory. A walk along a text visits the stored strings that are prefixes of it,
// shortest first, in time that depends on the text only.
class PrefixTrie {
 public:
  PrefixTrie() = default;
  // Each key with a number; keys are unique. With `fold`, keys are lower case and texts are compared without case.
  PrefixTrie(std::vector<std::pair<std::string, uint32_t>> keys, bool fold);
  bool empty() const { return nodes_.empty(); }

  // f(number, length of the prefix)
  template <class F>
  void Walk(absl::string_view text, F&& f) const {
    if (nodes_.empty()) return;
    size_t at = 0;
    const Node* node = &nodes_[0];
    while (true) {
      const absl::string_view label(labels_.data() + node->label, node->label_size);
      if (text.size() - at < label.size() || !Same(label, text.data() + at)) return;
      at += label.size();
      if (node->value != kNone) f(node->value, at);
      if (at == text.size()) return;
      node = Child(*node, text[at]);
      if (node == nullptr) return;
    }
  }

 private:
  static constexpr uint32_t kNone = 0xffffffff;
  struct Node {
    uint32_t label = 0;  // offset in labels_; the first character is also in firsts_
    uint32_t label_size = 0;
    uint32_t children = 0;  // index of the first; they are contiguous and sorted
    uint32_t child_count = 0;
    uint32_t value = kNone;
  };
  static char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
  bool Same(absl::string_view label, const char* text) const;
  const Node* Child(const Node& node, char c) const;

  std::vector<Node> nodes_;
  std::string firsts_;  // first character of each node's label
  std::string labels_;
  bool fold_ = false;
};

}  // namespace outrigger::matching
