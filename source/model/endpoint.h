// Thread: immutable any; EndpointRecord::flags written by main, read by workers
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "source/base/shared_limit.h"
#include "source/base/value.h"
#include "source/net/address.h"

namespace outrigger::model {

// Health and eject bits of one endpoint: one word, written by main, loaded relaxed by workers at each pick.
enum EndpointFlag : uint32_t {
  kEdsUnhealthy = 1,  // UNHEALTHY, TIMEOUT from EDS
  kEdsDegraded = 2,
  kEdsDraining = 4,
  kActiveUnhealthy = 8,  // active health checks (later)
  kEjected = 16,         // outlier detection (later)
  kPendingRemoval = 32,  // gone from EDS
};

// Identity of an endpoint by (cluster, address, hostname): survives changes of weight, metadata, locality and order, so
// that pools and health do too. Shared by all versions of the cluster's endpoint set; pools hold it while they have
// connections.
struct EndpointRecord {
  uint64_t id = 0;  // unique in the process
  net::Address address;
  std::vector<net::Address> additional_addresses;
  std::string hostname;
  std::string address_text;
  std::atomic<uint32_t> flags{0};
  mutable SharedLimit connections{
      UINT64_MAX};  // per-host max_connections, all workers together; set where the endpoint set is built
};

struct Locality {
  std::string region, zone, sub_zone;
  friend bool operator==(const Locality& a, const Locality& b) {
    return a.region == b.region && a.zone == b.zone && a.sub_zone == b.sub_zone;
  }
};

struct Endpoint {
  std::shared_ptr<EndpointRecord> record;
  uint32_t weight = 1;
  uint32_t locality = 0;                     // index into PrioritySet::localities
  std::shared_ptr<const Metadata> metadata;  // envoy.lb, envoy.transport_socket_match, ...
  int32_t transport_socket_match = -1;  // index into ClusterConfig::transport_sockets chosen at build; -1: the default
};

struct LocalityEndpoints {
  Locality locality;
  uint32_t weight = 0;  // 0: no weight given
  std::shared_ptr<const Metadata> metadata;
  std::vector<uint32_t> members;  // indices into PrioritySet::endpoints
};

struct PrioritySet {
  std::vector<Endpoint> endpoints;
  std::vector<LocalityEndpoints> localities;
};

// All endpoints of a cluster in one version; immutable. Load-balancer state of a worker is rebuilt on first use of a
// new one.
struct EndpointSet {
  uint64_t version = 0;  // unique per set: workers compare it
  std::vector<PrioritySet> priorities;
  uint32_t overprovisioning_factor = 140;  // percent
  bool weighted_priority_health = false;
  // Counts changes of any member's flags (main adds one after writing flags); shared by all versions of the cluster's
  // set. Workers compare it at each pick. May be null: the flags never change.
  std::shared_ptr<const std::atomic<uint64_t>> health_epoch;
};

}  // namespace outrigger::model
