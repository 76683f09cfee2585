// A connection that sends much gets its part of each turn of the loop, and loses nothing.
#include "source/http/h2/turn_share.h"

#include "gtest/gtest.h"
#include "test/http/h2/raw_peer.h"

namespace outrigger::http::h2 {
namespace {

constexpr uint32_t kRequests = 600;
constexpr size_t kMostInATurn = TurnShare::kMostWork / 64 + 1;  // by what HEADERS cost

struct H2TurnShareTest : testing::Test, Raw {
  void WriteRequests() {
    http2.max_concurrent_streams = kRequests;
    Open(true);
    std::string bytes;
    for (uint32_t i = 0; i < kRequests; ++i) bytes += Headers(1 + 2 * i, Get(), true);
    Write(bytes);
  }
  size_t ended() const {
    size_t n = 0;
    for (const auto& exchange : server_app.exchanges) n += static_cast<size_t>(exchange->ends);
    return n;
  }
};

TEST_F(H2TurnShareTest, RequestsThatCameTogetherAreTakenInSeveralTurns) {
  WriteRequests();
  size_t turns = 0, before = 0;
  while (server_app.exchanges.size() < kRequests && turns < 100'000) {
    loop.RunOnce(milliseconds(10));
    EXPECT_LE(server_app.exchanges.size() - before, kMostInATurn);
    before = server_app.exchanges.size();
    ++turns;
  }
  EXPECT_EQ(ended(), kRequests);
  EXPECT_GT(turns, kRequests / kMostInATurn);
}

TEST_F(H2TurnShareTest, WhatCameBeforeTheEndIsReadBeforeItIsTold) {
  WriteRequests();
  (*peer)->EndWrite();
  ASSERT_TRUE(Until([&] { return closed(); }));
  EXPECT_EQ(ended(), kRequests);
  EXPECT_STREQ(server_app.closed.detail, "remote_close");
}

}  // namespace
}  // namespace outrigger::http::h2
