// Thread: the world's
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "source/base/time.h"
#include "test/simulation/oracle/things.h"

namespace outrigger::simulation::oracle {

// What requests made a proxy ask for by name, hosts and clusters, and what it heard of that: the rules of waiting.
//
//  1. A request that misses something waits for it, a host kHostLimit at most, a cluster as long as its listener says.
//     Then it goes on without, or when it is known that there is none, or nobody to ask.
//  2. It is asked for by name, once, and for as long as it is there. What there is none of, or what does not come in
//     kPatience, is let go, and nobody asks for it again for kRemembered: who misses it then does not wait.
//  3. Nothing is asked for that no request needs.
class Wishes {
 public:
  using Key = std::pair<Kind, std::string>;
  static constexpr Duration kHostLimit = seconds(5);
  static constexpr Duration kPatience = seconds(15);
  static constexpr Duration kRemembered = seconds(2);
  // How late a loop, or an answer on its way, may be.
  static constexpr Duration kSlack = milliseconds(500);

  // A request for something of this host is under way, or over.
  void OnBegin(const std::string& host, MonotonicTime now);
  void OnEnd(const std::string& host, MonotonicTime now);
  void OnStream(bool up, MonotonicTime now);
  // It is known that there is none; of routes, that nobody can be asked for their hosts.
  void OnMissing(const Key& key, MonotonicTime now);
  // All that the proxy asks for by name on this stream. "": all well.
  std::string OnNamed(Kind kind, const std::set<std::string>& names, MonotonicTime now);
  // What it holds on to though it knows that there is none. "": nothing.
  std::string Overdue(MonotonicTime now) const;

  // Whether a request from `begun` to `over` could go on without it. `limit`: how long it may wait.
  bool MayMiss(const Key& key, MonotonicTime begun, MonotonicTime over, Duration limit) const;
  int asked() const { return asked_count_; }

 private:
  struct Wish {
    bool asked = false;                                          // by name, or would be if there were a stream
    std::vector<std::pair<MonotonicTime, MonotonicTime>> times;  // when it was
    MonotonicTime let_go = MonotonicTime::min();                 // on a stream
    std::vector<MonotonicTime> missing;
    bool MissingBetween(MonotonicTime from, MonotonicTime to) const;
  };
  struct Visits {
    int running = 0;
    MonotonicTime first = MonotonicTime::max();  // since the last letting go, or ever
    MonotonicTime last = MonotonicTime::min();
  };
  bool Needed(const Key& key, MonotonicTime now) const;
  std::string MayLetGo(const Key& key, const Wish& wish, MonotonicTime now) const;
  MonotonicTime FirstNeeded(const Key& key) const;

  std::map<Key, Wish> wishes_;
  std::map<std::string, Visits> visits_;  // by host
  bool up_ = false;
  MonotonicTime changed_{};                                    // the stream came or went
  std::vector<std::pair<MonotonicTime, MonotonicTime>> down_;  // when there was no stream
  int asked_count_ = 0;
};

}  // namespace outrigger::simulation::oracle
