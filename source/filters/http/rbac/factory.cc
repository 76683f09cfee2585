#include "source/filters/http/rbac/factory.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/http/rbac/v3/rbac.pb.h"
#include "source/extension/typed.h"
#include "source/filters/common/rbac/build.h"
#include "source/filters/http/rbac/http_rbac.h"

namespace outrigger::filters {

namespace v3 = envoy::extensions::filters::http::rbac::v3;
using extension::FactoryContext;
using extension::Invalid;
using extension::Under;

namespace {

// `at`: before the fields of `proto`, for origins.
absl::StatusOr<std::shared_ptr<HttpRbacConfig>> Compile(const v3::RBAC& proto, absl::string_view at,
                                                        FactoryContext& context) {
  if (proto.has_matcher()) return Under("matcher", Invalid("is not supported"));
  if (proto.has_shadow_matcher()) return Under("shadow_matcher", Invalid("is not supported"));
  auto config = std::make_shared<HttpRbacConfig>();
  if (proto.has_rules()) {
    absl::StatusOr<rbac::Engine> engine = rbac::BuildEngine(proto.rules(), absl::StrCat(at, "rules"), true, context);
    if (!engine.ok()) return Under("rules", engine.status());
    config->rules = std::make_unique<rbac::Engine>(*std::move(engine));
  }
  if (proto.has_shadow_rules()) {
    absl::StatusOr<rbac::Engine> engine =
        rbac::BuildEngine(proto.shadow_rules(), absl::StrCat(at, "shadow_rules"), true, context);
    if (!engine.ok()) return Under("shadow_rules", engine.status());
    config->shadow = std::make_unique<rbac::Engine>(*std::move(engine));
  }
  config->per_rule_stats = proto.track_per_rule_stats();
  config->shadow_policy_key = absl::StrCat(proto.shadow_rules_stat_prefix(), "shadow_effective_policy_id");
  config->shadow_result_key = absl::StrCat(proto.shadow_rules_stat_prefix(), "shadow_engine_result");
  return config;
}

std::string StatPrefix(absl::string_view around, absl::string_view own) {
  const bool dot = !own.empty() && own.back() != '.';
  return absl::StrCat(around, "rbac.", own, dot ? "." : "");
}

absl::StatusOr<http::FilterSpec> Create(const v3::RBAC& proto, FactoryContext& context) {
  absl::StatusOr<std::shared_ptr<HttpRbacConfig>> config = Compile(proto, "", context);
  if (!config.ok()) return config.status();
  (*config)->stats =
      context.stats().Register<observe::RbacStats>(StatPrefix(context.stat_prefix(), proto.rules_stat_prefix()));
  (*config)->shadow_stats =
      context.stats().Register<observe::RbacStats>(StatPrefix(context.stat_prefix(), proto.shadow_rules_stat_prefix()));
  return http::MakeFilterSpec<HttpRbac>(*std::move(config));
}

// Without an `rbac` the route is not protected: that is how the API turns the filter off.
absl::StatusOr<std::shared_ptr<const void>> CreateRoute(const v3::RBACPerRoute& proto, FactoryContext& context) {
  absl::StatusOr<std::shared_ptr<HttpRbacConfig>> config = Compile(proto.rbac(), "rbac.", context);
  if (!config.ok()) return Under("rbac", config.status());
  return std::shared_ptr<const void>(*std::move(config));
}

}  // namespace

constinit const extension::HttpFilterFactory kHttpRbacFactory = {
    "envoy.filters.http.rbac",
    &v3::RBAC::descriptor,
    &extension::Typed<v3::RBAC, &Create>,
    &v3::RBACPerRoute::descriptor,
    &extension::Typed<v3::RBACPerRoute, &CreateRoute>,
};

}  // namespace outrigger::filters
