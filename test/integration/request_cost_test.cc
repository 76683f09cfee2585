#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/match.h"
#include "test/integration/allocation_count.h"
#include "test/integration/small_proxy.h"

namespace outrigger::integration {
namespace {

constexpr int kWarmUp = 1000;
constexpr int kRounds = 5;
constexpr int kRequests = 2000;  // of a round

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

  // An answer that takes longer than any before makes room in three histograms, once: a round without one has to come.
  uint64_t allocations = UINT64_MAX, frees = UINT64_MAX;
  const auto before = proxy.CountsNow();
  for (int round = 0; round < kRounds; ++round) {
    AllocationCount::Start();
    for (int i = 0; i < kRequests; ++i) exchange();
    AllocationCount::Stop();
    allocations = std::min(allocations, AllocationCount::Allocations());
    frees = std::min(frees, AllocationCount::Frees());
  }
  const auto after = proxy.CountsNow();

  EXPECT_EQ(after.readv - before.readv, 2 * kRounds * kRequests);
  EXPECT_EQ(after.writev - before.writev, 2 * kRounds * kRequests);
  EXPECT_EQ(after.socket_calls() - before.socket_calls(), 4 * kRounds * kRequests);
  RecordProperty("event_waits", after.wait - before.wait);
#ifndef OUTRIGGER_SANITIZED
  EXPECT_EQ(allocations, 0u);
  EXPECT_EQ(frees, 0u);
  AllocationCount::Start();
  { std::string seen(1000, 'x'); }  // and the counting counts
  AllocationCount::Stop();
  EXPECT_EQ(AllocationCount::Allocations(), 1u);
  EXPECT_EQ(AllocationCount::Frees(), 1u);
#endif
}

}  // namespace
}  // namespace outrigger::integration
