#include "source/server/dynamic/on_demand_broker.h"

#include <algorithm>

#include "source/base/log.h"
#include "source/base/mutant.h"
#include "source/server/worker_set.h"

namespace outrigger::server {
namespace {

xds::ResourceType TypeOf(upstream::Demand demand) {
  return demand == upstream::Demand::kCluster ? xds::ResourceType::kCluster : xds::ResourceType::kVirtualHost;
}
upstream::Demand DemandOf(xds::ResourceType type) {
  return type == xds::ResourceType::kCluster ? upstream::Demand::kCluster : upstream::Demand::kVirtualHost;
}

}  // namespace

OnDemandBroker::OnDemandBroker(Server& server, xds::StagingGraph& graph)
    : server_(server),
      graph_(graph),
      stats_(server.stats().Register<observe::FetchStats>("on_demand.")),
      self_(std::make_shared<OnDemandBroker*>(this)) {
  graph_.OnDemanded([this](const Key& key, bool there) { OnDemanded(key, there); });
}

OnDemandBroker::~OnDemandBroker() { *self_ = nullptr; }

void OnDemandBroker::Attach() {
  event::Dispatcher* main = &server_.dispatcher();
  for (size_t i = 0; i < server_.workers().size(); ++i) {
    server_.workers().worker(i).context().SetOnDemand(std::make_unique<upstream::OnDemand>(
        static_cast<int>(i), [main, self = self_](upstream::OnDemand::Question question) {
          main->Post([self, question = std::move(question)] {
            if (*self != nullptr) (*self)->OnQuestion(question);
          });
        }));
  }
}

void OnDemandBroker::OnQuestion(const upstream::OnDemand::Question& question) {
  const Key key{TypeOf(question.demand), question.name};
  if (graph_.ActiveOf(key.type, key.name) != nullptr) return Reply(key, {question.worker}, true);  // just came
  Forget();
  if (missing_.count(key) != 0) {
    Stats().remembered.Inc();
    return Reply(key, {question.worker}, false);
  }
  auto at = entries_.find(key);
  if (at == entries_.end()) {
    if (!Ask(key, question)) return Reply(key, {question.worker}, false);
    at = entries_.find(key);
  } else if (at->second.there) {
    return Reply(key, {question.worker}, true);
  }
  Entry& entry = at->second;
  entry.workers.insert(question.worker);
  const MonotonicTime now = server_.dispatcher().now();
  entry.waited_until = std::max(entry.waited_until, now + question.patience);
  if (entry.patience == nullptr) {
    entry.patience = std::make_unique<Patience>([this, key] { OnPatienceOver(key); });
    server_.dispatcher().Arm(entry.patience->timer, std::max(question.patience, kPatience));
  }
}

bool OnDemandBroker::Ask(const Key& key, const upstream::OnDemand::Question& question) {
  if ((asking_ >= kMostAsking && !MakeRoom()) || kept() >= kMostKept) {
    Stats().overflow.Inc();
    return false;
  }
  if (const absl::Status status = graph_.Demand(key, question.source.get()); !status.ok()) {
    Stats().refused.Inc();
    OUTRIGGER_LOG(kDebug, kConfigXds, xds::WordOf(key.type), " \"", key.name.str(),
                  "\" cannot be asked for: ", status.message());
    Remember(key);
    return false;
  }
  Stats().asked.Inc();
  entries_.try_emplace(key);
  ++asking_;
  ShowSizes();
  return true;
}

// Lets a name go that nobody waits for any more.
bool OnDemandBroker::MakeRoom() {
  const MonotonicTime now = server_.dispatcher().now();
  for (const auto& [key, entry] : entries_) {
    if (entry.there || entry.waited_until > now || graph_.Comes(key)) continue;
    Stats().unanswered.Inc();
    const Key longest = key;
    Settle(longest, false);
    return true;
  }
  return false;
}

// The graph is in the midst of a change: what follows waits for its end.
void OnDemandBroker::OnDemanded(const Key& key, bool there) {
  told_.emplace_back(key, there);
  server_.dispatcher().AtEndOfTurn(*this);
}

void OnDemandBroker::OnPatienceOver(const Key& key) {
  auto at = entries_.find(key);
  if (at == entries_.end() || at->second.there) return;
  if (graph_.Comes(key)) {  // it waits for what it needs itself, which ends
    server_.dispatcher().Arm(at->second.patience->timer, kPatience);
    return;
  }
  Stats().unanswered.Inc();
  Settle(key, false);
}

// An answer is known: who waits hears it; what is missing is let go.
void OnDemandBroker::Settle(const Key& key, bool there) {
  auto at = entries_.find(key);
  if (at == entries_.end()) return;
  Entry& entry = at->second;
  if (entry.patience != nullptr) server_.dispatcher().DestroyLater(std::move(entry.patience));
  if (!entry.workers.empty()) Reply(key, std::move(entry.workers), there);
  entry.workers.clear();
  if (!entry.there) --asking_;
  entry.there = there;
  if (there) {
    missing_.erase(key);
  } else {
    graph_.EndDemand(key);
    Remember(key);
    entries_.erase(at);
  }
  ShowSizes();
}

void OnDemandBroker::Remember(const Key& key) {
  if (IsMutant(Mutant::kDemandAgain)) return;
  if (!missing_.emplace(key, server_.dispatcher().now() + kRemember).second) return;
  oldest_missing_.push_back(key);
  while (oldest_missing_.size() > kMostRemembered) {
    missing_.erase(oldest_missing_.front());
    oldest_missing_.pop_front();
  }
}

void OnDemandBroker::Forget() {
  const MonotonicTime now = server_.dispatcher().now();
  while (!oldest_missing_.empty()) {
    const auto at = missing_.find(oldest_missing_.front());
    if (at != missing_.end() && at->second > now) return;
    if (at != missing_.end()) missing_.erase(at);
    oldest_missing_.pop_front();
  }
}

void OnDemandBroker::Reply(Key key, std::set<int> workers, bool there) {
  answers_.push_back({std::move(key), std::move(workers), there});
  server_.dispatcher().AtEndOfTurn(*this);
}

// After this turn, so that the publication which has what came is on its way to the workers before the answer is.
void OnDemandBroker::OnEndOfTurn() {
  server_.dispatcher().Post([self = self_] {
    if (*self != nullptr) (*self)->Deliver();
  });
}

void OnDemandBroker::Deliver() {
  std::map<Key, bool> last;  // of several things told of one name
  for (const auto& [key, there] : std::exchange(told_, {})) last[key] = there;
  for (const auto& [key, there] : last) {
    auto at = entries_.find(key);
    if (at == entries_.end()) continue;
    const bool was = at->second.there;
    if (there && !was) Stats().came.Inc();
    if (!there) Stats().does_not_exist.Inc();
    if (there != was || !there) Settle(key, there);
  }
  for (Answer& answer : std::exchange(answers_, {})) {
    for (const int index : answer.workers) {
      Worker& worker = server_.workers().worker(static_cast<size_t>(index));
      upstream::WorkerContext* context = &worker.context();
      worker.dispatcher().Post([context, demand = DemandOf(answer.key.type), name = answer.key.name.str(),
                                there = answer.there] { context->on_demand()->OnAnswer(demand, name, there); });
    }
  }
}

void OnDemandBroker::ShowSizes() {
  Stats().asking.Set(static_cast<int64_t>(asking_));
  Stats().kept.Set(static_cast<int64_t>(kept()));
}

}  // namespace outrigger::server
