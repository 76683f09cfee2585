// Thread: main
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "source/observe/schemas/filters.h"
#include "source/server/server.h"
#include "source/upstream/on_demand.h"
#include "source/xds/staging_graph.h"

namespace outrigger::server {

// Between requests that miss a cluster or a virtual host and the graph that can fetch it. Questions of all workers for
// one name are one subscription. A name that came stays subscribed until the server removes it; one that did not come
// in kPatience, or does not exist, is let go, and for kRemember those who ask for it are told so at once. Owned by
// XdsConfiguration; outlived by the server and the graph.
class OnDemandBroker final : private event::EndOfTurn {
 public:
  // Names asked for at once; names that came and are kept; names remembered as missing. Beyond the first two nothing is
  // asked; the oldest remembered ones are forgotten first.
  static constexpr size_t kMostAsking = 1000;
  static constexpr size_t kMostKept = 20000;
  static constexpr size_t kMostRemembered = 10000;
  static constexpr Duration kPatience = seconds(15);
  static constexpr Duration kRemember = seconds(2);

  OnDemandBroker(Server& server, xds::StagingGraph& graph);
  ~OnDemandBroker();
  void Attach();  // gives every worker its end; before they run
  size_t asking() const { return asking_; }
  size_t kept() const { return entries_.size() - asking_; }
  size_t remembered() const { return missing_.size(); }

 private:
  using Key = xds::ResourceKey;
  struct Patience final : event::Deferred {  // freed at the end of the turn: it may be what runs
    explicit Patience(std::function<void()> f) : timer(std::move(f)) {}
    event::Timer timer;
  };
  struct Entry {
    std::set<int> workers;         // who waits for the answer
    bool there = false;            // it came: kept
    MonotonicTime waited_until{};  // nobody waits any longer
    std::unique_ptr<Patience> patience;
  };
  struct Answer {
    Key key;
    std::set<int> workers;
    bool there;
  };
  void OnQuestion(const upstream::OnDemand::Question& question);
  bool Ask(const Key& key, const upstream::OnDemand::Question& question);
  bool MakeRoom();
  void OnDemanded(const Key& key, bool there);
  void OnPatienceOver(const Key& key);
  void Settle(const Key& key, bool there);
  void Forget();
  void Remember(const Key& key);
  void Reply(Key key, std::set<int> workers, bool there);
  void OnEndOfTurn() override;
  void Deliver();
  observe::FetchStats& Stats() { return server_.stats().main().Get(stats_); }
  void ShowSizes();

  Server& server_;
  xds::StagingGraph& graph_;
  observe::StatsScope<observe::FetchStats> stats_;
  std::map<Key, Entry> entries_;
  size_t asking_ = 0;
  std::map<Key, MonotonicTime> missing_;    // until when
  std::deque<Key> oldest_missing_;          // in the order they were remembered
  std::vector<std::pair<Key, bool>> told_;  // by the graph, in this turn
  std::vector<Answer> answers_;
  std::shared_ptr<OnDemandBroker*> self_;  // null inside once gone: questions may come later
};

}  // namespace outrigger::server
