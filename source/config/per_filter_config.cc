#include <map>

#include "envoy/config/route/v3/route_components.pb.h"
#include "source/config/factory_lookup.h"
#include "source/config/route_parts.h"
#include "source/schema/typed_struct.h"

namespace outrigger::config {

namespace route_v3 = envoy::config::route::v3;
using extension::Fault;
using google::protobuf::Any;

namespace {

absl::Status SetConfig(const Any& config, bool optional, BuildContext& context, model::PerFilterConfig::Item* item) {
  auto found = FindRouteConfig(context.factories(), config);
  if (!found.ok()) {
    if (!optional) return found.status();
    context.Warn(
        absl::StrCat("optional configuration of filter \"", item->filter, "\" left out: ", found.status().message()));
    return absl::OkStatus();
  }
  auto made = found->factory->create_route(*found->config, context);
  if (!made.ok()) return made.status();
  item->config = *std::move(made);
  return absl::OkStatus();
}

absl::StatusOr<model::PerFilterConfig::Item> ItemOf(const std::string& filter, const Any& config,
                                                    BuildContext& context) {
  model::PerFilterConfig::Item item;
  item.filter = filter;
  if (schema::TypeOf(config.type_url()) != route_v3::FilterConfig::descriptor()) {
    OUTRIGGER_TRY("", SetConfig(config, false, context, &item));
    return item;
  }
  route_v3::FilterConfig wrapper;
  OUTRIGGER_TRY("", schema::UnpackInto(config, wrapper));
  item.disabled = wrapper.disabled();
  item.enabled = !wrapper.disabled();
  if (wrapper.has_config() && !wrapper.config().type_url().empty() && !wrapper.disabled()) {
    BuildContext below = context.Below("config");
    OUTRIGGER_TRY("config", SetConfig(wrapper.config(), wrapper.is_optional(), below, &item));
  } else if (!wrapper.disabled() && !wrapper.has_config()) {
    return Fault("", "needs config, or disabled: true");
  }
  return item;
}

}  // namespace

absl::StatusOr<model::PerFilterConfig> PerFilterConfigOf(const google::protobuf::Map<std::string, Any>& configs,
                                                         BuildContext& context) {
  const std::map<std::string, Any> sorted(configs.begin(), configs.end());
  model::PerFilterConfig out;
  for (const auto& [filter, config] : sorted) {
    const std::string field = extension::Item("typed_per_filter_config", filter);
    BuildContext below = context.Below(field);
    OUTRIGGER_ASSIGN(auto item, field, ItemOf(filter, config, below));
    out.items.push_back(std::move(item));
  }
  return out;
}

}  // namespace outrigger::config
