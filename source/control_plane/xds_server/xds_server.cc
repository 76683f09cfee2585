#include "source/control_plane/xds_server/xds_server.h"

#include <utility>

#include "source/base/log.h"

namespace outrigger::control_plane {

Session::Served XdsServer::SnapshotFor(const NodeName& node) const {
  SnapshotPtr snapshot = catalog_->For(node);
  if (complete_ == nullptr) return {std::move(snapshot), sequence_};
  auto completed = std::make_shared<Snapshot>(*snapshot);
  complete_(node, *completed);
  return {std::move(completed), sequence_};
}

uint64_t XdsServer::SequenceOf(absl::string_view version) const {
  if (version == "latest") return sequence_;
  for (size_t back = 0; back < published_.size(); ++back) {
    if (published_[published_.size() - 1 - back] == version) return sequence_ - back;
  }
  return 0;
}

Session* XdsServer::Open(AnswerSink& sink, PeerFacts peer, std::string only_type, WireForm form) {
  if (sessions_.size() >= options_.most_streams) {
    ++counters_.rejected;
    return nullptr;
  }
  const auto source = streams_of_.try_emplace(SourceOf(peer), 0).first;
  if (source->second >= options_.most_streams_of_source) {
    ++counters_.rejected_of_source;
    if (log_budget_.Take(dispatcher_.now())) {
      OUTRIGGER_LOG(kWarn, kControlPlane, "too many streams of ", source->first);
    }
    return nullptr;
  }
  ++source->second;
  ++counters_.opened;
  Session::Options options{.only_type = std::move(only_type),
                           .form = form,
                           .ordering = options_.ordering,
                           .policy = options_.policy,
                           .limits = options_.limits,
                           .resource_ttl = options_.resource_ttl,
                           .log = &log_budget_,
                           .id = ++last_session_};
  auto session = std::make_unique<Session>(
      dispatcher_, sink, std::move(peer), std::move(options),
      [this](const NodeName& node) { return SnapshotFor(node); }, counters_.events);
  Session* raw = session.get();
  sessions_.emplace(last_session_, std::move(session));
  return raw;
}

void XdsServer::Close(Session* session) {
  ++counters_.closed;
  const auto source = streams_of_.find(SourceOf(session->peer()));
  if (source != streams_of_.end() && --source->second == 0) streams_of_.erase(source);
  sessions_.erase(session->options().id);
}

void XdsServer::DismissBound(absl::string_view node, const std::string& reason) {
  for (auto& [id, session] : sessions_) {
    if (session->peer().bound_node == node) session->Dismiss(reason);
  }
}

void XdsServer::Publish(CatalogPtr catalog) {
  catalog_ = std::move(catalog);
  std::string version = catalog_->Version();
  if (published_.empty() || published_.back() != version) {
    published_.push_back(std::move(version));
    ++sequence_;
    if (published_.size() > kMostVersions) published_.pop_front();
  }
  ++counters_.published;
  published_at_ = dispatcher_.wall_now();
  refused_config_.clear();
  Republish();
}

void XdsServer::Republish() {
  for (auto& [id, session] : sessions_) {
    if (session->admitted()) session->OnSnapshot(SnapshotFor(session->node()));
  }
}

void XdsServer::ConfigRefused(const std::string& reason) {
  ++counters_.refused_configs;
  refused_config_ = reason;
  refused_at_ = dispatcher_.wall_now();
}

}  // namespace outrigger::control_plane
