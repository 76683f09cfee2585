#include "test/simulation/oracle/scene.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "source/exe/extensions.h"
#include "source/server/dynamic/xds_configuration.h"
#include "source/server/worker_set.h"
#include "test/simulation/proxy/hop.h"
#include "test/tls/authority.h"

namespace outrigger::simulation::oracle {
namespace {

// Timers of the proxy are this late at most: a loop may stall.
constexpr Duration kLate = milliseconds(12);
constexpr Duration kEarly = milliseconds(2);

constexpr char kBootstrap[] = R"yaml(
node: {id: n1, cluster: test}
dynamic_resources:
  ads_config: {api_type: API_TYPE, transport_api_version: V3, grpc_services: [{google_grpc: {target_uri: cp, stat_prefix: cp}}]}
  cds_config: {ads: {}, resource_api_version: V3}
  lds_config: {ads: {}, resource_api_version: V3}
layered_runtime:
  layers: [{name: given, rtds_layer: {name: rt0, rtds_config: {ads: {}, resource_api_version: V3}}}]
)yaml";

Parts PartsOf(uint64_t seed, Scene::Form form) {
  Random dice(seed * 31 + 17);
  Parts parts;
  parts.hosts = dice.OneIn(3) && form == Scene::Form::kDelta;  // there is no other form of them
  parts.clusters = dice.OneIn(4);
  parts.secrets = dice.OneIn(3);
  return parts;
}

}  // namespace

Scene::Scene(uint64_t seed, Form form, std::string* trace)
    : seed_(seed),
      seeded_(seed),
      dice_(seed * 7 + 3),
      world_(seed),
      http2_servers_(dice_.OneIn(2)),
      tls_(dice_.OneIn(3)),
      form_(form),
      parts_(PartsOf(seed, form)) {
  UseClockOf(&world_);
  world_.RecordTrace(trace);
  if (tls_) MakePapers();
  if (parts_.secrets) MakeClusterPapers();
  management_ =
      std::make_unique<ManagementServer>(world_, *this, dice_.Next(), http2_servers_, form_ == Form::kDelta, papers_);
  script_ = std::make_unique<Script>(*management_, dice_.Next(), tls_, parts_);
  script_->Begin();
  const ManagementServer::Manners manners = management_->manners();
  management_->manners() = {milliseconds(40), 0, 0, 0, 0};
  MakeServers();
  MakeProxy();
  usual_manners_ = manners;
}

Scene::~Scene() {
  tick_timer_.Disarm();
  probers_.clear();
  if (proxy_ != nullptr) {
    for (size_t i = 0; i < proxy_->workers().size(); ++i) proxy_->workers().worker(i).StopStepped();
    world_.RunFor(seconds(1));
    proxy_.reset();
  }
  servers_.clear();
  script_.reset();
  management_.reset();
  UseClockOf(nullptr);
}

void Scene::MakePapers() {
  tls::TestAuthority authority(world_.wall_now());
  papers_.authority = authority.pem();
  for (int i = 0; i < kCertificates; ++i) {
    const tls::CertificateSpec made = authority.Dns(absl::StrCat("s", i, ".test"));
    papers_.servers.push_back({made.chain_pem, std::string(made.key_pem.view())});
  }
  for (int i = 0; i < kClients; ++i) {
    papers_.client_names.push_back(absl::StrCat("spiffe://mesh/", i));
    tls::ClientSpec spec;
    spec.certificates.push_back(authority.Uri(papers_.client_names.back()));
    spec.validation = authority.Trusting();
    clients_.push_back(*tls::ClientContext::Build(spec));
  }
}

