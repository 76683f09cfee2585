// Thread: main. Private to server*.cc
#pragma once

#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "source/event/signal_watch.h"
#include "source/observe/log_writer.h"
#include "source/observe/schemas/listener.h"
#include "source/observe/schemas/server.h"
#include "source/overload/watch.h"
#include "source/server/admin/listener.h"
#include "source/server/admin/pages.h"
#include "source/server/dns_resolution.h"
#include "source/server/process_stats.h"
#include "source/server/server.h"
#include "source/server/watchdog.h"
#include "source/server/watched_files.h"
#include "source/server/worker_set.h"
#include "source/tls/context_store.h"

namespace outrigger::server {

// Members in the order they are made; destroyed the other way round.
struct Server::Parts final : public event::EndOfTurn {
  Parts(const Options& o, Surroundings s);
  ~Parts();
  void Turns();  // a few of the loop: what was put off is freed

  // server_publish.cc
  void OnEndOfTurn() override;  // a requested publication is made
  void Publish();
  std::shared_ptr<ListenerShare> ShareOf(const model::Listener& listener);
  bool ListensAsBefore(const model::Snapshot& before, const model::Snapshot& after);
  std::shared_ptr<const Listening> Listen(const model::Snapshot& snapshot, size_t* failed);
  void CountChanges(const model::Snapshot& before, const model::Snapshot& after, size_t failures);
  void NoteDrainingChains(const model::Listener& before, const model::Listener& after);
  void FollowFiles();
  absl::Status FollowRuntime();
  uint64_t runtime_followed = 0;  // the version of the runtime layers
  void OnInUse();
  bool MayListen(const model::Listener& listener) const;
  // server_drain.cc
  void OnSignal(int signal);
  void Shutdown();
  void PollDrain();
  void Finish();
  void Drain(const std::function<bool(const model::Listener&)>& which);
  DrainPlan plan() const;
  // server_start.cc
  absl::Status Load();
  absl::Status StartAdmin(Server& server);
  absl::Status PrepareStatic();
  void OnInitialized();
  void StartWatchdog();
  absl::Status MakeOverloadWatch();  // server_overload.cc
  void OnStatsTimer();
  void RefreshGauges();
  void RefreshProcessGauges();
  void RefreshConfigurationGauges();

  const Options options;
  Surroundings around;
  observe::StatsRegistry stats;  // outlives what the dispatcher frees last
  std::unique_ptr<event::Dispatcher> dispatcher;
  std::unique_ptr<event::SignalWatch> signals;  // before any thread: those inherit what is blocked
  std::unique_ptr<observe::LogWriter> access_logs;
  tls::ContextStore tls;
  upstream::ProcessFacts facts;
  SharedLimit connections{
      UINT64_MAX};  // downstream ones of the process: runtime key overload.global_downstream_max_connections
  std::optional<config::LoadedBootstrap> loaded;
  observe::StatsScope<observe::ServerStats> server_scope;
  observe::StatsScope<observe::ListenerManagerStats> listener_scope;
  observe::StatsScope<observe::ClusterManagerStats> cluster_scope;
  observe::StatsScope<observe::RuntimeStats> runtime_scope;
  std::unique_ptr<config::SnapshotBuilder> builder;
  std::unique_ptr<upstream::WorkerContext> context;
  std::unique_ptr<ListenerSockets> sockets;
  std::unique_ptr<WorkerSet> workers;
  std::unique_ptr<Watchdog> watchdog;
  observe::StatsScope<observe::ResetStreamsStats> reset_streams;
  std::unique_ptr<overload::Watch> overload_watch;
  AdminPages pages;
  std::unique_ptr<AdminListener> admin;
  std::unique_ptr<DnsResolution> dns;
  std::unique_ptr<WatchedFiles> files;
  std::unique_ptr<DynamicConfiguration> dynamic;

  State state = State::kPreInitializing;
  bool health_check_failed = false;
  bool stop_all = false, stop_inbound = false;  // no longer listening
  bool stop_all_later = false, stop_inbound_later = false;
  bool ending = false, republish = false;
  int exit_code = 0;
  uint64_t bugs_counted = 0, out_of_descriptors_counted = 0;
  MonotonicTime started, end_by;
  WallTime started_wall;
  std::multimap<uint64_t, std::function<void()>> waiting_for_use;  // by generation
  std::map<std::string, int> init_holds;                           // what the start waits for
  std::shared_ptr<Parts*> self;  // null inside once gone: holds may outlive the server
  // By slot index, of the listeners published last.
  std::map<uint32_t, std::pair<model::ListenerSlot, std::shared_ptr<ListenerShare>>> shares;
  // Gone from the configuration; expired once no worker has a connection of theirs.
  std::vector<std::weak_ptr<const void>> draining_listeners, draining_chains;
  std::map<std::string, std::string> bind_errors;  // by listener, said once
  std::tuple<State, bool, bool> listened_as;       // what the last publication's sockets followed from
  int64_t active_listeners = 0, active_clusters = 0;
  uint64_t files_followed = 0;  // the builder's version of them
  MemoryReturn memory_return;
  event::Timer stats_timer, drain_timer, stop_timer;
};

}  // namespace outrigger::server
