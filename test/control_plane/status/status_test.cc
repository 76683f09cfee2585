#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "source/control_plane/status/page_server.h"
#include "source/control_plane/status/status_page.h"
#include "source/event/simulated_world.h"
#include "source/net/address.h"
#include "test/control_plane/resources_of.h"

namespace outrigger::control_plane {
namespace {

using testing::HasSubstr;

class Sink : public AnswerSink {
 public:
  void Send(const DiscoveryAnswer& answer) override { last = answer; }
  void End(bool, const std::string&) override {}
  DiscoveryAnswer last;
};

class StatusPageTest : public testing::Test {
 protected:
  void SetUp() override {
    auto catalog = std::make_shared<Catalog>();
    ASSERT_TRUE(catalog->AddForAll(Endpoints("a", 1)));
    server_.Publish(catalog);
    session_ = server_.Open(sink_, {.address = "ipv4:10.0.0.9:1"}, "");
    Ask(false);
  }
  void Ask(bool refuse) {
    DiscoveryAsk ask;
    ask.type_url = std::string(kEndpointType);
    ask.names = {"a"};
    ask.has_node = true;
    ask.node = {"<b>node\"1", ""};
    ask.nonce = sink_.last.nonce;
    ask.refused = refuse;
    if (refuse) ask.refusal = "port 1 & <others>";
    session_->OnAsk(ask);
  }

  event::SimulatedWorld world_{1, event::FaultPlan::None()};
  std::unique_ptr<event::Dispatcher> dispatcher_ = world_.MakeDispatcher();
  XdsServer server_{*dispatcher_, {}};
  Sink sink_;
  Session* session_ = nullptr;
};

TEST_F(StatusPageTest, JsonShowsWhatWasSentAndRefusedAndWhy) {
  Ask(true);
  google::protobuf::Struct json;
  const std::string text = StatusJson(server_, {.source = "mesh.yaml"});
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(text, &json).ok()) << text;
  const auto& proxy = json.fields().find("proxies")->second.list_value().values(0).struct_value().fields();
  EXPECT_EQ(proxy.find("node")->second.string_value(), "<b>node\"1");
  const auto& types = proxy.find("types")->second.struct_value().fields();
  const auto& type = types.find("ClusterLoadAssignment")->second.struct_value().fields();
  EXPECT_EQ(type.find("nack_reason")->second.string_value(), "port 1 & <others>");
  EXPECT_EQ(type.find("nacked_version")->second.string_value(), sink_.last.version);
  EXPECT_EQ(type.find("sent_version")->second.string_value(), sink_.last.version);
  EXPECT_EQ(type.find("acked_version"), type.end());
  EXPECT_TRUE(type.find("refusing")->second.bool_value());
}

TEST_F(StatusPageTest, EachTypeShowsVersionsAndTimesOfWhatWasSentAcceptedAndRefused) {
  const std::string first = sink_.last.version;
  // On the loop, each a minute after the one before.
  const auto then = [this](auto&& act) {
    world_.RunFor(minutes(1));
    dispatcher_->Post(act);
    world_.RunFor(seconds(1));
  };
  then([this] { Ask(false); });  // accepts it
  then([this] {
    auto catalog = std::make_shared<Catalog>();
    catalog->AddForAll(Endpoints("a", 2));
    catalog->AddForNode("never-came", Endpoints("b", 3));
    server_.Publish(catalog);
  });
  then([this] { Ask(true); });
  const std::string json = StatusJson(server_, {}), page = StatusHtml(server_, {});
  google::protobuf::Struct root;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &root).ok()) << json;
  const auto& proxy = root.fields().find("proxies")->second.list_value().values(0).struct_value().fields();
  const auto& types = proxy.find("types")->second.struct_value().fields();
  const auto& type = types.find("ClusterLoadAssignment")->second.struct_value().fields();
  const auto text = [&type](const char* key) {
    const auto found = type.find(key);
    return found == type.end() ? "" : found->second.string_value();
  };
  EXPECT_EQ(text("acked_version"), first);
  EXPECT_EQ(text("sent_version"), sink_.last.version);
  EXPECT_EQ(text("nacked_version"), sink_.last.version);
  EXPECT_NE(first, sink_.last.version);
  EXPECT_LT(text("acked_at"), text("sent_at"));
  EXPECT_LT(text("sent_at"), text("nacked_at"));
  for (const char* key : {"acked_version", "sent_version", "acked_at", "sent_at", "nacked_at"}) {
    EXPECT_NE(text(key), "") << key;
    EXPECT_THAT(page, HasSubstr(text(key))) << key;
  }
  const auto& absent = root.fields().find("not_connected")->second.list_value();
  ASSERT_EQ(absent.values_size(), 1);
  EXPECT_EQ(absent.values(0).string_value(), "never-came");
  EXPECT_THAT(page, HasSubstr("Not connected: never-came"));
}

