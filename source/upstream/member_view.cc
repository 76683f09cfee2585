#include "source/upstream/member_view.h"

#include <algorithm>

namespace outrigger::upstream {

void MemberView::Add(const model::EndpointList& list, model::Among among) {
  const model::EndpointSum sum = list.sum();
  if (sum.Count(among) == 0) return;
  among_ = among;
  parts_.push_back({&list, size_, weight_});
  size_ += sum.Count(among);
  weight_ += sum.Weight(among);
  // Of all in the list: when those differ, so may these.
  least_ = std::min(least_, sum.least_weight);
  most_ = std::max(most_, sum.most_weight);
}

void MemberView::Add(const model::Endpoint& one) {
  named_.push_back(&one);
  ++size_;
  weight_ += one.weight;
  weight_after_.push_back(weight_);
  least_ = std::min(least_, one.weight);
  most_ = std::max(most_, one.weight);
}

const MemberView::Part& MemberView::PartOf(uint64_t n, bool by_weight) const {
  auto at = std::upper_bound(parts_.begin(), parts_.end(), n, [by_weight](uint64_t value, const Part& part) {
    return value < (by_weight ? part.first_weight : part.first);
  });
  return *--at;  // the first begins at 0
}

const model::Endpoint& MemberView::operator[](uint32_t n) const {
  if (!named_.empty()) return *named_[n];
  const Part& part = parts_.size() == 1 ? parts_[0] : PartOf(n, false);
  return part.list->Nth(among_, n - part.first);
}

const model::Endpoint& MemberView::AtWeight(uint64_t place) const {
  if (!named_.empty()) {
    const auto at = std::upper_bound(weight_after_.begin(), weight_after_.end(), place);
    return *named_[static_cast<size_t>(at - weight_after_.begin())];
  }
  const Part& part = PartOf(place, true);
  return part.list->AtWeight(among_, place - part.first_weight);
}

std::vector<const model::Endpoint*> MemberView::All() const {
  if (!named_.empty()) return named_;
  std::vector<const model::Endpoint*> all;
  all.reserve(size_);
  for (uint32_t n = 0; n < size_; ++n) all.push_back(&(*this)[n]);
  return all;
}

}  // namespace outrigger::upstream
