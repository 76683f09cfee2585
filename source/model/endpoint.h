// Thread: immutable any; EndpointRecord::flags written by main, read by workers; cells by their worker, read by any
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "source/base/shared_limit.h"
#include "source/base/value.h"
#include "source/net/address.h"
#include "source/observe/cells.h"

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

// What one worker did with one endpoint, as /clusters shows it. Written by that worker only.
struct alignas(64) EndpointCells {
  explicit EndpointCells(int of_worker) : worker(of_worker) {}
  const int worker;
  observe::Counter cx_total, cx_connect_fail, rq_total, rq_success, rq_error, rq_timeout;
  observe::Gauge cx_active, rq_active;
  EndpointCells* next = nullptr;  // another worker's; fixed once it can be found
};

// Identity of an endpoint by (cluster, address, hostname): survives changes of weight, metadata, locality and order, so
// that pools and health do too. Shared by all versions of the cluster's endpoint set; pools hold it while they have
// connections.
struct EndpointRecord {
  EndpointRecord() = default;
  ~EndpointRecord();
  EndpointRecord(const EndpointRecord&) = delete;

  uint64_t id = 0;  // unique in the process
  net::Address address;
  std::vector<net::Address> additional_addresses;
  std::string hostname;
  std::string address_text;
  std::atomic<uint32_t> flags{0};
  mutable SharedLimit connections{
      UINT64_MAX};  // per-host max_connections, all workers together; set where the endpoint set is built

  // The worker's own cells, made when first asked for; they live as long as the record.
  EndpointCells& CellsOf(int worker) const;
  // Any thread: the first of all workers' cells (then `next`), null if nobody used this endpoint yet.
  const EndpointCells* cells() const { return cells_.load(std::memory_order_acquire); }

 private:
  mutable std::atomic<EndpointCells*> cells_{nullptr};
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
