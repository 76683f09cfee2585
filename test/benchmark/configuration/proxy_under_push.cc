#include "test/benchmark/configuration/proxy_under_push.h"

#include <malloc.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "source/base/log.h"
#include "source/event/engine.h"
#include "source/server/dynamic/builder_target.h"
#include "source/xds/last_good_collector.h"
#include "test/benchmark/configuration/meshes.h"

namespace outrigger::bench {

namespace {

double ClockSeconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

[[noreturn]] void Fail(absl::string_view what) {
  std::fprintf(stderr, "config_scale: %s\n", std::string(what).c_str());
  std::exit(1);
}

constexpr absl::string_view kBootstrap = R"(
node: {id: bench, cluster: bench}
)";

}  // namespace

double CpuSeconds() { return ClockSeconds(CLOCK_THREAD_CPUTIME_ID); }
double WallSeconds() { return ClockSeconds(CLOCK_MONOTONIC); }

int64_t HeapBytes() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<int64_t>(info.uordblks + info.hblkhd);
}

int64_t ResidentBytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  long all = 0, resident = 0;
  if (file == nullptr || std::fscanf(file, "%ld %ld", &all, &resident) != 2) Fail("no /proc/self/statm");
  std::fclose(file);
  return static_cast<int64_t>(resident) * sysconf(_SC_PAGESIZE);
}

// The staging graph over the server's own builder; its one source is whoever calls Push.
class ProxyUnderPush::Configuration final : public server::DynamicConfiguration,
                                            public xds::SourceDirectory,
                                            public xds::Source {
 public:
  explicit Configuration(ProxyUnderPush& owner) { owner.configuration_ = this; }

  void Start(server::Server& server) override {
    target_ = std::make_unique<server::BuilderTarget>(
        server.dispatcher(), server.builder(),
        server::BuilderTarget::Calls{
            [&server](const server::BindRequest& request, const std::vector<std::string>& leaving) {
              return server.PrepareListener(request, leaving);
            },
            [&server](const std::string& listener) { server.sockets().StopKeeping(listener); },
            [](const std::string&) {}, [&server] { server.RequestPublish(); }});
    graph_ = std::make_unique<xds::StagingGraph>(server.dispatcher(), server.stats(), *target_, *this);
    graph_->WatchAll(xds::ResourceType::kCluster, *this, Duration(0));
    graph_->WatchAll(xds::ResourceType::kListener, *this, Duration(0));
  }
  void OnPublished(uint64_t generation) override {
    if (graph_ != nullptr) graph_->Published(generation);
  }
  void OnInUse(uint64_t generation) override {
    if (graph_ != nullptr) graph_->InUse(generation);
  }
  xds::StagingGraph& graph() { return *graph_; }

  absl::StatusOr<xds::Source*> SourceFor(xds::ResourceType, const envoy::config::core::v3::ConfigSource&) override {
    return this;
  }
  void WantAll(xds::ResourceType) override {}
  void Want(xds::ResourceType, const std::string&) override {}
  void Unwant(xds::ResourceType, const std::string&) override {}
  std::string Describe() const override { return "bench"; }

 private:
  std::unique_ptr<server::BuilderTarget> target_;
  std::unique_ptr<xds::StagingGraph> graph_;
};

ProxyUnderPush::ProxyUnderPush(uint32_t workers) : factories_(exe::AllExtensions()) {
  server::Options options;
  options.config_yaml = std::string(kBootstrap);
  options.concurrency = workers;
  server::Surroundings around;
  around.factories = &factories_;
  around.make_engine = [] { return event::MakeEpollEngine(); };
  around.dynamic = [this] { return std::make_unique<Configuration>(*this); };
  around.threads = false;
  around.hostname = "bench";
  log::SetLevel(log::Level::kError);
  auto made = server::Server::Create(options, std::move(around));
  if (!made.ok()) Fail(made.status().message());
  server_ = *std::move(made);
  if (absl::Status started = server_->Start(); !started.ok()) Fail(started.message());
  Settle();
}

ProxyUnderPush::~ProxyUnderPush() = default;

bool ProxyUnderPush::TurnMain(PushCost* cost) {
  const double begin = CpuSeconds();
  const bool ran = server_->dispatcher().RunOnce(Duration(0));
  const double took = CpuSeconds() - begin;
  if (ran) {
    cost->publish += took;
    cost->longest_main = std::max(cost->longest_main, took);
  }
  return ran;
}

bool ProxyUnderPush::TurnWorkers(PushCost* cost) {
  bool any = false;
  for (size_t i = 0; i < server_->workers().size(); ++i) {
    const double begin = CpuSeconds();
    const bool ran = server_->workers().worker(i).dispatcher().RunOnce(Duration(0));
    const double took = CpuSeconds() - begin;
    any = any || ran;
    if (!ran) continue;
    if (i == 0) cost->worker += took;
    cost->longest_worker = std::max(cost->longest_worker, took);
  }
  return any;
}

void ProxyUnderPush::Settle() {
  PushCost ignored;
  for (int quiet = 0; quiet < 3;) {
    const bool main = TurnMain(&ignored);
    const bool workers = TurnWorkers(&ignored);
    quiet = main || workers ? 0 : quiet + 1;
  }
}

void ProxyUnderPush::Linger(int seconds) {
  for (const double until = WallSeconds() + seconds; WallSeconds() < until;) {
    server_->dispatcher().RunOnce(milliseconds(20));
    Settle();
  }
}

