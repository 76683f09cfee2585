// Thread: any
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

// ClusterLoadAssignments as they come. EDS sends a cluster whole whatever has changed in it, and there may be a hundred
// thousand endpoints: what is kept of one is its bytes, and what is done with the next one is what differs.
namespace outrigger::schema {

struct WireAssignment {
  std::string bytes;
  uint64_t hash = 0;   // of the bytes
  bool clean = false;  // it was checked, and there was nothing to say: no warning, no unknown field
  // The hash alone would not do: others with the same can be made.
  bool Is(const WireAssignment& other) const { return this == &other || (hash == other.hash && bytes == other.bytes); }
};

// What differs where the policy, the localities and all that is said of them are the same.
struct AssignmentDifference {
  struct Part {
    std::string head;                     // a serialised LocalityLbEndpoints without its lb_endpoints
    std::vector<std::string> left, came;  // serialised LbEndpoints; what has changed is in both
  };
  // The one before. Held: giving back what a message took is part of what a message costs, and not of its use.
  std::shared_ptr<const WireAssignment> base;
  std::string rest;  // a serialised ClusterLoadAssignment without endpoints
  std::vector<Part> parts;
  // A ClusterLoadAssignment with nothing but what came.
  std::string Reduced() const;
};

// Linear in the bytes; parses nothing. None: they differ otherwise, in too much, or are malformed.
absl::optional<AssignmentDifference> DifferenceOf(absl::string_view before, absl::string_view after);

// cluster_name; empty if there is none, or the bytes are malformed.
absl::string_view NameOfAssignment(absl::string_view bytes);

}  // namespace outrigger::schema
