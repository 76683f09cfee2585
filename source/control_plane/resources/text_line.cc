#include "source/control_plane/resources/text_line.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace outrigger::control_plane {
namespace {

// snake_case and lowerCamelCase spell the same key.
std::string Folded(absl::string_view key) {
  std::string out;
  for (const char c : key) {
    if (c != '_') out.push_back(absl::ascii_tolower(c));
  }
  return out;
}

// Cuts the first step off a path: a field name, "[3]" or ["key"].
std::string NextStep(absl::string_view& path, bool& is_index) {
  is_index = false;
  if (!path.empty() && path.front() == '.') path.remove_prefix(1);
  if (!path.empty() && path.front() == '[') {
    const size_t close = path.find(']');
    if (close == absl::string_view::npos) {
      path = {};
      return "";
    }
    absl::string_view inside(path.data() + 1, close - 1);
    path.remove_prefix(close + 1);
    is_index = inside.empty() || inside.front() != '"';
    if (is_index) return std::string(inside);
    inside.remove_prefix(1);
    if (!inside.empty()) inside.remove_suffix(1);
    return std::string(inside);
  }
  size_t n = 0;
  while (n < path.size() && path[n] != '.' && path[n] != '[') ++n;
  std::string name(path.data(), n);
  path.remove_prefix(n);
  return name;
}

}  // namespace

uint32_t LineOfPath(const schema::Node& root, absl::string_view path) {
  const schema::Node* node = &root;
  uint32_t line = root.line;
  while (!path.empty()) {
    bool is_index = false;
    const std::string step = NextStep(path, is_index);
    if (step.empty()) break;
    const schema::Node* next = nullptr;
    if (is_index) {
      size_t index = 0;
      // One value stands for a list of one.
      if (node->kind != schema::Node::Kind::kList) continue;
      if (absl::SimpleAtoi(step, &index) && index < node->items.size()) next = &node->items[index];
    } else if (node->kind == schema::Node::Kind::kObject) {
      const std::string wanted = Folded(step);
      for (size_t i = 0; i < node->keys.size() && i < node->items.size(); ++i) {
        if (Folded(node->keys[i].text) != wanted) continue;
        next = &node->items[i];
        line = node->keys[i].line;
        break;
      }
    }
    if (next == nullptr) break;
    node = next;
    if (is_index && node->line != 0) line = node->line;
  }
  return line;
}

}  // namespace outrigger::control_plane
