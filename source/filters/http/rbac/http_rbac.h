// Thread: worker; HttpRbacConfig immutable any
#pragma once

#include <memory>
#include <string>

#include "source/filters/common/rbac/engine.h"
#include "source/http/filter.h"
#include "source/http/stream.h"
#include "source/observe/schemas/filters.h"
#include "source/observe/stats.h"

namespace outrigger::filters {

// extensions.filters.http.rbac.v3.RBAC, compiled; also what a route may put in its place.
struct HttpRbacConfig {
  std::unique_ptr<const rbac::Engine> rules, shadow;  // null: not asked
  observe::StatsScope<observe::RbacStats> stats, shadow_stats;
  bool per_rule_stats = false;
  std::string shadow_policy_key = "shadow_effective_policy_id";  // in the dynamic metadata
  std::string shadow_result_key = "shadow_engine_result";
};

// envoy.filters.http.rbac: answers 403 to requests that the policies do not allow. Shadow rules only count and leave
// dynamic metadata. Decides on the request's headers, as all filters before it left them.
class HttpRbac final : public http::Filter {
 public:
  using Config = HttpRbacConfig;
  HttpRbac(const Config& config, http::Stream&) : config_(config) {}
  http::FilterStatus OnRequestHeaders(http::Stream& stream, http::HeaderMap& headers, bool end) override;

 private:
  void DecideShadow(http::Stream& stream, const HttpRbacConfig& config, const rbac::Subject& subject);
  http::FilterStatus Decide(http::Stream& stream, const HttpRbacConfig& config, const rbac::Subject& subject);
  const Config& config_;
};

}  // namespace outrigger::filters