TEST_F(StatusPageTest, TypesThatEndAlikeAreShownApart) {
  for (const char* type : {"a.example/x.Cluster", "b.example/x.Cluster"}) {
    DiscoveryAsk ask;
    ask.type_url = type;
    session_->OnAsk(ask);
  }
  const std::string json = StatusJson(server_, {});
  EXPECT_THAT(json, HasSubstr("\"a.example/x.Cluster\":{"));
  EXPECT_THAT(json, HasSubstr("\"b.example/x.Cluster\":{"));
}

TEST_F(StatusPageTest, ThePageEscapesWhatProxiesSay) {
  Ask(true);
  server_.ConfigRefused("mesh.yaml:3: <script>");
  const std::string page = StatusHtml(server_, {});
  EXPECT_THAT(page, HasSubstr("&lt;b&gt;node&quot;1"));
  EXPECT_THAT(page, HasSubstr("port 1 &amp; &lt;others&gt;"));
  EXPECT_THAT(page, testing::Not(HasSubstr("<script>")));
}

TEST(PageServerTest, AnswersOverASocketAndEndsWithOpenConnections) {
  event::Dispatcher dispatcher(event::MakeEpollEngine());
  auto pages = PageServer::Listen(dispatcher, "127.0.0.1:0", [](const PageServer::Request& request) {
    return PageServer::Page{200, "text/plain",
                            absl::StrCat(request.method, " ", request.path, request.cross_site ? " cross" : "")};
  });
  ASSERT_TRUE(pages.ok()) << pages.status();
  event::Engine& engine = dispatcher.engine();
  const int fd = static_cast<int>(engine.Socket(AF_INET, SOCK_STREAM, 0));
  const net::Address at = *net::Address::ParseIp("127.0.0.1", static_cast<uint16_t>((*pages)->port()));
  engine.Connect(fd, at.sockaddr_ptr(), at.sockaddr_length());
  std::string out = "POST /x?y=1 HTTP/1.1\r\nhost: h\r\norigin: http://evil\r\ncontent-length: 2\r\n\r\nab";
  bool written = false;
  std::string answer;
  for (int turn = 0; turn < 5000 && answer.find("POST /x cross") == std::string::npos; ++turn) {
    if (!written) {
      const iovec vector{out.data(), out.size()};
      written = engine.Writev(fd, &vector, 1) == static_cast<int64_t>(out.size());
    }
    dispatcher.RunOnce(milliseconds(1));
    char piece[4096];
    const iovec vector{piece, sizeof(piece)};
    const int64_t n = engine.Readv(fd, &vector, 1);
    if (n > 0) answer.append(piece, static_cast<size_t>(n));
  }
  EXPECT_THAT(answer, HasSubstr("POST /x cross"));
  EXPECT_THAT(answer, HasSubstr("HTTP/1.1 200 OK"));
  pages->reset();  // with the connection still open
  engine.Close(fd);
}

TEST(PageServerTest, ABadAddressIsAnError) {
  event::SimulatedWorld world(1, event::FaultPlan::None());
  auto dispatcher = world.MakeDispatcher();
  for (const char* address : {"", "nowhere", "127.0.0.1:70000", "host.example:80", "127.0.0.1:"}) {
    EXPECT_FALSE(PageServer::Listen(*dispatcher, address, nullptr).ok()) << address;
  }
}

}  // namespace
}  // namespace outrigger::control_plane