namespace {
// Reads more than the caches hold: of the one that cores share, only a part is this process's.
void EmptyCaches() {
  static const std::vector<char> memory(size_t{256} << 20, 1);
  volatile char sum = 0;
  for (size_t i = 0; i < memory.size(); i += 64) sum = static_cast<char>(sum + memory[i]);
}
}  // namespace

double ProxyUnderPush::LongestCollecting() const {
  xds::LastGoodCollector collector(configuration_->graph());
  double longest = 0;
  for (bool all = false; !all;) {
    const double begin = CpuSeconds();
    all = collector.Step();
    longest = std::max(longest, CpuSeconds() - begin);
  }
  return longest;
}

model::ClusterSlot ProxyUnderPush::SlotOf(absl::string_view cluster) {
  model::ClusterSlot& slot = slots_[std::string(cluster)];
  if (!slot.valid()) {
    const model::Cluster* found = server_->workers().worker(0).context().snapshot().FindCluster(cluster);
    if (found == nullptr) Fail(absl::StrCat("there is no ", cluster));
    slot = found->slot;
  }
  return slot;
}

PushCost ProxyUnderPush::Deliver(const xds::Update& update, absl::string_view pick) {
  PushCost cost;
  const double wall = WallSeconds();
  const double begin = CpuSeconds();
  const std::vector<xds::Refusal> refused = configuration_->graph().OnUpdate(update);
  cost.stage = cost.longest_main = CpuSeconds() - begin;
  if (!refused.empty()) Fail(refused[0].detail);
  for (int quiet = 0; quiet < 2;) {
    const bool main = TurnMain(&cost);
    const bool workers = TurnWorkers(&cost);
    quiet = main || workers ? 0 : quiet + 1;
  }
  if (server_->in_use_generation() != server_->published_generation()) Fail("a publication is not in use");
  if (!pick.empty()) {
    upstream::WorkerContext& context = server_->workers().worker(0).context();
    const model::ClusterSlot slot = SlotOf(pick);  // routes know it
    const double picking = CpuSeconds();
    upstream::WorkerCluster* cluster = context.Cluster(slot);
    if (cluster == nullptr || !cluster->Pick({})) Fail(absl::StrCat("nothing to pick in ", pick));
    cost.balance = CpuSeconds() - picking;
    cost.longest_worker = std::max(cost.longest_worker, cost.balance);
  }
  cost.wall = WallSeconds() - wall;
  return cost;
}

namespace {
std::string VersionOf(const envoy::service::discovery::v3::DiscoveryResponse& response) {
  return response.version_info();
}
std::string VersionOf(const envoy::service::discovery::v3::DeltaDiscoveryResponse& response) {
  return response.system_version_info();
}
}  // namespace

PushCost ProxyUnderPush::Push(xds::ResourceType type, absl::string_view response, absl::string_view pick) {
  return PushBytes<envoy::service::discovery::v3::DiscoveryResponse>(type, response, pick);
}

PushCost ProxyUnderPush::PushDelta(xds::ResourceType type, absl::string_view response, absl::string_view pick) {
  return PushBytes<envoy::service::discovery::v3::DeltaDiscoveryResponse>(type, response, pick);
}

template <class Response>
PushCost ProxyUnderPush::PushBytes(xds::ResourceType type, absl::string_view response, absl::string_view pick) {
  xds::DecodeOptions options;
  options.known = [this](const std::string& name) { return configuration_->graph().KnownEndpoints(name); };
  const double wall = WallSeconds();
  const double begin = CpuSeconds();
  xds::DecodedResponse decoded;
  std::string version;
  {
    Response parsed;
    if (!parsed.ParseFromArray(response.data(), static_cast<int>(response.size()))) Fail("a response does not parse");
    decoded = xds::DecodeResponse(type, parsed, options);
    version = VersionOf(parsed);
  }
  if (!decoded.whole.ok()) Fail(decoded.whole.message());
  if (!decoded.refused.empty()) Fail(decoded.refused[0].detail);
  xds::Update update;
  update.type = type;
  update.version = version;
  update.updated = std::move(decoded.resources);
  const double decode = CpuSeconds() - begin;
  const double decode_wall = WallSeconds() - wall;
  if (cold_) EmptyCaches();
  PushCost cost = Deliver(update, pick);
  // What is held of the message that was replaced goes with the message: in proportion to its bytes, as decoding is.
  const double ending = CpuSeconds();
  update.updated.clear();
  cost.decode = decode + CpuSeconds() - ending;
  cost.longest_main = std::max(cost.longest_main, cost.decode + cost.stage);  // one turn of main
  cost.wall += decode_wall;
  return cost;
}

PushCost ProxyUnderPush::Remove(xds::ResourceType type, std::vector<std::string> names) {
  xds::Update update;
  update.type = type;
  update.version = "gone";
  update.removed = std::move(names);
  std::sort(update.removed.begin(), update.removed.end());
  return Deliver(update, "");
}

void ProxyUnderPush::UseAll(uint32_t count) {
  for (size_t i = 0; i < server_->workers().size(); ++i) {
    upstream::WorkerContext& context = server_->workers().worker(i).context();
    for (uint32_t c = 0; c < count; ++c) {
      upstream::WorkerCluster* cluster = context.Cluster(SlotOf(ClusterName(c)));
      if (cluster == nullptr || !cluster->Pick({})) Fail(absl::StrCat("nothing to pick in ", ClusterName(c)));
    }
  }
}

}  // namespace outrigger::bench
