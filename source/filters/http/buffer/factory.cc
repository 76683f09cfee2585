#include "source/filters/http/buffer/factory.h"

#include <memory>
#include <utility>

#include "envoy/extensions/filters/http/buffer/v3/buffer.pb.h"
#include "source/extension/typed.h"
#include "source/filters/http/buffer/buffer_filter.h"

namespace outrigger::filters {

namespace v3 = envoy::extensions::filters::http::buffer::v3;
using extension::FactoryContext;

namespace {

absl::StatusOr<std::shared_ptr<BufferConfig>> Compile(const v3::Buffer& proto) {
  if (proto.max_request_bytes().value() == 0) return extension::Fault("max_request_bytes", "must be above 0");
  auto config = std::make_shared<BufferConfig>();
  config->max_request_bytes = proto.max_request_bytes().value();
  return config;
}

absl::StatusOr<http::FilterSpec> Create(const v3::Buffer& proto, FactoryContext& /*context*/) {
  absl::StatusOr<std::shared_ptr<BufferConfig>> config = Compile(proto);
  if (!config.ok()) return config.status();
  return http::MakeFilterSpec<BufferFilter>(*std::move(config));
}

absl::StatusOr<std::shared_ptr<const void>> CreateRoute(const v3::BufferPerRoute& proto, FactoryContext& /*context*/) {
  switch (proto.override_case()) {
    case v3::BufferPerRoute::kDisabled: {
      if (!proto.disabled()) return extension::Fault("disabled", "must be true");
      auto config = std::make_shared<BufferConfig>();
      config->disabled = true;
      return std::shared_ptr<const void>(std::move(config));
    }
    case v3::BufferPerRoute::kBuffer: {
      absl::StatusOr<std::shared_ptr<BufferConfig>> config = Compile(proto.buffer());
      if (!config.ok()) return extension::Under("buffer", config.status());
      return std::shared_ptr<const void>(*std::move(config));
    }
    default:
      return extension::Invalid("disabled or buffer is needed");
  }
}

}  // namespace

constinit const extension::HttpFilterFactory kBufferFactory = {
    "envoy.filters.http.buffer",
    &v3::Buffer::descriptor,
    &extension::Typed<v3::Buffer, &Create>,
    &v3::BufferPerRoute::descriptor,
    &extension::Typed<v3::BufferPerRoute, &CreateRoute>,
};

}  // namespace outrigger::filters
