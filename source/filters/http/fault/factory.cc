#include "source/filters/http/fault/factory.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/http/fault/v3/fault.pb.h"
#include "source/extension/typed.h"
#include "source/extension/values.h"
#include "source/filters/http/fault/fault.h"

namespace outrigger::filters {

namespace v3 = envoy::extensions::filters::http::fault::v3;
namespace common_v3 = envoy::extensions::filters::common::fault::v3;
using extension::FactoryContext;

namespace {

absl::StatusOr<FaultConfig::Delay> CompileDelay(const common_v3::FaultDelay& proto) {
  FaultConfig::Delay delay;
  switch (proto.fault_delay_secifier_case()) {
    case common_v3::FaultDelay::kFixedDelay:
      delay.fixed = extension::DurationOf(proto.fixed_delay());
      break;
    case common_v3::FaultDelay::kHeaderDelay:
      delay.by_header = proto.has_header_delay();
      break;
    default:
      return extension::Invalid("fixed_delay or header_delay is needed");
  }
  delay.percentage = extension::ToFraction(proto.percentage());
  return delay;
}

absl::StatusOr<FaultConfig::Abort> CompileAbort(const v3::FaultAbort& proto) {
  FaultConfig::Abort abort;
  switch (proto.error_type_case()) {
    case v3::FaultAbort::kHttpStatus:
      abort.http_status = proto.http_status();
      break;
    case v3::FaultAbort::kGrpcStatus:
      if (proto.grpc_status() > INT32_MAX) return extension::Fault("grpc_status", "is too large");
      abort.grpc_status = static_cast<int>(proto.grpc_status());
      break;
    case v3::FaultAbort::kHeaderAbort:
      abort.by_header = proto.has_header_abort();
      break;
    default:
      return extension::Invalid("http_status, grpc_status or header_abort is needed");
  }
  abort.percentage = extension::ToFraction(proto.percentage());
  return abort;
}

absl::StatusOr<FaultConfig::Rate> CompileRate(const common_v3::FaultRateLimit& proto) {
  FaultConfig::Rate rate;
  switch (proto.limit_type_case()) {
    case common_v3::FaultRateLimit::kFixedLimit:
      rate.kib_per_second = proto.fixed_limit().limit_kbps();
      break;
    case common_v3::FaultRateLimit::kHeaderLimit:
      rate.by_header = proto.has_header_limit();
      break;
    default:
      return extension::Invalid("fixed_limit or header_limit is needed");
  }
  rate.percentage = extension::ToFraction(proto.percentage());
  return rate;
}

absl::StatusOr<std::shared_ptr<FaultConfig>> Compile(const v3::HTTPFault& proto) {
  auto config = std::make_shared<FaultConfig>();
  if (proto.has_delay()) {
    OUTRIGGER_ASSIGN(config->delay, "delay", CompileDelay(proto.delay()));
  }
  if (proto.has_abort()) {
    OUTRIGGER_ASSIGN(config->abort, "abort", CompileAbort(proto.abort()));
  }
  if (proto.has_response_rate_limit()) {
    OUTRIGGER_ASSIGN(config->rate, "response_rate_limit", CompileRate(proto.response_rate_limit()));
  }
  OUTRIGGER_ASSIGN(config->headers, "headers", extension::BuildHeaderMatchers(proto.headers()));
  config->upstream_cluster = proto.upstream_cluster();
  config->downstream_nodes.assign(proto.downstream_nodes().begin(), proto.downstream_nodes().end());
  if (proto.has_max_active_faults()) config->active = std::make_unique<SharedLimit>(proto.max_active_faults().value());
  config->metadata = extension::ToStruct(proto.filter_metadata());
  config->downstream_cluster_stats = !proto.disable_downstream_cluster_stats();
  return config;
}

absl::StatusOr<http::FilterSpec> Create(const v3::HTTPFault& proto, FactoryContext& context) {
  absl::StatusOr<std::shared_ptr<FaultConfig>> config = Compile(proto);
  if (!config.ok()) return config.status();
  (*config)->stats = context.stats().Register<observe::FaultStats>(absl::StrCat(context.stat_prefix(), "fault."));
  return http::MakeFilterSpec<Fault>(*std::move(config));
}

absl::StatusOr<std::shared_ptr<const void>> CreateRoute(const v3::HTTPFault& proto, FactoryContext& /*context*/) {
  absl::StatusOr<std::shared_ptr<FaultConfig>> config = Compile(proto);
  if (!config.ok()) return config.status();
  return std::shared_ptr<const void>(*std::move(config));
}

}  // namespace

constinit const extension::HttpFilterFactory kFaultFactory = {
    "envoy.filters.http.fault",
    &v3::HTTPFault::descriptor,
    &extension::Typed<v3::HTTPFault, &Create>,
    &v3::HTTPFault::descriptor,
    &extension::Typed<v3::HTTPFault, &CreateRoute>,
};

}  // namespace outrigger::filters
