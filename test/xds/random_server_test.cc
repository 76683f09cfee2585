// A control plane that changes its mind, repeats itself, stays silent, drops its streams and moves on while nobody is
// connected, over many seeds in virtual time: the client always ends with what the server has, and at no moment routes
// lead to a cluster that is not there.
#include <algorithm>

#include "gtest/gtest.h"
#include "source/base/hash.h"
#include "source/base/log.h"
#include "source/base/random.h"
#include "test/xds/scripted.h"

namespace outrigger::xds {
namespace {

using T = ResourceType;

class RandomServer {
 public:
  RandomServer(Scene& scene, uint64_t seed) : scene_(scene), random_(seed) {
    scene.transport.on_request = [this](const Request& request) { OnRequest(request); };
    scene.transport.on_delta_request = [this](const DeltaRequest& request) { OnDelta(request); };
    clusters_["c0"] = 1;
    Touch(T::kCluster);
    Touch(T::kEndpoints);
    Touch(T::kListener);
    Touch(T::kRoutes);
  }

  // One thing happens: a step of the plan, a change, a repetition, a lost stream.
  void Act(bool quiet) {
    if (scene_.transport.opened != stream_) OnNewStream();
    Advance();
    if (owes_endpoints_ && random_.OneIn(4)) {
      owes_endpoints_ = false;
      Send(T::kEndpoints);
    }
    if (quiet) return;
    switch (random_.Below(12)) {
      case 0:
        scene_.transport.EndStream();
        break;
      case 1:
        Repeat();
        break;
      case 2:
        Grow();
        break;
      case 3:
        Change();
        break;
      case 4:
        endpoints_port_ = 1000 + static_cast<int>(random_.Below(1000));
        Push(T::kEndpoints);
        break;
      case 5:
        BeginMove();
        break;
      default:
        break;
    }
  }
  bool Agrees() const {
    if (plan_ != Plan::kRest) return false;
    const RecordingTarget& target = scene_.target;
    size_t clusters = 0;
    for (const auto& [key, resource] : target.active) {
      if (key.type != T::kCluster) continue;
      ++clusters;
      auto ours = clusters_.find(key.name);
      if (ours == clusters_.end()) return false;
      if (static_cast<const ClusterProto&>(*resource.message.Get()).connect_timeout().nanos() != ours->second * 1000)
        return false;
    }
    auto routes = target.active.find({T::kRoutes, "r"});
    if (clusters != clusters_.size() || routes == target.active.end() || !target.Has(T::kListener, "in")) return false;
    const auto message = routes->second.message.Get();
    const auto& table = static_cast<const RouteProto&>(*message);
    return table.virtual_hosts(0).routes(0).route().cluster() == routed_;
  }

