#include "test/simulation/oracle/management_server.h"

#include <algorithm>
#include <iterator>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "envoy/service/discovery/v3/discovery.pb.h"

namespace outrigger::simulation::oracle {

using envoy::service::discovery::v3::DeltaDiscoveryRequest;
using envoy::service::discovery::v3::DeltaDiscoveryResponse;
using envoy::service::discovery::v3::DiscoveryRequest;
using envoy::service::discovery::v3::DiscoveryResponse;
using envoy::service::discovery::v3::Resource;

namespace {

absl::optional<Kind> KindOf(const std::string& url) {
  for (const Kind kind : kAllKinds) {
    if (TypeUrlOf(kind) == url) return kind;
  }
  return absl::nullopt;
}

absl::optional<Witness::Asked> Read(absl::string_view bytes) {
  DiscoveryRequest request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return absl::nullopt;
  const absl::optional<Kind> kind = KindOf(request.type_url());
  if (!kind.has_value()) return absl::nullopt;
  Witness::Asked asked;
  asked.kind = *kind;
  asked.names.insert(request.resource_names().begin(), request.resource_names().end());
  asked.version = request.version_info();
  asked.nonce = request.response_nonce();
  asked.error = request.error_detail().message();
  asked.refuses = request.has_error_detail();
  return asked;
}

absl::optional<Witness::Asked> ReadDelta(absl::string_view bytes) {
  DeltaDiscoveryRequest request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return absl::nullopt;
  const absl::optional<Kind> kind = KindOf(request.type_url());
  if (!kind.has_value()) return absl::nullopt;
  Witness::Asked asked;
  asked.kind = *kind;
  asked.more.insert(request.resource_names_subscribe().begin(), request.resource_names_subscribe().end());
  asked.less.insert(request.resource_names_unsubscribe().begin(), request.resource_names_unsubscribe().end());
  asked.held.insert(request.initial_resource_versions().begin(), request.initial_resource_versions().end());
  asked.nonce = request.response_nonce();
  asked.error = request.error_detail().message();
  asked.refuses = request.has_error_detail();
  return asked;
}

struct Letter {
  Said said;
  std::string version, nonce, bytes;
  bool known = true;
  bool end = false;
};

}  // namespace

// One stream. Its two ends know each other by posted tasks only.
class ManagementServer::Link final : public std::enable_shared_from_this<Link> {
 public:
  Link(ManagementServer& server, event::Dispatcher& client, grpc::StreamHandler& handler)
      : server_(server), client_(client), handler_(&handler) {}

  // --- on the server's loop
  void Post(Letter letter) {
    client_.Post([self = shared_from_this(), letter = std::move(letter)]() mutable {
      self->letters_.push_back(std::move(letter));
      if (self->letters_.size() == 1) self->DeliverOne();
    });
  }

  // --- on the client's: one letter per turn, in order
  void Forget() {
    handler_ = nullptr;
    hold_.Disarm();
    if (!std::exchange(told_end_, true)) server_.witness_.OnStreamEnded();
  }
  Witness& witness() { return server_.witness_; }

 private:
  void DeliverOne() {
    if (letters_.empty() || handler_ == nullptr) return;
    if (server_.witness_.TooCloseToTell()) return client_.Arm(hold_, milliseconds(5));
    const Letter letter = std::move(letters_.front());
    letters_.pop_front();
    if (!letters_.empty()) client_.Post([self = shared_from_this()] { self->DeliverOne(); });
    if (letter.end) {
      told_end_ = true;
      server_.witness_.OnStreamEnded();
      return std::exchange(handler_, nullptr)->OnEnd(grpc::GrpcStatus::kUnavailable, "the server went away");
    }
    server_.witness_.OnResponse(letter.said, letter.version, letter.nonce, letter.known);
    handler_->OnMessage(letter.bytes);
  }

