#include "source/router/config.h"

#include <memory>

#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "source/extension/fault.h"
#include "source/extension/typed.h"
#include "source/router/router.h"

namespace outrigger::router {

namespace {

using Proto = envoy::extensions::filters::http::router::v3::Router;

absl::StatusOr<http::FilterSpec> Create(const Proto& proto, extension::FactoryContext& context) {
  auto config = std::make_shared<RouterConfig>();
  config->stats = context.stats().Register<observe::RouterStats>(context.stat_prefix());
  config->suppress_envoy_headers = proto.suppress_envoy_headers();
  config->respect_expected_rq_timeout = proto.respect_expected_rq_timeout();
  for (const std::string& name : proto.strict_check_headers()) config->strict_check_headers.push_back(name);
  http::FilterSpec spec = http::MakeFilterSpec<Router>(std::move(config), /*terminal=*/true);
  spec.type = "envoy.filters.http.router";
  spec.route_may_disable = false;
  return spec;
}

}  // namespace

const extension::HttpFilterFactory kFactory = {"envoy.filters.http.router", &Proto::descriptor,
                                               &extension::Typed<Proto, &Create>, nullptr, nullptr};

}  // namespace outrigger::router
