// A listener's trust is tightened under load: whoever is not let in any more has no request answered that began when
// all workers knew, on whatever connection; who is let in loses none. A proxy that follows its connections nevertheless
// is caught.
#include <map>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "source/base/mutant.h"
#include "test/simulation/proxy/hop.h"
#include "test/simulation/proxy/seeds.h"

namespace outrigger::simulation::oracle {
namespace {

// A client program with a certificate, which asks again and again on one connection as long as that takes requests.
class Peer {
 public:
  Peer(event::Dispatcher& loop, const net::Address& to, http::Protocol protocol,
       std::shared_ptr<const tls::ClientContext> context, uint64_t seed)
      : loop_(loop), to_(to), protocol_(protocol), context_(std::move(context)), dice_(seed) {
    loop_.Arm(think_, Duration::zero());
  }
  void Stop() {
    stopped_ = true;
    think_.Disarm();
  }
  bool idle() const { return running_.empty(); }
  int answered() const { return answered_; }
  int late() const { return late_; }  // answered, begun after Now
  int lost() const { return lost_; }
  // Requests that begin from now on are counted apart.
  void Now() { now_ = true; }

 private:
  void Ask() {
    if (clients_.empty() || !clients_.back()->usable()) {
      TestClient::Options options;
      options.protocol = protocol_;
      options.tls = context_;
      clients_.push_back(std::make_unique<TestClient>(loop_, to_, options));
      clients_.back()->OnEnded([this](TestClient::Exchange& exchange) { OnEnded(exchange); });
    }
    TestClient::Exchange& exchange = clients_.back()->Send({});
    if (!exchange.done()) running_[&exchange] = now_;
    if (!stopped_) loop_.Arm(think_, microseconds(100 + dice_.Below(3000)));
  }
  void OnEnded(TestClient::Exchange& exchange) {
    const auto at = running_.find(&exchange);
    if (at == running_.end()) return;
    const bool began_late = at->second;
    running_.erase(at);
    if (exchange.failed()) return void(++lost_);
    ++answered_;
    if (began_late) ++late_;
  }

  event::Dispatcher& loop_;
  const net::Address to_;
  const http::Protocol protocol_;
  const std::shared_ptr<const tls::ClientContext> context_;
  Random dice_;
  bool stopped_ = false, now_ = false;
  int answered_ = 0, late_ = 0, lost_ = 0;
  std::vector<std::unique_ptr<TestClient>> clients_;
  std::map<const TestClient::Exchange*, bool> running_;
  event::Timer think_{[this] { Ask(); }};
};

class TrustScene {
 public:
  explicit TrustScene(uint64_t seed)
      : seeded_(seed), dice_(seed), world_(seed), clock_(world_), authority_(world_.wall_now()) {
    server_loop_ = world_.MakeDispatcher(world_.AddHost({"10.0.0.4"}));
    TestServer::Options options;
    options.answer = [](const Incoming&) { return Reply(); };
    server_ = std::make_unique<TestServer>(*server_loop_, *net::Address::ParseIp("10.0.0.4", 8000), options);
    proxy_ =
        std::make_unique<SimulatedProxy>(world_, world_.AddHost({"10.0.0.2"}), "10.0.0.2", 15000, 1 + dice_.Below(3));
    ProxyConfig::Cluster cluster;
    cluster.endpoints = {server_->address()};
    proxy_->config().SetCluster("servers", cluster);
    proxy_->config().SetRoutes({{"/", "servers", nullptr}});
    Trust({"spiffe://mesh/a", "spiffe://mesh/b"});
    proxy_->Start();
    client_loop_ = world_.MakeDispatcher(world_.AddHost({"10.0.0.1"}));
  }
  ~TrustScene() {
    peers_.clear();
    proxy_->Stop();
    world_.RunUntil([this] { return proxy_->stopped(); }, minutes(1));
    proxy_.reset();
    server_.reset();
  }
  // "": all well.
  std::string Run() {
    Peer& a = Begin("a");
    Peer& b = Begin("b");
    world_.RunFor(milliseconds(50 + static_cast<int64_t>(dice_.Below(100))));
    if (a.answered() == 0 || b.answered() == 0) return "nothing is answered";
    Trust({"spiffe://mesh/a"});
    proxy_->Publish();
    if (!world_.RunUntil([this] { return proxy_->settled(); }, seconds(10))) return "the trust is never in use";
    a.Now();
    b.Now();
    world_.RunFor(milliseconds(300));
    std::string wrong;
    if (b.late() > 0) wrong = absl::StrCat(b.late(), " requests of a peer that is not trusted were answered");
    if (a.late() == 0) wrong += "the peer that is trusted is not answered";
    for (auto& peer : peers_) peer->Stop();
    world_.RunUntil([&] { return a.idle() && b.idle(); }, seconds(30));
    return wrong;
  }

 private:
  void Trust(const std::vector<std::string>& names) {
    tls::ServerSpec spec;
    spec.certificates.push_back(authority_.Dns("trust.test"));
    spec.validation = authority_.Trusting(names);
    spec.require_client_certificate = true;
    spec.alpn = {"h2", "http/1.1"};
    ProxyConfig::Listener listener;
    listener.tls = *tls::ServerContext::Build(spec);
    proxy_->config().SetListener(listener);
  }
  Peer& Begin(const std::string& name) {
    tls::ClientSpec spec;
    spec.certificates.push_back(authority_.Uri(absl::StrCat("spiffe://mesh/", name)));
    spec.validation = authority_.Trusting();
    spec.sni = "trust.test";
    peers_.push_back(std::make_unique<Peer>(*client_loop_, proxy_->address(),
                                            dice_.OneIn(2) ? http::Protocol::kHttp2 : http::Protocol::kHttp11,
                                            *tls::ClientContext::Build(spec), dice_.Next()));
    return *peers_.back();
  }

  tls::SeededRandom seeded_;
  Random dice_;
  event::SimulatedWorld world_;
  ClockOf clock_;
  tls::TestAuthority authority_;
  std::unique_ptr<event::Dispatcher> server_loop_, client_loop_;
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<SimulatedProxy> proxy_;
  std::vector<std::unique_ptr<Peer>> peers_;
};

TEST(TrustTest, NoRequestOfADistrustedPeerIsAnsweredOnceAllWorkersKnow) {
  TrySeeds(SeedsToTry(30), [](uint64_t seed) { return TrustScene(seed).Run(); });
}

TEST(TrustTest, AProxyThatFollowsTightenedTrustIsCaught) {
  SetMutant(Mutant::kFollowDistrusted);
  if (!IsMutant(Mutant::kFollowDistrusted)) GTEST_SKIP() << "release builds break no law";
  int caught = 0;
  for (uint64_t seed = 1; seed <= 5; ++seed) caught += TrustScene(seed).Run().empty() ? 0 : 1;
  SetMutant(Mutant::kNone);
  EXPECT_EQ(caught, 5);
}

}  // namespace
}  // namespace outrigger::simulation::oracle
