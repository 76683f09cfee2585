// Thread: made and asked by the test; libgrpc's inside
#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "envoy/service/discovery/v3/ads.grpc.pb.h"
#include "test/control_plane/resources_of.h"

namespace outrigger::integration {

// A delta ADS server that answers subscriptions from a few resources, and tells the test what it does not have.
class ScriptedDeltaAds final : public envoy::service::discovery::v3::AggregatedDiscoveryService::CallbackService {
 public:
  using Request = envoy::service::discovery::v3::DeltaDiscoveryRequest;
  using Response = envoy::service::discovery::v3::DeltaDiscoveryResponse;
  using Resource = envoy::service::discovery::v3::Resource;
  using Asked = std::function<void(const std::string& name)>;

  ScriptedDeltaAds() {
    ::grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", ::grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~ScriptedDeltaAds() override { server_->Shutdown(std::chrono::system_clock::now()); }
  int port() const { return port_; }

  // Kept for who subscribes, and said now if the type was asked for.
  void Give(const std::string& type, const std::string& name, const std::string& yaml,
            const std::vector<std::string>& aliases = {}) {
    envoy::service::discovery::v3::Resource resource;
    resource.set_name(name);
    resource.set_version("1");
    for (const std::string& alias : aliases) resource.add_aliases(alias);
    const control_plane::ResourcePtr made = control_plane::ResourceOf(yaml);
    resource.mutable_resource()->set_type_url(type);
    resource.mutable_resource()->set_value(made->bytes);
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    resources_[type][name] = resource;
    if (types_asked_.count(type) != 0) SayResources(type, {resource}, {});
  }
  // In one response, in this order: name and YAML of each.
  void GiveBoth(const std::string& type, const std::pair<std::string, std::string>& first,
                const std::pair<std::string, std::string>& second) {
    std::vector<Resource> both;
    for (const auto& [name, yaml] : {first, second}) {
      both.emplace_back();
      both.back().set_name(name);
      both.back().set_version("2");
      both.back().mutable_resource()->set_type_url(type);
      both.back().mutable_resource()->set_value(control_plane::ResourceOf(yaml)->bytes);
    }
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    for (const Resource& resource : both) resources_[type][resource.name()] = resource;
    SayResources(type, both, {});
  }
  void Remove(const std::string& type, const std::string& name) {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    resources_[type].erase(name);
    SayResources(type, {}, {name});
  }
  // A virtual host that does not exist: its name without a resource.
  void SayMissing(const std::string& type, const std::string& name) {
    envoy::service::discovery::v3::Resource resource;
    resource.set_name(name);
    resource.add_aliases(name);
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    SayResources(type, {resource}, {});
  }
  // A name was subscribed to that is not there. May give it.
  void OnAsked(const std::string& type, Asked f) {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    on_asked_[type] = std::move(f);
  }

 private:
  class Stream final : public ::grpc::ServerBidiReactor<Request, Response> {
   public:
    explicit Stream(ScriptedDeltaAds& owner) : owner_(owner) { StartRead(&request_); }
    void Say(const Response& response) {
      queue_.push_back(response);
      if (queue_.size() == 1) StartWrite(&queue_.front());
    }
    void OnWriteDone(bool ok) override {
      const std::lock_guard<std::recursive_mutex> lock(owner_.mutex_);
      queue_.pop_front();
      if (ok && !queue_.empty()) StartWrite(&queue_.front());
    }
    void OnReadDone(bool ok) override {
      {
        const std::lock_guard<std::recursive_mutex> lock(owner_.mutex_);
        if (ok) {
          owner_.Handle(request_);
          return StartRead(&request_);
        }
        if (owner_.stream_ == this) owner_.stream_ = nullptr;
      }
      Finish(::grpc::Status::OK);
    }
    void OnDone() override { delete this; }

   private:
    ScriptedDeltaAds& owner_;
    Request request_;
    std::deque<Response> queue_;
  };

  ::grpc::ServerBidiReactor<Request, Response>* DeltaAggregatedResources(::grpc::CallbackServerContext*) override {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    types_asked_.clear();
    return stream_ = new Stream(*this);
  }
  void Handle(const Request& request) {
    const std::string& type = request.type_url();
    const bool first = types_asked_.insert(type).second;
    std::vector<Resource> known;
    std::vector<std::string> unknown;
    for (const std::string& name : request.resource_names_subscribe()) {
      const auto at = resources_[type].find(name);
      if (at != resources_[type].end()) {
        known.push_back(at->second);
      } else if (name != "*") {
        unknown.push_back(name);
      }
    }
    const bool all = first && request.resource_names_subscribe().empty();
    for (const auto& [name, resource] : resources_[type]) {
      if (all) known.push_back(resource);
    }
    if (!known.empty() || all) SayResources(type, known, {});
    for (const std::string& name : unknown) {
      const auto f = on_asked_.find(type);
      if (f != on_asked_.end()) f->second(name);
    }
  }
  void SayResources(const std::string& type, const std::vector<Resource>& given, const std::vector<std::string>& gone) {
    if (stream_ == nullptr) return;
    Response response;
    response.set_type_url(type);
    response.set_nonce(absl::StrCat(++nonces_));
    for (const Resource& resource : given) *response.add_resources() = resource;
    for (const std::string& name : gone) response.add_removed_resources(name);
    stream_->Say(response);
  }

  std::recursive_mutex mutex_;
  Stream* stream_ = nullptr;
  std::set<std::string> types_asked_;
  std::map<std::string, std::map<std::string, Resource>> resources_;
  std::map<std::string, Asked> on_asked_;
  int nonces_ = 0;
  int port_ = 0;
  std::unique_ptr<::grpc::Server> server_;
};

}  // namespace outrigger::integration
