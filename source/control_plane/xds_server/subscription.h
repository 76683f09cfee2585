// Thread: main
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "source/base/time.h"
#include "source/control_plane/resources/snapshot.h"
#include "source/control_plane/xds_server/deliveries.h"
#include "source/control_plane/xds_server/messages.h"

namespace outrigger::control_plane {

// What a stream's client asked of one type, has been sent, has accepted and has refused. A value: it sends nothing and
// knows no clock. State of the world: absence removes for listeners and clusters, so those are always sent whole; of
// the other types only what the client does not have. Delta: what the client lacks, and what is gone by name; every
// name that it subscribes to is answered, also one that does not exist.
class Subscription {
 public:
  explicit Subscription(std::string type_url, WireForm form = WireForm::kWorld);

  enum class Verdict : uint8_t {
    kFirst,  // the first ask of this type on the stream
    kAck,    // answers the last response (the names may have changed too)
    kNack,
    kRenamed,  // other names, nothing answered
    kStale,    // about a response that is not the last one: to be ignored, a later ask follows
  };
  Verdict OnAsk(const DiscoveryAsk& ask, const ResourceSet& view, WallTime now);

  // What is not to be sent yet.
  struct Hold {
    bool changes = false;   // what would replace something that the client has
    bool removals = false;  // delta
  };
  // What the client lacks of `view`. Empty type_url: nothing to send. A response that awaits its answer holds back the
  // next one, so that changes coalesce.
  DiscoveryAnswer Next(const ResourceSet& view, Hold hold);
  void Sent(const DiscoveryAnswer& answer, WallTime now);
  // The resources live this long at the client from now on, unless it hears of them; 0: without end.
  void SetTtl(Duration ttl) { ttl_ = ttl; }
  // When nothing else is to be sent, all that the client has accepted is mentioned, without content.
  void MakeHeartbeat() { heartbeat_due_ = true; }
  // The client is to be sent this resource again although it did not change.
  void Forget(absl::string_view name) { known_.erase(std::string(name)); }

  bool Wants(absl::string_view name) const { return wildcard_ || Names(name); }
  bool Names(absl::string_view name) const { return names_.find(name) != names_.end(); }
  bool Knows(absl::string_view name) const { return known_.find(name) != known_.end(); }
  bool awaiting() const { return awaiting_; }
  // Sent something, and all of it answered and still current.
  bool Settled(const ResourceSet& view) const;
  const std::map<std::string, std::string, std::less<>>& known() const { return known_; }  // name → version

  // What the client has is not all of `view`, whatever it is being sent just now.
  bool Lacks(const ResourceSet& view) const;
  Deliveries& deliveries() { return deliveries_; }
  const Deliveries& deliveries() const { return deliveries_; }

  // One resource as the client has it.
  struct State {
    enum class Kind : uint8_t { kNone, kNotSent, kSent, kAccepted, kRefused } kind = Kind::kNone;
    ResourcePtr resource;  // null: there is none of that name
    std::string version;   // that the client was sent; of the type, in state of the world
  };
  // By name: all that are wanted, and all that the client has.
  std::map<std::string, State> States(const ResourceSet& view) const;

  // For the status page.
  struct Facts {
    bool wildcard = false;
    size_t names = 0, name_bytes = 0;
    size_t resources = 0;  // known to the client
    std::string sent_version, acked_version, refused_version, refusal;
    WallTime sent_at{}, acked_at{}, refused_at{};
    uint64_t sent = 0, acks = 0, nacks = 0, stale = 0;
    bool refusing = false;  // the last answer was a refusal
  };
  const Facts& facts() const { return facts_; }

 private:
  Verdict OnDeltaAsk(const DiscoveryAsk& ask, const ResourceSet& view, WallTime now);
  void AddName(const std::string& name, const ResourceSet& view);
  void DropName(const std::string& name);
  DiscoveryAnswer NextWorld(const ResourceSet& view, Hold hold);
  DiscoveryAnswer NextDelta(const ResourceSet& view, Hold hold);
  using AskedAs = std::map<std::string, std::vector<std::string>>;  // DiscoveryAnswer::asked_as
  AskedAs FindAskedAs(const ResourceSet& view, bool keep, std::vector<std::string>& nowhere) const;
  bool MustTell(const Resource& resource, const std::vector<std::string>* asked_as) const;
  bool Beat(const ResourceSet& view, DiscoveryAnswer& answer);
  void NoteAccepted();
  std::string VersionOf(const ResourceSet& view) const;
  std::vector<ResourcePtr> Selected(const ResourceSet& view) const;
  bool SetNames(const std::vector<std::string>& names);
  void Answered(const DiscoveryAsk& ask, WallTime now);

  std::string type_url_;
  WireForm form_;
  bool whole_;  // absence removes
  bool started_ = false;
  bool wildcard_ = false;
  bool awaiting_ = false;
  bool owed_ = false;  // names were added: the client waits for an answer even if it says nothing new
  std::set<std::string, std::less<>> names_;
  std::set<std::string, std::less<>> untold_;               // delta: names that the next response has to speak of
  std::map<std::string, std::string, std::less<>> led_to_;  // delta: what the client was told of such names
  // What the client has. Delta: an empty version is "something of that name".
  std::map<std::string, std::string, std::less<>> known_;
  // name → version, not sent again until it changes. Delta: an empty version is a removal.
  std::map<std::string, std::string, std::less<>> refused_;
  std::map<std::string, std::string, std::less<>> in_flight_;
  Duration ttl_{0};
  bool heartbeat_due_ = false;
  bool beating_ = false;  // what awaits its answer is a heartbeat
  // With a ttl: what the client has accepted, name → version.
  std::map<std::string, std::string> accepted_;
  std::string sent_version_;
  std::string sent_nonce_;
  uint64_t nonces_ = 0;
  Deliveries deliveries_;
  Facts facts_;
};

}  // namespace outrigger::control_plane
