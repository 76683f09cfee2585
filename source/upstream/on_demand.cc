#include "source/upstream/on_demand.h"

#include <algorithm>

namespace outrigger::upstream {
namespace {

// Names come from requests: what is no plain text would end the stream to the control plane, and "*" means all.
bool IsName(absl::string_view name) {
  return !name.empty() && name.size() <= OnDemand::kLongestName && name != "*" &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

void OnDemand::Waiter::Cancel() {
  Unlink();
  OnDemand* owner = std::exchange(owner_, nullptr);
  if (owner == nullptr) return;
  --owner->waiting_;
  if (at_->second.empty()) owner->pending_.erase(at_);
}

bool OnDemand::Wait(Demand demand, absl::string_view name, const Source& source, Duration patience, Waiter& waiter) {
  waiter.Cancel();
  if (waiting_ >= kMostWaiting || !IsName(name)) return false;
  const auto [at, first] = pending_.try_emplace(Key{demand, std::string(name)});
  at->second.PushBack(waiter);
  waiter.owner_ = this;
  waiter.at_ = at;
  ++waiting_;
  if (first) ask_({demand, std::string(name), source, patience, worker_});
  return true;
}

void OnDemand::OnAnswer(Demand demand, const std::string& name, bool there) {
  auto answered = pending_.extract(Key{demand, name});
  if (answered.empty()) return;  // they have all gone
  IntrusiveList<Waiter>& waiters = answered.mapped();
  // From here on they are on their own: whoever goes on may destroy others, or ask again.
  waiters.ForEach([this](Waiter& waiter) {
    waiter.owner_ = nullptr;
    --waiting_;
  });
  while (!waiters.empty()) waiters.PopFront().OnAnswer(there);
}

}  // namespace outrigger::upstream
