// Thread: any
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "source/control_plane/resources/resource.h"

namespace outrigger::control_plane {

// What one file of resources says:
//
//   nodes: {ids: [a, b], clusters: [front]}    # optional: whom it is for; absent: everybody (or the folder's node)
//   resources:                                 # as in a DiscoveryResponse, so files of path_config_source can be used
//   - "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
//     name: ...
//
// or a list of such resources, or a single one.
struct ResourceFile {
  struct Entry {
    ResourcePtr resource;
    uint32_t line = 0;
  };
  std::vector<std::string> ids;
  std::vector<std::string> clusters;
  std::vector<Entry> entries;
};

// Reads and validates (value rules, and names that no published API has). Adds one line per error to `errors`, each as
// `source:line: field path: cause`; with any, `out` is not to be used. At most 10,000 resources per file.
void ReadResourceFile(absl::string_view text, const std::string& source, ResourceFile& out,
                      std::vector<std::string>& errors);

}  // namespace outrigger::control_plane
