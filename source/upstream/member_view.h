// Thread: worker
#pragma once

#include <cstdint>
#include <vector>

#include "source/model/endpoint.h"

namespace outrigger::upstream {

// What a policy chooses among: members of an endpoint set that are available as wanted. Either whole lists, which are
// asked themselves (nothing is copied, so this costs the same whatever their length), or members named one by one.
// Borrows from the set.
class MemberView {
 public:
  void Add(const model::EndpointList& list, model::Among among);  // all lists with the same `among`
  void Add(const model::Endpoint& one);                           // not beside lists
  bool empty() const { return size_ == 0; }
  uint32_t size() const { return size_; }
  uint64_t weight() const { return weight_; }  // of all
  bool same_weights() const { return least_ >= most_; }
  const model::Endpoint& operator[](uint32_t n) const;    // n < size()
  const model::Endpoint& AtWeight(uint64_t place) const;  // place < weight()
  std::vector<const model::Endpoint*> All() const;

 private:
  struct Part {
    const model::EndpointList* list;
    uint32_t first;
    uint64_t first_weight;
  };
  const Part& PartOf(uint64_t n, bool by_weight) const;

  model::Among among_ = model::Among::kAll;
  std::vector<Part> parts_;
  std::vector<const model::Endpoint*> named_;
  std::vector<uint64_t> weight_after_;  // of the named ones, up to and with each
  uint32_t size_ = 0;
  uint64_t weight_ = 0;
  uint32_t least_ = UINT32_MAX, most_ = 0;
};

}  // namespace outrigger::upstream
