// Thread: the world's
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "source/control_plane/xds_server/xds_server.h"
#include "source/event/simulated_world.h"
#include "source/grpc/client_stream.h"

namespace outrigger::simulation {

// The core of the control plane on a machine of its world, and the way to it: each message is a task posted to the
// other side's loop, so the world's scheduler decides when it is heard.
class SimulatedControlPlane {
 public:
  SimulatedControlPlane(event::SimulatedWorld& world, control_plane::OrderingOptions ordering);
  ~SimulatedControlPlane();

  // Configuration is handed over on the control plane's loop.
  void Publish(control_plane::CatalogPtr catalog);
  // Streams end with a status, as when the process dies; what is sent meanwhile is lost.
  void EndStreams();
  // For whoever is to be configured: the channel that `google_grpc` would make.
  std::unique_ptr<grpc::Channel> MakeChannel(event::Dispatcher& client);
  const control_plane::XdsServer& core() const { return *core_; }
  size_t streams() const;

 private:
  class Link;
  class ClientEnd;
  class LocalChannel;
  std::unique_ptr<event::Dispatcher> loop_;
  std::unique_ptr<control_plane::XdsServer> core_;
  std::vector<std::shared_ptr<Link>> links_;
};

}  // namespace outrigger::simulation
