#include "source/filters/http/on_demand/factory.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "envoy/config/core/v3/config_source.pb.h"
#include "envoy/extensions/filters/http/on_demand/v3/on_demand.pb.h"
#include "source/extension/typed.h"
#include "source/extension/values.h"
#include "source/filters/http/on_demand/on_demand_filter.h"

namespace outrigger::filters {

namespace v3 = envoy::extensions::filters::http::on_demand::v3;
using envoy::config::core::v3::ConfigSource;
using extension::FactoryContext;

namespace {

absl::Status Compile(const v3::OnDemandCds& proto, OnDemandConfig* config) {
  if (proto.source().config_source_specifier_case() == ConfigSource::CONFIG_SOURCE_SPECIFIER_NOT_SET) {
    return extension::Fault("source", "names no source to fetch from");
  }
  config->source = std::make_shared<const ConfigSource>(proto.source());
  if (proto.has_timeout()) config->timeout = extension::DurationOf(proto.timeout());
  return absl::OkStatus();
}

absl::StatusOr<http::FilterSpec> Create(const v3::OnDemand& proto, FactoryContext& context) {
  auto config = std::make_shared<OnDemandConfig>();
  if (proto.has_odcds()) {
    if (absl::Status status = Compile(proto.odcds(), config.get()); !status.ok())
      return extension::Under("odcds", status);
  }
  config->stats = context.stats().Register<observe::OnDemandStats>(absl::StrCat(context.stat_prefix(), "on_demand."));
  return http::MakeFilterSpec<OnDemandFilter>(std::move(config));
}

// Without odcds: no cluster is fetched there.
absl::StatusOr<std::shared_ptr<const void>> CreateRoute(const v3::PerRouteConfig& proto, FactoryContext& /*context*/) {
  auto config = std::make_shared<OnDemandConfig>();
  if (proto.has_odcds()) {
    if (absl::Status status = Compile(proto.odcds(), config.get()); !status.ok())
      return extension::Under("odcds", status);
  }
  return std::shared_ptr<const void>(std::move(config));
}

}  // namespace

constinit const extension::HttpFilterFactory kOnDemandFactory = {
    "envoy.filters.http.on_demand",
    &v3::OnDemand::descriptor,
    &extension::Typed<v3::OnDemand, &Create>,
    &v3::PerRouteConfig::descriptor,
    &extension::Typed<v3::PerRouteConfig, &CreateRoute>,
};

}  // namespace outrigger::filters
