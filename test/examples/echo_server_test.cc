// The example service with independent clients: curl and libgrpc over loopback.
#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <thread>

#include "absl/strings/str_cat.h"
#include "examples/mesh/echo.grpc.pb.h"
#include "examples/mesh/grpc_server.h"
#include "examples/mesh/http_server.h"
#include "gtest/gtest.h"

namespace outrigger::examples {
namespace {

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() {
    auto server = HttpServer::Start(loop_, "127.0.0.1", 0, {"shop", "v2"});
    EXPECT_TRUE(server.ok()) << server.status();
    if (server.ok()) server_ = *std::move(server);
  }
  // Runs curl with these words while the loop turns; its output.
  std::string Curl(const std::string& words, const std::string& path) {
    std::string out;
    const std::string command = absl::StrCat("curl -s ", words, " 'http://127.0.0.1:", server_->port(), path, "' 2>&1");
    std::thread client([&] {
      FILE* pipe = popen(command.c_str(), "r");
      char piece[4096];
      for (size_t n = 0; (n = fread(piece, 1, sizeof(piece), pipe)) > 0;) out.append(piece, n);
      pclose(pipe);
      loop_.Stop();
    });
    loop_.Run();
    client.join();
    return out;
  }
  event::Dispatcher loop_{event::MakeEpollEngine()};
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, SaysWhoCalledAndEchoesTheBody) {
  const std::string out = Curl("-H 'x-forwarded-client-cert: URI=spiffe://mesh/front' -d hello", "/a");
  EXPECT_NE(out.find("\"service\":\"shop\",\"version\":\"v2\",\"caller\":\"spiffe://mesh/front\""), std::string::npos)
      << out;
  EXPECT_NE(out.find("\"method\":\"POST\",\"path\":\"/a\""), std::string::npos) << out;
  EXPECT_NE(out.find("\"body\":\"hello\""), std::string::npos) << out;
}

TEST_F(HttpServerTest, OneConnectionServesManyRequests) {
  const std::string url = absl::StrCat(" http://127.0.0.1:", server_->port());
  const std::string out = Curl("-o /dev/null -w '%{http_code} %{num_connects},'" + url + "/status/503 -o /dev/null" +
                                   url + "/status/204 -o /dev/null -I" + url + "/x -o /dev/null",
                               "/status/200x");
  EXPECT_EQ(out.substr(0, 6), "503 1,") << out;
  EXPECT_NE(out.find("200 0,"), std::string::npos) << out;
}

TEST_F(HttpServerTest, RefusesABodyThatIsTooLarge) {
  const std::string out = Curl(
      "-o /dev/null -w '%{http_code}' -H 'expect:' --data-binary @/usr/bin/curl "
      "--data-binary @/bin/bash --data-binary @/usr/bin/openssl",
      "/");
  EXPECT_EQ(out, "413");
}

TEST(GrpcServerTest, AnswersUnaryAndStreamedCalls) {
  auto server = GrpcServer::Start("127.0.0.1", 0, {"shop", "v1"});
  ASSERT_TRUE(server.ok()) << server.status();
  const auto channel =
      grpc::CreateChannel(absl::StrCat("127.0.0.1:", (*server)->port()), grpc::InsecureChannelCredentials());
  const auto stub = echo::v1::Echo::NewStub(channel);

  grpc::ClientContext unary;
  unary.AddMetadata("x-forwarded-client-cert", "URI=spiffe://mesh/front");
  echo::v1::SayRequest request;
  request.set_text("hello");
  echo::v1::SayReply reply;
  const grpc::Status status = stub->Say(&unary, request, &reply);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(reply.caller(), "spiffe://mesh/front");
  EXPECT_EQ(reply.text(), "hello");

  grpc::ClientContext streamed;
  echo::v1::RepeatRequest repeat;
  repeat.set_times(50);
  const auto reader = stub->Repeat(&streamed, repeat);
  uint32_t seen = 0;
  while (reader->Read(&reply)) EXPECT_EQ(reply.number(), ++seen);
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(seen, 50u);
}

}  // namespace
}  // namespace outrigger::examples