  ManagementServer& server_;
  event::Dispatcher& client_;
  grpc::StreamHandler* handler_;
  std::deque<Letter> letters_;
  bool told_end_ = false;
  event::Timer hold_{[this] { DeliverOne(); }};
};

class ManagementServer::ClientEnd final : public grpc::ClientStream {
 public:
  ClientEnd(ManagementServer& server, std::shared_ptr<Link> link) : server_(server), link_(std::move(link)) {}
  ~ClientEnd() override {
    link_->Forget();
    server_.loop_->Post([&server = server_, link = link_] {
      if (server.link_ == link) server.Forget();
    });
  }
  void Send(absl::string_view message) override {
    const absl::optional<Witness::Asked> asked = server_.delta_ ? ReadDelta(message) : Read(message);
    if (!asked.has_value()) return;
    link_->witness().OnRequest(*asked);
    server_.loop_->Post([&server = server_, link = link_, asked = *asked] {
      if (server.link_ == link) server.OnRequest(asked);
    });
  }
  void EndSending() override {}
  void PauseReading() override {}
  void ResumeReading() override {}

 private:
  ManagementServer& server_;
  const std::shared_ptr<Link> link_;
};

class ManagementServer::LocalChannel final : public grpc::Channel {
 public:
  LocalChannel(ManagementServer& server, event::Dispatcher& client) : server_(server), client_(client) {}
  std::unique_ptr<grpc::ClientStream> Open(absl::string_view, grpc::StreamHandler& handler,
                                           const grpc::CallOptions&) override {
    auto link = std::make_shared<Link>(server_, client_, handler);
    server_.witness_.OnOpened();
    server_.loop_->Post([&server = server_, link] { server.OnLink(link); });
    return std::make_unique<ClientEnd>(server_, link);
  }
  std::string Describe() const override { return "scripted"; }

