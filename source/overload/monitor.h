// Thread: main
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "source/event/dispatcher.h"
#include "source/overload/spec.h"

namespace outrigger::overload {

// What monitors read. Outlives them.
struct Sources {
  event::Dispatcher* dispatcher = nullptr;
  std::function<uint64_t()> connections;  // downstream ones of the process
};

// How much of one resource is used.
class Monitor {
 public:
  virtual ~Monitor() = default;
  // 0: nothing; 1: all of it; may be more. An error: it could not be read, what was known stays.
  virtual absl::StatusOr<double> Pressure() = 0;
};

std::unique_ptr<Monitor> MakeMonitor(const MonitorSpec& spec, const Sources& sources);

// Readings of a control group, version 2 or 1, of this process or else of the root that a container sees as its own.
// `name2` and `name1` are the files of the two versions; the folder of version 1 is named for its controller.
absl::StatusOr<std::string> ReadGroupFile(event::Engine& engine, absl::string_view name2, absl::string_view controller1,
                                          absl::string_view name1);

}  // namespace outrigger::overload
