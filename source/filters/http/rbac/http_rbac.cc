#include "source/filters/http/rbac/http_rbac.h"

#include <utility>

#include "absl/strings/str_replace.h"
#include "source/observe/response_code_details.h"
#include "source/upstream/worker_context.h"

namespace outrigger::filters {

using http::FilterStatus;

FilterStatus HttpRbac::OnRequestHeaders(http::Stream& stream, http::HeaderMap& headers, bool /*end*/) {
  const auto* of_route = static_cast<const HttpRbacConfig*>(stream.PerRouteConfig(*this));
  const HttpRbacConfig& config = of_route != nullptr ? *of_route : config_;
  if (config.rules == nullptr && config.shadow == nullptr) return FilterStatus::kContinue;
  rbac::Subject subject(stream.downstream());
  subject.headers = &headers;
  subject.metadata = stream.metadata().get();
  subject.filter_state = &stream.filter_state();
  if (stream.info().client.family != IpAddress::Family::kNone) subject.remote = stream.info().client;
  if (config.shadow != nullptr) DecideShadow(stream, config, subject);
  return config.rules == nullptr ? FilterStatus::kContinue : Decide(stream, config, subject);
}

void HttpRbac::DecideShadow(http::Stream& stream, const HttpRbacConfig& config, const rbac::Subject& subject) {
  const rbac::Decision decision = config.shadow->Decide(subject);
  observe::WorkerStats& worker = stream.worker().stats();
  observe::RbacStats& stats = worker.Get(config_.shadow_stats);
  (decision.allowed ? stats.shadow_allowed : stats.shadow_denied).Inc();
  Value::Struct fields;
  if (decision.policy != nullptr) {
    fields.emplace(config.shadow_policy_key, Value(decision.policy->name));
    if (config_.per_rule_stats) {
      const rbac::Policy& policy = *decision.policy;
      worker.Dynamic(config_.shadow_stats, decision.allowed ? policy.shadow_allowed_stat : policy.shadow_denied_stat)
          .Inc();
    }
  }
  fields.emplace(config.shadow_result_key, Value(std::string(decision.allowed ? "allowed" : "denied")));
  stream.metadata().Merge("envoy.filters.http.rbac", fields);
}

FilterStatus HttpRbac::Decide(http::Stream& stream, const HttpRbacConfig& config, const rbac::Subject& subject) {
  const rbac::Decision decision = config.rules->Decide(subject);
  stream.info().policy = decision.origin;
  observe::WorkerStats& worker = stream.worker().stats();
  observe::RbacStats& stats = worker.Get(config_.stats);
  if (config.rules->action() == rbac::Action::kLog) {
    (decision.policy != nullptr ? stats.logged : stats.not_logged).Inc();
    Value::Struct hint;
    hint.emplace("access_log_hint", Value(decision.policy != nullptr));
    stream.metadata().Merge("envoy.common", hint);
  }
  (decision.allowed ? stats.allowed : stats.denied).Inc();
  if (config_.per_rule_stats && decision.policy != nullptr) {
    const rbac::Policy& policy = *decision.policy;
    worker.Dynamic(config_.stats, decision.allowed ? policy.allowed_stat : policy.denied_stat).Inc();
  }
  if (decision.allowed) return FilterStatus::kContinue;
  // White space would split a line of the access log.
  const std::string name =
      absl::StrReplaceAll(decision.policy_name(), {{" ", "_"}, {"\t", "_"}, {"\n", "_"}, {"\r", "_"}});
  http::LocalReply reply;
  reply.status = 403;
  reply.body = "RBAC: access denied";
  reply.details = stream.arena().Concat(observe::details::kRbacDenied, name, "]");
  stream.SendLocalReply(reply);
  return FilterStatus::kAnswered;
}

}  // namespace outrigger::filters
