#include "source/grpc/google/google_call.h"

#include <chrono>
#include <utility>
#include <vector>

namespace outrigger::grpc {

GoogleCall::GoogleCall(StreamHandler& handler, const CallOptions& options) : handler_(&handler), options_(options) {}

void GoogleCall::Start(::grpc::GenericStub& stub, ::grpc::CompletionQueue& queue, const std::string& method) {
  for (const auto& [name, value] : options_.metadata.entries) context_.AddMetadata(name, value);
  if (!options_.authority.empty()) context_.set_authority(options_.authority);
  if (options_.deadline > Duration::zero()) {
    gpr_timespec deadline =
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_nanos(options_.deadline.count(), GPR_TIMESPAN));
    context_.set_deadline(deadline);
  }
  stream_ = stub.PrepareCall(&context_, method, &queue);
  stream_->StartCall(Tag(What::kStart));
}

void GoogleCall::Send(absl::string_view message) {
  if (half_close_ || finishing_ || overflow_) return;
  queued_bytes_ += message.size();
  if (queued_bytes_ > options_.most_queued_bytes) {
    overflow_ = true;
    return context_.TryCancel();  // the end of the call tells it
  }
  outgoing_.emplace_back(message);
  Write();
}

void GoogleCall::EndSending() {
  half_close_ = true;
  Write();
}

void GoogleCall::Write() {
  if (!started_ || writing_ || finishing_ || half_closed_) return;
  if (outgoing_.empty()) {
    if (!half_close_) return;
    half_closed_ = writing_ = true;
    return stream_->WritesDone(Tag(What::kWritesDone));
  }
  writing_ = true;
  ::grpc::Slice slice(outgoing_.front());
  queued_bytes_ -= outgoing_.front().size();
  outgoing_.pop_front();
  stream_->Write(::grpc::ByteBuffer(&slice, 1), Tag(What::kWrite));
}

void GoogleCall::Read() {
  if (!started_ || reading_ || finishing_ || paused_) return;
  reading_ = true;
  stream_->Read(&incoming_, Tag(What::kRead));
}

void GoogleCall::Finish() {
  if (std::exchange(finishing_, true)) return;
  stream_->Finish(&status_, Tag(What::kFinish));
}

void GoogleCall::SetPaused(bool paused) {
  paused_ = paused;
  Read();
}

void GoogleCall::Abandon() {
  handler_ = nullptr;
  context_.TryCancel();
}

void GoogleCall::Deliver() {
  std::vector<::grpc::Slice> slices;
  std::string message;
  if (incoming_.Dump(&slices).ok()) {
    for (const ::grpc::Slice& slice : slices)
      message.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  incoming_.Clear();
  handler_->OnMessage(message);
}

void GoogleCall::OnDone(What what, bool ok) {
  if (handler_ == nullptr) return;  // abandoned: the channel may be gone, so nothing new may begin
  switch (what) {
    case What::kStart:
      if (!ok) return Finish();
      started_ = true;
      reading_ = true;
      stream_->ReadInitialMetadata(Tag(What::kMetadata));
      return Write();
    case What::kMetadata:
      reading_ = false;
      if (ok) handler_->OnStarted();
      if (handler_ == nullptr) return;
      // A failed call says why to whoever reads on.
      return Read();
    case What::kRead:
      reading_ = false;
      if (!ok) return Finish();
      Deliver();
      if (handler_ != nullptr) Read();
      return;
    case What::kWrite:
    case What::kWritesDone:
      writing_ = false;
      if (ok) Write();
      return;
    case What::kFinish:
      break;
  }
  StreamHandler& handler = *std::exchange(handler_, nullptr);
  if (overflow_) return handler.OnEnd(GrpcStatus::kResourceExhausted, "the peer does not take what is sent");
  const auto code = static_cast<uint32_t>(status_.error_code());
  handler.OnEnd(code <= 16 ? static_cast<GrpcStatus>(code) : GrpcStatus::kUnknown, status_.error_message());
}

}  // namespace outrigger::grpc
