// Thread: main
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "source/control_plane/authority/authority.h"
#include "source/control_plane/authority/token_store.h"
#include "source/control_plane/xds_server/log_budget.h"
#include "source/event/dispatcher.h"

namespace grpc {
class Service;
}

namespace outrigger::control_plane {

// Gives nodes their certificates: for a token, or for the certificate that they have. To be added to a GrpcServer with
// TLS; it must not outlive that, nor the other way round. Requests with a node id of more than 256 bytes or a signing
// request of more than 64 KiB are refused before anything else.
class EnrollmentService {
 public:
  struct Options {
    Duration lifetime = hours(24);                            // of node certificates
    std::function<std::string()> trust_domain;                // empty: none yet, nobody can enrol
    std::function<bool(const std::string& node)> knows_node;  // false: refused
    // The SPIFFE id of a node that is a gRPC program itself, which gets a certificate for it too; empty: it is a
    // sidecar, which gets its by the stream.
    std::function<std::string(const std::string& node)> program_identity;
    Duration program_lifetime = hours(1);  // of that certificate
    LogBudget* log = nullptr;              // null: without end
  };
  struct Counters {
    uint64_t enrolled = 0, renewed = 0;
    uint64_t refused = 0;    // all of them
    uint64_t malformed = 0;  // refused because the request was longer than is taken
  };
  static std::unique_ptr<EnrollmentService> Make(event::Dispatcher& dispatcher, Authority& authority,
                                                 TokenStore& tokens, Options options);
  virtual ~EnrollmentService() = default;
  virtual grpc::Service* service() = 0;
  virtual const Counters& counters() const = 0;
};

}  // namespace outrigger::control_plane
