#include "source/filters/listener/tls_inspector/factory.h"

#include <memory>

#include "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.pb.h"
#include "source/extension/typed.h"
#include "source/filters/listener/tls_inspector/tls_inspector.h"
#include "source/upstream/worker_context.h"

namespace outrigger::filters {

namespace v3 = envoy::extensions::filters::listener::tls_inspector::v3;

namespace {

using Stats = observe::StatsScope<observe::TlsInspectorStats>;

absl::StatusOr<model::ListenerFilterSpec> Create(const v3::TlsInspector& /*proto*/,
                                                 extension::FactoryContext& context) {
  model::ListenerFilterSpec spec;
  spec.config = std::make_shared<const Stats>(context.stats().Register<observe::TlsInspectorStats>("tls_inspector."));
  spec.make = [](const void* config, upstream::WorkerContext& worker) -> std::unique_ptr<net::ListenerFilter> {
    return std::make_unique<TlsInspector>(worker.stats().Get(*static_cast<const Stats*>(config)));
  };
  return spec;
}

}  // namespace

constinit const extension::ListenerFilterFactory kTlsInspectorFactory = {
    "envoy.filters.listener.tls_inspector",
    &v3::TlsInspector::descriptor,
    &extension::Typed<v3::TlsInspector, &Create>,
};

}  // namespace outrigger::filters
