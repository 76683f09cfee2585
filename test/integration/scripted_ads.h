// Thread: made and asked by the test; libgrpc's inside
#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "envoy/service/discovery/v3/ads.grpc.pb.h"

namespace outrigger::integration {

// An ADS server that says whatever the test tells it to, and keeps what it heard.
class ScriptedAds final : public envoy::service::discovery::v3::AggregatedDiscoveryService::CallbackService {
 public:
  using Request = envoy::service::discovery::v3::DiscoveryRequest;
  using Response = envoy::service::discovery::v3::DiscoveryResponse;

  // `longest_connection_ms`: after which the server says GOAWAY, and soon ends what is left; 0: never.
  explicit ScriptedAds(int longest_connection_ms = 0) {
    ::grpc::ServerBuilder builder;
    if (longest_connection_ms > 0) {
      builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, longest_connection_ms);
      builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, 100);
    }
    builder.AddListeningPort("127.0.0.1:0", ::grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~ScriptedAds() override { server_->Shutdown(std::chrono::system_clock::now()); }
  int port() const { return port_; }

  // On the newest stream; lost if there is none.
  void Say(const Response& response) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stream_ != nullptr) stream_->Say(response);
  }
  std::vector<Request> heard(absl::string_view type_url) {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<Request> out;
    for (const Request& request : heard_) {
      if (request.type_url() == type_url) out.push_back(request);
    }
    return out;
  }
  int streams() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return streams_;
  }

 private:
  class Stream final : public ::grpc::ServerBidiReactor<Request, Response> {
   public:
    explicit Stream(ScriptedAds& owner) : owner_(owner) { StartRead(&request_); }
    // Under the owner's lock.
    void Say(const Response& response) {
      queue_.push_back(response);
      if (queue_.size() == 1) StartWrite(&queue_.front());
    }
    void OnWriteDone(bool ok) override {
      const std::lock_guard<std::mutex> lock(owner_.mutex_);
      queue_.pop_front();
      if (ok && !queue_.empty()) StartWrite(&queue_.front());
    }
    void OnReadDone(bool ok) override {
      {
        const std::lock_guard<std::mutex> lock(owner_.mutex_);
        if (ok) {
          owner_.heard_.push_back(request_);
          return StartRead(&request_);
        }
        if (owner_.stream_ == this) owner_.stream_ = nullptr;
      }
      Finish(::grpc::Status::OK);
    }
    void OnDone() override { delete this; }

   private:
    ScriptedAds& owner_;
    Request request_;
    std::deque<Response> queue_;
  };
  ::grpc::ServerBidiReactor<Request, Response>* StreamAggregatedResources(::grpc::CallbackServerContext*) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++streams_;
    return stream_ = new Stream(*this);
  }

  std::mutex mutex_;
  Stream* stream_ = nullptr;
  int streams_ = 0;
  std::vector<Request> heard_;
  int port_ = 0;
  std::unique_ptr<::grpc::Server> server_;
};

}  // namespace outrigger::integration
