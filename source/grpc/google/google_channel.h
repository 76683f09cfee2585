// Thread: main; one thread inside hands libgrpc's completions to main's loop
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "source/event/dispatcher.h"
#include "source/grpc/client_stream.h"

namespace envoy::config::core::v3 {
class GrpcService;
}

namespace outrigger::grpc {

// A channel of libgrpc for `google_grpc`: its own connections, name resolution and TLS. Everything that a stream tells
// comes on the loop. Credentials are read from their files once, now. The error names the field.
absl::StatusOr<std::unique_ptr<Channel>> MakeGoogleChannel(event::Dispatcher& dispatcher,
                                                           const envoy::config::core::v3::GrpcService& service);

}  // namespace outrigger::grpc
