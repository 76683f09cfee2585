#include "source/net/network_filter.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "test/harness/loop.h"
#include "test/harness/recorder.h"

namespace outrigger::net {
namespace {

using harness::RunUntil;
using harness::TcpPair;
using harness::Turns;
using Verdict = NetworkFilter::Verdict;

// Writes what it hears to a log; answers what it is told.
class Scripted final : public NetworkFilter {
 public:
  Scripted(std::string name, std::string& log) : name_(std::move(name)), log_(log) {}
  Verdict on_new = Verdict::kContinue;
  Verdict on_data = Verdict::kContinue;
  std::function<void(FilterChainOnConnection&)> act;

  Verdict OnNewConnection(FilterChainOnConnection& chain) override {
    absl::StrAppend(&log_, name_, ":new ");
    if (act) act(chain);
    return on_new;
  }
  Verdict OnData(FilterChainOnConnection&, Buffer& data, bool end) override {
    absl::StrAppend(&log_, name_, ":", data.ToString(), end ? "$ " : " ");
    return on_data;
  }
  void OnClosed(const CloseInfo&) override { absl::StrAppend(&log_, name_, ":closed "); }

 private:
  std::string name_;
  std::string& log_;
};

class Terminal final : public NetworkFilter {
 public:
  explicit Terminal(std::string& log) : log_(log) {}
  Verdict OnNewConnection(FilterChainOnConnection&) override {
    absl::StrAppend(&log_, "t:new ");
    return Verdict::kContinue;
  }
  ConnectionHandler* terminal() override { return &recorder; }
  harness::Recorder recorder;

 private:
  std::string& log_;
};

class NetworkFilterTest : public testing::Test, public FilterChainOnConnection::Owner {
 protected:
  NetworkFilterTest() {
    const auto [client, server] = TcpPair(loop_);
    client_ = std::make_unique<harness::End>(loop_, client);
    server_ = std::make_unique<Connection>(loop_, server, std::make_unique<RawTransport>());
    for (const char* name : {"a", "b"}) {
      filters_.push_back(std::make_unique<Scripted>(name, log_));
    }
    a_ = static_cast<Scripted*>(filters_[0].get());
    b_ = static_cast<Scripted*>(filters_[1].get());
    filters_.push_back(std::make_unique<Terminal>(log_));
    recorder_ = &static_cast<Terminal*>(filters_[2].get())->recorder;
    recorder_->on_closed = [this] { absl::StrAppend(&log_, "t:closed "); };
  }
  void OnConnectionClosed(const CloseInfo& why) override { closed_ = why; }
  void Start() {
    chain_ = std::make_unique<FilterChainOnConnection>(*server_, std::move(filters_), this);
    server_->Start();
    Turns(loop_);
  }
  void Send(absl::string_view text) {
    (*client_)->Write(text);
    ASSERT_TRUE(RunUntil(loop_, [&] { return (*client_)->output().empty(); }));
    Turns(loop_);
  }

  event::Dispatcher loop_{event::MakeEpollEngine()};
  std::string log_;
  std::vector<std::unique_ptr<NetworkFilter>> filters_;
  Scripted *a_, *b_;
  harness::Recorder* recorder_;
  std::unique_ptr<harness::End> client_;
  std::unique_ptr<Connection> server_;
  std::unique_ptr<FilterChainOnConnection> chain_;
  std::optional<CloseInfo> closed_;
};

TEST_F(NetworkFilterTest, FiltersSeeTheConnectionAndBytesInOrderBeforeTheTerminal) {
  Start();
  EXPECT_EQ(log_, "a:new b:new t:new ");
  EXPECT_EQ(recorder_->connected, 1);
  Send("x");
  EXPECT_EQ(log_, "a:new b:new t:new a:x b:x ");
  EXPECT_EQ(recorder_->got, "x");
  (*client_)->EndWrite();
  ASSERT_TRUE(RunUntil(loop_, [&] { return recorder_->ends == 1; }));
  EXPECT_EQ(log_, "a:new b:new t:new a:x b:x a:$ b:$ ");
  server_->Close(Connection::CloseMode::kNow);
  EXPECT_EQ(log_, "a:new b:new t:new a:x b:x a:$ b:$ t:closed a:closed b:closed ");
  EXPECT_TRUE(closed_.has_value());
}

TEST_F(NetworkFilterTest, AFilterThatIsDoneIsNotAskedAgain) {
  a_->on_new = Verdict::kDone;
  b_->on_data = Verdict::kDone;
  Start();
  Send("x");
  Send("y");
  EXPECT_EQ(log_, "a:new b:new t:new b:x ");
  EXPECT_EQ(recorder_->got, "xy");
}

TEST_F(NetworkFilterTest, AStoppedNewConnectionHoldsBytesUntilResumed) {
  a_->on_new = Verdict::kStop;
  Start();
  Send("x");
  (*client_)->EndWrite();
  Turns(loop_, 8);
  EXPECT_EQ(log_, "a:new ");
  chain_->Resume();
  EXPECT_EQ(log_, "a:new ") << "not from inside the call";
  ASSERT_TRUE(RunUntil(loop_, [&] { return recorder_->ends == 1; }));
  EXPECT_EQ(log_, "a:new b:new t:new a:x$ b:x$ ");
  EXPECT_EQ(recorder_->got, "x");
}

TEST_F(NetworkFilterTest, AStoppedConnectionWithoutBytesGoesOnWhenResumed) {
  a_->on_new = Verdict::kStop;
  Start();
  chain_->Resume();
  ASSERT_TRUE(RunUntil(loop_, [&] { return recorder_->connected == 1; }));
  EXPECT_EQ(recorder_->calls, 0);
}

TEST_F(NetworkFilterTest, StoppedBytesGoOnBehindTheFilterThatStopped) {
  a_->on_data = Verdict::kStop;
  Start();
  log_.clear();
  Send("x");
  EXPECT_EQ(log_, "a:x ");
  EXPECT_EQ(recorder_->got, "");
  a_->on_data = Verdict::kContinue;
  chain_->Resume();
  ASSERT_TRUE(RunUntil(loop_, [&] { return recorder_->got == "x"; }));
  EXPECT_EQ(log_, "a:x b:x ");
  Send("y");
  EXPECT_EQ(log_, "a:x b:x a:y b:y ");
}

TEST_F(NetworkFilterTest, MoreBytesAskAStoppedFilterAgain) {
  a_->on_data = Verdict::kStop;
  Start();
  log_.clear();
  Send("x");
  a_->on_data = Verdict::kContinue;
  Send("y");
  EXPECT_EQ(log_, "a:x a:xy b:xy ");
  EXPECT_EQ(recorder_->got, "xy");
}

TEST_F(NetworkFilterTest, AFilterMayCloseTheConnection) {
  a_->act = [](FilterChainOnConnection& chain) { chain.connection().Close(Connection::CloseMode::kNow); };
  Start();
  EXPECT_EQ(log_, "a:new a:closed b:closed ");
  EXPECT_EQ(recorder_->closes, 0) << "the terminal never heard of it";
  EXPECT_TRUE(closed_.has_value());
}

TEST_F(NetworkFilterTest, AChainWithoutATerminalCloses) {
  filters_.pop_back();
  Start();
  ASSERT_TRUE(closed_.has_value());
  EXPECT_STREQ(closed_->detail, "no_terminal_filter");
}

}  // namespace
}  // namespace outrigger::net
