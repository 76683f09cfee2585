#include "source/control_plane/authority/enroll_client.h"

#include <grpc/support/time.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "outrigger/enroll/v1/enroll.grpc.pb.h"
#include "source/base/log.h"
#include "source/tls/certificate_reader.h"
#include "source/tls/issue.h"

namespace outrigger::control_plane {
namespace {

namespace v1 = outrigger::enroll::v1;

constexpr size_t kMostPemBytes = 1 << 20;
constexpr Duration kLongestPause = seconds(60);

}  // namespace

EnrollClient::EnrollClient(event::Dispatcher& dispatcher, EnrollOptions options)
    : dispatcher_(dispatcher), options_(std::move(options)), timer_([this] { OnTimer(); }) {}

absl::Status EnrollClient::Prepare() {
  event::Engine& engine = dispatcher_.engine();
  auto root = engine.ReadFile(options_.root, kMostPemBytes);
  if (!root.ok()) return root.status();
  given_root_ = *std::move(root);
  absl::Status status = engine.MakeFolder(options_.out, 0700);
  if (!status.ok()) return status;
  auto own = engine.ReadFile(absl::StrCat(options_.out, "/root.pem"), kMostPemBytes);
  own_roots_ = own.ok() ? *std::move(own) : given_root_;
  const std::string path = absl::StrCat(options_.out, "/key.pem");
  auto key = engine.ReadFile(path, kMostPemBytes);
  if (!key.ok()) {
    key = tls::MakeKey(tls::KeyKind::kEcdsaP256);
    if (!key.ok()) return key.status();
    status = engine.ReplaceFile(path, *key, 0600);
    if (!status.ok()) return status;
  }
  key_pem_ = *std::move(key);
  return absl::OkStatus();
}

absl::StatusOr<std::string> EnrollClient::Token() {
  if (options_.token_file.empty()) return options_.token;
  auto text = dispatcher_.engine().ReadFile(options_.token_file, 4096);
  if (!text.ok()) return text.status();
  return std::string(absl::StripAsciiWhitespace(*text));
}

absl::Status EnrollClient::Call(const std::string& certificate, const std::string& token) {
  grpc::SslCredentialsOptions ssl{token.empty() ? own_roots_ : given_root_, "", ""};
  if (token.empty()) {
    ssl.pem_private_key = key_pem_;
    ssl.pem_cert_chain = certificate;
  }
  grpc::ChannelArguments arguments;
  if (!options_.server_name.empty()) arguments.SetSslTargetNameOverride(options_.server_name);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // other credentials next time
  auto channel = grpc::CreateCustomChannel(options_.server, grpc::SslCredentials(ssl), arguments);
  auto request_pem = tls::MakeRequest(key_pem_, {.common_name = options_.node});
  if (!request_pem.ok()) return request_pem.status();
  v1::EnrollRequest request;
  request.set_node(options_.node);
  request.set_token(token);
  request.set_request_pem(*request_pem);
  v1::EnrollResponse response;
  grpc::ClientContext context;
  context.set_deadline(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_seconds(10, GPR_TIMESPAN)));
  const grpc::Status called = v1::EnrollmentService::NewStub(channel)->Enroll(&context, request, &response);
  if (!called.ok()) return absl::Status(static_cast<absl::StatusCode>(called.error_code()), called.error_message());
  event::Engine& engine = dispatcher_.engine();
  absl::Status status = engine.ReplaceFile(absl::StrCat(options_.out, "/root.pem"), response.root_pem(), 0600);
  if (status.ok()) {
    status = engine.ReplaceFile(absl::StrCat(options_.out, "/cert.pem"), response.certificate_pem(), 0600);
  }
  if (!status.ok()) return status;
  own_roots_ = response.root_pem();
  renew_in_ = seconds(std::max<int64_t>(response.not_after_seconds() - response.not_before_seconds(), 3)) * 2 / 3;
  OUTRIGGER_LOG(kInfo, kControlPlane, token.empty() ? "renewed" : "enrolled", ": ", options_.out, "/cert.pem");
  return absl::OkStatus();
}

absl::Status EnrollClient::Attempt() {
  absl::Status status = given_root_.empty() ? Prepare() : absl::OkStatus();
  if (!status.ok()) return status;
  auto certificate = dispatcher_.engine().ReadFile(absl::StrCat(options_.out, "/cert.pem"), kMostPemBytes);
  auto token = Token();
  if (certificate.ok()) {
    status = Call(*certificate, "");
    if (status.ok() || !token.ok() || token->empty()) return status;
  }
  if (!token.ok()) return token.status();
  if (token->empty()) return absl::InvalidArgumentError("there is no certificate yet: a token is needed");
  const absl::Status spent = Call("", *token);
  if (spent.ok() || !certificate.ok()) return spent;
  // A certificate that is good still is worth another try, whatever became of the token.
  const absl::StatusCode code = Expired(*certificate) ? spent.code() : status.code();
  return absl::Status(code,
                      absl::StrCat(spent.message(),
                                   "; before, the certificate that is there could not be renewed: ", status.message()));
}

bool EnrollClient::Expired(const std::string& certificate) const {
  const auto read = tls::ReadPemCertificates(certificate);
  return !read.ok() || tls::ReadInfo(read->front().get(), "").ExpiredAt(dispatcher_.wall_now());
}

void EnrollClient::OnTimer() {
  const absl::Status status = Attempt();
  if (status.ok()) {
    enrolled_ = true;
    pause_ = seconds(1);
    if (options_.once) return dispatcher_.Stop();
    return dispatcher_.Arm(timer_, renew_in_);
  }
  const bool refused = !absl::IsUnavailable(status) && !absl::IsDeadlineExceeded(status);
  if (refused && !enrolled_) {
    failure_ = status;
    return dispatcher_.Stop();
  }
  OUTRIGGER_LOG(kWarn, kControlPlane, "no certificate from ", options_.server, ", again in ", ToMillis(pause_),
                " ms: ", status.message());
  dispatcher_.Arm(timer_, pause_);
  pause_ = std::min<Duration>(pause_ * 2, kLongestPause);
}

absl::Status EnrollClient::Run() {
  dispatcher_.Arm(timer_, Duration(0));
  dispatcher_.Run();
  return failure_;
}

}  // namespace outrigger::control_plane
