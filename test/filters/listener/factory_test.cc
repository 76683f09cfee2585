// The factories of the listener filters: what configuration makes of them.
#include "source/filters/listener/http_inspector/factory.h"

#include <memory>

#include "envoy/extensions/filters/listener/http_inspector/v3/http_inspector.pb.h"
#include "envoy/extensions/filters/listener/original_dst/v3/original_dst.pb.h"
#include "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.pb.h"
#include "gtest/gtest.h"
#include "source/event/engine.h"
#include "source/filters/listener/original_dst/factory.h"
#include "source/filters/listener/tls_inspector/factory.h"
#include "source/upstream/worker_context.h"
#include "test/harness/factory_context.h"

namespace outrigger::filters {
namespace {

class ListenerFactoryTest : public testing::Test {
 protected:
  ListenerFactoryTest()
      : loop_(event::MakeEpollEngine()),
        context_(stats_),
        worker_(0, loop_, stats_.main(), facts_, std::make_shared<const model::Snapshot>(), [](auto) {}) {}

  // A filter for a connection, made as the server makes it.
  std::unique_ptr<net::ListenerFilter> Make(const extension::ListenerFilterFactory& factory,
                                            const google::protobuf::Message& proto) {
    EXPECT_EQ(factory.config_type(), proto.GetDescriptor());
    spec_ = factory.create(proto, context_);
    EXPECT_TRUE(spec_.ok()) << spec_.status();
    return spec_->make(spec_->config.get(), worker_);
  }

  event::Dispatcher loop_;
  observe::StatsRegistry stats_;
  harness::FakeFactoryContext context_;
  upstream::ProcessFacts facts_;
  upstream::WorkerContext worker_;
  absl::StatusOr<model::ListenerFilterSpec> spec_ = absl::UnknownError("none");
};

TEST_F(ListenerFactoryTest, TheTlsInspectorWantsBytesAndCountsUnderItsPublishedName) {
  const auto filter =
      Make(kTlsInspectorFactory, envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector());
  EXPECT_EQ(kTlsInspectorFactory.name, "envoy.filters.listener.tls_inspector");
  EXPECT_GT(filter->max_bytes(), 0u);
  net::AcceptedSocket socket;
  size_t consume = 0;
  EXPECT_EQ(filter->OnBytes("GET / HTTP/1.1", false, socket, &consume), net::ListenerFilter::Verdict::kContinue);
  EXPECT_FALSE(socket.properties.tls_detected);
  const auto scope = stats_.Register<observe::TlsInspectorStats>("tls_inspector.");
  EXPECT_EQ(stats_.main().Get(scope).tls_not_found.value(), 1u);
}

TEST_F(ListenerFactoryTest, TheHttpInspectorKnowsTheProtocol) {
  const auto filter =
      Make(kHttpInspectorFactory, envoy::extensions::filters::listener::http_inspector::v3::HttpInspector());
  net::AcceptedSocket socket;
  size_t consume = 0;
  EXPECT_EQ(filter->OnBytes("GET / HTTP/1.1\r\n", false, socket, &consume), net::ListenerFilter::Verdict::kContinue);
  EXPECT_EQ(socket.properties.application, net::ApplicationProtocol::kHttp1);
}

TEST_F(ListenerFactoryTest, OriginalDstAsksTheSocketAndNoBytes) {
  const auto filter = Make(kOriginalDstFactory, envoy::extensions::filters::listener::original_dst::v3::OriginalDst());
  EXPECT_EQ(filter->max_bytes(), 0u);
  net::AcceptedSocket none;  // no descriptor: nothing to ask
  EXPECT_EQ(filter->OnAccept(loop_.engine(), none), net::ListenerFilter::Verdict::kContinue);
  EXPECT_FALSE(none.properties.local_restored);
  const auto scope = stats_.Register<observe::OriginalDstStats>("original_dst.");
  EXPECT_EQ(stats_.main().Get(scope).not_found.value(), 1u);
}

}  // namespace
}  // namespace outrigger::filters
