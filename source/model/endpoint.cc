#include "source/model/endpoint.h"

#include <algorithm>

namespace outrigger::model {

size_t PrioritySet::size() const {
  size_t size = 0;
  for (const LocalityEndpoints& locality : localities) size += locality.endpoints.size();
  return size;
}

EndpointSum PrioritySet::sum() const {
  EndpointSum sum;
  for (const LocalityEndpoints& locality : localities) sum.Add(locality.endpoints.sum());
  return sum;
}

const Endpoint& PrioritySet::At(size_t index) const {
  const LocalityEndpoints* locality = localities.data();
  for (; index >= locality->endpoints.size(); ++locality) index -= locality->endpoints.size();
  return locality->endpoints[static_cast<uint32_t>(index)];
}

void PrioritySet::ForEach(absl::FunctionRef<void(const LocalityEndpoints&, const Endpoint&)> f) const {
  for (const LocalityEndpoints& locality : localities) {
    locality.endpoints.ForEach([&](uint32_t, const Endpoint& endpoint) { f(locality, endpoint); });
  }
}

void PrioritySet::Add(Endpoint endpoint, uint32_t locality) {
  if (localities.size() <= locality) localities.resize(locality + 1);
  localities[locality].endpoints.PushBack(std::move(endpoint));
}

void ForEachChange(const EndpointSet& before, const EndpointSet& after,
                   absl::FunctionRef<void(const Endpoint* was, const Endpoint* is)> f) {
  static const auto* const none = new EndpointList();
  const auto list = [](const EndpointSet& set, size_t p, size_t l) -> const EndpointList& {
    if (p >= set.priorities.size() || l >= set.priorities[p].localities.size()) return *none;
    return set.priorities[p].localities[l].endpoints;
  };
  const auto localities = [](const EndpointSet& set, size_t p) {
    return p < set.priorities.size() ? set.priorities[p].localities.size() : 0;
  };
  for (size_t p = 0; p < std::max(before.priorities.size(), after.priorities.size()); ++p) {
    for (size_t l = 0; l < std::max(localities(before, p), localities(after, p)); ++l) {
      EndpointList::ForEachChange(list(before, p, l), list(after, p, l), f);
    }
  }
}

}  // namespace outrigger::model
