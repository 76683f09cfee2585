#include <memory>
#include <string>
#include <utility>

#include "envoy/extensions/filters/http/buffer/v3/buffer.pb.h"
#include "gtest/gtest.h"
#include "source/filters/http/buffer/buffer_filter.h"
#include "source/filters/http/buffer/factory.h"
#include "test/harness/factory_context.h"
#include "test/harness/stream_harness.h"

namespace outrigger::filters {
namespace {

namespace v3 = envoy::extensions::filters::http::buffer::v3;
using harness::FromText;

class BufferFilterTest : public testing::Test {
 protected:
  BufferFilterTest() {
    absl::StatusOr<http::FilterSpec> spec =
        kBufferFactory.create(FromText<v3::Buffer>("max_request_bytes { value: 10 }"), context_);
    EXPECT_TRUE(spec.ok()) << spec.status();
    h_.Add(*std::move(spec), "buffer");
  }
  void Route(const std::string& text) {
    auto made = kBufferFactory.create_route(FromText<v3::BufferPerRoute>(text), context_);
    ASSERT_TRUE(made.ok()) << made.status();
    route_ = *made;
    h_.per_route["buffer"] = {route_.get()};
  }
  std::string Length() const {
    for (const auto& [name, value] : h_.arrived.fields) {
      if (name == "content-length") return value;
    }
    return "none";
  }

  std::shared_ptr<const void> route_;
  harness::StreamHarness h_;
  harness::FakeFactoryContext context_{h_.stats()};
};

TEST_F(BufferFilterTest, PassesARequestOnOnceItIsWhole) {
  h_.Post();
  h_.Body("12345", false);
  EXPECT_FALSE(h_.arrived.headers);
  h_.Body("67890", true);
  EXPECT_EQ(h_.arrived.body, "1234567890");
  EXPECT_EQ(h_.arrived.body_calls, 1);
  EXPECT_TRUE(h_.arrived.ended);
  EXPECT_EQ(Length(), "10");
}

TEST_F(BufferFilterTest, TrailersEndARequestToo) {
  h_.Post();
  h_.Body("12345", false);
  h_.Trailers({{"t", "1"}});
  EXPECT_EQ(h_.arrived.body, "12345");
  EXPECT_EQ(h_.arrived.trailers, 1);
  EXPECT_EQ(Length(), "5");
}

TEST_F(BufferFilterTest, KeepsALengthThatIsThere) {
  h_.Request({{":method", "POST"}, {":path", "/"}, {"content-length", "3"}}, false);
  h_.Body("abc", true);
  EXPECT_EQ(Length(), "3");
}

TEST_F(BufferFilterTest, ARequestOfHeadersAlonePasses) {
  h_.Get();
  EXPECT_TRUE(h_.arrived.ended);
  EXPECT_EQ(Length(), "none");
}

TEST_F(BufferFilterTest, Answers413BeyondItsLimit) {
  h_.Post();
  h_.Body("12345678901", false);
  EXPECT_EQ(h_.sender.status(), "413");
  EXPECT_EQ(h_.details, "request_payload_too_large");
  EXPECT_FALSE(h_.arrived.headers);
}

TEST_F(BufferFilterTest, Answers413IfTheLastPieceIsTooMuch) {
  h_.Post();
  h_.Body("1234567890", false);
  h_.Body("1", true);
  EXPECT_EQ(h_.sender.status(), "413");
  EXPECT_FALSE(h_.arrived.headers);
}

TEST_F(BufferFilterTest, ARouteMayTurnItOff) {
  Route("disabled: true");
  h_.Post();
  h_.Body("12345678901", false);
  EXPECT_EQ(h_.arrived.body, "12345678901");
}

TEST_F(BufferFilterTest, ARouteMayAllowMore) {
  Route("buffer { max_request_bytes { value: 20 } }");
  h_.Post();
  h_.Body("12345678901", false);
  EXPECT_FALSE(h_.sender.headers_sent);
  h_.Body("x", true);
  EXPECT_EQ(Length(), "12");
}

TEST_F(BufferFilterTest, TunnelsPass) {
  h_.Request({{":method", "GET"}, {":path", "/"}, {"upgrade", "websocket"}, {"connection", "upgrade"}}, false);
  EXPECT_TRUE(h_.arrived.headers);
}

TEST_F(BufferFilterTest, RefusesALimitOfZero) {
  EXPECT_EQ(kBufferFactory.create(v3::Buffer(), context_).status().message(), "max_request_bytes: must be above 0");
  EXPECT_EQ(kBufferFactory.create_route(v3::BufferPerRoute(), context_).status().message(),
            "disabled or buffer is needed");
}

}  // namespace
}  // namespace outrigger::filters
