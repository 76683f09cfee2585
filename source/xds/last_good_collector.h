// Thread: main
#pragma once

#include <cstddef>
#include <string>

#include "source/xds/last_good_format.h"
#include "source/xds/staging_graph.h"

namespace outrigger::xds {

// Lists what is in use and worth keeping, a part at a time: between two parts main does what else there is. Shares the
// messages: what it costs are names, versions and references. What is listed is of one moment: after a change it begins
// again, and when that happened kMostRestarts times all of it is one part.
class LastGoodCollector {
 public:
  static constexpr size_t kPart = 1000;  // resources looked at
  static constexpr int kMostRestarts = 3;

  explicit LastGoodCollector(const StagingGraph& graph) : graph_(graph) {}  // outlives this
  void Changed();                                                           // something else is in use than before
  // Looks at `most` further ones. True: that was all, and Take() has it.
  bool Step(size_t most = kPart);
  LastGood Take() { return std::move(content_); }

 private:
  void Note(const ResourceRow& row);
  void Begin();

  const StagingGraph& graph_;
  LastGood content_;
  size_t type_ = 0;   // of kAllResourceTypes
  std::string from_;  // the next name
  bool began_ = false;
  int restarts_ = 0;
};

}  // namespace outrigger::xds