 private:
  ManagementServer& server_;
  event::Dispatcher& client_;
};

ManagementServer::ManagementServer(event::SimulatedWorld& world, Witness& witness, uint64_t seed, bool http2_servers,
                                   bool delta, const Papers& papers)
    : world_(world),
      witness_(witness),
      dice_(seed),
      http2_servers_(http2_servers),
      delta_(delta),
      papers_(papers),
      loop_(world.MakeDispatcher(world.AddHost({"10.0.0.9"}))) {}

ManagementServer::~ManagementServer() = default;

std::unique_ptr<grpc::Channel> ManagementServer::MakeChannel(event::Dispatcher& client) {
  return std::make_unique<LocalChannel>(*this, client);
}

void ManagementServer::OnLink(std::shared_ptr<Link> link) {
  Forget();
  link_ = std::move(link);
  links_.push_back(link_);
  ++streams_;
}

void ManagementServer::Forget() {
  link_ = nullptr;
  later_.clear();
  for (Topic& topic : topics_) topic = Topic();
  last_ = Said();
}

void ManagementServer::EndStream() {
  if (link_ == nullptr) return;
  Letter end;
  end.end = true;
  link_->Post(std::move(end));
  Forget();
}

void ManagementServer::Crash(std::array<Things, kKinds> memory) {
  EndStream();
  memory_ = std::move(memory);
  said_ = 0;
  ++lives_;
}

void ManagementServer::OnRequest(const Witness::Asked& asked) {
  Topic& topic = this->topic(asked.kind);
  const bool first = !std::exchange(topic.asked, true);
  std::set<std::string> fresh;
  if (delta_) {
    for (const std::string& name : asked.less) {
      topic.names.erase(name);
      topic.told.erase(name);
    }
    for (const std::string& name : asked.more) {
      topic.told.erase(name);  // said again, whatever it has
      topic.names.insert(name);
    }
    fresh = asked.more;
    if (first) topic.told = asked.held;
    if (asked.refuses) {  // who knows what it has
      for (const std::string& name : topic.gone) topic.told[name];
      for (auto& [name, version] : topic.told) version = "unknown";
    }
  } else {
    std::set_difference(asked.names.begin(), asked.names.end(), topic.names.begin(), topic.names.end(),
                        std::inserter(fresh, fresh.end()));
    topic.names = asked.names;
  }
  if (!first && fresh.empty()) return;
  if (dice_.OneIn(manners_.silent_one_in)) return;
  AnswerLater(asked.kind, fresh);
}

void ManagementServer::AnswerLater(Kind kind, std::set<std::string> names) {
  const Duration longest = dice_.OneIn(manners_.slow_one_in) ? seconds(2) : manners_.longest_delay;
  later_.push_back(std::make_unique<Later>([this, kind, names = std::move(names)] { Answer(kind, names); }));
  loop_->Arm(later_.back()->timer, Duration(dice_.Below(1 + static_cast<uint64_t>(longest.count()))));
}

void ManagementServer::Answer(Kind kind, const std::set<std::string>& names) {
  if (IsRoot(kind) || dice_.OneIn(2)) {
    Push(kind);
    if (delta_) SayMissing(kind, names);
    return;
  }
  Said said;
  said.kind = kind;
  for (const std::string& name : names) {
    if (topic(kind).names.count(name) == 0) continue;  // not wanted any more
    if (names.size() > 1 && dice_.OneIn(manners_.partial_one_in)) continue;
    auto at = memory(kind).find(name);
    if (at != memory(kind).end()) {
      said.things.push_back(at->second);
    } else if (delta_) {
      said.removed.push_back(name);
    }
  }
  Say(std::move(said));
}

// Delta: of what comes unasked too, who asks for something by name is told that there is none.
void ManagementServer::SayMissing(Kind kind, const std::set<std::string>& names) {
  if (kind != Kind::kCluster && kind != Kind::kHost) return;
  Said said;
  said.kind = kind;
  for (const std::string& name : names) {
    if (name != "*" && memory(kind).count(name) == 0) said.removed.push_back(name);
  }
  if (!said.removed.empty()) Say(std::move(said));
}

void ManagementServer::Push(Kind kind, bool all, std::vector<ThingPtr> instead) {
  const Topic& topic = this->topic(kind);
  if (!topic.asked && !all) return;
  Said said;
  said.kind = kind;
  said.whole = IsRoot(kind) && !delta_;
  for (const auto& [name, thing] : memory(kind)) {
    const bool unasked = IsRoot(kind) || kind == Kind::kHost;
    if (!unasked && !all && topic.names.count(name) == 0) continue;
    const auto same =
        std::find_if(instead.begin(), instead.end(), [&](const auto& other) { return other->name == name; });
    if (same == instead.end()) said.things.push_back(thing);
  }
  if (delta_) OnlyChanges(&said);
  for (const ThingPtr& thing : instead) {
    said.things.insert(said.things.begin() + static_cast<long>(dice_.Below(said.things.size() + 1)), thing);
    std::erase(said.removed, thing->name);
  }
  if (delta_ && said.things.empty() && said.removed.empty()) return;
  Say(std::move(said));
}

void ManagementServer::OnlyChanges(Said* said) {
  const Topic& topic = this->topic(said->kind);
  if (!dice_.OneIn(manners_.all_one_in)) {
    std::erase_if(said->things, [&](const ThingPtr& thing) {
      auto at = topic.told.find(thing->name);
      return at != topic.told.end() && at->second == VersionOf(*thing);
    });
  }
  for (const auto& [name, version] : topic.told) {
    if (memory(said->kind).count(name) == 0) said->removed.push_back(name);
  }
}

std::string ManagementServer::VersionOf(const Thing& thing) const { return absl::StrCat("v", thing.version); }

void ManagementServer::NoteTold(const Said& said) {
  for (const ThingPtr& thing : said.things) topic(said.kind).told[thing->name] = VersionOf(*thing);
  for (const std::string& name : said.removed) {
    topic(said.kind).told.erase(name);
    topic(said.kind).gone.insert(name);
  }
}

void ManagementServer::PushOne(const ThingPtr& thing) {
  if (!asked(thing->kind)) return;
  Say({thing->kind, {thing}, {}, false});
}

void ManagementServer::Repeat() {
  if (!last_.things.empty()) Say(last_);
}

void ManagementServer::Beat(Kind kind) {
  Said said;
  said.kind = kind;
  for (const auto& [name, ttl] : topic(kind).ttl) {
    const auto at = memory(kind).find(name);
    if (at == memory(kind).end()) continue;
    said.beats[name] = VersionOf(*at->second);
    said.ttl = std::max(said.ttl, ttl);
  }
  if (!said.beats.empty()) Say(std::move(said));
}

namespace {

void FillTtl(Duration ttl, google::protobuf::Duration* out) {
  out->set_seconds(ttl / seconds(1));
  out->set_nanos(static_cast<int>((ttl % seconds(1)).count()));
}

}  // namespace

void ManagementServer::Say(Said said) {
  if (link_ == nullptr) return;
  if (said.beats.empty()) {
    said.ttl = manners_.mortal_one_in != 0 && dice_.OneIn(manners_.mortal_one_in)
                   ? milliseconds(300 + static_cast<int64_t>(dice_.Below(3000)))
                   : Duration::zero();
    for (const ThingPtr& thing : said.things) {
      topic(said.kind).ttl.erase(thing->name);
      if (said.ttl > Duration::zero()) topic(said.kind).ttl[thing->name] = said.ttl;
    }
    for (const std::string& name : said.removed) topic(said.kind).ttl.erase(name);
  }
  last_ = said;
  ++said_;
  Letter letter;
  letter.version = absl::StrCat(lives_, ".", said_);
  letter.nonce = absl::StrCat("n", streams_, ".", said_);
  const auto fill = [&](auto& response) {
    response.set_type_url(TypeUrlOf(said.kind));
    response.set_nonce(letter.nonce);
    for (const ThingPtr& thing : said.things) {
      if constexpr (std::is_same_v<decltype(response), DeltaDiscoveryResponse&>) {
        auto* resource = response.add_resources();
        resource->set_name(thing->name);
        resource->set_version(VersionOf(*thing));
        *resource->mutable_resource() = Wire(*thing, http2_servers_, papers_);
        if (said.ttl > Duration::zero()) FillTtl(said.ttl, resource->mutable_ttl());
      } else if (said.ttl > Duration::zero()) {
        Resource resource;
        resource.set_name(thing->name);
        resource.set_version(VersionOf(*thing));
        *resource.mutable_resource() = Wire(*thing, http2_servers_, papers_);
        FillTtl(said.ttl, resource.mutable_ttl());
        response.add_resources()->PackFrom(resource);
      } else {
        *response.add_resources() = Wire(*thing, http2_servers_, papers_);
      }
    }
    for (const auto& [name, version] : said.beats) {
      Resource resource;
      resource.set_name(name);
      resource.set_version(version);
      FillTtl(said.ttl, resource.mutable_ttl());
      if constexpr (std::is_same_v<decltype(response), DeltaDiscoveryResponse&>) {
        *response.add_resources() = resource;
      } else {
        response.add_resources()->PackFrom(resource);
      }
    }
  };
  if (delta_) {
    NoteTold(said);
    DeltaDiscoveryResponse response;
    fill(response);
    response.set_system_version_info(letter.version);
    for (const std::string& name : said.removed) response.add_removed_resources(name);
    letter.bytes = response.SerializeAsString();
  } else {
    DiscoveryResponse response;
    fill(response);
    response.set_version_info(letter.version);
    letter.bytes = response.SerializeAsString();
  }
  letter.said = std::move(said);
  link_->Post(std::move(letter));
}

void ManagementServer::SayNonsense() {
  if (link_ == nullptr) return;
  Letter letter;
  letter.known = false;
  if (delta_) {
    DeltaDiscoveryResponse response;
    response.set_type_url("type.googleapis.com/nobody.Knows");
    response.set_nonce("nonsense");
    letter.bytes = response.SerializeAsString();
  } else {
    DiscoveryResponse response;
    response.set_type_url("type.googleapis.com/nobody.Knows");
    response.set_nonce("nonsense");
    letter.bytes = response.SerializeAsString();
  }
  link_->Post(std::move(letter));
}

}  // namespace outrigger::simulation::oracle
