#include "source/filters/network/rbac/factory.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/network/rbac/v3/rbac.pb.h"
#include "source/extension/typed.h"
#include "source/extension/values.h"
#include "source/filters/common/rbac/build.h"
#include "source/filters/network/rbac/network_rbac.h"

namespace outrigger::filters {

namespace v3 = envoy::extensions::filters::network::rbac::v3;
using extension::FactoryContext;

namespace {

std::string Dotted(absl::string_view prefix) {
  return prefix.empty() || absl::EndsWith(prefix, ".") ? std::string(prefix) : absl::StrCat(prefix, ".");
}

absl::StatusOr<std::unique_ptr<rbac::Engine>> Build(bool given, const envoy::config::rbac::v3::RBAC& rules,
                                                    absl::string_view field, FactoryContext& context) {
  if (!given) return std::unique_ptr<rbac::Engine>();
  absl::StatusOr<rbac::Engine> engine = rbac::BuildEngine(rules, field, false, context);
  if (!engine.ok()) return engine.status();
  return std::make_unique<rbac::Engine>(*std::move(engine));
}

absl::StatusOr<model::NetworkFilterSpec> Create(const v3::RBAC& proto, FactoryContext& context) {
  if (proto.has_matcher()) return extension::Fault("matcher", "is not supported");
  if (proto.has_shadow_matcher()) return extension::Fault("shadow_matcher", "is not supported");
  auto config = std::make_shared<NetworkRbacConfig>();
  OUTRIGGER_ASSIGN(config->rules, "rules", Build(proto.has_rules(), proto.rules(), "rules", context));
  OUTRIGGER_ASSIGN(config->shadow, "shadow_rules",
                   Build(proto.has_shadow_rules(), proto.shadow_rules(), "shadow_rules", context));
  switch (proto.enforcement_type()) {
    case v3::RBAC::ONE_TIME_ON_FIRST_BYTE:
      break;
    case v3::RBAC::CONTINUOUS:
      config->continuous = true;
      break;
    default:
      return extension::Fault("enforcement_type", "this type is not supported");
  }
  const std::string prefix = absl::StrCat(Dotted(proto.stat_prefix()), "rbac.");
  config->stats = context.stats().Register<observe::RbacStats>(prefix);
  config->shadow_stats =
      context.stats().Register<observe::RbacStats>(absl::StrCat(prefix, Dotted(proto.shadow_rules_stat_prefix())));

  model::NetworkFilterSpec spec;
  spec.config = std::move(config);
  spec.make = [](const std::shared_ptr<const void>& made,
                 model::DownstreamContext& of) -> std::unique_ptr<net::NetworkFilter> {
    return std::make_unique<NetworkRbac>(std::static_pointer_cast<const NetworkRbacConfig>(made), of);
  };
  spec.connection_hash = extension::HashOf(proto);  // who was let in by other rules must drain
  return spec;
}

}  // namespace

constinit const extension::NetworkFilterFactory kNetworkRbacFactory = {
    "envoy.filters.network.rbac",
    &v3::RBAC::descriptor,
    &extension::Typed<v3::RBAC, &Create>,
    /*admits=*/true,
};

}  // namespace outrigger::filters
