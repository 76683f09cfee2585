// Thread: worker; Question any (value)
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "source/base/intrusive_list.h"
#include "source/base/time.h"

namespace envoy::config::core::v3 {
class ConfigSource;
}

namespace outrigger::upstream {

// What may be fetched because a request needs it: a cluster by its name, a virtual host as "ROUTES/HOST".
enum class Demand : uint8_t { kCluster, kVirtualHost };

// One worker's requests that wait for configuration which main fetches for them. Requests for the same name share one
// question; each has its own limit of time, which is the caller's timer. One per worker; outlives its streams.
class OnDemand final {
 public:
  // Most requests of one worker that wait at once, and the longest name: what is beyond is not asked for.
  static constexpr size_t kMostWaiting = 1024;
  static constexpr size_t kLongestName = 512;

  using Source =
      std::shared_ptr<const envoy::config::core::v3::ConfigSource>;  // opaque here: main gave it, main reads it
  struct Question {
    Demand demand = Demand::kCluster;
    std::string name;
    Source source;         // null for virtual hosts: their routes say it
    Duration patience{0};  // how long the one who asks waits
    int worker = 0;
  };
  // How questions get to main; its answers come to OnAnswer on this worker's loop.
  using Ask = std::function<void(Question)>;

  // A request that waits. Destroying it, or Cancel(), ends that: safe at any time.
  class Waiter : public ListHook<> {
   public:
    // What was asked for is in the worker's current Snapshot, or `there` is false: it does not exist. Once; may destroy
    // the waiter.
    virtual void OnAnswer(bool there) = 0;
    bool waiting() const { return owner_ != nullptr; }
    void Cancel();

   protected:
    ~Waiter() { Cancel(); }

   private:
    friend class OnDemand;
    OnDemand* owner_ = nullptr;  // null: it does not wait
    std::map<std::pair<Demand, std::string>, IntrusiveList<Waiter>>::iterator at_;
  };

  OnDemand(int worker, Ask ask) : worker_(worker), ask_(std::move(ask)) {}
  OnDemand(const OnDemand&) = delete;

  // False: too many wait, or the name is too long or no plain ASCII, and nothing was asked. Otherwise OnAnswer comes,
  // in a later turn, if ever.
  bool Wait(Demand demand, absl::string_view name, const Source& source, Duration patience, Waiter& waiter);
  void OnAnswer(Demand demand, const std::string& name, bool there);
  size_t waiting() const { return waiting_; }

 private:
  using Key = std::pair<Demand, std::string>;
  const int worker_;
  const Ask ask_;
  size_t waiting_ = 0;
  std::map<Key, IntrusiveList<Waiter>> pending_;  // names that somebody waits for
};

}  // namespace outrigger::upstream
