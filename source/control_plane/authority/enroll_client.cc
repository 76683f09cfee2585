#include "source/control_plane/authority/enroll_client.h"

#include <grpc/support/time.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "outrigger/enroll/v1/enroll.grpc.pb.h"
#include "source/base/log.h"
#include "source/tls/certificate_reader.h"
#include "source/tls/issue.h"

namespace outrigger::control_plane {
namespace {

namespace v1 = outrigger::enroll::v1;

constexpr size_t kMostPemBytes = 1 << 20;
constexpr size_t kMostTokenBytes = 4096;
constexpr Duration kFirstPause = seconds(1);
constexpr Duration kLongestPause = minutes(1);
constexpr Duration kLongestSleep = minutes(1);  // the wall clock may be set meanwhile, or the machine sleep
constexpr Duration kShortestLifetime = seconds(3);
constexpr Duration kLongestLifetime = hours(24 * 366);

// What another attempt may get over.
bool MayPass(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kDataLoss:
      return true;
    default:
      return false;
  }
}

Duration LifetimeOf(int64_t begin_seconds, int64_t end_seconds) {
  constexpr int64_t kMost = std::chrono::duration_cast<seconds>(kLongestLifetime).count();
  if (begin_seconds < 0 || end_seconds <= begin_seconds) return kShortestLifetime;
  return std::max<Duration>(seconds(std::min(end_seconds - begin_seconds, kMost)), kShortestLifetime);
}

}  // namespace

// One call under way. libgrpc's thread sets `status` and posts; everything else is the loop's.
struct EnrollClient::Call {
  EnrollClient* owner;  // null: nobody waits any more
  bool renewal;
  grpc::ClientContext context;
  v1::EnrollRequest request;
  v1::EnrollResponse response;
  grpc::Status status;
  std::unique_ptr<v1::EnrollmentService::Stub> stub;
  // libgrpc is done with it, and with the dispatcher.
  const std::shared_ptr<absl::Notification> returned = std::make_shared<absl::Notification>();
};

EnrollClient::EnrollClient(event::Dispatcher& dispatcher, EnrollOptions options)
    : dispatcher_(dispatcher),
      options_(std::move(options)),
      files_(dispatcher.engine(), options_.out),
      pause_(kFirstPause),
      timer_([this] { OnTimer(); }) {}

EnrollClient::~EnrollClient() {
  if (call_ == nullptr) return;
  call_->owner = nullptr;
  call_->context.TryCancel();
  call_->returned->WaitForNotification();
}

absl::Status EnrollClient::Prepare() {
  auto root = dispatcher_.engine().ReadFile(options_.root, kMostPemBytes);
  if (!root.ok()) return root.status();
  const absl::Status opened = files_.Open();
  if (opened.ok()) given_root_ = *std::move(root);
  return opened;
}

absl::StatusOr<std::string> EnrollClient::Token() {
  if (options_.token_file.empty()) return options_.token;
  auto text = dispatcher_.engine().ReadFile(options_.token_file, kMostTokenBytes);
  if (!text.ok()) return text.status();
  return std::string(absl::StripAsciiWhitespace(*text));
}

void EnrollClient::Start(const std::string& certificate, const std::string& token) {
  const auto request_pem = tls::MakeRequest(files_.key_pem(), {.common_name = options_.node});
  if (!request_pem.ok()) return Settle(request_pem.status());
  grpc::SslCredentialsOptions ssl{token.empty() ? files_.Roots() : given_root_, "", ""};
  if (ssl.pem_root_certs.empty()) ssl.pem_root_certs = given_root_;
  if (token.empty()) {
    ssl.pem_private_key = files_.key_pem();
    ssl.pem_cert_chain = certificate;
  }
  grpc::ChannelArguments arguments;
  if (!options_.server_name.empty()) arguments.SetSslTargetNameOverride(options_.server_name);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // other credentials next time

  auto call = std::make_shared<Call>();
  call->owner = this;
  call->renewal = token.empty();
  call->request.set_node(options_.node);
  call->request.set_token(token);
  call->request.set_request_pem(*request_pem);
  const auto timeout_ms = std::chrono::duration_cast<milliseconds>(options_.answer_timeout).count();
  call->context.set_deadline(
      gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(timeout_ms, GPR_TIMESPAN)));
  call->stub =
      v1::EnrollmentService::NewStub(grpc::CreateCustomChannel(options_.server, grpc::SslCredentials(ssl), arguments));
  call_ = call;
  call->stub->async()->Enroll(
      &call->context, &call->request, &call->response,
      // The call goes to the loop for good: libgrpc's thread must not be the one that destroys the channel.
      [call, returned = call->returned, &dispatcher = dispatcher_](grpc::Status status) mutable {
        call->status = std::move(status);
        dispatcher.Post([call = std::move(call)] {
          if (call->owner != nullptr) call->owner->Answered(*call);
        });
        returned->Notify();
      });
}