void Scene::MakeClusterPapers() {
  tls::TestAuthority authority(world_.wall_now());
  papers_.server_authority = authority.pem();
  for (int i = 0; i < kCallers; ++i) {
    const tls::CertificateSpec made = authority.Uri(absl::StrCat("spiffe://mesh/caller/", i));
    papers_.callers.push_back({made.chain_pem, std::string(made.key_pem.view())});
  }
  for (int i = 0; i < kServers; ++i) {
    papers_.server_names.push_back(absl::StrCat("spiffe://mesh/server/", i));
    tls::ServerSpec spec;
    spec.certificates.push_back(authority.Uri(papers_.server_names.back()));
    spec.alpn = {http2_servers_ ? "h2" : "http/1.1"};
    tls_servers_.push_back(*tls::ServerContext::Build(spec));
  }
}

void Scene::MakeServer(int number, int port, std::shared_ptr<const tls::ServerContext> tls) {
  TestServer::Options options;
  options.protocol = http2_servers_ ? http::Protocol::kHttp2 : http::Protocol::kHttp11;
  options.tls = std::move(tls);
  options.answer = [number](const Incoming& request) {
    Reply reply = AnswerWant(request);
    reply.headers.emplace_back("x-server", absl::StrCat(number));
    return reply;
  };
  servers_.push_back(std::make_unique<TestServer>(
      *server_loop_, *net::Address::ParseIp("10.0.0.4", static_cast<uint16_t>(port)), options));
}

void Scene::MakeServers() {
  server_loop_ = world_.MakeDispatcher(world_.AddHost({"10.0.0.4"}));
  for (int i = 0; i < kServers; ++i) MakeServer(i, kFirstServerPort + i, nullptr);
  for (size_t i = 0; i < tls_servers_.size(); ++i) {
    MakeServer(static_cast<int>(i), kFirstTlsServerPort + static_cast<int>(i), tls_servers_[i]);
  }
}

void Scene::MakeProxy() {
  static const extension::FactoryTable factories = exe::AllExtensions();
  const int host = world_.AddHost({"10.0.0.2"});
  server::Options options;
  options.config_yaml = absl::StrReplaceAll(kBootstrap, {{"API_TYPE", form_ == Form::kDelta ? "DELTA_GRPC" : "GRPC"}});
  options.concurrency = static_cast<uint32_t>(1 + dice_.Below(3));
  server::Surroundings around;
  around.factories = &factories;
  around.threads = false;
  around.make_engine = [this, host] { return world_.MakeEngine(host); };
  around.dynamic = [this] {
    return std::make_unique<server::XdsConfiguration>(
        [this](event::Dispatcher& main, const envoy::config::core::v3::GrpcService&) {
          return absl::StatusOr<std::unique_ptr<grpc::Channel>>(management_->MakeChannel(main));
        });
  };
  auto made = server::Server::Create(options, std::move(around));
  if (!made.ok()) return Wrong(made.status().ToString());
  proxy_ = *std::move(made);
  world_.Attach(proxy_->dispatcher());
  model_.WantAll(Kind::kCluster);
  model_.WantAlways(Kind::kRuntime, kRuntimeName, Now());
  if (const absl::Status started = proxy_->Start(); !started.ok()) return Wrong(started.ToString());
  for (size_t i = 0; i < proxy_->workers().size(); ++i) world_.Attach(proxy_->workers().worker(i).dispatcher());
}

void Scene::SpeakTls(Prober::Options& options) {
  if (!tls_ || (options.port != kTlsPort && options.port != kTlsPort + kOtherPorts)) return;
  options.peer = static_cast<int>(dice_.Below(kClients));
  options.tls = clients_[static_cast<size_t>(options.peer)];
}

void Scene::MakeProbers() {
  client_loop_ = world_.MakeDispatcher(world_.AddHost({"10.0.0.1"}));
  const size_t count = 4 + dice_.Below(4);
  for (size_t i = 0; i < count; ++i) {
    Prober::Options options;
    options.port = kFirstPort + static_cast<int>(i == 0 ? 0 : dice_.Below(kListeners)) +
                   static_cast<int>(dice_.OneIn(4) ? kOtherPorts : 0);
    options.protocol = dice_.OneIn(2) ? http::Protocol::kHttp2 : http::Protocol::kHttp11;
    if (options.protocol == http::Protocol::kHttp2) options.at_once = static_cast<uint32_t>(1 + dice_.Below(6));
    options.seed = dice_.Next();
    SpeakTls(options);
    probers_.push_back(std::make_unique<Prober>(*client_loop_, timeline_, wishes_, options, findings_));
  }
}

