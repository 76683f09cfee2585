#include "absl/strings/ascii.h"
#include "envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.pb.h"
#include "source/config/route_parts.h"
#include "source/extension/matchers.h"
#include "source/extension/values.h"
#include "source/model/retry_on.h"
#include "source/schema/typed_struct.h"

namespace outrigger::config {

namespace route_v3 = envoy::config::route::v3;
using extension::DurationOf;
using extension::Fault;
using extension::Item;

namespace {

absl::Status SetBackOff(const route_v3::RetryPolicy& proto, model::RetryPolicy* policy) {
  if (proto.has_retry_back_off()) {
    const auto& back_off = proto.retry_back_off();
    policy->back_off_base = DurationOf(back_off.base_interval());
    policy->back_off_max =
        back_off.has_max_interval() ? DurationOf(back_off.max_interval()) : policy->back_off_base * 10;
    if (policy->back_off_max < policy->back_off_base) {
      return Fault("retry_back_off.max_interval", "is less than base_interval");
    }
  }
  if (proto.has_rate_limited_retry_back_off()) {
    const auto& limited = proto.rate_limited_retry_back_off();
    for (const auto& header : limited.reset_headers()) {
      policy->rate_limited_reset_headers.push_back(
          {absl::AsciiStrToLower(header.name()), header.format() == route_v3::RetryPolicy::UNIX_TIMESTAMP});
    }
    if (limited.has_max_interval()) policy->rate_limited_max = DurationOf(limited.max_interval());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const model::RetryPolicy>> RetryPolicyOf(const route_v3::RetryPolicy& proto) {
  auto policy = std::make_shared<model::RetryPolicy>();
  policy->on = model::ParseRetryOn(proto.retry_on());
  if (proto.has_num_retries()) policy->retries = proto.num_retries().value();
  policy->per_try_timeout = DurationOf(proto.per_try_timeout());
  policy->per_try_idle_timeout = DurationOf(proto.per_try_idle_timeout());
  policy->retriable_status_codes.assign(proto.retriable_status_codes().begin(), proto.retriable_status_codes().end());
  OUTRIGGER_ASSIGN(policy->retriable_headers, "retriable_headers",
                   extension::BuildHeaderMatchers(proto.retriable_headers()));
  OUTRIGGER_ASSIGN(policy->retriable_request_headers, "retriable_request_headers",
                   extension::BuildHeaderMatchers(proto.retriable_request_headers()));
  OUTRIGGER_TRY("", SetBackOff(proto, policy.get()));
  for (int i = 0; i < proto.retry_host_predicate_size(); ++i) {
    const auto& predicate = proto.retry_host_predicate(i);
    const std::string path = Item("retry_host_predicate", i);
    namespace previous = envoy::extensions::retry::host::previous_hosts::v3;
    if (predicate.has_typed_config()) {
      previous::PreviousHostsPredicate unused;
      OUTRIGGER_TRY(path + ".typed_config", schema::UnpackInto(predicate.typed_config(), unused));
    } else if (predicate.name() != "envoy.retry_host_predicates.previous_hosts") {
      return Fault(path + ".name", absl::StrCat("no host predicate is called \"", predicate.name(), "\""));
    }
    policy->previous_hosts = true;
  }
  if (proto.host_selection_retry_max_attempts() > 0) {
    policy->host_selection_attempts =
        static_cast<uint32_t>(std::min<int64_t>(proto.host_selection_retry_max_attempts(), 1000));
  }
  return policy;
}

}  // namespace outrigger::config
