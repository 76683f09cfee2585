#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "source/event/dispatcher.h"

namespace outrigger::event {
namespace {

// A name server of a few records, on UDP, on the loop under test (RFC 1035 section 4).
class NameServer : public IoHandler {
 public:
  explicit NameServer(Engine& engine) : engine_(engine) {
    fd_ = static_cast<int>(engine.Socket(AF_INET, SOCK_DGRAM, 0));
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(engine.Bind(fd_, reinterpret_cast<sockaddr*>(&any), sizeof(any)), 0);
    sockaddr_storage bound;
    socklen_t length = sizeof(bound);
    engine.LocalAddress(fd_, &bound, &length);
    port_ = ntohs(reinterpret_cast<sockaddr_in*>(&bound)->sin_port);
    engine.Register(fd_, this);
  }
  ~NameServer() override { engine_.Close(fd_); }
  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }
  void OnReady(uint32_t) override {
    char question[512];
    sockaddr_in from{};
    for (;;) {
      socklen_t length = sizeof(from);
      const ssize_t n = recvfrom(fd_, question, sizeof(question), 0, reinterpret_cast<sockaddr*>(&from), &length);
      if (n < 12) return;
      const std::string reply = Answer(std::string(question, static_cast<size_t>(n)));
      sendto(fd_, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), length);
    }
  }
  // By name and record type (1: A, 28: AAAA): TTL and addresses.
  std::map<std::pair<std::string, int>, std::pair<uint32_t, std::vector<std::string>>> records;
  int asked = 0;

 private:
  std::string Answer(const std::string& question) {
    ++asked;
    std::string name;
    size_t at = 12;
    while (at < question.size() && question[at] != 0) {
      if (!name.empty()) name += '.';
      name += question.substr(at + 1, static_cast<uint8_t>(question[at]));
      at += 1 + static_cast<uint8_t>(question[at]);
    }
    const int type = static_cast<uint8_t>(question[at + 2]);
    std::string reply = question.substr(0, at + 5);
    const bool known = records.count({name, 1}) + records.count({name, 28}) > 0;
    const auto found = records.find({name, type});
    const size_t count = found == records.end() ? 0 : found->second.second.size();
    reply[2] = static_cast<char>(0x81);
    reply[3] = static_cast<char>(known ? 0x80 : 0x83);
    reply[7] = static_cast<char>(count);
    reply[10] = reply[11] = 0;
    for (size_t i = 0; i < count; ++i) {
      char binary[16];
      const int size = type == 1 ? 4 : 16;
      inet_pton(type == 1 ? AF_INET : AF_INET6, found->second.second[i].c_str(), binary);
      const uint32_t ttl = htonl(found->second.first);
      reply += std::string("\xc0\x0c\x00", 3) + static_cast<char>(type) + std::string("\x00\x01", 2);
      reply.append(reinterpret_cast<const char*>(&ttl), 4);
      reply += std::string(1, '\0') + static_cast<char>(size) + std::string(binary, static_cast<size_t>(size));
    }
    return reply;
  }
  Engine& engine_;
  int fd_ = -1;
  int port_ = 0;
};

class ResolverTest : public testing::Test {
 protected:
  ResolverTest() {
    server_.records[{"both.test", 1}] = {30, {"10.0.0.1", "10.0.0.2"}};
    server_.records[{"both.test", 28}] = {20, {"2001:db8::1"}};
    server_.records[{"four.test", 1}] = {60, {"10.0.0.4"}};
  }
  ResolveAnswer Resolve(absl::string_view name, ResolveFamily family) {
    std::optional<ResolveAnswer> answer;
    auto query = client_.engine().Resolve(name, family, [&](const ResolveAnswer& a) { answer = a; });
    EXPECT_FALSE(answer.has_value()) << "never before the call returned";
    while (!answer.has_value()) Turn();
    return *answer;
  }
  void Turn() {
    serving_.RunOnce(Duration::zero());
    client_.RunOnce(milliseconds(5));
  }
  using Addresses = std::vector<std::string>;

  Dispatcher serving_{MakeEpollEngine()};
  NameServer server_{serving_.engine()};
  Dispatcher client_{MakeEpollEngine({.dns_servers = server_.address()})};
};

