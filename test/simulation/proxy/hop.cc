#include "test/simulation/proxy/hop.h"

#include <time.h>

#include "absl/strings/str_cat.h"

namespace outrigger::simulation {

namespace {

const event::SimulatedWorld* g_clock = nullptr;

}  // namespace

void UseClockOf(const event::SimulatedWorld* world) { g_clock = world; }

// OpenSSL puts time() into session tickets and into the age it says of them: while a mesh lives, that is its world's
// wall clock too.
extern "C" time_t time(time_t* out) noexcept {
  timespec real{};
  if (g_clock == nullptr) clock_gettime(CLOCK_REALTIME, &real);
  const time_t now =
      g_clock == nullptr
          ? real.tv_sec
          : static_cast<time_t>(std::chrono::duration_cast<seconds>(g_clock->wall_now().time_since_epoch()).count());
  if (out != nullptr) *out = now;
  return now;
}

namespace {

event::FaultPlan FaultsOf(Hop::Plan plan) {
  if (plan != Hop::Plan::kHarsh) return {};
  event::FaultPlan faults = event::FaultPlan::Harsh();
  faults.resolve_failure_one_in = faults.file_error_one_in = 0;  // nobody resolves or reads here
  return faults;
}

}  // namespace

Hop::Hop(uint64_t seed, Plan plan, std::string* trace)
    : seed_(seed), plan_(plan), seeded_(seed), dice_(seed * 3 + 1), world_(seed, FaultsOf(plan)) {
  g_clock = &world_;
  world_.RecordTrace(trace);
  server_http2_ = dice_.OneIn(2);
  between_http2_ = dice_.OneIn(2);
  retries_ = plan_ == Plan::kHarsh || (plan_ == Plan::kOrdinary && dice_.OneIn(2));
  authority_ = std::make_unique<tls::TestAuthority>(world_.wall_now());
  MakeServers();
  MakeProxies();
  MakeCallers();
}

Hop::~Hop() {
  tick_timer_.Disarm();
  callers_.clear();
  pipelining_.reset();
  proxies_.clear();
  servers_.clear();
  g_clock = nullptr;
}

std::vector<net::Address> Hop::servers() const {
  std::vector<net::Address> all;
  for (const auto& server : servers_) all.push_back(server->address());
  return all;
}

std::shared_ptr<const tls::ServerContext> Hop::NewServerContext() {
  tls::ServerSpec spec;
  spec.certificates.push_back(authority_->Uri("spiffe://mesh/back"));
  spec.validation = authority_->Trusting({"spiffe://mesh/front"});
  spec.require_client_certificate = true;
  spec.alpn = {"h2", "http/1.1"};
  return *tls::ServerContext::Build(spec);
}

std::shared_ptr<const tls::ClientContext> Hop::NewClientContext() {
  tls::ClientSpec spec;
  spec.certificates.push_back(authority_->Uri("spiffe://mesh/front"));
  spec.validation = authority_->Trusting({"spiffe://mesh/back"});
  return *tls::ClientContext::Build(spec);
}

ProxyConfig::Cluster Hop::ToBack() {
  ProxyConfig::Cluster cluster;
  cluster.endpoints = {proxies_.back()->address()};
  cluster.protocol = between_http2_ ? model::UpstreamProtocol::kHttp2 : model::UpstreamProtocol::kHttp1;
  cluster.tls = NewClientContext();
  return cluster;
}

ProxyConfig::Cluster Hop::ToServers() {
  ProxyConfig::Cluster cluster;
  cluster.endpoints = servers();
  cluster.protocol = server_protocol();
  return cluster;
}

ProxyConfig::Listener Hop::BackListener() {
  ProxyConfig::Listener listener;
  if (two()) listener.tls = NewServerContext();
  return listener;
}

void Hop::AddRetries(model::ForwardAction& route, bool to_servers) const {
  if (!retries_) return;
  auto policy = std::make_shared<model::RetryPolicy>();
  policy->on = model::kRetry5xx | model::kRetryReset | model::kRetryConnectFailure | model::kRetryRefusedStream;
  policy->retries = 10;
  policy->per_try_timeout = seconds(to_servers ? 2 : 8);  // the front proxy lets the back proxy try again
  policy->back_off_base = milliseconds(1);
  policy->back_off_max = milliseconds(20);
  route.retry = policy;
}

void Hop::MakeServers() {
  const int host = world_.AddHost({"10.0.0.4"});
  server_loop_ = world_.MakeDispatcher(host);
  const size_t count = 1 + dice_.Below(3);
  for (size_t i = 0; i < count; ++i) {
    TestServer::Options options;
    options.protocol = server_http2_ ? http::Protocol::kHttp2 : http::Protocol::kHttp11;
    options.answer = AnswerWant;
    if (dice_.OneIn(2)) options.requests_per_connection = static_cast<uint32_t>(3 + dice_.Below(20));
    if (retries_ && dice_.OneIn(2)) options.idle_close = milliseconds(1 + dice_.Below(20));
    if (dice_.OneIn(2))
      options.http2.initial_stream_window_size = options.http2.initial_connection_window_size = 65'535;
    servers_.push_back(std::make_unique<TestServer>(
        *server_loop_, *net::Address::ParseIp("10.0.0.4", static_cast<uint16_t>(8000 + i)), options));
  }
}

void Hop::MakeProxies() {
  const size_t count = 1 + dice_.Below(2);
  for (size_t i = 0; i < count; ++i) {
    const std::string ip = absl::StrCat("10.0.0.", 2 + i);
    const int host = world_.AddHost({ip});
    proxies_.push_back(std::make_unique<SimulatedProxy>(world_, host, ip, 15000, 1 + dice_.Below(3)));
  }
  const auto route = [this](const char* cluster) {
    return ProxyConfig::Route{"/", cluster, [this, cluster](model::ForwardAction& forward) {
                                AddRetries(forward, absl::string_view(cluster) == "servers");
                              }};
  };
  if (two()) {
    front().config().SetCluster("back", ToBack());
    front().config().SetRoutes({route("back")});
    front().config().SetListener({});
  }
  back().config().SetCluster("servers", ToServers());
  back().config().SetRoutes({route("servers")});
  back().config().SetListener(BackListener());
  for (auto& proxy : proxies_) proxy->Start();
}

void Hop::MakeCallers() {
  client_host_ = world_.AddHost({"10.0.0.1"});
  client_loop_ = world_.MakeDispatcher(client_host_);
  second_client_loop_ = world_.MakeDispatcher(client_host_);
  const size_t count = 2 + dice_.Below(4);
  LoadOptions options;
  options.target = front().address();
  for (size_t i = 0; i < count; ++i) {
    options.seed = seed_ * 16 + i;
    options.protocol = dice_.OneIn(2) ? http::Protocol::kHttp2 : http::Protocol::kHttp11;
    options.at_once = options.protocol == http::Protocol::kHttp2 ? static_cast<uint32_t>(1 + dice_.Below(8)) : 1;
    options.calls = static_cast<int>(plan_ == Plan::kChanges ? 40 : 5 + dice_.Below(25));
    options.bad_first_attempts = retries_ && plan_ == Plan::kOrdinary;
    options.may_abort = !server_http2_ && !(two() && between_http2_);
    callers_.push_back(std::make_unique<Caller>(i % 2 == 0 ? *client_loop_ : *second_client_loop_, options, score_));
  }
  if (dice_.OneIn(2)) {
    options.calls = static_cast<int>(1 + dice_.Below(12));
    pipelining_ = std::make_unique<PipeliningCaller>(*client_loop_, options, score_);
  }
}

bool Hop::CallersDone() const {
  for (const auto& caller : callers_) {
    if (!caller->done()) return false;
  }
  return pipelining_ == nullptr || pipelining_->done();
}

void Hop::Tick() {
  if (CallersDone()) return;
  tick_();
  client_loop_->Arm(tick_timer_, microseconds(200 + dice_.Below(5000)));
}

void Hop::Describe(std::vector<std::string>& problems) {
  if (plan_ != Plan::kHarsh && score_.failed() > 0) problems.push_back("calls failed");
  if (!score_.wrong.empty()) problems.push_back("wrong answers");
  description_ = absl::StrCat("seed ", seed_, ": ", proxies_.size(), " proxies",
                              two() ? between_http2_ ? " (h2 between)" : " (h1 between)" : "", ", servers ",
                              servers_.size(), server_http2_ ? " h2" : " h1", retries_ ? ", retries" : "", ", callers ",
                              callers_.size(), pipelining_ != nullptr ? "+1" : "", "; ", score_.ToString());
}

std::vector<std::string> Hop::Run() {
  std::vector<std::string> problems;
  if (tick_) client_loop_->Arm(tick_timer_, milliseconds(1));
  if (!world_.RunUntil([this] { return CallersDone(); }, minutes(20))) problems.push_back(absl::StrCat("hangs"));
  tick_timer_.Disarm();
  Describe(problems);
  if (!problems.empty()) {
    DumpWriter dump(description_);
    for (auto& caller : callers_) absl::StrAppend(&description_, "\n", caller->ToString());
    if (pipelining_ != nullptr && !pipelining_->done())
      absl::StrAppend(&description_, "the pipelining caller is not done\n");
    for (auto& proxy : proxies_) {
      for (size_t i = 0; i < proxy->worker_count(); ++i) proxy->worker(i).Dump(dump);
    }
  }
  // The clients leave; nothing may stay behind in the proxies.
  callers_.clear();
  pipelining_.reset();
  const auto empty = [this] {
    for (auto& proxy : proxies_) {
      if (proxy == proxies_.front() && proxy->connections() != 0) return false;
    }
    return true;
  };
  if (!world_.RunUntil(empty, minutes(5)))
    problems.push_back("the front proxy keeps connections whose clients are gone");
  for (auto& proxy : proxies_) proxy->Stop();
  const auto stopped = [this] {
    for (auto& proxy : proxies_) {
      if (!proxy->stopped()) return false;
    }
    return true;
  };
  if (!world_.RunUntil(stopped, minutes(5))) problems.push_back("a proxy does not stop");
  proxies_.clear();
  for (auto& server : servers_) server->StopListening();
  const auto quiet = [this] {
    for (auto& server : servers_) {
      if (server->connections() != 0) return false;
    }
    return true;
  };
  // (A server that was told never to answer does not notice a client that ended its direction only.)
  if (!world_.RunUntil(quiet, minutes(1)) && !retries_)
    problems.push_back("servers keep connections whose proxies are gone");
  servers_.clear();
  world_.RunFor(seconds(1));
  if (world_.open_sockets() != 0) problems.push_back(absl::StrCat(world_.open_sockets(), " sockets leaked"));
  return problems;
}

}  // namespace outrigger::simulation
