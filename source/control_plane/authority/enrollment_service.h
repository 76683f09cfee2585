// Thread: main
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "source/control_plane/authority/authority.h"
#include "source/control_plane/authority/token_store.h"
#include "source/event/dispatcher.h"

namespace grpc {
class Service;
}

namespace outrigger::control_plane {

// Gives nodes their certificates: for a token, or for the certificate that they have. To be added to a GrpcServer with
// TLS; it must not outlive that, nor the other way round.
class EnrollmentService {
 public:
  struct Options {
    Duration lifetime = hours(24);                            // of node certificates
    std::function<std::string()> trust_domain;                // empty: none yet, nobody can enrol
    std::function<bool(const std::string& node)> knows_node;  // false: refused
  };
  struct Counters {
    uint64_t enrolled = 0, renewed = 0, refused = 0;
  };
  static std::unique_ptr<EnrollmentService> Make(event::Dispatcher& dispatcher, Authority& authority,
                                                 TokenStore& tokens, Options options);
  virtual ~EnrollmentService() = default;
  virtual grpc::Service* service() = 0;
  virtual const Counters& counters() const = 0;
};

}  // namespace outrigger::control_plane