 private:
  enum class Plan { kRest, kAdded, kMoved };
  struct TypeInfo {
    int version = 0;
    std::string nonce, acked;
    std::set<std::string> names, sent, confirmed;  // confirmed: a client that comes back has these
    bool asked = false;
    std::map<std::string, std::string> known;  // delta: name → version that the client has or is being sent
    std::string sent_version;
  };
  TypeInfo& Info(T type) { return types_[static_cast<size_t>(type)]; }
  void Touch(T type) { ++Info(type).version; }
  std::string Version(T type) { return absl::StrCat(Info(type).version); }
  void OnNewStream() {
    stream_ = scene_.transport.opened;
    if (random_.OneIn(2)) MoveAtOnce();
    for (TypeInfo& info : types_) {
      info.asked = false;
      info.nonce.clear();
    }
  }
  void OnRequest(const Request& request) {
    if (scene_.transport.opened != stream_) OnNewStream();
    const absl::optional<T> type = TypeOfUrl(request.type_url());
    EXPECT_TRUE(type.has_value());
    EXPECT_FALSE(request.has_error_detail()) << request.error_detail().message();
    TypeInfo& info = Info(*type);
    const std::set<std::string> names(request.resource_names().begin(), request.resource_names().end());
    if (info.asked && request.response_nonce() != info.nonce) {
      // Stale: a newer response is on its way. Its names still count.
      info.names = names;
      return;
    }
    const bool more = !std::includes(info.names.begin(), info.names.end(), names.begin(), names.end());
    const bool first = !info.asked;
    if (!first && !info.nonce.empty()) info.confirmed = info.sent;
    const bool has_all = std::includes(info.confirmed.begin(), info.confirmed.end(), names.begin(), names.end());
    info.asked = true;
    info.names = names;
    if (request.version_info() == Version(*type)) info.acked = Version(*type);
    // After a reconnect with the current version many servers stay silent.
    const bool silent = first ? has_all && random_.OneIn(2) : !more;
    if (request.version_info() == Version(*type) && silent) return;
    // Endpoints take their time: clusters warm while routes that name them are acknowledged already.
    if (*type == T::kEndpoints && random_.OneIn(2)) {
      owes_endpoints_ = true;
    } else {
      Send(*type);
    }
  }
  void OnDelta(const DeltaRequest& request) {
    delta_ = true;
    if (scene_.transport.opened != stream_) OnNewStream();
    const T type = *TypeOfUrl(request.type_url());
    EXPECT_FALSE(request.has_error_detail()) << request.error_detail().message();
    TypeInfo& info = Info(type);
    const bool first = !std::exchange(info.asked, true);
    if (first) {
      info.names.clear();
      info.known = {request.initial_resource_versions().begin(), request.initial_resource_versions().end()};
    } else {
      EXPECT_EQ(request.initial_resource_versions_size(), 0);
    }
    // A name that is subscribed to is sent whatever the client is believed to have, unless it comes back with it.
    for (const std::string& name : request.resource_names_subscribe()) {
      info.names.insert(name);
      if (!first) info.known.erase(name);
    }
    for (const std::string& name : request.resource_names_unsubscribe()) {
      EXPECT_EQ(info.names.erase(name), 1u) << name;
      info.known.erase(name);
    }
    if (request.response_nonce() == info.nonce && !info.nonce.empty()) info.acked = info.sent_version;
    if (!first && request.resource_names_subscribe_size() == 0) return;
    const DeltaResponse changes = Changes(type);
    if (changes.resources_size() + changes.removed_resources_size() == 0 && random_.OneIn(2)) {
      info.acked = Version(type);  // nothing to say, and nothing said
    } else if (type == T::kEndpoints && random_.OneIn(2)) {
      owes_endpoints_ = true;
    } else {
      Send(type);
    }
  }
  // What the client does not have, of what it wants.
  DeltaResponse Changes(T type) {
    const TypeInfo& info = Info(type);
    DeltaResponse response = GiveDelta(type, "", {});
    std::set<std::string> there;
    const Response all = Make(type, "");
    for (const auto& any : all.resources()) {
      std::unique_ptr<google::protobuf::Message> message(PrototypeOf(type).New());
      EXPECT_TRUE(message->ParseFromString(any.value()));
      const std::string& name = NameOf(type, *message);
      if (!IsFullState(type) && info.names.count(name) == 0) continue;
      there.insert(name);
      const std::string version = absl::StrCat(StableHash(any.value()));
      const auto known = info.known.find(name);
      if (known != info.known.end() && known->second == version) continue;
      Wrapped& wrapped = *response.add_resources();
      wrapped.set_name(name);
      wrapped.set_version(version);
      *wrapped.mutable_resource() = any;
    }
    for (const auto& [name, version] : info.known) {
      if (there.count(name) == 0) response.add_removed_resources(name);
    }
    return response;
  }
  void SendDelta(T type) {
    TypeInfo& info = Info(type);
    DeltaResponse response = Changes(type);
    response.set_nonce(info.nonce);
    info.sent_version = Version(type);
    for (const Wrapped& wrapped : response.resources()) info.known[wrapped.name()] = wrapped.version();
    for (const std::string& name : response.removed_resources()) info.known.erase(name);
    last_type_ = type;
    scene_.transport.Say(response);
  }
  void Push(T type) {
    Touch(type);
    Send(type);
  }
  void Send(T type) {
    TypeInfo& info = Info(type);
    if (scene_.transport.current == nullptr || !info.asked) return;
    info.nonce = absl::StrCat("n", ++nonces_);
    if (delta_) return SendDelta(type);
    info.sent = info.names;
    last_ = Make(type, info.nonce);
    scene_.transport.Say(last_);
  }
  void Repeat() {
    if (delta_ && last_type_.has_value() && Info(*last_type_).asked) {
      for (auto& [name, version] : Info(*last_type_).known) version.clear();
      return Send(*last_type_);
    }
    if (last_.nonce().empty() || scene_.transport.current == nullptr) return;
    const absl::optional<T> type = TypeOfUrl(last_.type_url());
    if (!Info(*type).asked) return;
    Send(*type);
  }
  Response Make(T type, const std::string& nonce) {
    const std::string version = Version(type);
    if (type == T::kCluster) {
      std::vector<ClusterProto> all;
      for (const auto& [name, timeout] : clusters_) {
        all.push_back(EdsCluster(name, timeout));
        all.back().mutable_eds_cluster_config()->mutable_eds_config()->mutable_initial_fetch_timeout();
      }
      return Give(type, version, nonce, all);
    }
    if (type == T::kEndpoints) {
      std::vector<envoy::config::endpoint::v3::ClusterLoadAssignment> all;
      for (const std::string& name : Info(type).names) all.push_back(Endpoints(name, endpoints_port_));
      return Give(type, version, nonce, all);
    }
    if (type == T::kListener) {
      ListenerProto listener = Listener("in", "r");
      return Give<ListenerProto>(type, version, nonce, {listener});
    }
    return Give<RouteProto>(type, version, nonce, {Routes("r", routed_)});
  }
  void Grow() {
    if (plan_ != Plan::kRest || clusters_.size() > 6) return;
    clusters_[absl::StrCat("c", ++made_)] = 1;
    Push(T::kCluster);
  }
  void Change() {
    auto at = clusters_.begin();
    std::advance(at, static_cast<long>(random_.Below(clusters_.size())));
    ++at->second;
    Push(T::kCluster);
  }
  // Make before break, in three pushes with an acknowledgement between each two.
  void BeginMove() {
    if (plan_ != Plan::kRest) return;
    next_ = absl::StrCat("c", ++made_);
    clusters_[next_] = 1;
    Push(T::kCluster);
    plan_ = Plan::kAdded;
  }
  // What changed while nobody was connected: new clusters, routes that lead there, old clusters gone, all at once.
  void MoveAtOnce() {
    if (plan_ != Plan::kRest) clusters_.erase(plan_ == Plan::kMoved ? old_ : routed_);
    if (plan_ == Plan::kRest) {
      clusters_.erase(routed_);
      next_ = absl::StrCat("c", ++made_);
      clusters_[next_] = 1;
    }
    routed_ = next_;
    plan_ = Plan::kRest;
    for (const T type : {T::kCluster, T::kEndpoints, T::kListener, T::kRoutes}) Touch(type);
  }
  void Advance() {
    if (plan_ == Plan::kAdded && Info(T::kCluster).acked == Version(T::kCluster)) {
      old_ = routed_;
      routed_ = next_;
      Push(T::kRoutes);
      plan_ = Plan::kMoved;
    } else if (plan_ == Plan::kMoved && Info(T::kRoutes).acked == Version(T::kRoutes)) {
      clusters_.erase(old_);
      Push(T::kCluster);
      plan_ = Plan::kRest;
    }
  }

