#include "source/filters/http/fault/factory.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/http/fault/v3/fault.pb.h"
#include "source/extension/runtime.h"
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

// Runtime keys of the filter; with the name of a calling cluster behind "fault.http." they are that cluster's.
constexpr absl::string_view kPrefix = "fault.http.";
constexpr absl::string_view kDelayPercent = "delay.fixed_delay_percent", kDelayMillis = "delay.fixed_duration_ms";
constexpr absl::string_view kAbortPercent = "abort.abort_percent", kAbortStatus = "abort.http_status";
constexpr absl::string_view kAbortGrpcStatus = "abort.grpc_status";
constexpr std::array kOfClusters = {kDelayPercent, kDelayMillis, kAbortPercent, kAbortStatus, kAbortGrpcStatus};
constexpr double kLongestMillis = 24 * 60 * 60 * 1000.0;

// What stands under `key`, or under `otherwise` without a field that names one.
const Value* Given(const FactoryContext& context, absl::string_view key, absl::string_view otherwise) {
  return context.Runtime(key.empty() ? absl::StrCat(kPrefix, otherwise) : key);
}

// A whole number of that range; what is none is as if it were not there, and said.
bool Whole(const Value* value, double least, double most, absl::string_view what, FactoryContext& context,
           double* out) {
  double number = 0;
  if (value == nullptr) return false;
  if (!extension::NumberOf(value, &number) || number < least || number > most || number != std::floor(number)) {
    context.Warn(absl::StrCat("the runtime value for ", what, " of the fault filter is no number it can have"));
    return false;
  }
  *out = number;
  return true;
}

struct DelayValues {
  const Value* percent;
  const Value* millis;
};
struct AbortValues {
  const Value* percent;
  const Value* http_status;
  const Value* grpc_status;
};

// Runtime values win over what is configured; a percentage and what to do make a fault where none is configured.
void Replace(const DelayValues& values, FactoryContext& context, std::optional<FaultConfig::Delay>* delay) {
  extension::Fraction percentage{};
  double millis = 0;
  const bool how_often = extension::FractionOf(values.percent, &percentage);
  const bool how_long = Whole(values.millis, 0, kLongestMillis, kDelayMillis, context, &millis);
  if (!delay->has_value()) {
    if (!how_often || !how_long) return;
    *delay = FaultConfig::Delay();
  }
  if (how_often) (*delay)->percentage = percentage;
  if (how_long) (*delay)->fixed = milliseconds(static_cast<int64_t>(millis));
}

void Replace(const AbortValues& values, FactoryContext& context, std::optional<FaultConfig::Abort>* abort) {
  extension::Fraction percentage{};
  double status = 0;
  const bool how_often = extension::FractionOf(values.percent, &percentage);
  const bool http = Whole(values.http_status, 200, 599, kAbortStatus, context, &status);
  double grpc_status = 0;
  const bool grpc = Whole(values.grpc_status, 0, INT32_MAX, kAbortGrpcStatus, context, &grpc_status);
  const bool made = !abort->has_value();
  if (made) {
    if (!how_often || (!http && !grpc)) return;
    *abort = FaultConfig::Abort();
  }
  if (how_often) (*abort)->percentage = percentage;
  if (http && (made || (*abort)->http_status != 0)) (*abort)->http_status = static_cast<uint32_t>(status);
  if (grpc && ((made && !http) || (*abort)->grpc_status >= 0)) (*abort)->grpc_status = static_cast<int>(grpc_status);
}

