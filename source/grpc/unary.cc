#include "source/grpc/unary.h"

#include <utility>

namespace outrigger::grpc {

UnaryCall::UnaryCall(Channel& channel, absl::string_view method, absl::string_view request, const CallOptions& options,
                     Done done)
    : done_(std::move(done)), stream_(channel.Open(method, *this, options)) {
  stream_->Send(request);
  stream_->EndSending();
}

void UnaryCall::OnMessage(absl::string_view message) {
  if (++answers_ == 1) answer_.assign(message.data(), message.size());
}

void UnaryCall::OnEnd(GrpcStatus status, absl::string_view message) {
  const Done done = std::move(done_);
  const std::string answer = std::move(answer_);
  if (status == GrpcStatus::kOk && answers_ != 1) return done(GrpcStatus::kInternal, "not exactly one answer came", "");
  done(status, message, status == GrpcStatus::kOk ? absl::string_view(answer) : absl::string_view());
}

}  // namespace outrigger::grpc
