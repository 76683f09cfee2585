// Thread: any
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "absl/strings/string_view.h"
#include "source/base/mutex.h"

namespace outrigger::push {

// What the load saw, counted from all its threads. Nothing is retried, so each thing sent is counted once: good or
// failed.
class Tally {
 public:
  static constexpr size_t kMostReasons = 100;
  static constexpr size_t kMostValues = 100'000;

  void Sent(const std::string& kind);
  void Good(const std::string& kind, double milliseconds);
  void Failed(const std::string& kind, const std::string& reason);
  // A value that configuration of this type put into an answer: how many different ones is how many changes were seen.
  void Seen(const std::string& type, absl::string_view value);

  uint64_t failed() const;
  std::string Json() const;

 private:
  struct Kind {
    uint64_t sent = 0, good = 0, failed = 0;
    double fastest = 0, slowest = 0;
    std::map<std::string, uint64_t> reasons;
  };
  mutable Mutex mutex_;
  std::map<std::string, Kind> kinds_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::set<std::string>> seen_ ABSL_GUARDED_BY(mutex_);
};

// A body that no other request has, of up to 24 KiB.
std::string BodyOf(uint64_t number);

}  // namespace outrigger::push
