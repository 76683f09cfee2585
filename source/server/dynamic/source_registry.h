// Thread: main
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "source/config/snapshot_builder.h"
#include "source/server/dynamic/grpc_transport.h"
#include "source/upstream/worker_context.h"
#include "source/xds/discovery_stream.h"
#include "source/xds/file_source.h"
#include "source/xds/staging_graph.h"

namespace outrigger::server {

// Makes a channel for google_grpc (grpc::MakeGoogleChannel, in a process that has libgrpc). Null: not built in.
using GoogleChannelFactory = std::function<absl::StatusOr<std::unique_ptr<grpc::Channel>>(
    event::Dispatcher& dispatcher, const envoy::config::core::v3::GrpcService& service)>;

// The sources of one process: the ADS stream, separate streams and files, each made when first named. Sources that are
// the same share.
class SourceRegistry final : public xds::SourceDirectory {
 public:
  struct Surroundings {
    event::Dispatcher* dispatcher = nullptr;
    upstream::WorkerContext* context = nullptr;  // main's
    observe::StatsRegistry* stats = nullptr;
    const config::SnapshotBuilder* builder = nullptr;
    GoogleChannelFactory google;
    envoy::config::core::v3::Node node;
    xds::DecodeOptions decode;
  };
  explicit SourceRegistry(Surroundings surroundings);
  ~SourceRegistry() override;
  void SetSink(xds::UpdateSink& sink) { sink_ = &sink; }

  // dynamic_resources.ads_config. The stream begins with StartAds().
  absl::Status SetAds(const envoy::config::core::v3::ApiConfigSource& config);
  void StartAds();
  // Streams, then files.
  void ForEachSource(const std::function<void(const xds::Source&)>& f) const;
  xds::DiscoveryStream* ads() { return ads_.stream.get(); }
  bool Connected() const;  // every stream that was begun stands

  absl::StatusOr<xds::Source*> SourceFor(xds::ResourceType type,
                                         const envoy::config::core::v3::ConfigSource& config) override;

 private:
  struct Stream {
    std::vector<std::unique_ptr<GrpcTransport>> transports;  // in the order in which they are asked; never empty
    std::unique_ptr<xds::DiscoveryStream> stream;
    bool delta = false;
  };
  absl::StatusOr<std::vector<std::unique_ptr<GrpcTransport>>> MakeTransports(
      const envoy::config::core::v3::ApiConfigSource& config, bool ads);
  absl::StatusOr<std::unique_ptr<GrpcTransport>> MakeTransport(const envoy::config::core::v3::GrpcService& service,
                                                               bool ads);
  absl::Status CheckCluster(const std::string& cluster, bool ads) const;
  std::unique_ptr<xds::DiscoveryStream> MakeStream(const envoy::config::core::v3::ApiConfigSource& config, Stream& made,
                                                   absl::optional<xds::ResourceType> only);
  absl::StatusOr<xds::Source*> SeparateFor(xds::ResourceType type,
                                           const envoy::config::core::v3::ApiConfigSource& config);
  xds::Source* FileFor(xds::ResourceType type, const std::string& path, const std::string& folder);

  Surroundings around_;
  xds::UpdateSink* sink_ = nullptr;
  Stream ads_;                                                     // empty: no ads_config
  std::map<std::string, Stream> separate_;                         // by type and configuration
  std::map<std::string, std::unique_ptr<xds::FileSource>> files_;  // by type and path
};

}  // namespace outrigger::server