void EnrollClient::Answered(const Call& call) {
  call_ = nullptr;
  absl::Status status = absl::OkStatus();
  if (!call.status.ok()) {
    status = absl::Status(static_cast<absl::StatusCode>(call.status.error_code()), call.status.error_message());
  } else {
    status = Take(call);
  }
  if (status.ok()) return Settle(status);
  if (call.renewal) {
    auto token = Token();
    if (!token.ok() || token->empty()) return Settle(status);
    renewal_failed_ = status;
    return Start("", *token);
  }
  if (certificate_.empty()) return Settle(status);
  // A certificate that is good still is worth another try, whatever became of the token.
  const absl::StatusCode code = Expired(certificate_) ? status.code() : renewal_failed_.code();
  Settle(absl::Status(
      code, absl::StrCat(status.message(),
                         "; before, the certificate that is there could not be renewed: ", renewal_failed_.message())));
}

absl::Status EnrollClient::Take(const Call& call) {
  const v1::EnrollResponse& answer = call.response;
  const absl::Status stored =
      files_.Store({answer.certificate_pem(), answer.root_pem(), answer.workload_certificate_pem()});
  if (!stored.ok()) return stored;
  lifetime_ = LifetimeOf(answer.not_before_seconds(), answer.not_after_seconds());
  if (!answer.workload_certificate_pem().empty()) {
    lifetime_ = std::min(lifetime_, LifetimeOf(answer.not_before_seconds(), answer.workload_not_after_seconds()));
  }
  OUTRIGGER_LOG(kInfo, kControlPlane, call.renewal ? "renewed" : "enrolled", ": ", options_.out, "/cert.pem");
  return absl::OkStatus();
}

void EnrollClient::Attempt() {
  const absl::Status prepared = given_root_.empty() ? Prepare() : absl::OkStatus();
  if (!prepared.ok()) return Settle(prepared);
  auto certificate = files_.Certificate();
  certificate_ = certificate.ok() ? *std::move(certificate) : std::string();
  renewal_failed_ = absl::OkStatus();
  if (!certificate_.empty()) return Start(certificate_, "");
  auto token = Token();
  if (!token.ok()) return Settle(token.status());
  if (token->empty()) {
    return Settle(absl::InvalidArgumentError("there is no certificate yet: a token is needed (--token-file)"));
  }
  Start("", *token);
}

bool EnrollClient::Expired(const std::string& certificate) const {
  const auto read = tls::ReadPemCertificates(certificate);
  return !read.ok() || tls::ReadInfo(read->front().get(), "").ExpiredAt(dispatcher_.wall_now());
}

void EnrollClient::Settle(const absl::Status& status) {
  if (status.ok()) {
    enrolled_ = true;
    pause_ = kFirstPause;
    if (options_.once) return dispatcher_.Stop();
    renew_at_ = dispatcher_.now() + lifetime_ * 2 / 3;
    renew_at_wall_ = dispatcher_.wall_now() + lifetime_ * 2 / 3;
    return dispatcher_.Arm(timer_, std::min<Duration>(lifetime_ * 2 / 3, kLongestSleep));
  }
  if (!MayPass(status) && !enrolled_) {
    failure_ = status;
    return dispatcher_.Stop();
  }
  // Half of it, and up to the whole: many nodes that lost one control plane do not come back at once.
  const Duration wait =
      pause_ / 2 +
      Duration(static_cast<int64_t>(dispatcher_.engine().RandomBits() % static_cast<uint64_t>((pause_ / 2).count())));
  OUTRIGGER_LOG(kWarn, kControlPlane, "no certificate from ", options_.server, ", again in ", ToMillis(wait),
                " ms: ", status.message());
  dispatcher_.Arm(timer_, wait);
  // The third of a lifetime that is left has room for several attempts.
  const Duration longest = enrolled_ ? std::clamp<Duration>(lifetime_ / 12, kFirstPause, kLongestPause) : kLongestPause;
  pause_ = std::min<Duration>(pause_ * 2, longest);
}

void EnrollClient::OnTimer() {
  const Duration left = std::min<Duration>(renew_at_ - dispatcher_.now(), renew_at_wall_ - dispatcher_.wall_now());
  if (enrolled_ && left > Duration(0)) return dispatcher_.Arm(timer_, std::min<Duration>(left, kLongestSleep));
  Attempt();
}

absl::Status EnrollClient::Run() {
  dispatcher_.Arm(timer_, Duration(0));
  dispatcher_.Run();
  return failure_;
}

}  // namespace outrigger::control_plane
