#include "source/grpc/pool_channel.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "source/grpc/pool_stream.h"

namespace outrigger::grpc {
namespace {

class PoolStream final : public ClientStream {
 public:
  PoolStream(event::Dispatcher& dispatcher, std::unique_ptr<Exchange> exchange)
      : dispatcher_(dispatcher), exchange_(std::move(exchange)) {}
  ~PoolStream() override {
    exchange_->Abandon();
    dispatcher_.DestroyLater(std::move(exchange_));
  }
  Exchange& exchange() { return *exchange_; }
  void Send(absl::string_view message) override { exchange_->Send(message); }
  void EndSending() override { exchange_->EndSending(); }
  void PauseReading() override { exchange_->SetPaused(true); }
  void ResumeReading() override { exchange_->SetPaused(false); }

 private:
  event::Dispatcher& dispatcher_;
  std::unique_ptr<Exchange> exchange_;
};

}  // namespace

std::unique_ptr<ClientStream> PoolChannel::Open(absl::string_view method, StreamHandler& handler,
                                                const CallOptions& options) {
  auto stream = std::make_unique<PoolStream>(
      worker_.dispatcher(), std::make_unique<Exchange>(worker_.dispatcher(), handler, options, method, cluster_));
  stream->exchange().Begin(worker_.ClusterByName(cluster_), cluster_);
  return stream;
}

std::string PoolChannel::Describe() const { return absl::StrCat("cluster \"", cluster_, "\""); }

}  // namespace outrigger::grpc
