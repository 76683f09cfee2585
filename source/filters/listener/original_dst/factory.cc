#include "source/filters/listener/original_dst/factory.h"

#include <memory>

#include "envoy/extensions/filters/listener/original_dst/v3/original_dst.pb.h"
#include "source/extension/typed.h"
#include "source/filters/listener/original_dst/original_dst.h"
#include "source/upstream/worker_context.h"

namespace outrigger::filters {

namespace v3 = envoy::extensions::filters::listener::original_dst::v3;

namespace {

using Stats = observe::StatsScope<observe::OriginalDstStats>;

absl::StatusOr<model::ListenerFilterSpec> Create(const v3::OriginalDst& /*proto*/, extension::FactoryContext& context) {
  model::ListenerFilterSpec spec;
  spec.config = std::make_shared<const Stats>(context.stats().Register<observe::OriginalDstStats>("original_dst."));
  spec.make = [](const void* config, upstream::WorkerContext& worker) -> std::unique_ptr<net::ListenerFilter> {
    return std::make_unique<OriginalDst>(worker.stats().Get(*static_cast<const Stats*>(config)));
  };
  return spec;
}

}  // namespace

constinit const extension::ListenerFilterFactory kOriginalDstFactory = {
    "envoy.filters.listener.original_dst",
    &v3::OriginalDst::descriptor,
    &extension::Typed<v3::OriginalDst, &Create>,
};

}  // namespace outrigger::filters
