// Thread: main, but for the On... calls of libgrpc
#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <deque>
#include <string>

#include "envoy/service/discovery/v3/discovery.pb.h"
#include "source/control_plane/xds_server/xds_server.h"
#include "source/event/dispatcher.h"

namespace outrigger::control_plane {

// All streams of one server, owned on main.
class GrpcStreams;

// One discovery call, of either form.
class GrpcCall {
 public:
  virtual ~GrpcCall() = default;
  // On main.
  virtual void Begin() = 0;
  virtual void Stop() = 0;  // the server ends
};

// Every operation is started on main; libgrpc's callbacks only post. Freed on main after OnDone.
template <class Request, class Response>
class GrpcStream final : public grpc::ServerBidiReactor<Request, Response>, public GrpcCall, private AnswerSink {
 public:
  GrpcStream(GrpcStreams& owner, PeerFacts peer, std::string only_type);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override {}
  void OnDone() override;

  void Begin() override;
  void Stop() override;

 private:
  void Send(const DiscoveryAnswer& answer) override;
  void End(bool denied, const std::string& reason) override;
  void Released();
  void ReadDone(bool ok);
  void WriteDone(bool ok);
  void WriteNext();
  void FinishOnce(const grpc::Status& status);

  GrpcStreams& owner_;
  PeerFacts peer_;
  std::string only_type_;
  Session* session_ = nullptr;
  Request request_;
  Response response_;
  std::deque<DiscoveryAnswer> queue_;  // at most one per type: the session awaits answers
  bool writing_ = false;
  bool finished_ = false;
};
using WorldStream =
    GrpcStream<envoy::service::discovery::v3::DiscoveryRequest, envoy::service::discovery::v3::DiscoveryResponse>;
using DeltaStream = GrpcStream<envoy::service::discovery::v3::DeltaDiscoveryRequest,
                               envoy::service::discovery::v3::DeltaDiscoveryResponse>;

}  // namespace outrigger::control_plane
