// Thread: main
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "source/base/time.h"

// What a process knows of its configuration beside the resources themselves: for /config_status.
namespace outrigger::server {

// Where configuration comes from: a stream to a control plane, or a file.
struct SourceView {
  std::string name;        // `cluster "xds"`, `file "/etc/cds.yaml"`
  std::string server;      // what the control plane calls itself; empty: it does not
  bool connected = false;  // the stream stands; the file was read
  WallTime since{};        // since when it is so (connected or not); zero: from the start
  std::string error;       // the last one; empty: none yet
  WallTime error_at{};
};

// How far one type from one source got.
struct TypeView {
  absl::string_view type;  // "CDS"
  std::string source;
  std::string accepted, in_use;  // versions; empty: none
  WallTime accepted_at{}, in_use_since{};
};

struct ConfigurationOverview {
  std::vector<SourceView> sources;  // by name
  std::vector<TypeView> types;
  WallTime published_at{};  // the newest generation; zero: as the process began
};

// What a resource that waits waits for.
struct WaitView {
  absl::string_view word;  // "cluster"
  std::string name;
  WallTime since{};    // it was asked for, or waits itself
  bool fresh = false;  // it is there, but may come anew
};

}  // namespace outrigger::server