  Scene& scene_;
  Random random_;
  std::array<TypeInfo, kResourceTypes> types_;
  std::map<std::string, int> clusters_;
  std::string routed_ = "c0", next_, old_;
  int endpoints_port_ = 80, made_ = 0, nonces_ = 0, stream_ = 0;
  Plan plan_ = Plan::kRest;
  bool owes_endpoints_ = false, delta_ = false;
  Response last_;
  absl::optional<T> last_type_;
};

void CheckWhole(const RecordingTarget& target) {
  for (const auto& [key, resource] : target.active) {
    if (key.type == T::kRoutes && target.Has(T::kListener, "in")) {
      const auto message = resource.message.Get();
      const auto& routes = static_cast<const RouteProto&>(*message);
      const std::string& cluster = routes.virtual_hosts(0).routes(0).route().cluster();
      EXPECT_TRUE(target.Has(T::kCluster, cluster)) << "routes lead to " << cluster << ", which is not there";
    }
    if (key.type == T::kCluster) {
      EXPECT_TRUE(target.Has(T::kEndpoints, key.name)) << key.name << " serves without endpoints";
    }
  }
}

class RandomServerTest : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Forms, RandomServerTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Delta" : "StateOfTheWorld"; });

TEST_P(RandomServerTest, TheClientEndsWhereTheServerIsAndIsWholeAtEveryStepOverManySeeds) {
  log::SetLevel(log::Level::kOff);
  uint64_t changes = 0, streams = 0, moved = 0;
  for (uint64_t seed = 1; seed <= 300 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    DiscoveryStream::Options options;
    options.delta = GetParam();
    Scene scene(seed, options);
    Random random(seed * 7919);
    RandomServer server(scene, seed);
    scene.target.on_change = [&] { CheckWhole(scene.target); };
    scene.graph->WatchAll(T::kCluster, *scene.stream, Duration::zero());
    scene.graph->WatchAll(T::kListener, *scene.stream, Duration::zero());
    scene.stream->Start();
    for (int step = 0; step < 200; ++step) {
      scene.Run(microseconds(static_cast<int64_t>(random.Below(200'000))));
      server.Act(/*quiet=*/false);
    }
    for (int step = 0; step < 400 && !server.Agrees(); ++step) {
      scene.Run(milliseconds(200));
      server.Act(/*quiet=*/true);
    }
    EXPECT_TRUE(server.Agrees());
    changes += scene.graph->counters().applied;
    streams += scene.stream->counters().streams.value();
    moved += scene.graph->counters().removed;
  }
  EXPECT_GT(changes, 10'000u);
  EXPECT_GT(streams, 2'000u);
  EXPECT_GT(moved, 500u);
}

}  // namespace
}  // namespace outrigger::xds
