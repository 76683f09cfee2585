// Thread: main
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "source/control_plane/resources/catalog.h"
#include "source/control_plane/xds_server/session.h"
#include "source/event/dispatcher.h"

namespace outrigger::control_plane {

// The discovery server without its transport: all open streams, and the catalog that they are served from. An adaptor
// opens a session per stream.
class XdsServer {
 public:
  struct Options {
    OrderingOptions ordering;
    AdmissionPolicy policy;
    StreamLimits limits;
    Duration resource_ttl{0};  // see Session::Options
    // Further streams are ended at once, and counted.
    size_t most_streams = 20'000;
    size_t most_streams_of_source = 2'000;  // of one node, if it is proved, or one address
  };
  struct Counters {
    Session::Events events;
    uint64_t opened = 0, closed = 0, rejected = 0, rejected_of_source = 0, published = 0, refused_configs = 0,
             denied_peers = 0;
  };

  XdsServer(event::Dispatcher& dispatcher, Options options) : dispatcher_(dispatcher), options_(std::move(options)) {}
  // Of node certificates; for streams that open from now on.
  void SetTrustDomain(const std::string& domain) { options_.policy.trust_domain = domain; }

  // `only_type`: of a separate service; empty: ADS. The session lives until Close. Null: too many streams.
  Session* Open(AnswerSink& sink, PeerFacts peer, std::string only_type, WireForm form = WireForm::kWorld);
  void Close(Session* session);
  // A connection to a node's own socket came from another user.
  void PeerDenied() { ++counters_.denied_peers; }
  // Ends the streams that came in by this node's own socket: it is somebody else's now.
  void DismissBound(absl::string_view node, const std::string& reason);

  void Publish(CatalogPtr catalog);
  // A configuration did not make it: shown on the status page until the next that does.
  void ConfigRefused(const std::string& reason);
  // A node that this catalog says something about may be told more by another source: called for each snapshot made.
  // It adds secrets.
  using Complete = std::function<void(const NodeName&, Snapshot&)>;
  void SetComplete(Complete complete) { complete_ = std::move(complete); }
  // What `Complete` gives has changed: everybody gets a fresh snapshot.
  void Republish();

  LogBudget& log_budget() { return log_budget_; }
  const LogBudget& log_budget() const { return log_budget_; }
  const CatalogPtr& catalog() const { return catalog_; }
  // The configuration served now; its version is the catalog's.
  const std::string& version() const { return published_.empty() ? no_version_ : published_.back(); }
  // Counts published configurations; the same one again is not counted twice. By version, the newest of it; 0: none of
  // the last hundred. "latest" is the one served now.
  uint64_t SequenceOf(absl::string_view version) const;
  const Counters& counters() const { return counters_; }
  const std::map<uint64_t, std::unique_ptr<Session>>& sessions() const { return sessions_; }  // in order of opening
  const std::string& refused_config() const { return refused_config_; }
  WallTime refused_at() const { return refused_at_; }
  WallTime published_at() const { return published_at_; }
  const Options& options() const { return options_; }

 private:
  static constexpr size_t kMostVersions = 100;
  Session::Served SnapshotFor(const NodeName& node) const;

  event::Dispatcher& dispatcher_;
  Options options_;
  Counters counters_;
  LogBudget log_budget_;
  std::map<std::string, size_t> streams_of_;  // by source
  CatalogPtr catalog_ = std::make_shared<Catalog>();
  std::deque<std::string> published_;  // versions, oldest first
  uint64_t sequence_ = 0;              // of the newest
  const std::string no_version_;
  Complete complete_;
  uint64_t last_session_ = 0;
  std::map<uint64_t, std::unique_ptr<Session>> sessions_;
  std::string refused_config_;
  WallTime refused_at_{}, published_at_{};
};

}  // namespace outrigger::control_plane
