#include "source/filters/listener/http_inspector/factory.h"

#include <memory>

#include "envoy/extensions/filters/listener/http_inspector/v3/http_inspector.pb.h"
#include "source/extension/typed.h"
#include "source/filters/listener/http_inspector/http_inspector.h"
#include "source/upstream/worker_context.h"

namespace outrigger::filters {

namespace v3 = envoy::extensions::filters::listener::http_inspector::v3;

namespace {

using Stats = observe::StatsScope<observe::HttpInspectorStats>;

absl::StatusOr<model::ListenerFilterSpec> Create(const v3::HttpInspector& /*proto*/,
                                                 extension::FactoryContext& context) {
  model::ListenerFilterSpec spec;
  spec.config = std::make_shared<const Stats>(context.stats().Register<observe::HttpInspectorStats>("http_inspector."));
  spec.make = [](const void* config, upstream::WorkerContext& worker) -> std::unique_ptr<net::ListenerFilter> {
    return std::make_unique<HttpInspector>(worker.stats().Get(*static_cast<const Stats*>(config)));
  };
  return spec;
}

}  // namespace

constinit const extension::ListenerFilterFactory kHttpInspectorFactory = {
    "envoy.filters.listener.http_inspector",
    &v3::HttpInspector::descriptor,
    &extension::Typed<v3::HttpInspector, &Create>,
};

}  // namespace outrigger::filters
