#include "test/simulation/oracle/wishes.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace outrigger::simulation::oracle {
namespace {

using Times = std::vector<std::pair<MonotonicTime, MonotonicTime>>;

bool Touches(const Times& times, MonotonicTime from, MonotonicTime to) {
  return std::any_of(times.begin(), times.end(),
                     [&](const auto& one) { return one.first <= to && one.second >= from; });
}

std::string Say(const Wishes::Key& key) { return absl::StrCat(WordOf(key.first), " ", key.second); }

}  // namespace

bool Wishes::Wish::MissingBetween(MonotonicTime from, MonotonicTime to) const {
  return std::any_of(missing.begin(), missing.end(), [&](MonotonicTime at) { return from <= at && at <= to; });
}

void Wishes::OnBegin(const std::string& host, MonotonicTime now) {
  Visits& visits = visits_[host];
  ++visits.running;
  visits.first = std::min(visits.first, now);
}

void Wishes::OnEnd(const std::string& host, MonotonicTime now) {
  --visits_[host].running;
  visits_[host].last = now;
}

void Wishes::OnStream(bool up, MonotonicTime now) {
  if (!up_) down_.emplace_back(changed_, now);
  up_ = up;
  changed_ = now;
}

void Wishes::OnMissing(const Key& key, MonotonicTime now) {
  if (key.first != Kind::kRoutes) return wishes_[key].missing.push_back(now);
  for (auto& [host, wish] : wishes_) {
    if (host.first == Kind::kHost && RoutesOf(host.second) == key.second) wish.missing.push_back(now);
  }
}

// A cluster may be needed by a request for any host.
bool Wishes::Needed(const Key& key, MonotonicTime now) const {
  const std::string domain = key.first == Kind::kHost ? DomainOf(key.second) : "";
  return std::any_of(visits_.begin(), visits_.end(), [&](const auto& one) {
    return (domain.empty() || one.first == domain) && (one.second.running > 0 || one.second.last > now - kSlack);
  });
}

MonotonicTime Wishes::FirstNeeded(const Key& key) const {
  MonotonicTime first = MonotonicTime::max();
  for (const auto& [host, visits] : visits_) {
    if (key.first == Kind::kCluster || host == DomainOf(key.second)) first = std::min(first, visits.first);
  }
  return first;
}

std::string Wishes::MayLetGo(const Key& key, const Wish& wish, MonotonicTime now) const {
  const MonotonicTime since = std::min(wish.times.back().first, changed_) - kSlack;
  if (wish.MissingBetween(since, now)) return "";
  const MonotonicTime first = FirstNeeded(key);
  if (first != MonotonicTime::max() && now - first >= kPatience - kSlack) return "";
  return absl::StrCat("lets ", Say(key), " go, which may come yet");
}

std::string Wishes::OnNamed(Kind kind, const std::set<std::string>& names, MonotonicTime now) {
  std::string wrong;
  for (const std::string& name : names) {
    const Key key{kind, name};
    Wish& wish = wishes_[key];
    if (std::exchange(wish.asked, true)) continue;
    ++asked_count_;
    wish.times.emplace_back(now, MonotonicTime::max());
    // A letting go that was seen began then.
    if (wish.let_go != MonotonicTime::min() && now < wish.let_go + kRemembered - milliseconds(20)) {
      absl::StrAppend(&wrong, "asks for ", Say(key), " again too soon; ");
    }
    // Without a stream before it may be of a request that is over long ago.
    if (!Needed(key, changed_) && !Needed(key, now))
      absl::StrAppend(&wrong, "asks for ", Say(key), ", which no request needs; ");
  }
  for (auto& [key, wish] : wishes_) {
    if (key.first != kind || !wish.asked || names.count(key.second) != 0) continue;
    if (const std::string why = MayLetGo(key, wish, now); !why.empty()) absl::StrAppend(&wrong, why, "; ");
    wish.asked = false;
    wish.times.back().second = now;
    // What a stream does not begin with was let go at some time since the one before ended.
    wish.let_go = now - changed_ < kSlack && !down_.empty() ? down_.back().first : now;
  }
  return wrong;
}

std::string Wishes::Overdue(MonotonicTime now) const {
  if (!up_ || now < changed_ + 2 * kSlack) return "";
  for (const auto& [key, wish] : wishes_) {
    if (wish.asked && wish.missing.size() > 0 && wish.missing.back() > wish.times.back().first &&
        wish.missing.back() < now - 2 * kSlack && wish.missing.back() > now - 4 * kSlack) {
      return absl::StrCat("asks for ", Say(key), " still, which it knows to be missing");
    }
  }
  return "";
}

bool Wishes::MayMiss(const Key& key, MonotonicTime begun, MonotonicTime over, Duration limit) const {
  const auto at = wishes_.find(key);
  const bool waited = over - begun >= limit - milliseconds(5);
  const auto no_stream_since = [&](MonotonicTime from) {
    return Touches(down_, from, over) || (!up_ && changed_ <= over);
  };
  const MonotonicTime remembered = begun - kRemembered - kSlack;
  // It was let go, as far as anybody can tell without a stream.
  const MonotonicTime first = FirstNeeded(key);
  if (first != MonotonicTime::max() && over - first >= kPatience - kSlack && no_stream_since(remembered)) return true;
  const bool no_stream = no_stream_since(begun);
  if (at == wishes_.end()) return waited && no_stream;
  const Wish& wish = at->second;
  if (wish.MissingBetween(remembered, over)) return true;
  // It did not come in time and was let go while requests waited, or a moment before.
  for (const auto& [from, to] : wish.times) {
    if (to >= remembered && to <= over + kSlack) return true;
  }
  return waited && (no_stream || Touches(wish.times, begun, over));
}

}  // namespace outrigger::simulation::oracle
