#include "source/matching/prefix_trie.h"

#include <algorithm>
#include <cstring>

namespace outrigger::matching {

PrefixTrie::PrefixTrie(std::vector<std::pair<std::string, uint32_t>> keys, bool fold) : fold_(fold) {
  if (keys.empty()) return;
  std::sort(keys.begin(), keys.end());
  // Breadth first, so that siblings are neighbours and no depth of nesting can exhaust the stack.
  struct Range {
    size_t begin, end;  // of keys
    size_t depth;       // characters above this node
  };
  std::vector<Range> ranges{{0, keys.size(), 0}};
  nodes_.emplace_back();
  firsts_.push_back('\0');
  for (size_t i = 0; i < ranges.size(); ++i) {
    const Range range = ranges[i];
    const std::string& first = keys[range.begin].first;
    const std::string& last = keys[range.end - 1].first;
    // The keys are sorted, so what the first and last share, all share.
    size_t shared = range.depth;
    while (shared < first.size() && shared < last.size() && first[shared] == last[shared]) ++shared;
    nodes_[i].label = static_cast<uint32_t>(labels_.size());
    nodes_[i].label_size = static_cast<uint32_t>(shared - range.depth);
    labels_.append(first, range.depth, shared - range.depth);
    size_t at = range.begin;
    if (first.size() == shared) nodes_[i].value = keys[at++].second;
    nodes_[i].children = static_cast<uint32_t>(nodes_.size());
    while (at < range.end) {
      const char c = keys[at].first[shared];
      size_t end = at + 1;
      while (end < range.end && keys[end].first[shared] == c) ++end;
      ranges.push_back({at, end, shared});
      nodes_.emplace_back();
      firsts_.push_back(c);
      ++nodes_[i].child_count;
      at = end;
    }
  }
}

bool PrefixTrie::Same(absl::string_view label, const char* text) const {
  if (!fold_) return label.empty() || memcmp(label.data(), text, label.size()) == 0;
  for (size_t i = 0; i < label.size(); ++i) {
    if (label[i] != Lower(text[i])) return false;
  }
  return true;
}

const PrefixTrie::Node* PrefixTrie::Child(const Node& node, char c) const {
  if (fold_) c = Lower(c);
  const char* const begin = firsts_.data() + node.children;
  const char* const end = begin + node.child_count;
  const char* found;
  if (node.child_count <= 8) {
    found = std::find(begin, end, c);
  } else {
    // std::sort compared strings by unsigned characters.
    found = std::lower_bound(begin, end, c,
                             [](char a, char b) { return static_cast<uint8_t>(a) < static_cast<uint8_t>(b); });
  }
  return found == end || *found != c ? nullptr : &nodes_[static_cast<size_t>(found - firsts_.data())];
}

}  // namespace outrigger::matching
