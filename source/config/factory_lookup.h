// Thread: any
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/message.h"
#include "source/extension/factory.h"

namespace outrigger::config {

// An extension as configured: whose factory it is and its decoded configuration.
template <class Factory>
struct Extension {
  const Factory* factory = nullptr;
  std::unique_ptr<google::protobuf::Message> config;
};

// Finds by the type of the configuration; without one (`config` empty) by name, deprecated names included, with the
// default configuration. A TypedStruct is taken for the type that it names. NotFound: nobody here knows it.
absl::StatusOr<Extension<extension::HttpFilterFactory>> FindHttpFilter(const extension::FactoryTable& table,
                                                                       absl::string_view name,
                                                                       const google::protobuf::Any& config);
absl::StatusOr<Extension<extension::NetworkFilterFactory>> FindNetworkFilter(const extension::FactoryTable& table,
                                                                             absl::string_view name,
                                                                             const google::protobuf::Any& config);
absl::StatusOr<Extension<extension::ListenerFilterFactory>> FindListenerFilter(const extension::FactoryTable& table,
                                                                               absl::string_view name,
                                                                               const google::protobuf::Any& config);
// Per-route configuration: by its own type.
absl::StatusOr<Extension<extension::HttpFilterFactory>> FindRouteConfig(const extension::FactoryTable& table,
                                                                        const google::protobuf::Any& config);

}  // namespace outrigger::config
