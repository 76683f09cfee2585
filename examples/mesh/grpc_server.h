// Thread: any; the service runs on libgrpc's threads
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "examples/mesh/answer.h"

namespace outrigger::examples {

// The Echo service of echo.proto by libgrpc, plain text. Serves until destroyed.
class GrpcServer {
 public:
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(absl::string_view address, uint32_t port, Identity identity);
  virtual ~GrpcServer() = default;
  virtual uint32_t port() const = 0;
};

}  // namespace outrigger::examples
