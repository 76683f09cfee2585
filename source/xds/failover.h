// Thread: main
#pragma once

#include <cstddef>
#include <vector>

#include "source/base/time.h"
#include "source/xds/transport.h"

namespace outrigger::xds {

// Which of several management servers (grpc_services, in their order) is asked. The rule:
//  - It begins with the first. One whose stream ends without a response, or that was asked for what it did not give
//    before and says nothing for kFirstResponse, has failed: the next is asked at once.
//  - When the last has failed, or a stream ends that was good, it begins with the first again, after the back-off.
//  - While another than the first serves, the first is tried beside it, at the times of a back-off of its own; with its
//    first response it takes over. Nothing is dropped by any of this.
class Failover {
 public:
  static constexpr Duration kFirstResponse = seconds(15);

  explicit Failover(Transport& first) : servers_{&first} {}
  void Add(Transport& server) { servers_.push_back(&server); }

  size_t current() const { return current_; }
  size_t size() const { return servers_.size(); }
  Transport& server() const { return *servers_[current_]; }
  Transport& first() const { return *servers_[0]; }
  bool on_first() const { return current_ == 0; }

  // A stream ended; `good`: it had given a response. Whether the next server may be asked at once.
  bool OnEnd(bool good) {
    if (!good && current_ + 1 < servers_.size()) {
      ++current_;
      return true;
    }
    current_ = 0;
    return false;
  }
  void TakeFirst() { current_ = 0; }

 private:
  std::vector<Transport*> servers_;
  size_t current_ = 0;
};

}  // namespace outrigger::xds
