#include "test/push/grpc_load.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "test/push/push.grpc.pb.h"

namespace outrigger::push {
namespace {

using Clock = std::chrono::system_clock;

class LibgrpcLoad final : public GrpcLoad {
 public:
  LibgrpcLoad(const Options& options, Tally& tally) : options_(options), tally_(tally) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    stub_ = Push::NewStub(grpc::CreateCustomChannel(options_.target, grpc::InsecureChannelCredentials(), arguments));
    threads_.emplace_back([this] { Unary(); });
    for (uint32_t i = 0; i < options_.streams; ++i) threads_.emplace_back([this] { Streams(); });
  }
  ~LibgrpcLoad() override {
    Stop();
    Join();
  }
  void Stop() override { running_ = false; }
  void Join() override {
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

 private:
  struct Call {
    grpc::ClientContext context;
    std::string body;
    Piece answer;
    grpc::Status status;
    Clock::time_point started;
    std::unique_ptr<grpc::ClientAsyncResponseReader<Piece>> reader;
  };

  void See(const grpc::ClientContext& context) {
    const auto& metadata = context.GetServerInitialMetadata();
    const auto value = [&](const char* name) -> absl::string_view {
      const auto at = metadata.find(name);
      return at == metadata.end() ? absl::string_view() : absl::string_view(at->second.data(), at->second.size());
    };
    tally_.Seen("RDS", value("x-version"));
    tally_.Seen("CDS", value("x-cluster"));
    tally_.Seen("EDS", value("x-endpoint"));
    tally_.Seen("LDS", value("server"));
  }
  static std::string Reason(const grpc::Status& status) {
    return absl::StrCat(status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED ? "timeout: " : "", "gRPC status ",
                        static_cast<int>(status.error_code()), ": ", status.error_message().substr(0, 120));
  }
  static double Milliseconds(Clock::time_point since) {
    return std::chrono::duration<double, std::milli>(Clock::now() - since).count();
  }

  // Sends by the clock and takes answers in between, on one thread.
  void Unary() {
    grpc::CompletionQueue queue;
    const auto interval =
        std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / options_.per_second));
    Clock::time_point due = Clock::now();
    uint64_t under_way = 0, number = 0;
    while (running_ || under_way > 0) {
      for (; running_ && due <= Clock::now(); due += interval, ++under_way) Send(queue, ++number);
      void* tag = nullptr;
      bool ok = false;
      const auto until = running_ ? due : Clock::now() + std::chrono::milliseconds(100);
      if (queue.AsyncNext(&tag, &ok, until) != grpc::CompletionQueue::GOT_EVENT) continue;
      --under_way;
      Finished(std::unique_ptr<Call>(static_cast<Call*>(tag)));
    }
    queue.Shutdown();
  }
  void Send(grpc::CompletionQueue& queue, uint64_t number) {
    auto* call = new Call;
    call->body = BodyOf(number);
    call->started = Clock::now();
    call->context.set_deadline(call->started + std::chrono::seconds(options_.limit_seconds));
    call->context.set_authority("push.test");
    Piece request;
    request.set_data(call->body);
    tally_.Sent("gRPC");
    call->reader = stub_->AsyncEcho(&call->context, request, &queue);
    call->reader->Finish(&call->answer, &call->status, call);
  }
  void Finished(std::unique_ptr<Call> call) {
    See(call->context);
    if (!call->status.ok()) return tally_.Failed("gRPC", Reason(call->status));
    if (call->answer.data() != call->body) return tally_.Failed("gRPC", "wrong body");
    tally_.Good("gRPC", Milliseconds(call->started));
  }

  void Streams() {
    while (running_) {
      grpc::ClientContext context;
      const auto started = Clock::now();
      context.set_deadline(started + std::chrono::seconds(options_.stream_seconds + options_.limit_seconds));
      context.set_authority("push.test");
      context.AddMetadata("x-ticks", std::to_string(options_.stream_seconds));
      tally_.Sent("gRPC streams");
      auto reader = stub_->Ticks(&context, Piece());
      Piece piece;
      uint32_t ticks = 0;
      bool right = true;
      while (reader->Read(&piece)) right = piece.data() == absl::StrCat("tick ", ++ticks, "\n") && right;
      const grpc::Status status = reader->Finish();
      See(context);
      if (!status.ok()) {
        tally_.Failed("gRPC streams", Reason(status));
      } else if (!right || ticks != options_.stream_seconds) {
        tally_.Failed("gRPC streams", absl::StrCat("wrong body after ", ticks, " pieces"));
      } else {
        tally_.Good("gRPC streams", Milliseconds(started));
      }
    }
  }

  const Options options_;
  Tally& tally_;
  std::atomic<bool> running_{true};
  std::unique_ptr<Push::Stub> stub_;
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<GrpcLoad> GrpcLoad::Start(const Options& options, Tally& tally) {
  return std::make_unique<LibgrpcLoad>(options, tally);
}

}  // namespace outrigger::push
