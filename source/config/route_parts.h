// Thread: main
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "source/config/build_context.h"
#include "source/extension/formats.h"
#include "source/model/route.h"

// The pieces of a route configuration; route_builder.cc puts them together.
namespace outrigger::config {

// What routes take from around them.
struct RouteScope {
  const envoy::config::route::v3::RouteConfiguration& table;
  const envoy::config::route::v3::VirtualHost& host;
  BuildContext& context;
  bool validate_clusters = false;
  uint32_t most_direct_response_bytes = 0;
  std::shared_ptr<const model::RetryPolicy> host_retry;
  // As this one, for a part of it.
  RouteScope Of(BuildContext& part) const {
    return {table, host, part, validate_clusters, most_direct_response_bytes, host_retry};
  }
};

absl::StatusOr<matching::RouteMatchSpec> RouteMatchOf(const envoy::config::route::v3::RouteMatch& match,
                                                      const BuildContext& context);
absl::StatusOr<model::ForwardAction> ForwardActionOf(const envoy::config::route::v3::RouteAction& action,
                                                     RouteScope& scope);
absl::StatusOr<model::RedirectAction> RedirectActionOf(const envoy::config::route::v3::RedirectAction& action);
absl::StatusOr<model::DirectResponse> DirectResponseOf(const envoy::config::route::v3::DirectResponseAction& action,
                                                       RouteScope& scope);
absl::StatusOr<std::shared_ptr<const model::RetryPolicy>> RetryPolicyOf(
    const envoy::config::route::v3::RetryPolicy& policy);

// typed_per_filter_config, with the FilterConfig wrapper.
absl::StatusOr<model::PerFilterConfig> PerFilterConfigOf(
    const google::protobuf::Map<std::string, google::protobuf::Any>& configs, BuildContext& context);

// request_headers_to_add and so on, which four messages share by name.
template <class Message>
absl::StatusOr<model::HeaderMutations> HeaderMutationsOf(const Message& message, BuildContext& context);

template <class Message>
absl::StatusOr<model::HeaderMutations> HeaderMutationsOf(const Message& message, BuildContext& context) {
  model::HeaderMutations out;
  OUTRIGGER_ASSIGN(out.request, "",
                   extension::HeaderMutationOf("request_headers_to", message.request_headers_to_add(),
                                               message.request_headers_to_remove(), context));
  OUTRIGGER_ASSIGN(out.response, "",
                   extension::HeaderMutationOf("response_headers_to", message.response_headers_to_add(),
                                               message.response_headers_to_remove(), context));
  return out;
}

}  // namespace outrigger::config
