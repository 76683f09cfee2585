#include "source/model/endpoint_registry.h"

#include <algorithm>
#include <utility>

#include "absl/hash/hash.h"

namespace outrigger::model {
namespace {

constexpr uint32_t kEdsFlags = kEdsUnhealthy | kEdsDegraded | kEdsDraining;

// The place of `spec`'s locality in its priority.
uint32_t FindLocality(PrioritySet& set, const LocalitySpec& spec) {
  for (uint32_t i = 0; i < set.localities.size(); ++i) {
    LocalityEndpoints& known = set.localities[i];
    if (!(known.locality == spec.locality)) continue;
    if (spec.weight != 0) known.weight = spec.weight;
    return i;
  }
  set.localities.push_back({spec.locality, spec.weight, spec.metadata, {}});
  return static_cast<uint32_t>(set.localities.size() - 1);
}

}  // namespace

Membership CountMembers(const EndpointSet& set) {
  Membership count;
  for (const PrioritySet& priority : set.priorities) {
    for (const Endpoint& endpoint : priority.endpoints) {
      const uint32_t flags = endpoint.record->flags.load(std::memory_order_relaxed);
      ++count.total;
      count.max_weight = std::max<uint64_t>(count.max_weight, endpoint.weight);
      if ((flags & (kEdsUnhealthy | kEdsDraining | kActiveUnhealthy | kEjected)) != 0) continue;
      ++((flags & kEdsDegraded) != 0 ? count.degraded : count.healthy);
    }
  }
  return count;
}

EndpointRegistry::Entry& EndpointRegistry::PlaceOf(Known& known, const EndpointSpec& spec,
                                                   std::shared_ptr<EndpointRecord>* record) {
  for (size_t hash = absl::HashOf(spec.address, spec.hostname);; ++hash) {
    Entry& entry = known.records[hash];
    *record = entry.record.lock();
    if (*record == nullptr || ((*record)->address == spec.address && (*record)->hostname == spec.hostname))
      return entry;
  }
}

std::shared_ptr<EndpointRecord> EndpointRegistry::Renew(std::shared_ptr<EndpointRecord> record,
                                                        const EndpointSpec& spec, uint32_t most_connections,
                                                        bool* flags_changed) {
  if (record == nullptr || record->additional_addresses != spec.additional_addresses) {
    record = std::make_shared<EndpointRecord>();
    record->id = ++last_id_;
    record->address = spec.address;
    record->additional_addresses = spec.additional_addresses;
    record->hostname = spec.hostname;
    record->address_text = spec.address.ToString();
    record->flags.store(spec.health & kEdsFlags, std::memory_order_relaxed);
  } else {
    const uint32_t before = record->flags.load(std::memory_order_relaxed);
    const uint32_t now = (before & ~(kEdsFlags | kPendingRemoval)) | (spec.health & kEdsFlags);
    if (now != before) {
      record->flags.store(now, std::memory_order_relaxed);
      *flags_changed = true;
    }
  }
  const uint64_t limit = most_connections == 0 ? UINT64_MAX : most_connections;
  if (record->connections.limit() != limit) record->connections.SetLimit(limit);
  return record;
}

std::shared_ptr<const EndpointSet> EndpointRegistry::Build(absl::string_view cluster, const EndpointSetSpec& spec) {
  auto at = clusters_.find(cluster);
  if (at == clusters_.end()) at = clusters_.emplace(std::string(cluster), Known()).first;
  Known& known = at->second;
  auto made = std::make_shared<EndpointSet>();
  made->version = ++last_version_;
  made->overprovisioning_factor = spec.overprovisioning_factor;
  made->weighted_priority_health = spec.weighted_priority_health;
  made->health_epoch = known.health_epoch;
  bool flags_changed = false;
  size_t members = 0;
  for (const LocalitySpec& locality : spec.localities) {
    if (locality.priority >= kMostPriorities) continue;
    if (locality.priority >= made->priorities.size()) made->priorities.resize(locality.priority + 1);
    PrioritySet& priority = made->priorities[locality.priority];
    const uint32_t place = FindLocality(priority, locality);
    for (const EndpointSpec& endpoint : locality.endpoints) {
      std::shared_ptr<EndpointRecord> record;
      Entry& entry = PlaceOf(known, endpoint, &record);
      if (record != nullptr && entry.version == made->version) continue;
      record = Renew(std::move(record), endpoint, spec.per_host_max_connections, &flags_changed);
      entry = {record, made->version};
      ++members;
      priority.localities[place].members.push_back(static_cast<uint32_t>(priority.endpoints.size()));
      priority.endpoints.push_back({std::move(record), std::max<uint32_t>(endpoint.weight, 1), place, endpoint.metadata,
                                    endpoint.transport_socket_match});
    }
  }
  if (made->priorities.empty()) made->priorities.resize(1);
  for (PrioritySet& priority : made->priorities) {
    priority.endpoints.shrink_to_fit();
    for (LocalityEndpoints& locality : priority.localities) locality.members.shrink_to_fit();
  }
  // Those that left: now and then, so that a change does not cost a look at all.
  if (known.records.size() > members + members / 4 + 4) {
    absl::erase_if(known.records, [](const auto& entry) { return entry.second.record.expired(); });
    known.records.rehash(0);
  }
  if (flags_changed) known.health_epoch->fetch_add(1, std::memory_order_release);
  return made;
}

void EndpointRegistry::SetFlags(absl::string_view cluster, EndpointRecord& record, uint32_t set, uint32_t clear) {
  const uint32_t before = record.flags.load(std::memory_order_relaxed);
  const uint32_t now = (before & ~clear) | set;
  if (now == before) return;
  record.flags.store(now, std::memory_order_relaxed);
  const auto at = clusters_.find(cluster);
  if (at != clusters_.end()) at->second.health_epoch->fetch_add(1, std::memory_order_release);
}

void EndpointRegistry::Forget(absl::string_view cluster) {
  const auto at = clusters_.find(cluster);
  if (at != clusters_.end()) clusters_.erase(at);
}

}  // namespace outrigger::model
