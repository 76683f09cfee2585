// How a server begins: bootstrap, static configuration, admin, the first generation.
#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "envoy/config/accesslog/v3/accesslog.pb.h"
#include "envoy/config/core/v3/address.pb.h"
#include "envoy/extensions/access_loggers/file/v3/file.pb.h"
#include "source/base/bug.h"
#include "source/base/log.h"
#include "source/extension/runtime.h"
#include "source/extension/values.h"
#include "source/server/admin/all_pages.h"
#include "source/server/admin/client_status.h"
#include "source/server/process_stats.h"
#include "source/server/server_parts.h"
#include "source/upstream/breaker_gauges.h"

namespace outrigger::server {

namespace {

constexpr Duration kStatsInterval = seconds(5);  // histograms show the last one

Watchdog::Limits WatchdogLimits(const envoy::config::bootstrap::v3::Watchdog& proto, uint64_t random) {
  Watchdog::Limits limits;
  using extension::DurationOf;
  if (proto.has_miss_timeout()) limits.miss = DurationOf(proto.miss_timeout());
  if (proto.has_megamiss_timeout()) limits.megamiss = DurationOf(proto.megamiss_timeout());
  limits.kill = DurationOf(proto.kill_timeout());
  limits.multikill = DurationOf(proto.multikill_timeout());
  limits.multikill_share = proto.multikill_threshold().value() / 100.0;
  const int64_t jitter = ToMillis(DurationOf(proto.max_kill_timeout_jitter()));
  if (limits.kill > Duration::zero() && jitter > 0) {
    limits.kill += milliseconds(static_cast<int64_t>(random % static_cast<uint64_t>(jitter)));
  }
  return limits;
}

absl::StatusOr<net::Address> AdminAddress(const envoy::config::core::v3::Address& address) {
  if (address.has_pipe()) return net::Address::UnixPath(address.pipe().path(), address.pipe().mode());
  const auto& socket = address.socket_address();
  return net::Address::ParseIp(socket.address(), static_cast<uint16_t>(socket.port_value()));
}

size_t WorkerCount(const Options& options) {
  if (options.concurrency > 0) return options.concurrency;
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace

Server::Parts::Parts(const Options& o, Surroundings s)
    : options(o),
      around(std::move(s)),
      dispatcher(std::make_unique<event::Dispatcher>(around.make_engine())),
      self(std::make_shared<Parts*>(this)),
      stats_timer([this] { OnStatsTimer(); }),
      drain_timer([this] { PollDrain(); }),
      stop_timer([this] {
        stop_all = stop_all || stop_all_later;
        stop_inbound = stop_inbound || stop_inbound_later;
        Publish();
      }) {
  if (around.catch_signals) {
    signals = std::make_unique<event::SignalWatch>(dispatcher->engine(),
                                                   std::initializer_list<int>{SIGTERM, SIGINT, SIGUSR1, SIGHUP},
                                                   [this](int signal) { OnSignal(signal); });
  }
  access_logs = std::make_unique<observe::LogWriter>(
      stats, observe::LogWriterOptions{.flush_interval = options.file_flush_interval});
  server_scope = stats.Register<observe::ServerStats>("server.");
  listener_scope = stats.Register<observe::ListenerManagerStats>("listener_manager.");
  cluster_scope = stats.Register<observe::ClusterManagerStats>("cluster_manager.");
  runtime_scope = stats.Register<observe::RuntimeStats>("runtime.");
  started = dispatcher->now();
  started_wall = dispatcher->wall_now();
}

absl::Status Server::Parts::Load() {
  auto read = config::LoadBootstrap({.path = options.config_path,
                                     .yaml = options.config_yaml,
                                     .allow_unknown_fields = options.allow_unknown_static_fields},
                                    dispatcher->engine());
  if (!read.ok()) return read.status();
  loaded.emplace(*std::move(read));
  for (const std::string& warning : loaded->warnings) OUTRIGGER_LOG(kWarn, kConfig, warning);
  for (const std::string& unknown : loaded->unknown_fields)
    OUTRIGGER_LOG(kWarn, kConfig, "unknown field, tolerated: ", unknown);
  if (options.disable_hot_restart)
    OUTRIGGER_LOG(kInfo, kMain, "--disable-hot-restart: there is no hot restart to disable");
  stats.main().Get(server_scope).static_unknown_fields.Add(loaded->unknown_fields.size());

  // The command line wins over the bootstrap's node.
  envoy::config::core::v3::Node& node = *loaded->bootstrap->mutable_node();
  if (!options.service_node.empty()) node.set_id(options.service_node);
  if (!options.service_cluster.empty()) node.set_cluster(options.service_cluster);
  if (!options.service_zone.empty()) node.mutable_locality()->set_zone(options.service_zone);
  facts.node_id = node.id();
  facts.node_cluster = node.cluster();
  facts.zone = node.locality().zone();
  facts.region = node.locality().region();
  facts.local_address = around.threads               ? HostAddress(dispatcher->engine(), options.local_address_ipv6)
                        : options.local_address_ipv6 ? "::1"
                                                     : "127.0.0.1";
  facts.sub_zone = node.locality().sub_zone();

  config::Environment environment{
      dispatcher->engine(), stats, tls, *access_logs, *around.factories, [](const std::string& warning) {
        OUTRIGGER_LOG(kWarn, kConfig, warning);
      }};
  environment.hostname = around.hostname;
  environment.variable = around.environment_variable;
  builder = std::make_unique<config::SnapshotBuilder>(environment);
  if (const absl::Status set = builder->SetStatic(*loaded->bootstrap); !set.ok()) return set;
  return FollowRuntime();
}

absl::StatusOr<std::unique_ptr<Server>> Server::Create(const Options& options, Surroundings surroundings) {
  auto parts = std::make_unique<Parts>(options, std::move(surroundings));
  if (absl::Status loaded = parts->Load(); !loaded.ok()) return loaded;
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

absl::Status Server::Parts::PrepareStatic() {
  // A static listener that cannot be bound is an error of the start; one that comes later is an error of that listener.
  const std::shared_ptr<const model::Snapshot> snapshot = builder->Build();
  std::map<std::string, std::string> owners;
  for (uint32_t i = 0; i < snapshot->listeners.size(); ++i) {
    const model::Listener* listener = snapshot->listeners.Get(i);
    if (listener == nullptr) continue;
    const BindRequest request = BindRequestOf(*listener);
    for (const net::Address& address : request.addresses) {
      if (address.ip() && address.port() == 0) continue;
      const auto [at, first] = owners.emplace(address.ToString(), listener->name);
      if (first || at->second == listener->name) continue;
      return absl::AlreadyExistsError(absl::StrCat("listener \"", listener->name, "\": address ", address.ToString(),
                                                   " is in use by listener \"", at->second, "\""));
    }
    if (absl::Status bound = sockets->Prepare(request); !bound.ok()) {
      return absl::Status(bound.code(), absl::StrCat("listener \"", listener->name, "\": ", bound.message()));
    }
    sockets->StopKeeping(listener->name);
  }
  return absl::OkStatus();
}

absl::Status Server::Parts::StartAdmin(Server& server) {
  if (!loaded->bootstrap->has_admin() || !loaded->bootstrap->admin().has_address()) return absl::OkStatus();
  const auto& config = loaded->bootstrap->admin();
  auto address = AdminAddress(config.address());
  if (!address.ok()) return absl::InvalidArgumentError(absl::StrCat("admin.address: ", address.status().message()));
  AddAllPages(server, pages);
  AdminListener::Settings settings;
  settings.methods = ClientStatusMethods(server);
  settings.address = *std::move(address);
  for (int i = 0; i < config.access_log_size(); ++i) {
    auto log = builder->MakeAccessLog(config.access_log(i));
    if (!log.ok())
      return absl::Status(log.status().code(), absl::StrCat("admin.access_log[", i, "].", log.status().message()));
    settings.access_logs.push_back(*std::move(log));
  }
  if (!config.access_log_path().empty()) {  // the deprecated form of a file access log
    envoy::extensions::access_loggers::file::v3::FileAccessLog file;
    file.set_path(config.access_log_path());
    envoy::config::accesslog::v3::AccessLog log;
    log.mutable_typed_config()->PackFrom(file);
    auto made = builder->MakeAccessLog(log);
    if (!made.ok())
      return absl::Status(made.status().code(), absl::StrCat("admin.access_log_path: ", made.status().message()));
    settings.access_logs.push_back(*std::move(made));
  }
  auto made = AdminListener::Start(settings, pages, *context, stats);
  if (!made.ok()) return made.status();
  admin = *std::move(made);
  OUTRIGGER_LOG(kInfo, kAdmin, "admin address: ", admin->address().ToString());
  if (options.admin_address_path.empty()) return absl::OkStatus();
  absl::Status written =
      dispatcher->engine().ReplaceFile(options.admin_address_path, admin->address().ToString(), 0644);
  if (!written.ok()) return absl::Status(written.code(), absl::StrCat("--admin-address-path: ", written.message()));
  return written;
}

absl::Status Server::Start() {
  Parts& p = *parts_;
  const size_t count = WorkerCount(p.options);
  const std::shared_ptr<const model::Snapshot> first = p.builder->Build();
  p.context = std::make_unique<upstream::WorkerContext>(static_cast<int>(count), *p.dispatcher, p.stats.main(), p.facts,
                                                        first, [](std::shared_ptr<const model::Snapshot>) {});
  p.sockets = std::make_unique<ListenerSockets>(p.dispatcher->engine(), count);
  auto publication = std::make_shared<Publication>();
  publication->snapshot = std::make_shared<const model::Snapshot>();
  p.workers = std::make_unique<WorkerSet>(WorkerSet::Settings{.count = count,
                                                              .threads = p.around.threads,
                                                              .main = p.dispatcher.get(),
                                                              .stats = &p.stats,
                                                              .facts = &p.facts,
                                                              .drain = p.plan(),
                                                              .connections = &p.connections,
                                                              .make_engine = p.around.make_engine},
                                          std::move(publication));
  p.workers->OnInUse([&p] { p.OnInUse(); });
  if (absl::Status watched = p.MakeOverloadWatch(); !watched.ok()) return watched;
  if (absl::Status bound = p.PrepareStatic(); !bound.ok()) return bound;
  if (absl::Status admin = p.StartAdmin(*this); !admin.ok()) return admin;
  p.dns = std::make_unique<DnsResolution>(*p.dispatcher, *p.builder, p.stats.main(), [this] { RequestPublish(); });
  p.files = std::make_unique<WatchedFiles>(*p.dispatcher, [this](std::vector<std::string> paths) {
    absl::Status status = parts_->builder->FilesChanged(paths);
    if (!status.ok()) OUTRIGGER_LOG(kWarn, kConfig, "a file changed, what was there stays: ", status.message());
    RequestPublish();
  });
  p.dns->Follow(model::Snapshot(), *first);
  p.FollowFiles();
  p.state = State::kInitializing;
  p.RefreshProcessGauges();
  p.dispatcher->Arm(p.stats_timer, kStatsInterval);

  std::shared_ptr<void> hold = HoldInit("static configuration");
  p.dns->OnFirstRoundDone([keep = HoldInit("dns")]() mutable { keep.reset(); });
  if (p.around.dynamic) p.dynamic = p.around.dynamic();
  if (p.dynamic != nullptr) {
    p.dynamic->Start(*this);
    if (!p.dynamic->error().ok()) return p.dynamic->error();
  }
  hold.reset();
  return absl::OkStatus();
}

void Server::Parts::StartWatchdog() {
  if (!around.threads) return;  // in the simulator nobody is stuck, and time is not real
  const auto& bootstrap = *loaded->bootstrap;
  Watchdog::Settings settings;
  settings.main = dispatcher.get();
  for (size_t i = 0; i < workers->size(); ++i) settings.workers.push_back(&workers->worker(i).dispatcher());
  const uint64_t random = dispatcher->engine().RandomBits();
  const auto& watchdogs = bootstrap.watchdogs();
  settings.for_main = WatchdogLimits(
      watchdogs.has_main_thread_watchdog() ? watchdogs.main_thread_watchdog() : bootstrap.watchdog(), random);
  settings.for_workers =
      WatchdogLimits(watchdogs.has_worker_watchdog() ? watchdogs.worker_watchdog() : bootstrap.watchdog(), random);
  settings.stats = &stats;
  settings.kill = [](const std::string& why) {
    OUTRIGGER_LOG(kCritical, kMain, why);
    log::Flush();
    std::abort();
  };
  watchdog = std::make_unique<Watchdog>(std::move(settings));
  watchdog->Start();
}

void Server::Parts::OnInitialized() {
  if (state != State::kInitializing) return;
  state = State::kLive;
  const Duration took = dispatcher->now() - started;
  stats.main().Get(server_scope).initialization_time_ms.Record(static_cast<uint64_t>(ToMillis(took)));
  if (options.mode == Mode::kInitOnly) {
    OUTRIGGER_LOG(kInfo, kMain, "initialised; --mode init_only ends here");
    return dispatcher->Stop();
  }
  Publish();
  workers->Start();
  stats.main().Get(listener_scope).workers_started.Set(1);
  stats.main()
      .Get(listener_scope)
      .listener_create_success.Add(workers->current().listening->sockets.size() * workers->size());
  StartWatchdog();
  if (overload_watch != nullptr) overload_watch->Start();
  RefreshProcessGauges();
  OUTRIGGER_LOG(kInfo, kMain, "all clusters are initialised: starts ", workers->size(), " workers");
  if (around.return_start_memory != nullptr) around.return_start_memory();
}

void Server::Parts::OnStatsTimer() {
  workers->Reap();
  sockets->Reap();
  builder->ForgetUnused();
  stats.EndInterval();
  RefreshProcessGauges();
  if (memory_return.IsDue(static_cast<uint64_t>(stats.main().Get(server_scope).memory_allocated.value())))
    dispatcher->engine().ReturnFreeHeap();
  dispatcher->Arm(stats_timer, kStatsInterval);
}

// What is on its way in and on its way out.
void Server::Parts::RefreshConfigurationGauges() {
  int64_t clusters = 0, listeners = 0;
  if (dynamic != nullptr) {
    clusters = static_cast<int64_t>(dynamic->Waiting(config::ResourceKind::kCluster));
    listeners = static_cast<int64_t>(dynamic->Waiting(config::ResourceKind::kListener));
  }
  stats.main().Get(cluster_scope).warming_clusters.Set(clusters);
  observe::ListenerManagerStats& gauges = stats.main().Get(listener_scope);
  gauges.total_listeners_warming.Set(listeners);
  for (auto* leaving : {&draining_listeners, &draining_chains}) {
    std::erase_if(*leaving, [](const std::weak_ptr<const void>& one) { return one.expired(); });
  }
  gauges.total_listeners_draining.Set(static_cast<int64_t>(draining_listeners.size()));
  gauges.total_filter_chains_draining.Set(static_cast<int64_t>(draining_chains.size()));
}

// Of each cluster, and of each certificate: costs what the mesh is large, and so only when somebody reads.
void Server::Parts::RefreshGauges() {
  RefreshProcessGauges();
  const model::Snapshot& snapshot = *workers->current().snapshot;
  stats.main()
      .Get(server_scope)
      .days_until_first_cert_expiring.Set(static_cast<int64_t>(DaysUntilFirstExpiry(snapshot, dispatcher->wall_now())));
  for (uint32_t i = 0; i < snapshot.clusters.size(); ++i) {
    const model::Cluster* cluster = snapshot.clusters.Get(i);
    if (cluster != nullptr) upstream::UpdateBreakerGauges(*cluster->config, stats.main());
  }
}

void Server::Parts::RefreshProcessGauges() {
  RefreshConfigurationGauges();
  if (dynamic != nullptr) dynamic->RefreshGauges();
  observe::ServerStats& gauges = stats.main().Get(server_scope);
  const State shown = state == State::kLive && health_check_failed ? State::kDraining : state;
  gauges.live.Set(shown == State::kLive ? 1 : 0);
  gauges.state.Set(static_cast<int64_t>(shown));
  gauges.concurrency.Set(static_cast<int64_t>(workers->size()));
  gauges.uptime.Set(ToMillis(dispatcher->now() - started) / 1000);
  gauges.total_connections.Set(static_cast<int64_t>(workers->connections()));
  const MemoryUse memory = ReadMemoryUse(dispatcher->engine());
  gauges.memory_allocated.Set(static_cast<int64_t>(memory.allocated));
  gauges.memory_heap_size.Set(static_cast<int64_t>(memory.heap));
  gauges.memory_physical_size.Set(static_cast<int64_t>(memory.physical));
  const uint64_t refused = workers->out_of_descriptors();
  gauges.accept_out_of_descriptors.Add(refused - std::exchange(out_of_descriptors_counted, refused));
  if (admin != nullptr) gauges.accept_out_of_descriptors.Add(admin->TakeOutOfDescriptors());
  const uint64_t bugs = BugsSeen();
  gauges.envoy_bug_failures.Add(bugs - std::exchange(bugs_counted, bugs));
}

}  // namespace outrigger::server
