// The path canonicaliser: first byte chooses the policy, the rest is the path. What it accepts it must leave alone the
// second time.
#include <cstdint>
#include <cstdlib>

#include "source/matching/path.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using outrigger::matching::CanonicalPath;
  using outrigger::matching::PathPolicy;
  if (size == 0) return 0;
  PathPolicy policy;
  policy.normalize = (data[0] & 1) != 0;
  policy.merge_slashes = (data[0] & 2) != 0;
  policy.escaped_slashes = static_cast<PathPolicy::EscapedSlashes>(data[0] >> 2 & 3);
  policy.reject_fragment = (data[0] & 16) != 0;
  const absl::string_view path(reinterpret_cast<const char*>(data) + 1, size - 1);
  outrigger::Arena arena;
  const CanonicalPath once = outrigger::matching::Canonicalize(path, policy, arena);
  if (once.outcome == CanonicalPath::Outcome::kReject) return 0;
  const CanonicalPath twice = outrigger::matching::Canonicalize(once.path, policy, arena);
  if (twice.outcome != CanonicalPath::Outcome::kUnchanged) abort();
  if (policy.normalize && once.path.substr(0, once.path.find('?')).find("/../") != absl::string_view::npos) abort();
  return 0;
}