std::string Scene::Run() {
  const auto live = [this] {
    Look();
    return ready() && timeline_.settled();
  };
  if (!world_.RunUntil(live, minutes(2))) {
    Wrong("the proxy does not go live");
    return Tell();
  }
  MakeProbers();
  management_->manners() = usual_manners_;
  playing_ = true;
  client_loop_->Arm(tick_timer_, milliseconds(1));
  if (!Play()) Wrong("requests hang");
  if (findings_.wrong.empty()) Settle();
  if (findings_.wrong.empty()) AskAll();
  return findings_.wrong.empty() ? "" : Tell();
}

bool Scene::Play() {
  const auto over = [this] { return Look() || !playing_ || !findings_.wrong.empty(); };
  world_.RunUntil(over, minutes(20));
  tick_timer_.Disarm();
  for (auto& prober : probers_) prober->Stop();
  return world_.RunUntil(
      [this] {
        return Look() || std::all_of(probers_.begin(), probers_.end(), [](const auto& one) { return one->idle(); });
      },
      minutes(2));
}

void Scene::Tick() {
  if (++ticks_ > 60) {
    playing_ = false;
    return;
  }
  script_->Tick();
  absl::StrAppend(&events_, ToMillis(Now().time_since_epoch()), " ms: ", "tick ", ticks_, "\n");
  client_loop_->Arm(tick_timer_, microseconds(dice_.OneIn(3)    ? 100
                                              : dice_.OneIn(10) ? 1'200'000
                                                                : 1000 + dice_.Below(60'000)));
}

// Long enough for all times to be over.
void Scene::Settle() {
  for (int round = 0; round < 8 && findings_.wrong.empty(); ++round) {
    management_->loop().Post([this] { script_->TellAll(); });
    world_.RunUntil([this] { return Look(); }, seconds(4));
  }
  if (!world_.RunUntil([this] { return Look() || timeline_.settled(); }, minutes(1))) Wrong("a state is never in use");
  CompareMemory();
  CompareProxy();
}

void Scene::CompareMemory() {
  for (const Kind kind : kAllKinds) {
    for (const auto& [name, thing] : management_->memory(kind)) {
      if (!IsRoot(kind) && model_.Wanted(kind).count(name) == 0) continue;
      if (kind == Kind::kHost && model_.HasOwn(name)) continue;  // is refused
      const Thing* in_use = timeline_.state(timeline_.certain()).Find(kind, name);
      // What waits for ever for something that the server does not have.
      if (!model_.settled() && (in_use == nullptr || in_use->version != thing->version)) continue;
      if (in_use == nullptr || in_use->version != thing->version) {
        Wrong(absl::StrCat("in the end ", thing->Describe(), " is not in use"));
      }
    }
    for (const auto& [name, thing] : timeline_.state(timeline_.certain()).in_use[static_cast<size_t>(kind)]) {
      if (IsRoot(kind) && model_.settled() && management_->memory(kind).count(name) == 0) {
        Wrong(absl::StrCat("in the end ", thing->Describe(), " is in use still"));
      }
    }
  }
}

void Scene::CompareProxy() {
  const config::ResourceKind theirs[] = {config::ResourceKind::kCluster,    config::ResourceKind::kEndpoints,
                                         config::ResourceKind::kListener,   config::ResourceKind::kRoutes,
                                         config::ResourceKind::kExtension,  config::ResourceKind::kSecret,
                                         config::ResourceKind::kVirtualHost};
  const Kind ours[] = {Kind::kCluster,   Kind::kEndpoints, Kind::kListener, Kind::kRoutes,
                       Kind::kExtension, Kind::kSecret,    Kind::kHost};
  for (size_t i = 0; i < std::size(theirs); ++i) {
    std::set<std::string> expected, found;
    for (const auto& [name, thing] : model_.state().in_use[static_cast<size_t>(ours[i])]) expected.insert(name);
    proxy_->builder().ForEach(theirs[i],
                              [&](const config::ResourceView& view) { found.insert(std::string(view.name)); });
    if (found == expected) continue;
    Wrong(absl::StrCat("the proxy has ", WordOf(ours[i]), " {", absl::StrJoin(found, " "), "}, not {",
                       absl::StrJoin(expected, " "), "}"));
  }
}

void Scene::AskAll() {
  std::vector<std::unique_ptr<Prober>> last;
  bool asked = false;
  client_loop_->Post([&] {
    for (int port = kFirstPort; port < kFirstPort + kListeners; ++port) {
      for (const int offset : {0, kOtherPorts}) {
        Prober::Options options;
        options.port = port + offset;
        options.seed = dice_.Next();
        SpeakTls(options);
        last.push_back(std::make_unique<Prober>(*client_loop_, timeline_, wishes_, options, findings_));
        last.back()->Stop();
        for (const char* host : {"a.test", "b.test", "c.test"}) {
          for (const char* path : {"/a/1", "/b/1", "/"}) last.back()->Ask({host, path});
        }
        last.back()->Ask({"a.test", "/", /*wants_fault=*/true});
      }
    }
    for (auto& prober : probers_) prober->Watch();
    asked = true;
  });
  const auto idle = [&] {
    return Look() || (asked && std::all_of(last.begin(), last.end(), [](const auto& one) { return one->idle(); }));
  };
  if (!world_.RunUntil(idle, minutes(1))) Wrong("requests hang in the end");
}

bool Scene::Look() {
  PassTime();
  if (proxy_ != nullptr && ready()) {
    timeline_.Observe(Now(), proxy_->published_generation(), proxy_->in_use_generation());
  }
  if (std::exchange(heard_, false)) CheckTopics();
  return false;
}

void Scene::PassTime() {
  for (MonotonicTime next = model_.next_time(); next <= Now(); next = model_.next_time()) {
    for (const auto& [kind, name] : model_.OnTime(next)) {
      topics_[static_cast<size_t>(kind)].held.erase(name);
      topics_[static_cast<size_t>(kind)].lost = true;
    }
    last_timer_ = next;
    ForgetUnwanted();
    NoteMissing();
    timeline_.Add(model_.state(), next, next + kLate,
                  absl::StrCat("a time was over at ", ToMillis(next.time_since_epoch()), " ms"));
  }
}

bool Scene::TooCloseToTell() {
  PassTime();
  return Now() < last_timer_ + kLate ||
         (model_.next_time() != MonotonicTime::max() && model_.next_time() < Now() + kEarly);
}

void Scene::NoteMissing() {
  for (const auto& key : model_.TakeMissing()) wishes_.OnMissing(key, Now());
}

void Scene::OnOpened() {
  ++counts_.streams;
  open_ = true;
  wishes_.OnStream(true, Now());
  for (Topic& topic : topics_) {
    topic.nonce.clear();
    if (std::exchange(topic.lost, false)) topic.version.clear();
    topic.due.clear();
    topic.asked = false;
    topic.names.clear();
  }
}

void Scene::OnStreamEnded() {
  open_ = false;
  wishes_.OnStream(false, Now());
  absl::StrAppend(&events_, ToMillis(Now().time_since_epoch()), " ms: the stream ends\n");
}

void Scene::OnResponse(const Said& said, const std::string& version, const std::string& nonce, bool known) {
  if (!known) return;
  ++counts_.responses;
  Topic& topic = topics_[static_cast<size_t>(said.kind)];
  Said heard = said;
  std::erase_if(heard.beats, [&](const auto& beat) {
    const auto held = topic.held.find(beat.first);
    return held == topic.held.end() || held->second != beat.second;
  });
  const LinearModel::Verdict verdict = model_.OnResponse(Now(), heard, topic.asked);
  NoteMissing();
  NoteHeld(said, version, verdict != LinearModel::Verdict::kIgnored);
  std::string what = absl::StrCat(WordOf(said.kind), " ", version, ":");
  for (const ThingPtr& thing : said.things) absl::StrAppend(&what, " ", thing->Describe());
  if (!said.removed.empty()) absl::StrAppend(&what, " gone: ", absl::StrJoin(said.removed, " "));
  for (const auto& [name, held] : heard.beats) absl::StrAppend(&what, " ", name, "@", held, " lives");
  if (said.ttl > Duration::zero()) absl::StrAppend(&what, " for ", ToMillis(said.ttl), " ms");
  const char* const became = verdict == LinearModel::Verdict::kIgnored    ? "ignored"
                             : verdict == LinearModel::Verdict::kAccepted ? "accepted"
                                                                          : "refused";
  const size_t before = timeline_.possible();
  timeline_.Add(model_.state(), Now(), Now(), absl::StrCat(WordOf(said.kind), " ", version));
  absl::StrAppend(&events_, ToMillis(Now().time_since_epoch()), " ms: ", what, ": ", became,
                  timeline_.possible() == before ? "" : absl::StrCat("; moment ", timeline_.possible()), "\n");
  heard_ = true;
  if (verdict == LinearModel::Verdict::kIgnored) return void(++counts_.ignored);
  const bool refused = verdict == LinearModel::Verdict::kRefused;
  topic.nonce = nonce;
  if (form_ == Form::kStateOfTheWorld) topic.due.clear();
  topic.due.push_back({nonce, refused});
  ++(refused ? counts_.refused : counts_.accepted);
  if (!refused) topic.version = version;
}

void Scene::NoteHeld(const Said& said, const std::string& version, bool heard) {
  const bool delta = form_ == Form::kDelta;
  std::map<std::string, std::string>& held = topics_[static_cast<size_t>(said.kind)].held;
  const bool broken = std::any_of(said.things.begin(), said.things.end(),
                                  [](const ThingPtr& thing) { return thing->fault == Fault::kRule; });
  if (heard && !broken) {
    for (const ThingPtr& thing : said.things) {
      const bool own = delta || said.ttl > Duration::zero();
      // A host that nobody fetches is held unseen, whatever it is.
      const bool sound = thing->fault == Fault::kNone || said.kind == Kind::kHost;
      const bool taken = sound && model_.refused().count(thing->name) == 0;
      if (taken) held[thing->name] = own ? absl::StrCat("v", thing->version) : version;
    }
    for (const std::string& name : said.removed) held.erase(name);
    std::erase_if(held, [&](const auto& entry) {
      return said.whole && std::none_of(said.things.begin(), said.things.end(),
                                        [&](const ThingPtr& thing) { return thing->name == entry.first; });
    });
  }
  ForgetUnwanted();
}

void Scene::ForgetUnwanted() {
  for (const Kind kind : kAllKinds) {
    if (IsRoot(kind) || kind == Kind::kHost) continue;
    const std::set<std::string> wanted = model_.Wanted(kind);
    std::erase_if(topics_[static_cast<size_t>(kind)].held,
                  [&](const auto& entry) { return wanted.count(entry.first) == 0; });
  }
}

// Delta: the first request of a stream says all that is wanted, and the versions of all that is held.
void Scene::CheckFirst(const Asked& asked, const Topic& topic) {
  std::string held;
  for (const auto& [name, version] : asked.held) absl::StrAppend(&held, " ", name, "@", version);
  std::string expected;
  for (const auto& [name, version] : topic.held) absl::StrAppend(&expected, " ", name, "@", version);
  if (held != expected && !TooCloseToTell()) {
    Wrong(absl::StrCat("its first request for ", WordOf(asked.kind), " says that it has", held, ", not", expected));
  }
}

void Scene::CheckAnswer(const Asked& asked, Topic& topic) {
  const bool delta = form_ == Form::kDelta;
  const auto expect = [&](bool holds, const std::string& what) {
    if (!holds) Wrong(absl::StrCat("it asks for ", WordOf(asked.kind), ": ", what));
  };
  const bool owes = !topic.due.empty();
  const std::string nonce = owes ? topic.due.front().nonce : delta ? "" : topic.nonce;
  const bool refuses = owes && topic.due.front().refuses;
  expect(asked.nonce == nonce, absl::StrCat("with nonce \"", asked.nonce, "\", not \"", nonce, "\""));
  expect(asked.version == topic.version || delta,
         absl::StrCat("with version \"", asked.version, "\", not \"", topic.version, "\""));
  expect(asked.refuses == refuses,
         asked.refuses ? absl::StrCat("refuses what is sound: ", asked.error) : "does not refuse what is not sound");
  if (owes) topic.due.pop_front();
}

void Scene::OnRequest(const Asked& asked) {
  if (asked.kind == Kind::kListener) model_.WantAll(Kind::kListener);
  Topic& topic = topics_[static_cast<size_t>(asked.kind)];
  CheckAnswer(asked, topic);
  if (form_ == Form::kDelta) {
    if (!topic.asked) CheckFirst(asked, topic);
    for (const std::string& name : asked.less) topic.names.erase(name);
    topic.names.insert(asked.more.begin(), asked.more.end());
  } else {
    topic.names = asked.names;
  }
  topic.asked = true;
  heard_ = true;
  CheckNamed(asked, topic);
}

// What it asks for by name though all of it comes unasked.
void Scene::CheckNamed(const Asked& asked, const Topic& topic) {
  if (asked.kind != Kind::kCluster && asked.kind != Kind::kHost) return;
  std::set<std::string> names = topic.names;
  names.erase("*");
  if (const std::string wrong = wishes_.OnNamed(asked.kind, names, Now()); !wrong.empty()) Wrong(wrong);
  const bool may = asked.kind == Kind::kHost ? parts_.hosts : parts_.clusters;
  absl::StrAppend(&events_, ToMillis(Now().time_since_epoch()), " ms: it asks by name for ", WordOf(asked.kind), " {",
                  absl::StrJoin(names, " "), "}\n");
  if (!may && !names.empty()) Wrong("it asks by name for what no listener waits for");
}

// After a turn of the proxy: it answered what it heard, and asks for what the model wants.
void Scene::CheckTopics() {
  if (!open_ || TooCloseToTell()) return;
  for (const Kind kind : kAllKinds) {
    const Topic& topic = topics_[static_cast<size_t>(kind)];
    if (!topic.due.empty()) Wrong(absl::StrCat("it owes an answer about ", WordOf(kind)));
    if (IsRoot(kind) || kind == Kind::kHost || (!topic.asked && model_.Wanted(kind).empty())) continue;
    if (topic.names != model_.Wanted(kind)) {
      Wrong(absl::StrCat("it asks for ", WordOf(kind), " {", absl::StrJoin(topic.names, " "), "}, not {",
                         absl::StrJoin(model_.Wanted(kind), " "), "}"));
    }
  }
  if (const std::string overdue = wishes_.Overdue(Now()); !overdue.empty()) Wrong(overdue);
}

void Scene::Wrong(const std::string& what) {
  findings_.wrong.push_back(absl::StrCat(ToMillis(Now().time_since_epoch()), " ms: ", what, "\n"));
}

std::string Scene::Tell() const {
  std::string out = absl::StrCat("servers ", http2_servers_ ? "h2" : "h1", "\n");
  for (size_t i = 0; i < std::min<size_t>(findings_.wrong.size(), 3); ++i) out += findings_.wrong[i];
  absl::StrAppend(&out, "events:\n", events_, "the model in the end:\n", model_.Describe());
  return out;
}

}  // namespace outrigger::simulation::oracle
