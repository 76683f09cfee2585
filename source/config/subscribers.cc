#include "source/config/subscribers.h"

#include <algorithm>
#include <tuple>

namespace outrigger::config {

void Subscribers::Add(const SharedText& wanted, Who who) { by_name_[wanted].push_back(who); }

bool Subscribers::Remove(absl::string_view wanted, Who who) {
  const auto at = by_name_.find(wanted);
  if (at == by_name_.end()) return true;
  auto& list = at->second;
  const auto mine = std::find_if(list.begin(), list.end(), [&who](const Who& one) {
    return one.kind == who.kind && (one.name == who.name || *one.name == *who.name);
  });
  if (mine != list.end()) {
    *mine = list.back();
    list.pop_back();
  }
  if (!list.empty()) return false;
  by_name_.erase(at);
  // One that was large gives its memory back.
  constexpr size_t kSmall = 64;
  if (by_name_.capacity() > kSmall && by_name_.size() < by_name_.capacity() / 8) by_name_.rehash(0);
  return true;
}

std::vector<Subscribers::Who> Subscribers::Of(absl::string_view wanted) const {
  const auto at = by_name_.find(wanted);
  if (at == by_name_.end()) return {};
  std::vector<Who> list(at->second.begin(), at->second.end());
  std::sort(list.begin(), list.end(),
            [](const Who& a, const Who& b) { return std::tie(a.kind, *a.name) < std::tie(b.kind, *b.name); });
  return list;
}

std::vector<std::string> Subscribers::Wanted() const {
  std::vector<std::string> names;
  for (const auto& [name, unused] : by_name_) names.push_back(name.str());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace outrigger::config
