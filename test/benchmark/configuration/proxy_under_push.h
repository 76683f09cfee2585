// Thread: main
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "source/exe/extensions.h"
#include "source/model/slot.h"
#include "source/server/server.h"
#include "source/server/worker_set.h"
#include "source/xds/response_decoder.h"
#include "source/xds/staging_graph.h"

namespace outrigger::bench {

// CPU seconds of this thread, and bytes that malloc has handed out.
double CpuSeconds();
double WallSeconds();
int64_t HeapBytes();
int64_t ResidentBytes();

// What one push cost, in CPU seconds of the thread that would do it.
struct PushCost {
  double decode = 0;        // bytes to checked messages
  double stage = 0;         // validated, compiled, committed: what OnUpdate does
  double publish = 0;       // main's turns afterwards: the Snapshot, its publication, reports, freeing the one before
  double worker = 0;        // all turns of one worker: the swap
  double balance = 0;       // the first pick of the changed cluster on that worker
  double longest_main = 0;  // the longest that main did nothing else; the response itself is one such piece
  double longest_worker = 0;
  double wall = 0;  // of everything, one after the other
  double after_decode() const { return stage + publish + worker + balance; }
  double total() const { return decode + after_decode(); }
};

// A whole proxy in this process, without sockets to a control plane: responses go in as bytes where the stream would
// give them to the decoder. Main and workers are stepped in turn by one thread, so that each one's time is known.
class ProxyUnderPush {
 public:
  explicit ProxyUnderPush(uint32_t workers);
  ~ProxyUnderPush();

  // Decodes, stages, publishes, and steps until every worker uses it. Refusals end the program.
  PushCost Push(xds::ResourceType type, absl::string_view response, absl::string_view pick = "");
  PushCost PushDelta(xds::ResourceType type, absl::string_view response, absl::string_view pick = "");
  // As a delta response that removes these.
  PushCost Remove(xds::ResourceType type, std::vector<std::string> names);
  // Picks once from each of the first `count` clusters on each worker: they are live from then on.
  void UseAll(uint32_t count);
  void Settle();             // until nobody has anything to do
  void Linger(int seconds);  // real ones: for timers
  // From now on caches are emptied between decoding and the rest: large messages do that themselves.
  void ColdCaches() { cold_ = true; }
  // CPU seconds of main for the part that takes longest of collecting what is in use for the last-good store.
  double LongestCollecting() const;
  // Virtual seconds are not waited for: timers of the graph that hold clusters back are passed over by resending.
  server::Server& server() { return *server_; }

 private:
  class Configuration;
  template <class Response>
  PushCost PushBytes(xds::ResourceType type, absl::string_view response, absl::string_view pick);
  PushCost Deliver(const xds::Update& update, absl::string_view pick);
  model::ClusterSlot SlotOf(absl::string_view cluster);
  bool TurnMain(PushCost* cost);
  bool TurnWorkers(PushCost* cost);

  extension::FactoryTable factories_;
  Configuration* configuration_ = nullptr;  // the server's
  std::unique_ptr<server::Server> server_;
  std::map<std::string, model::ClusterSlot> slots_;
  bool cold_ = false;
};

}  // namespace outrigger::bench
