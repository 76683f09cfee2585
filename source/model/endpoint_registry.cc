#include "source/model/endpoint_registry.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <tuple>
#include <utility>

#include "absl/hash/hash.h"

namespace outrigger::model {
namespace {

// shrink_to_fit does nothing without exceptions.
template <class T>
void GiveRoomBack(std::vector<T>* list) {
  if (list->capacity() == list->size()) return;
  *list = std::vector<T>(std::make_move_iterator(list->begin()), std::make_move_iterator(list->end()));
}

constexpr uint32_t kEdsFlags = kEdsUnhealthy | kEdsDegraded | kEdsDraining;
constexpr size_t kSearched = 32;  // so many are searched one by one

size_t SizeOf(const EndpointSet& set) {
  size_t size = 0;
  for (const PrioritySet& priority : set.priorities) size += priority.size();
  return size;
}

}  // namespace

Membership CountMembers(const EndpointSet& set) {
  Membership count;
  for (const PrioritySet& priority : set.priorities) {
    const EndpointSum sum = priority.sum();
    count.total += sum.total;
    count.healthy += sum.healthy;
    count.degraded += sum.degraded;
    count.max_weight = std::max<uint64_t>(count.max_weight, sum.most_weight);
  }
  return count;
}

size_t EndpointRegistry::IdentityHash::operator()(const Identity& one) const {
  return absl::HashOf(one.address, one.hostname);
}
size_t EndpointRegistry::IdentityHash::operator()(const EndpointRecord* one) const {
  return absl::HashOf(one->CopyAddress(), one->hostname());
}

bool EndpointRegistry::LocalityLess::operator()(const Locality& a, const Locality& b) const {
  return std::tie(a.region, a.zone, a.sub_zone) < std::tie(b.region, b.zone, b.sub_zone);
}

std::shared_ptr<const Locality> EndpointRegistry::Share(const Locality& locality) {
  if (locality == Locality()) return nullptr;
  std::weak_ptr<const Locality>& known = localities_[locality];
  std::shared_ptr<const Locality> shared = known.lock();
  if (shared != nullptr) return shared;
  shared = std::make_shared<const Locality>(locality);
  known = shared;
  if (localities_.size() >= sweep_localities_at_) {
    std::erase_if(localities_, [](const auto& one) { return one.second.expired(); });
    sweep_localities_at_ = std::max<size_t>(64, 2 * localities_.size());
  }
  return shared;
}

EndpointRegistry::Known& EndpointRegistry::KnownOf(absl::string_view cluster) {
  std::unique_ptr<Known>& known = clusters_[cluster];
  if (known == nullptr) known = std::make_unique<Known>();
  return *known;
}

EndpointRegistry::Member EndpointRegistry::Find(const Known& known, const Identity& identity) {
  if (known.index != nullptr) {
    const auto at = known.index->find(identity);
    // The index only borrows its keys: they are members of the newest set.
    return at == known.index->end() ? Member() : Member{const_cast<EndpointRecord*>(at->first), at->second};
  }
  Member found;
  if (known.newest == nullptr) return found;
  for (uint32_t p = 0; p < known.newest->priorities.size(); ++p) {
    const PrioritySet& priority = known.newest->priorities[p];
    for (uint32_t l = 0; l < priority.localities.size() && found.record == nullptr; ++l) {
      priority.localities[l].endpoints.ForEach([&](uint32_t i, const Endpoint& one) {
        if (one.record->Is(identity.address, identity.hostname)) found = {one.record.get(), {p, l, i}};
      });
    }
  }
  return found;
}

void EndpointRegistry::BuildIndex(Known& known) {
  known.index = nullptr;
  const size_t size = SizeOf(*known.newest);
  if (size <= kSearched) return;
  known.index = std::make_unique<Index>();
  known.index->reserve(size);
  for (uint32_t p = 0; p < known.newest->priorities.size(); ++p) {
    const PrioritySet& priority = known.newest->priorities[p];
    for (uint32_t l = 0; l < priority.localities.size(); ++l) {
      priority.localities[l].endpoints.ForEach([&](uint32_t i, const Endpoint& one) {
        known.index->emplace(one.record.get(), Place{p, l, i});
      });
    }
  }
}

EndpointRef EndpointRegistry::TakeDeparted(Known& known, const Identity& identity) {
  if (known.departed == nullptr) return {};
  const auto at = known.departed->find(identity);
  if (at == known.departed->end()) return {};
  EndpointRef record = *at;
  known.departed->erase(at);
  return record->refs() > 1 ? record : EndpointRef();  // 1: this one alone, it is of the past
}

void EndpointRegistry::NoteDeparted(absl::string_view cluster, Known& known, EndpointRef record) {
  if (known.departed == nullptr) {
    known.departed = std::make_unique<Departed>();
    with_departed_.emplace_back(cluster);
    known.sweep_at = last_version_ + 1;
  }
  known.departed->insert(std::move(record));
}

// One cluster's, now and then, so that a version does not cost a look at all.
void EndpointRegistry::SweepDeparted() {
  if (with_departed_.empty()) return;
  std::string cluster = std::move(with_departed_.front());
  with_departed_.pop_front();
  const auto at = clusters_.find(cluster);
  if (at == clusters_.end() || at->second->departed == nullptr) return;
  Known& known = *at->second;
  if (last_version_ >= known.sweep_at) {
    absl::erase_if(*known.departed, [](const EndpointRef& record) { return record->refs() == 1; });
    known.sweep_at = last_version_ + 1 + known.departed->size() / 8;
  }
  if (known.departed->empty()) {
    known.departed = nullptr;
  } else {
    with_departed_.push_back(std::move(cluster));
  }
}

EndpointRef EndpointRegistry::Renew(EndpointRef record, const EndpointSpec& spec, uint32_t most_connections) {
  const uint32_t before = record ? record->flags.load(std::memory_order_relaxed) : 0;
  if (!record || record->additional_addresses() != spec.additional_addresses) {
    record = MakeEndpointRecord(++last_id_, spec.address, spec.hostname, spec.additional_addresses);
    record->flags.store(spec.health & kEdsFlags, std::memory_order_relaxed);
  } else {
    record->flags.store((before & ~(kEdsFlags | kPendingRemoval)) | (spec.health & kEdsFlags),
                        std::memory_order_relaxed);
  }
  record->LimitConnections(most_connections);
  return record;
}

namespace {
Endpoint EndpointOf(EndpointRef record, const EndpointSpec& spec) {
  return {std::move(record), spec.metadata, std::max<uint32_t>(spec.weight, 1), spec.transport_socket_match};
}
}  // namespace

struct EndpointRegistry::Making {
  std::shared_ptr<EndpointSet> set = std::make_shared<EndpointSet>();
  std::vector<std::vector<std::vector<Endpoint>>> members;  // by priority, locality
  absl::flat_hash_set<const EndpointRecord*, IdentityHash, SameIdentity> seen;
};

void EndpointRegistry::Add(Known& known, const LocalitySpec& spec, uint32_t most_connections, Making& making) {
  EndpointSet& set = *making.set;
  if (spec.priority >= set.priorities.size()) set.priorities.resize(spec.priority + 1);
  if (spec.priority >= making.members.size()) making.members.resize(spec.priority + 1);
  auto& localities = set.priorities[spec.priority].localities;
  auto& members = making.members[spec.priority];
  const std::shared_ptr<const Locality> shared = Share(spec.locality);
  size_t place = 0;
  while (place < localities.size() && localities[place].locality != shared) ++place;
  if (place == localities.size()) {
    localities.push_back({shared, spec.weight, spec.metadata, {}});
    members.emplace_back();
  } else {
    set.plain = false;
    if (spec.weight != 0) localities[place].weight = spec.weight;
  }
  std::vector<Endpoint>& into = members[place];
  into.reserve(into.size() + spec.endpoints.size());
  for (const EndpointSpec& endpoint : spec.endpoints) {
    const Identity identity{endpoint.address, endpoint.hostname};
    if (making.seen.contains(identity)) {
      set.plain = false;
      continue;
    }
    EndpointRef record(Find(known, identity).record);
    if (!record) record = TakeDeparted(known, identity);
    record = Renew(std::move(record), endpoint, most_connections);
    making.seen.insert(record.get());
    into.push_back(EndpointOf(std::move(record), endpoint));
  }
}

std::shared_ptr<const EndpointSet> EndpointRegistry::Build(absl::string_view cluster, const EndpointSetSpec& spec) {
  Known& known = KnownOf(cluster);
  Making making;
  making.set->version = ++last_version_;
  making.set->overprovisioning_factor = spec.overprovisioning_factor;
  making.set->weighted_priority_health = spec.weighted_priority_health;
  making.set->health_epoch = known.health_epoch;
  making.set->sums_epoch = known.health_epoch->load(std::memory_order_relaxed);
  making.set->plain = !spec.left_out;
  for (const LocalitySpec& locality : spec.localities) {
    if (locality.priority < kMostPriorities) Add(known, locality, spec.per_host_max_connections, making);
  }
  if (making.set->priorities.empty()) making.set->priorities.resize(1);
  GiveRoomBack(&making.set->priorities);
  for (size_t p = 0; p < making.members.size(); ++p) {
    auto& localities = making.set->priorities[p].localities;
    GiveRoomBack(&localities);
    for (size_t l = 0; l < localities.size(); ++l)
      localities[l].endpoints = EndpointList(std::move(making.members[p][l]));
  }
  const std::shared_ptr<const EndpointSet> before = std::exchange(known.newest, std::move(making.set));
  for (size_t p = 0; before != nullptr && p < before->priorities.size(); ++p) {
    before->priorities[p].ForEach([&](const LocalityEndpoints&, const Endpoint& one) {
      if (!making.seen.contains(one.record.get())) NoteDeparted(cluster, known, one.record);
    });
  }
  BuildIndex(known);
  SweepDeparted();
  return known.newest;
}

// A locality of the new set that a part of the patch goes to, and the places of those that left it.
struct EndpointRegistry::PatchedLists {
  uint32_t priority = 0, locality = 0;
  std::vector<Member> left;
  std::vector<EndpointRecord*> same;  // for each that came: the one that left and is it, or null
};

// Whether every word of the patch is about the newest set.
bool EndpointRegistry::Locate(const Known& known, const EndpointPatch& patch, std::vector<PatchedLists>* lists) {
  if (known.newest == nullptr || !known.newest->plain || !known.newest->SumsHold()) return false;
  absl::flat_hash_map<const EndpointRecord*, const EndpointPatch::Part*> left;
  absl::flat_hash_set<std::pair<net::Address, absl::string_view>> came;
  for (const EndpointPatch::Part& part : patch.parts) {
    if (part.priority >= known.newest->priorities.size()) return false;
    const auto& localities = known.newest->priorities[part.priority].localities;
    const auto same = [&part](const LocalityEndpoints& one) {
      return one.locality == nullptr ? part.locality == Locality() : *one.locality == part.locality;
    };
    const auto at = std::find_if(localities.begin(), localities.end(), same);
    if (at == localities.end()) return false;
    PatchedLists to{part.priority, static_cast<uint32_t>(at - localities.begin()), {}, {}};
    uint64_t weight = at->endpoints.sum().weight;
    for (const EndpointSpec& one : part.left) {
      const Member member = Find(known, {one.address, one.hostname});
      const bool here =
          member.record != nullptr && member.place.priority == to.priority && member.place.locality == to.locality;
      if (!here || !left.emplace(member.record, &part).second) return false;
      weight -= at->endpoints[member.place.index].weight;
      to.left.push_back(member);
    }
    for (const EndpointSpec& one : part.came) {
      EndpointRecord* same = Find(known, {one.address, one.hostname}).record;
      if (const auto gone = left.find(same); same != nullptr && (gone == left.end() || gone->second != &part))
        return false;
      if (!came.emplace(one.address, one.hostname).second) return false;
      to.same.push_back(same);
      weight += std::max<uint32_t>(one.weight, 1);
    }
    if (weight > std::numeric_limits<uint32_t>::max()) return false;
    if (at->endpoints.size() + part.came.size() > EndpointList::kMost) return false;
    lists->push_back(std::move(to));
  }
  return true;
}

void EndpointRegistry::Apply(Known& known, const EndpointPatch& patch, const EndpointPatch::Part& part,
                             PatchedLists& lists, EndpointSet& made, std::vector<EndpointRef>* departed) {
  EndpointList& list = made.priorities[lists.priority].localities[lists.locality].endpoints;
  const auto forget = [&known](EndpointRecord* record) {
    if (known.index != nullptr) known.index->erase(record);
  };
  const auto put = [&](uint32_t index, Endpoint endpoint) {
    if (known.index != nullptr) (*known.index)[endpoint.record.get()] = {lists.priority, lists.locality, index};
    index < list.size() ? list.Set(index, std::move(endpoint)) : list.PushBack(std::move(endpoint));
  };
  absl::flat_hash_map<const EndpointRecord*, uint32_t> stay;  // those that only changed stay where they are
  for (EndpointRecord* same : lists.same) {
    if (same != nullptr) stay.emplace(same, 0);
  }
  std::vector<uint32_t> places;  // of those that left
  for (const Member& one : lists.left) {
    if (const auto at = stay.find(one.record); at != stay.end()) {
      at->second = one.place.index;
      continue;
    }
    places.push_back(one.place.index);
    departed->emplace_back(one.record);
    forget(one.record);
  }
  std::sort(places.begin(), places.end(), std::greater<>());
  for (size_t i = 0; i < part.came.size(); ++i) {
    const EndpointSpec& spec = part.came[i];
    const EndpointRef before(lists.same[i]);
    EndpointRef record = Renew(before ? before : TakeDeparted(known, {spec.address, spec.hostname}), spec,
                               patch.per_host_max_connections);
    uint32_t index = list.size();
    if (before) {
      index = stay[before.get()];
      if (record != before) {
        forget(before.get());
        departed->push_back(before);
      }
    } else if (!places.empty()) {
      index = places.back();
      places.pop_back();
    }
    put(index, EndpointOf(std::move(record), spec));
  }
  for (const uint32_t place : places) {  // from the last one on: the end is never one of them
    if (place + 1 < list.size()) put(place, list[list.size() - 1]);
    list.PopBack();
  }
}

std::shared_ptr<const EndpointSet> EndpointRegistry::Patch(absl::string_view cluster, const EndpointPatch& patch) {
  const auto at = clusters_.find(cluster);
  std::vector<PatchedLists> lists;
  if (at == clusters_.end() || !Locate(*at->second, patch, &lists)) return nullptr;
  Known& known = *at->second;
  auto made = std::make_shared<EndpointSet>(*known.newest);
  made->version = ++last_version_;
  std::vector<EndpointRef> departed;
  for (size_t i = 0; i < lists.size(); ++i) Apply(known, patch, patch.parts[i], lists[i], *made, &departed);
  known.newest = std::move(made);
  for (EndpointRef& record : departed) NoteDeparted(cluster, known, std::move(record));
  if (known.index == nullptr) BuildIndex(known);
  SweepDeparted();
  return known.newest;
}

void EndpointRegistry::SetFlags(absl::string_view cluster, EndpointRecord& record, uint32_t set, uint32_t clear) {
  const uint32_t before = record.flags.load(std::memory_order_relaxed);
  const uint32_t now = (before & ~clear) | set;
  if (now == before) return;
  record.flags.store(now, std::memory_order_relaxed);
  const auto at = clusters_.find(cluster);
  if (at != clusters_.end()) at->second->health_epoch->fetch_add(1, std::memory_order_release);
}

void EndpointRegistry::Forget(absl::string_view cluster) {
  const auto at = clusters_.find(cluster);
  if (at != clusters_.end()) clusters_.erase(at);
  // A table that was large gives its memory back.
  constexpr size_t kSmall = 64;
  if (clusters_.capacity() > kSmall && clusters_.size() < clusters_.capacity() / 8) clusters_.rehash(0);
}

}  // namespace outrigger::model