// A calling cluster's own keys replace the general ones.
void ReplaceOfClusters(FactoryContext& context, FaultConfig* config) {
  const Value::Struct* runtime = context.RuntimeValues();
  if (runtime == nullptr) return;
  std::set<std::string> clusters;
  for (auto at = runtime->lower_bound(kPrefix); at != runtime->end() && absl::StartsWith(at->first, kPrefix); ++at) {
    for (const absl::string_view key : kOfClusters) {
      const size_t around = kPrefix.size() + 1 + key.size();
      if (at->first.size() <= around || !absl::EndsWith(at->first, absl::StrCat(".", key))) continue;
      clusters.insert(at->first.substr(kPrefix.size(), at->first.size() - around));  // proved: longer than both
    }
  }
  for (const std::string& cluster : clusters) {
    const auto value = [&](absl::string_view key) { return context.Runtime(absl::StrCat(kPrefix, cluster, ".", key)); };
    FaultConfig::Faults faults = config->faults;
    Replace(DelayValues{value(kDelayPercent), value(kDelayMillis)}, context, &faults.delay);
    Replace(AbortValues{value(kAbortPercent), value(kAbortStatus), value(kAbortGrpcStatus)}, context, &faults.abort);
    config->of_cluster.emplace(cluster, std::move(faults));
  }
}

void ReplaceByRuntime(const v3::HTTPFault& proto, FactoryContext& context, FaultConfig* config) {
  Replace(DelayValues{Given(context, proto.delay_percent_runtime(), kDelayPercent),
                      Given(context, proto.delay_duration_runtime(), kDelayMillis)},
          context, &config->faults.delay);
  Replace(AbortValues{Given(context, proto.abort_percent_runtime(), kAbortPercent),
                      Given(context, proto.abort_http_status_runtime(), kAbortStatus),
                      Given(context, proto.abort_grpc_status_runtime(), kAbortGrpcStatus)},
          context, &config->faults.abort);
  ReplaceOfClusters(context, config);
  if (config->rate.has_value()) {
    extension::FractionOf(Given(context, proto.response_rate_limit_percent_runtime(), "rate_limit.response_percent"),
                          &config->rate->percentage);
  }
}

absl::StatusOr<std::shared_ptr<FaultConfig>> Compile(const v3::HTTPFault& proto, FactoryContext& context) {
  auto config = std::make_shared<FaultConfig>();
  if (proto.has_delay()) {
    OUTRIGGER_ASSIGN(config->faults.delay, "delay", CompileDelay(proto.delay()));
  }
  if (proto.has_abort()) {
    OUTRIGGER_ASSIGN(config->faults.abort, "abort", CompileAbort(proto.abort()));
  }
  if (proto.has_response_rate_limit()) {
    OUTRIGGER_ASSIGN(config->rate, "response_rate_limit", CompileRate(proto.response_rate_limit()));
  }
  ReplaceByRuntime(proto, context, config.get());
  OUTRIGGER_ASSIGN(config->headers, "headers", extension::BuildHeaderMatchers(proto.headers()));
  config->upstream_cluster = proto.upstream_cluster();
  config->downstream_nodes.assign(proto.downstream_nodes().begin(), proto.downstream_nodes().end());
  double most = 0;
  const Value* most_given = Given(context, proto.max_active_faults_runtime(), "max_active_faults");
  if (Whole(most_given, 0, UINT32_MAX, "max_active_faults", context, &most)) {
    config->active = std::make_unique<SharedLimit>(static_cast<uint64_t>(most));
  } else if (proto.has_max_active_faults()) {
    config->active = std::make_unique<SharedLimit>(proto.max_active_faults().value());
  }
  config->metadata = extension::ToStruct(proto.filter_metadata());
  config->downstream_cluster_stats = !proto.disable_downstream_cluster_stats();
  return config;
}

absl::StatusOr<http::FilterSpec> Create(const v3::HTTPFault& proto, FactoryContext& context) {
  absl::StatusOr<std::shared_ptr<FaultConfig>> config = Compile(proto, context);
  if (!config.ok()) return config.status();
  (*config)->stats = context.stats().Register<observe::FaultStats>(absl::StrCat(context.stat_prefix(), "fault."));
  return http::MakeFilterSpec<Fault>(*std::move(config));
}

absl::StatusOr<std::shared_ptr<const void>> CreateRoute(const v3::HTTPFault& proto, FactoryContext& context) {
  absl::StatusOr<std::shared_ptr<FaultConfig>> config = Compile(proto, context);
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
