// Thread: main (Shutdown through the dispatcher)
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "source/config/bootstrap.h"
#include "source/config/snapshot_builder.h"
#include "source/event/dispatcher.h"
#include "source/extension/factory.h"
#include "source/observe/stats.h"
#include "source/server/config_status.h"
#include "source/server/listener_sockets.h"
#include "source/server/options.h"
#include "source/upstream/worker_context.h"

namespace outrigger::server {

class AdminPages;
class Server;
class WorkerSet;

// A resource of dynamic configuration, as /config_dump and /config_status show it. Pointers are valid until the loop
// goes on.
struct DynamicResource {
  struct Version {
    config::ShownMessage message;
    absl::string_view version;
    WallTime received{};
  };
  config::ResourceKind kind = config::ResourceKind::kListener;
  absl::string_view name;
  Version active, warming, draining;                  // message null: there is none
  int status = 0;                                     // envoy.admin.v3.ClientResourceStatus
  absl::string_view error, error_version;             // of the last version that was refused; empty: none since
  const google::protobuf::Message* failed = nullptr;  // that version, if it can be shown
  WallTime error_time{};
  absl::string_view type, type_url;    // "CDS"
  WallTime requested{};                // since when it is wanted
  WallTime applied{}, in_use_since{};  // of the active version; zero: not yet
  uint64_t generation = 0;             // that has the active version; 0: published at the end of this turn
  absl::string_view source_error;      // why its source cannot give it
  bool leaving = false;                // its source dropped it; it stays until nobody needs it
};

// The configuration kept on disk.
struct LastGoodView {
  bool in_use = false;      // it is what is served: the control plane has not answered since the start
  uint64_t generation = 0;  // of the file loaded, or written last; 0: none
  Duration age{0};          // while it is in use: since the control plane last confirmed it
};

// Where configuration beyond the bootstrap comes from (xDS). Owned by the server, made before the workers.
class DynamicConfiguration {
 public:
  virtual ~DynamicConfiguration() = default;
  // On the running loop, after static configuration is published to main. Takes a HoldInit() as long as the first
  // configuration is on its way, changes server.builder() and calls RequestPublish().
  virtual void Start(Server& server) = 0;
  // All resources it knows of, by kind, then name.
  virtual void ForEachResource(const std::function<void(const DynamicResource&)>& /*f*/) const {}
  virtual size_t Waiting(config::ResourceKind /*kind*/) const { return 0; }  // how many have a version that waits
  virtual ConfigurationOverview Overview() const { return {}; }
  virtual std::vector<WaitView> WaitsOf(absl::string_view /*type_url*/, const std::string& /*name*/) const {
    return {};
  }
  // Each publication, with its generation; what every worker uses, whenever that has grown.
  virtual void OnPublished(uint64_t /*generation*/) {}
  virtual void OnInUse(uint64_t /*generation*/) {}
  virtual LastGoodView last_good() const { return {}; }
  virtual void RefreshGauges() {}  // before they are read
  // Why the bootstrap's sources cannot be used: looked at after Start(), an error of the start.
  virtual const absl::Status& error() const {
    static const absl::Status none;
    return none;
  }
};

// What the process gives the server: effects and the list of extensions.
struct Surroundings {
  const extension::FactoryTable* factories = nullptr;
  std::function<std::unique_ptr<event::Engine>()> make_engine;     // one for main, one for each worker
  std::function<std::unique_ptr<DynamicConfiguration>()> dynamic;  // null: none
  bool threads = true;         // false: workers are stepped by the caller (simulator)
  bool catch_signals = false;  // the real process
  std::string hostname;        // %HOSTNAME%
  const char* (*environment_variable)(const char* name) =
      nullptr;                              // %ENVIRONMENT(X)%, DataSource.environment_variable; null: none is set
  void (*return_start_memory)() = nullptr;  // called once, when the workers have started
};

// The composition root: everything of one proxy process, in the order it starts and ends.
//
//   Create: bootstrap read and compiled ─▶ Start: admin bound, DNS and xDS begin ─▶ every HoldInit() gone: listeners
//   bound, workers start ─▶ live ─▶ Shutdown(): stop listening, drain ─▶ no connection left, or drain time over ─▶
//   Run() returns 0
class Server final {
 public:
  // Reads the bootstrap and compiles static configuration. Opens nothing on the network. The error is what to tell the
  // user.
  static absl::StatusOr<std::unique_ptr<Server>> Create(const Options& options, Surroundings surroundings);
  ~Server();
  Server(const Server&) = delete;

  absl::Status Start();
  int Run();        // until the end; the exit code
  void Shutdown();  // drains, then ends; again: ends at once. On the loop
  // /drain_listeners: connections are asked to end; listening ends now, when the drain time is over, or not at all.
  enum class AfterDrain : uint8_t { kStopNow, kStop, kListen };
  void DrainListeners(bool inbound_only, AfterDrain after);
  void SetHealthCheckFailed(bool failed);  // drains while it lasts; /ready says no
  void ReopenLogs();

  // --- for whoever configures
  // -------------------------------------------------------------------------------------------------
  config::SnapshotBuilder& builder();
  // What the builder holds now becomes a publication at the end of this loop turn (law 2: at most one per turn).
  void RequestPublish();
  // Binds (without listening) what this listener would need, so that a failure refuses the resource before it is
  // acknowledged. An address that another listener has is a conflict, unless that one is named in `leaving`: it goes in
  // the same update.
  absl::Status PrepareListener(const BindRequest& request, const std::vector<std::string>& leaving = {});
  // Expires when no worker has anything of this published listener any more: it left the configuration, and its last
  // connection has ended.
  std::weak_ptr<const void> LifeOf(absl::string_view listener) const;
  uint64_t published_generation() const;
  uint64_t in_use_generation() const;  // all workers (and main) use at least this one
  // Called once, on main, when `generation` is in use everywhere.
  void WhenInUse(uint64_t generation, std::function<void()> f);
  // As long as somebody holds one, workers do not start and the state is INITIALIZING.
  std::shared_ptr<void> HoldInit(std::string what);

  void RefreshGauges();  // of the process, before they are read
  void ForEachDynamicResource(const std::function<void(const DynamicResource&)>& f) const;
  LastGoodView last_good() const;
  const Surroundings& surroundings() const;
  const DynamicConfiguration* dynamic() const;  // null: all is static

  // --- what everybody may use
  // --------------------------------------------------------------------------------------------------
  enum class State : uint8_t { kLive, kDraining, kPreInitializing, kInitializing };  // envoy.admin.v3.ServerInfo.State
  State state() const;
  const Options& options() const;
  const envoy::config::bootstrap::v3::Bootstrap& bootstrap() const;
  event::Dispatcher& dispatcher();
  upstream::WorkerContext& context();  // main's own: upstream requests from main (xDS)
  observe::StatsRegistry& stats();
  observe::AccessLogFiles& access_logs();
  WorkerSet& workers();
  ListenerSockets& sockets();
  AdminPages& admin();
  net::Address admin_address() const;  // kNone: no admin endpoint
  MonotonicTime started() const;
  WallTime started_wall() const;

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace outrigger::server
