// Thread: main
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "absl/strings/string_view.h"
#include "source/base/time.h"

namespace outrigger::control_plane {

// The responses of one type on one stream, as far as they are needed to say which published configuration the client
// has accepted, and which it uses. Configurations are counted: sequence 1 is the first that was published. A value.
class Deliveries {
 public:
  static constexpr size_t kMost = 64;  // older responses are forgotten: who is that far behind uses nothing current

  void Sent(const std::string& version);
  void Acked() { acked_id_ = last_id_; }  // the last one
  // With the last response the client has all of this type that configuration `sequence` has for it.
  void Complete(uint64_t sequence);
  bool complete(uint64_t sequence) const { return (sent_.empty() ? nothing_ : sent_.back().complete) >= sequence; }
  // The client says that it uses all of this version. False: it was not sent, or long ago.
  bool InUse(absl::string_view version, WallTime now);

  bool empty() const { return sent_.empty(); }
  // The newest configuration of which the client has accepted (uses) all that it was sent of this type; 0: none.
  uint64_t acked() const;
  uint64_t in_use() const;
  // Of which it needs nothing of this type, because there is nothing, and nothing was sent.
  uint64_t nothing() const { return sent_.empty() ? nothing_ : 0; }

  const std::string& in_use_version() const { return in_use_version_; }  // empty: it never said
  WallTime in_use_since() const { return in_use_since_; }

 private:
  struct Delivery {
    std::string version;
    uint64_t id;
    uint64_t complete = 0;
  };

  std::deque<Delivery> sent_;  // oldest first
  uint64_t last_id_ = 0, acked_id_ = 0, nothing_ = 0;
  std::string in_use_version_;
  WallTime in_use_since_{};
};

}  // namespace outrigger::control_plane
