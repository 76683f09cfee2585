// Thread: any
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace outrigger::schema {

// What a YAML or JSON text says, before anything is known about its types. A node remembers its line (from 1; 0 if it
// came from no text).
struct Node {
  enum class Kind : uint8_t { kNull, kScalar, kList, kObject };
  struct Key {
    std::string text;
    uint32_t line = 0;
  };

  Kind kind = Kind::kNull;
  bool quoted = false;  // a scalar that can only be a string
  uint32_t line = 0;
  std::string text;         // of a scalar
  std::vector<Node> items;  // of a list; of an object: the values, in the order of `keys`
  std::vector<Key> keys;    // of an object

  // The value of the object's key, or null.
  const Node* Find(absl::string_view key) const;
};

// Bounds on a text. All are checked while it is parsed, so a text beyond them costs no more than one at them.
struct TreeLimits {
  size_t max_bytes = 64 << 20;
  size_t max_nodes = 2'000'000;  // after aliases are replaced by what they stand for
  size_t max_depth = 100;
};

// Why a text is no tree: `line` is 0 if the whole of it is meant.
struct TreeError {
  uint32_t line = 0;
  std::string message;
};

// YAML 1.2, one document; merge keys (<<) are resolved, nodes tagged !ignore are dropped. False: `error` says why.
bool ParseYaml(absl::string_view text, const TreeLimits& limits, Node& out, TreeError& error);

// JSON (RFC 8259), strictly. False: `error` says why.
bool ParseJson(absl::string_view text, const TreeLimits& limits, Node& out, TreeError& error);

// Checks that hold for both: size, UTF-8, no NUL.
bool CheckText(absl::string_view text, const TreeLimits& limits, TreeError& error);

// The length of the longest prefix of `text` that is valid UTF-8.
size_t ValidUtf8Prefix(absl::string_view text);

// How the words of a plain scalar are understood. kWord is anything else.
enum class PlainKind : uint8_t { kNull, kBool, kInteger, kNumber, kWord };
PlainKind ClassifyPlain(absl::string_view text);

}  // namespace outrigger::schema
