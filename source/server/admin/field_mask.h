// Thread: any
#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace outrigger::server {

// What ?mask= asks for: paths of fields ("static_clusters.cluster.name"), comma-separated. A path goes through the
// elements of a list and into what an Any holds.
class FieldMask final {
 public:
  static constexpr size_t kMostPaths = 256;
  static constexpr size_t kMostSteps = 64;  // of one path

  static absl::StatusOr<FieldMask> Parse(absl::string_view text);
  // Clears what no path names. False: no path begins with a field of this message, and nothing was changed.
  bool Apply(google::protobuf::Message& message) const;

 private:
  struct Node {
    std::map<std::string, Node, std::less<>> below;  // empty: everything
  };
  static void Keep(const Node& wanted, google::protobuf::Message& message);
  static void KeepBelow(const Node& wanted, const google::protobuf::FieldDescriptor& field,
                        google::protobuf::Message& message);
  Node root_;
};

}  // namespace outrigger::server
