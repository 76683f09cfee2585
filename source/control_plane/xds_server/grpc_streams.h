// Thread: main; Post() and Adopt() any
#pragma once

#include <map>
#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "source/control_plane/xds_server/grpc_stream.h"

namespace outrigger::control_plane {

// The calls of one libgrpc server, owned on main.
class GrpcStreams {
 public:
  GrpcStreams(event::Dispatcher& dispatcher, XdsServer& core) : dispatcher_(dispatcher), core_(core) {}

  XdsServer& core() { return core_; }
  void Post(absl::AnyInvocable<void() &&> task) { dispatcher_.Post(std::move(task)); }
  // From libgrpc's thread: a call came.
  template <class Stream>
  Stream* Adopt(PeerFacts peer, const std::string& only_type) {
    auto stream = std::make_unique<Stream>(*this, std::move(peer), only_type);
    Stream* raw = stream.get();
    Post([this, stream = std::move(stream)]() mutable {
      GrpcCall* begun = stream.get();
      streams_.emplace(begun, std::move(stream));
      begun->Begin();
    });
    return raw;
  }
  void Remove(GrpcCall* stream) { streams_.erase(stream); }
  void StopAll() {
    stopped_ = true;
    for (auto& [stream, owned] : streams_) stream->Stop();
  }
  bool stopped() const { return stopped_; }
  bool empty() const { return streams_.empty(); }

 private:
  event::Dispatcher& dispatcher_;
  XdsServer& core_;
  std::map<GrpcCall*, std::unique_ptr<GrpcCall>> streams_;
  bool stopped_ = false;
};

}  // namespace outrigger::control_plane