TEST_F(ResolverTest, FamiliesFollowTheLookupPolicy) {
  EXPECT_EQ(Resolve("both.test", ResolveFamily::kV4Only).addresses, (Addresses{"10.0.0.1", "10.0.0.2"}));
  EXPECT_EQ(Resolve("both.test", ResolveFamily::kV6Only).addresses, (Addresses{"2001:db8::1"}));
  EXPECT_EQ(Resolve("both.test", ResolveFamily::kAuto).addresses, (Addresses{"2001:db8::1"}));
  EXPECT_EQ(Resolve("four.test", ResolveFamily::kAuto).addresses, (Addresses{"10.0.0.4"}));
  EXPECT_EQ(Resolve("both.test", ResolveFamily::kV4Preferred).addresses, (Addresses{"10.0.0.1", "10.0.0.2"}));
  EXPECT_EQ(Resolve("both.test", ResolveFamily::kAll).addresses, (Addresses{"2001:db8::1", "10.0.0.1", "10.0.0.2"}));
  EXPECT_EQ(Resolve("four.test", ResolveFamily::kAll).addresses, (Addresses{"10.0.0.4"}));
}

TEST_F(ResolverTest, TheShortestTimeToLiveCounts) {
  EXPECT_EQ(Resolve("both.test", ResolveFamily::kV4Only).ttl, seconds(30));
  EXPECT_EQ(Resolve("both.test", ResolveFamily::kAll).ttl, seconds(20));
}

TEST_F(ResolverTest, AnUnknownNameIsAnErrorWithText) {
  const ResolveAnswer answer = Resolve("nobody.test", ResolveFamily::kV4Only);
  EXPECT_NE(answer.error, 0);
  EXPECT_FALSE(answer.detail.empty());
  EXPECT_TRUE(answer.addresses.empty());
  EXPECT_NE(Resolve("four.test", ResolveFamily::kV6Only).error, 0) << "the name exists, but has no such address";
}

TEST_F(ResolverTest, LiteralsNeedNoNetwork) {
  EXPECT_EQ(Resolve("127.0.0.9", ResolveFamily::kAuto).addresses, (Addresses{"127.0.0.9"}));
  EXPECT_EQ(Resolve("::1", ResolveFamily::kAll).addresses, (Addresses{"::1"}));
  EXPECT_NE(Resolve("::1", ResolveFamily::kV4Only).error, 0);
  EXPECT_EQ(server_.asked, 0);
}

TEST_F(ResolverTest, LocalhostIsTheLoopbackAddressWhateverANameServerSays) {
  server_.records[{"localhost", 1}] = {30, {"10.6.6.6"}};
  server_.records[{"a.localhost", 1}] = {30, {"10.6.6.6"}};
  EXPECT_EQ(Resolve("localhost", ResolveFamily::kV4Only).addresses, (Addresses{"127.0.0.1"}));
  EXPECT_EQ(Resolve("LocalHost.", ResolveFamily::kV6Only).addresses, (Addresses{"::1"}));
  EXPECT_EQ(Resolve("a.localhost", ResolveFamily::kV4Preferred).addresses, (Addresses{"127.0.0.1"}));
  EXPECT_EQ(Resolve("localhost", ResolveFamily::kAuto).addresses, (Addresses{"::1"}));
  EXPECT_EQ(Resolve("localhost", ResolveFamily::kAll).addresses, (Addresses{"::1", "127.0.0.1"}));
  EXPECT_EQ(server_.asked, 0);
  EXPECT_NE(Resolve("notlocalhost", ResolveFamily::kV4Only).error, 0);
  EXPECT_EQ(server_.asked, 1);
}

TEST_F(ResolverTest, ACancelledQuestionIsNotAnswered) {
  bool called = false;
  auto query = client_.engine().Resolve("both.test", ResolveFamily::kAll, [&](const ResolveAnswer&) { called = true; });
  auto literal = client_.engine().Resolve("1.2.3.4", ResolveFamily::kAll, [&](const ResolveAnswer&) { called = true; });
  query.reset();
  literal.reset();
  Resolve("four.test", ResolveFamily::kV4Only);
  Turn();
  EXPECT_FALSE(called);
}

TEST_F(ResolverTest, AnUnansweredQuestionDiesWithTheEngine) {
  bool called = false;
  std::unique_ptr<Engine::Query> query;
  {
    Dispatcher dispatcher(MakeEpollEngine({.dns_servers = server_.address()}));
    query = dispatcher.engine().Resolve("both.test", ResolveFamily::kAll, [&](const ResolveAnswer&) { called = true; });
  }
  EXPECT_FALSE(called);
}

TEST_F(ResolverTest, NamesThatCannotBeAreErrors) {
  EXPECT_NE(Resolve(std::string(300, 'a'), ResolveFamily::kAll).error, 0);
  EXPECT_NE(Resolve("bad..name", ResolveFamily::kAll).error, 0);
}

}  // namespace
}  // namespace outrigger::event
