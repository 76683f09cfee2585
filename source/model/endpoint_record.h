// Thread: immutable any; EndpointRecord::flags written by main, read by workers; cells by their worker, read by any
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "source/base/shared_limit.h"
#include "source/base/value.h"
#include "source/net/address.h"
#include "source/observe/cells.h"

namespace outrigger::model {

// Health and eject bits of one endpoint: one word, written by main, loaded relaxed by workers.
enum EndpointFlag : uint32_t {
  kEdsUnhealthy = 1,  // UNHEALTHY, TIMEOUT from EDS
  kEdsDegraded = 2,
  kEdsDraining = 4,
  kActiveUnhealthy = 8,  // active health checks (later)
  kEjected = 16,         // outlier detection (later)
  kPendingRemoval = 32,  // gone from EDS
};

// What an endpoint's flags mean for load balancing.
enum class Availability : uint8_t { kHealthy, kDegraded, kUnhealthy };
inline Availability AvailabilityOf(uint32_t flags) {
  constexpr uint32_t kDown = kEdsUnhealthy | kEdsDraining | kActiveUnhealthy | kEjected;
  if ((flags & kDown) != 0) return Availability::kUnhealthy;
  return (flags & kEdsDegraded) != 0 ? Availability::kDegraded : Availability::kHealthy;
}

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
// connections. There are very many of them and few are used: an IP address is packed, and what only an endpoint in use
// needs is made when it is first asked for.
class EndpointRecord {
 public:
  EndpointRecord(uint64_t id, const net::Address& address, absl::string_view hostname = {},
                 std::vector<net::Address> additional_addresses = {});
  ~EndpointRecord();
  EndpointRecord(const EndpointRecord&) = delete;

  const uint64_t id;  // unique in the process
  std::atomic<uint32_t> flags{0};

  bool Is(const net::Address& address, absl::string_view hostname) const;
  net::Address CopyAddress() const;
  absl::string_view hostname() const { return rest_ == nullptr ? absl::string_view() : rest_->hostname; }
  const std::vector<net::Address>& additional_addresses() const;

  // Those of an endpoint in use; as long-lived as the record. The first of these calls allocates.
  const net::Address& address() const { return Use().address; }
  const std::string& address_text() const { return Use().text; }
  SharedLimit& connections() const { return Use().connections; }  // per-host max_connections, all workers together
  EndpointCells& CellsOf(int worker) const;                       // the worker's own
  // Any thread: the first of all workers' cells (then `next`), null if nobody used this endpoint yet.
  const EndpointCells* cells() const;

  void LimitConnections(uint32_t most);  // main; 0: no limit

  // Who holds it, through EndpointRef.
  void AddRef() const { refs_.fetch_add(1, std::memory_order_relaxed); }
  void Release() const {
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  uint32_t refs() const { return refs_.load(std::memory_order_acquire); }

 private:
  struct Rest {  // what few have
    std::string hostname;
    std::vector<net::Address> additional_addresses;
    net::Address address;  // one that does not pack
  };
  struct InUse {
    net::Address address;
    std::string text;
    SharedLimit connections{UINT64_MAX};
    std::atomic<EndpointCells*> cells{nullptr};
  };
  InUse& Use() const;

  mutable std::atomic<uint32_t> refs_{0};
  std::atomic<uint32_t> most_connections_{0};
  std::array<uint8_t, 16> ip_{};
  uint16_t port_ = 0;
  net::Address::Kind packed_ = net::Address::Kind::kNone;  // kNone: `rest_` has the address
  std::unique_ptr<const Rest> rest_;
  mutable std::atomic<InUse*> in_use_{nullptr};
};
static_assert(sizeof(EndpointRecord) <= 56, "there are a hundred thousand of them");

// A counted reference to a record; any thread.
class EndpointRef {
 public:
  EndpointRef() = default;
  EndpointRef(EndpointRecord* record) : record_(record) {  // NOLINT: as a shared_ptr would
    if (record_ != nullptr) record_->AddRef();
  }
  EndpointRef(const EndpointRef& other) : EndpointRef(other.record_) {}
  EndpointRef(EndpointRef&& other) noexcept : record_(std::exchange(other.record_, nullptr)) {}
  EndpointRef& operator=(EndpointRef other) noexcept {
    std::swap(record_, other.record_);
    return *this;
  }
  ~EndpointRef() {
    if (record_ != nullptr) record_->Release();
  }
  EndpointRecord* get() const { return record_; }
  EndpointRecord* operator->() const { return record_; }
  EndpointRecord& operator*() const { return *record_; }
  explicit operator bool() const { return record_ != nullptr; }
  friend bool operator==(const EndpointRef& a, const EndpointRef& b) { return a.record_ == b.record_; }
  friend bool operator!=(const EndpointRef& a, const EndpointRef& b) { return a.record_ != b.record_; }

 private:
  EndpointRecord* record_ = nullptr;
};

inline EndpointRef MakeEndpointRecord(uint64_t id, const net::Address& address, absl::string_view hostname = {},
                                      std::vector<net::Address> additional_addresses = {}) {
  return EndpointRef(new EndpointRecord(id, address, hostname, std::move(additional_addresses)));
}

// One member of an endpoint set.
struct Endpoint {
  EndpointRef record;
  std::shared_ptr<const Metadata> metadata;  // envoy.lb, envoy.transport_socket_match, ...
  uint32_t weight = 1;
  int32_t transport_socket_match = -1;  // index into ClusterConfig::transport_sockets chosen at build; -1: the default
  friend bool operator==(const Endpoint& a, const Endpoint& b) {
    return a.record == b.record && a.metadata == b.metadata && a.weight == b.weight &&
           a.transport_socket_match == b.transport_socket_match;
  }
};

}  // namespace outrigger::model
