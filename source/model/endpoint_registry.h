// Thread: main
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "source/model/endpoint.h"

namespace outrigger::model {

// A cluster's endpoints as its configuration (static, EDS or DNS) says them.
struct EndpointSpec {
  net::Address address;
  std::vector<net::Address> additional_addresses;
  std::string hostname;
  uint32_t weight = 1;
  uint32_t health = 0;  // EndpointFlag bits of the Eds kind
  std::shared_ptr<const Metadata> metadata;
  int32_t transport_socket_match = -1;
};
struct LocalitySpec {
  Locality locality;
  uint32_t priority = 0;
  uint32_t weight = 0;  // 0: none given
  std::shared_ptr<const Metadata> metadata;
  std::vector<EndpointSpec> endpoints;
};
struct EndpointSetSpec {
  std::vector<LocalitySpec> localities;  // one locality may come in several parts
  uint32_t overprovisioning_factor = 140;
  bool weighted_priority_health = false;
  uint32_t per_host_max_connections = 0;  // 0: none
};

// What membership_* gauges say.
struct Membership {
  uint64_t total = 0, healthy = 0, degraded = 0, excluded = 0;
  uint64_t max_weight = 0;  // of any endpoint
};
Membership CountMembers(const EndpointSet& set);

// Knows the endpoints of all clusters by identity, (cluster, address, hostname): the same endpoint keeps its record,
// and with it its pools and health, through all versions. Also one that left and came back while connections still held
// its record.
class EndpointRegistry {
 public:
  // More priorities than these are cut off (the caller refuses them before).
  static constexpr uint32_t kMostPriorities = 128;

  // A new version of the cluster's set. An endpoint named twice counts once: the first. Writes the Eds flags of the
  // records, and tells the workers through the health epoch if that changed anything.
  std::shared_ptr<const EndpointSet> Build(absl::string_view cluster, const EndpointSetSpec& spec);
  // Sets and clears flags of one endpoint (health checks, outlier detection) and tells the workers.
  void SetFlags(absl::string_view cluster, EndpointRecord& record, uint32_t set, uint32_t clear);
  void Forget(absl::string_view cluster);  // the cluster is gone
  size_t cluster_count() const { return clusters_.size(); }

 private:
  struct Entry {
    std::weak_ptr<EndpointRecord> record;
    uint64_t version = 0;  // of the set that it was put into last
  };
  struct Known {
    absl::flat_hash_map<size_t, Entry> records;  // by a hash of address and hostname, or the next place free
    std::shared_ptr<std::atomic<uint64_t>> health_epoch = std::make_shared<std::atomic<uint64_t>>(0);
  };
  // The place of that identity: its record, or one that is expired.
  static Entry& PlaceOf(Known& known, const EndpointSpec& spec, std::shared_ptr<EndpointRecord>* record);
  std::shared_ptr<EndpointRecord> Renew(std::shared_ptr<EndpointRecord> record, const EndpointSpec& spec,
                                        uint32_t most_connections, bool* flags_changed);

  std::map<std::string, Known, std::less<>> clusters_;
  uint64_t last_id_ = 0;
  uint64_t last_version_ = 0;
};

}  // namespace outrigger::model
