#include <gtest/gtest.h>

#include <string>

#include "absl/strings/match.h"
#include "test/integration/allocation_count.h"
#include "test/integration/small_proxy.h"

namespace outrigger::integration {
namespace {

constexpr int kWarmUp = 1000;
constexpr int kRequests = 10000;

const char kRequest[] = "GET /hello?x=1 HTTP/1.1\r\nhost: example.com\r\nuser-agent: test\r\naccept: */*\r\n\r\n";

TEST(RequestCostTest, APlainRequestCostsFourSocketCallsAndNoMemory) {
  FixedBackend backend("HTTP/1.1 200 OK\r\ncontent-length: 100\r\nserver: x\r\n\r\n" + std::string(100, 'b'));
  SmallProxy::Options options;
  options.backend_port = backend.port();
  SmallProxy proxy(options);
  Client client(proxy.port());
  const std::string request = kRequest;
  client.Send(request);
  const std::string first = client.ReadResponse();
  ASSERT_TRUE(absl::StartsWith(first, "HTTP/1.1 200 OK\r\n")) << first;
  ASSERT_TRUE(absl::StrContains(first, "server: envoy\r\n")) << first;
  ASSERT_TRUE(absl::StrContains(first, "x-envoy-upstream-service-time: ")) << first;
  ASSERT_TRUE(absl::EndsWith(first, std::string(100, 'b'))) << first;
  static char answer[4096];
  const auto exchange = [&] {
    client.Send(request);
    size_t have = 0;
    for (;;) {
      have += client.ReadSome(answer + have, sizeof(answer) - have);
      const size_t end = absl::string_view(answer, have).find("\r\n\r\n");
      if (end != absl::string_view::npos && have >= end + 4 + 100) return;
    }
  };
  for (int i = 0; i < kWarmUp; ++i) exchange();

  const auto before = proxy.CountsNow();
  AllocationCount::Start();
  for (int i = 0; i < kRequests; ++i) exchange();
  AllocationCount::Stop();
  const auto after = proxy.CountsNow();

  EXPECT_EQ(after.readv - before.readv, 2 * kRequests);
  EXPECT_EQ(after.writev - before.writev, 2 * kRequests);
  EXPECT_EQ(after.socket_calls() - before.socket_calls(), 4 * kRequests);
  RecordProperty("event_waits", after.wait - before.wait);
#ifndef OUTRIGGER_SANITIZED
  EXPECT_EQ(AllocationCount::Allocations(), 0u);
  EXPECT_EQ(AllocationCount::Frees(), 0u);
  AllocationCount::Start();
  { std::string seen(1000, 'x'); }  // and the counting counts
  AllocationCount::Stop();
  EXPECT_EQ(AllocationCount::Allocations(), 1u);
  EXPECT_EQ(AllocationCount::Frees(), 1u);
#endif
}

}  // namespace
}  // namespace outrigger::integration
