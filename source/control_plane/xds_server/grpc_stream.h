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

// One discovery call. Every operation is started on main; libgrpc's callbacks only post. Freed on main after OnDone.
class GrpcStream final : public grpc::ServerBidiReactor<envoy::service::discovery::v3::DiscoveryRequest,
                                                        envoy::service::discovery::v3::DiscoveryResponse>,
                         private AnswerSink {
 public:
  GrpcStream(GrpcStreams& owner, PeerFacts peer, std::string only_type);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override {}
  void OnDone() override;

  // On main.
  void Begin();
  void Stop();  // the server ends
  void Released();

 private:
  void Send(const DiscoveryAnswer& answer) override;
  void End(bool denied, const std::string& reason) override;
  void ReadDone(bool ok);
  void WriteDone(bool ok);
  void WriteNext();
  void FinishOnce(const grpc::Status& status);

  GrpcStreams& owner_;
  PeerFacts peer_;
  std::string only_type_;
  Session* session_ = nullptr;
  envoy::service::discovery::v3::DiscoveryRequest request_;
  envoy::service::discovery::v3::DiscoveryResponse response_;
  std::deque<DiscoveryAnswer> queue_;  // at most one per type: the session awaits answers
  bool writing_ = false;
  bool finished_ = false;
};

}  // namespace outrigger::control_plane
