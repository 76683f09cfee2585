// The enrolling side against servers that are slow, silent or wrong.
#include "source/control_plane/authority/enroll_client.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "outrigger/enroll/v1/enroll.grpc.pb.h"
#include "source/control_plane/authority/authority.h"
#include "source/control_plane/authority/node_files.h"
#include "source/net/listener.h"

namespace outrigger::control_plane {
namespace {

namespace v1 = outrigger::enroll::v1;

std::string ReadAll(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// Answers what it was told, in turn; the last one for ever.
class Teller final : public v1::EnrollmentService::Service {
 public:
  explicit Teller(std::string certificate_path) : certificate_path_(std::move(certificate_path)) {}
  void Add(grpc::Status status, v1::EnrollResponse response = {}) {
    answers_.emplace_back(std::move(status), std::move(response));
  }
  int calls() const { return calls_; }

 private:
  grpc::Status Enroll(grpc::ServerContext*, const v1::EnrollRequest*, v1::EnrollResponse* response) override {
    ++calls_;
    EXPECT_FALSE(std::filesystem::exists(certificate_path_)) << "before call " << calls_;
    const auto answer = answers_.front();
    if (answers_.size() > 1) answers_.pop_front();
    *response = answer.second;
    return answer.first;
  }

  const std::string certificate_path_;
  std::deque<std::pair<grpc::Status, v1::EnrollResponse>> answers_;
  std::atomic<int> calls_{0};
};

class EnrollClientTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/outrigger-XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    folder_ = path;
    auto authority = Authority::Open(dispatcher_, folder_ + "/state");
    ASSERT_TRUE(authority.ok()) << authority.status();
    authority_ = *std::move(authority);
    options_.node = "a";
    options_.token = "token";
    options_.root = folder_ + "/state/root.pem";
    options_.out = folder_ + "/out";
    options_.once = true;
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }
  // On a port of its own, or on this one.
  void Serve(Teller& teller, int port = 0) {
    const auto own = authority_->IssueServer({"127.0.0.1"}, hours(1));
    ASSERT_TRUE(own.ok()) << own.status();
    grpc::SslServerCredentialsOptions ssl;
    ssl.pem_key_cert_pairs.push_back({own->pair.key_pem, own->pair.certificate_pem});
    grpc::ServerBuilder builder;
    builder.AddListeningPort(absl::StrCat("127.0.0.1:", port), grpc::SslServerCredentials(ssl), &port);
    builder.RegisterService(&teller);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    options_.server = absl::StrCat("127.0.0.1:", port);
  }
  // A good answer for the key that lies in `out`.
  v1::EnrollResponse Good() {
    NodeFiles files(dispatcher_.engine(), options_.out);
    EXPECT_TRUE(files.Open().ok());
    const auto request = tls::MakeRequest(files.key_pem(), {.common_name = "a"});
    const auto signed_one = authority_->SignNode(*request, "spiffe://example.org/node/a", hours(1));
    EXPECT_TRUE(signed_one.ok()) << signed_one.status();
    v1::EnrollResponse response;
    response.set_certificate_pem(signed_one->pair.certificate_pem);
    response.set_root_pem(authority_->roots_pem());
    response.set_not_before_seconds(1);
    response.set_not_after_seconds(3601);
    return response;
  }

  std::string folder_;
  event::Dispatcher dispatcher_{event::MakeEpollEngine()};
  std::unique_ptr<Authority> authority_;
  EnrollOptions options_;
  std::unique_ptr<grpc::Server> server_;
};

// Takes connections and never says a word.
std::shared_ptr<net::ListenSocket> Silent(event::Dispatcher& dispatcher) {
  auto socket = net::ListenSocket::Bind(dispatcher.engine(), *net::Address::ParseIp("127.0.0.1", 0), {}, 1);
  EXPECT_TRUE(socket.ok()) << socket.status();
  EXPECT_TRUE((*socket)->Listen().ok());
  return *std::move(socket);
}

TEST_F(EnrollClientTest, ASilentServerDoesNotHoldTheLoopAndStoppingGivesItUpAtOnce) {
  const auto silent = Silent(dispatcher_);
  options_.server = absl::StrCat("127.0.0.1:", silent->address().port());
  options_.answer_timeout = hours(1);  // whoever waited for the call would not come to this test's end
  EnrollClient client(dispatcher_, options_);
  int ticks = 0;
  event::Timer tick([&] {
    if (++ticks == 10) return dispatcher_.Stop();
    dispatcher_.Arm(tick, milliseconds(10));
  });
  dispatcher_.Arm(tick, milliseconds(10));
  EXPECT_TRUE(client.Run().ok());
  EXPECT_EQ(ticks, 10);
}

TEST_F(EnrollClientTest, ASilentServerIsGivenUpAndAskedAgainUntilThereIsOneThatAnswers) {
  Teller teller(options_.out + "/cert.pem");
  teller.Add(grpc::Status::OK, Good());
  auto silent = Silent(dispatcher_);
  const int port = silent->address().port();
  options_.server = absl::StrCat("127.0.0.1:", port);
  options_.answer_timeout = milliseconds(200);
  absl::Status result = absl::UnknownError("did not end");
  std::thread client([&] {
    event::Dispatcher own(event::MakeEpollEngine());
    result = EnrollClient(own, options_).Run();
  });
  int taken = -1;
  while (taken < 0) taken = ::accept(silent->fd(0), nullptr, nullptr);  // its call is under way
  silent.reset();
  Serve(teller, port);
  client.join();
  ::close(taken);
  EXPECT_TRUE(result.ok()) << result;
  EXPECT_GE(teller.calls(), 1);
  EXPECT_TRUE(std::filesystem::exists(options_.out + "/cert.pem"));
}

TEST_F(EnrollClientTest, AnAnswerThatCannotBeUsedOrAnErrorThatMayPassIsNotTheEnd) {
  Teller teller(options_.out + "/cert.pem");
  v1::EnrollResponse foreign = Good(), rootless = Good();
  foreign.set_certificate_pem(authority_->IssueWorkload("spiffe://example.org/x", hours(1))->pair.certificate_pem);
  rootless.set_root_pem("-----BEGIN CERTIFICATE-----\nhalf");
  teller.Add(grpc::Status(grpc::StatusCode::INTERNAL, "not now"));
  teller.Add(grpc::Status::OK, foreign);
  teller.Add(grpc::Status::OK, rootless);
  teller.Add(grpc::Status::OK, Good());
  Serve(teller);
  event::Dispatcher own(event::MakeEpollEngine());
  const absl::Status result = EnrollClient(own, options_).Run();
  EXPECT_TRUE(result.ok()) << result;
  EXPECT_EQ(teller.calls(), 4);
  EXPECT_EQ(ReadAll(options_.out + "/root.pem"), authority_->roots_pem());
}

TEST_F(EnrollClientTest, ARefusalOfTheFirstCertificateEndsItWithTheReason) {
  Teller teller(options_.out + "/cert.pem");
  teller.Add(grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "the token has expired"));
  Serve(teller);
  event::Dispatcher own(event::MakeEpollEngine());
  const absl::Status result = EnrollClient(own, options_).Run();
  EXPECT_TRUE(absl::IsPermissionDenied(result));
  EXPECT_EQ(result.message(), "the token has expired");
  EXPECT_EQ(teller.calls(), 1);
}

}  // namespace
}  // namespace outrigger::control_plane
