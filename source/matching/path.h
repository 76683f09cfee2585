// Thread: any (pure functions; the arena is the caller's)
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "source/base/arena.h"

namespace outrigger::matching {

// What the HTTP connection manager says about request paths (normalize_path, merge_slashes,
// path_with_escaped_slashes_action, and what to do with a fragment).
struct PathPolicy {
  enum class EscapedSlashes : uint8_t { kKeep, kReject, kUnescapeAndRedirect, kUnescapeAndForward };
  bool normalize = false;
  bool merge_slashes = false;
  EscapedSlashes escaped_slashes = EscapedSlashes::kKeep;
  bool reject_fragment = true;  // false: a fragment is cut off
};

struct CanonicalPath {
  enum class Outcome : uint8_t {
    kUnchanged,  // `path` is the input
    kChanged,    // `path` is an arena copy: set it as :path
    kRedirect,   // answer 307 with `path` as the location
    kReject,     // answer 400; `reason` says why
  };
  Outcome outcome = Outcome::kUnchanged;
  absl::string_view path;
  const char* reason = "";  // static; kReject only
};

// One canonical path for routes, authorisation and the upstream alike. Order: fragment, escaped slashes (%2F, %5C), RFC
// 3986 normalisation (backslash is a slash; dot segments, %2e ones too, removed; percent-encoded unreserved characters
// decoded; control, non-ASCII and a few unsafe characters encoded; %00 refused), then merged slashes. The query is kept
// verbatim. Case of percent-encodings is kept. A '%' without two hex digits is kept, but refused where decoding what
// follows would turn it into an encoding. Canonicalising the result again changes nothing. "*" and the empty path
// (CONNECT) are left alone. Costs one vectorised scan if nothing is to be done.
CanonicalPath Canonicalize(absl::string_view path, const PathPolicy& policy, Arena& arena);

}  // namespace outrigger::matching
