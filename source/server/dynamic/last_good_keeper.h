// Thread: main
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "source/observe/stats.h"
#include "source/server/dynamic/last_good_stats.h"
#include "source/server/dynamic/last_good_writer.h"
#include "source/server/server.h"
#include "source/xds/last_good_collector.h"
#include "source/xds/response_decoder.h"
#include "source/xds/staging_graph.h"

namespace outrigger::server {

// Keeps the dynamic configuration that is in use on disk, and brings it back at the start.
//
//   Load ─▶ Offer: each resource decoded and checked as if its source had sent it, staged, served ─▶ the control plane
//   has answered for all listeners and clusters: its word alone counts ─▶ what is in use is written, at most once a
//   second, never for more than a tenth of the time; also at the end
//
// Nothing is written before the control plane has answered: what is on disk stays what it last said. While it is
// connected and nothing changes the file is written again now and then, so that its age is that of its last
// confirmation.
class LastGoodKeeper final {
 public:
  static constexpr Duration kSpacing = seconds(1);  // between two writes, at least
  static constexpr Duration kMostSpacing = seconds(60);
  static constexpr Duration kRetry = seconds(10);  // after a write that failed
  // Who has answered for something and says nothing of the rest for so long has nothing to say: delta servers are told
  // the versions that are here.
  static constexpr Duration kSilence = seconds(15);
  static constexpr int kRestAfterWork = 10;       // a write that took long is followed by a rest of so many times that
  static constexpr Duration kConfirm = hours(1);  // how often an unchanged configuration is written again, at least

  // Flags and bootstrap extension. Null: it is not asked for. An error: it is, and folder or key cannot be used.
  static absl::StatusOr<std::unique_ptr<LastGoodKeeper>> Make(Server& server);
  ~LastGoodKeeper();  // writes what is not written yet

  // Reads the disk; whether there is something to offer.
  bool Load();
  // To a graph that knows its static resources and sources. `connected`: whether what is in use is confirmed.
  void Offer(xds::StagingGraph& graph, const xds::DecodeOptions& options);
  void Keep(const xds::StagingGraph& graph, std::function<bool()> connected);

  void OnChanged();  // something was applied: it is published at the end of this turn
  void OnSettled();  // the graph's; also what the control plane answered
  void OnLive();     // the start is over: from now on there is something worth keeping
  LastGoodView view() const;
  void RefreshGauges();

 private:
  LastGoodKeeper(Server& server, xds::LastGoodStore store);
  void TakeOver();
  void OnSilence();
  bool MayWrite() const { return live_ && taken_over_; }
  void Schedule();
  xds::LastGood CollectNow() const;
  void OnWriteTimer();
  void CollectSome();
  void OnPublished();
  void OnWritten(const LastGoodWriter::Written& result);
  void OnConfirmTimer();
  Duration ConfirmEvery() const;
  observe::LastGoodStats& Stats() { return server_.stats().main().Get(scope_); }

  Server& server_;
  observe::StatsScope<observe::LastGoodStats> scope_;
  xds::LastGoodStore store_;  // until the writer has it
  const Duration max_age_;
  absl::optional<xds::LastGood> loaded_;
  std::unique_ptr<LastGoodWriter> writer_;
  const xds::StagingGraph* graph_ = nullptr;
  std::function<bool()> connected_;
  std::shared_ptr<LastGoodKeeper*> self_;  // null inside once gone
  bool live_ = false, taken_over_ = false, in_use_ = false;
  bool dirty_ = false, writing_ = false;
  WallTime in_use_of_{};
  uint64_t generation_ = 0;
  size_t left_out_ = 0;
  MonotonicTime next_write_{}, write_began_{};
  absl::optional<xds::LastGoodCollector> collector_;  // at work, turn by turn
  absl::optional<xds::LastGood> collected_;           // waits for being in use
  event::Timer write_timer_, collect_timer_, published_timer_, confirm_timer_, silence_timer_;
};

}  // namespace outrigger::server
