#include "source/server/dynamic/last_good_keeper.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "outrigger/last_good/v1/last_good.pb.h"
#include "source/base/log.h"
#include "source/config/bootstrap.h"
#include "source/extension/values.h"

namespace outrigger::server {
namespace {

constexpr Duration kCollectAfter = milliseconds(100);  // changes come in bursts

std::string Ago(Duration age) {
  const int64_t s = std::max<int64_t>(ToMillis(age) / 1000, 0);
  if (s < 120) return absl::StrCat(s, " seconds ago");
  if (s < 2 * 3600) return absl::StrCat(s / 60, " minutes ago");
  return s < 2 * 86400 ? absl::StrCat(s / 3600, " hours ago") : absl::StrCat(s / 86400, " days ago");
}

}  // namespace

absl::StatusOr<std::unique_ptr<LastGoodKeeper>> LastGoodKeeper::Make(Server& server) {
  const auto extension = config::LastGoodOf(server.bootstrap());
  if (!extension.ok()) return extension.status();
  const Options& options = server.options();
  xds::LastGoodStore::Settings settings;
  settings.directory = options.last_good_dir.empty() ? extension->directory() : options.last_good_dir;
  if (settings.directory.empty()) return nullptr;
  const std::string& key_file =
      options.last_good_secrets_key_file.empty() ? extension->secrets_key_file() : options.last_good_secrets_key_file;
  settings.max_age = options.last_good_max_age > Duration::zero() ? options.last_good_max_age
                                                                  : extension::DurationOf(extension->max_age());
  settings.node_id = server.bootstrap().node().id();
  settings.node_cluster = server.bootstrap().node().cluster();
  event::Engine& engine = server.dispatcher().engine();
  if (!key_file.empty()) {
    auto key = xds::ReadSealingKey(engine, key_file);
    if (!key.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the key of the last good configuration: ", key.status().message()));
    }
    settings.key = *std::move(key);
  }
  xds::LastGoodStore store(std::move(settings));
  if (const absl::Status opened = store.Open(engine); !opened.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("the folder of the last good configuration: ", opened.message()));
  }
  return std::unique_ptr<LastGoodKeeper>(new LastGoodKeeper(server, std::move(store)));
}

LastGoodKeeper::LastGoodKeeper(Server& server, xds::LastGoodStore store)
    : server_(server),
      scope_(server.stats().Register<observe::LastGoodStats>("server.")),
      store_(std::move(store)),
      max_age_(store_.settings().max_age),
      self_(std::make_shared<LastGoodKeeper*>(this)),
      write_timer_([this] { OnWriteTimer(); }),
      collect_timer_([this] { CollectSome(); }),
      published_timer_([this] { OnPublished(); }),
      confirm_timer_([this] { OnConfirmTimer(); }),
      silence_timer_([this] { OnSilence(); }) {
  Stats().last_good_in_use.Set(0);
}

LastGoodKeeper::~LastGoodKeeper() {
  *self_ = nullptr;
  if (!MayWrite() || graph_ == nullptr) return;
  if (dirty_ || collector_.has_value() || collected_.has_value() || connected_()) writer_->Write(CollectNow());
}

bool LastGoodKeeper::Load() {
  xds::LastGoodStore::Loaded loaded = store_.Load(server_.dispatcher().engine());
  Stats().last_good_refused.Add(loaded.refused.size());
  for (const std::string& why : loaded.refused) OUTRIGGER_LOG(kWarn, kConfigXds, "last good configuration: ", why);
  if (!loaded.content.has_value() || loaded.content->resources.empty()) {
    OUTRIGGER_LOG(kInfo, kConfigXds, "there is no last good configuration in \"", store_.settings().directory,
                  "\" that can be used: the start waits for the control plane");
    return false;
  }
  loaded_ = std::move(loaded.content);
  in_use_of_ = loaded_->written;
  generation_ = loaded_->generation;
  OUTRIGGER_LOG(kWarn, kConfigXds, "starts with the last good configuration \"", loaded.path, "\", generation ",
                generation_, ", confirmed ", Ago(server_.dispatcher().wall_now() - in_use_of_), ", ",
                loaded_->resources.size(), " resources, until the control plane answers");
  return true;
}

void LastGoodKeeper::Keep(const xds::StagingGraph& graph, std::function<bool()> connected) {
  graph_ = &graph;
  connected_ = std::move(connected);
  const Surroundings& around = server_.surroundings();
  writer_ = std::make_unique<LastGoodWriter>(
      std::move(store_),
      LastGoodWriter::Settings{&server_.dispatcher(), around.make_engine, around.threads,
                               [this](const LastGoodWriter::Written& result) { OnWritten(result); }});
  RefreshGauges();
}

void LastGoodKeeper::OnChanged() {
  if (collector_.has_value()) return collector_->Changed();  // and it will be in it
  dirty_ = true;
  Schedule();
}

void LastGoodKeeper::OnLive() {
  live_ = true;
  Schedule();
}

void LastGoodKeeper::OnSettled() {
  if (taken_over_ || graph_ == nullptr) return;
  if (graph_->HeardAll()) return TakeOver();
  if (graph_->HeardAny() && !silence_timer_.armed()) server_.dispatcher().Arm(silence_timer_, kSilence);
}

void LastGoodKeeper::OnSilence() {
  if (taken_over_) return;
  if (connected_()) return TakeOver();
  server_.dispatcher().Arm(silence_timer_, kSilence);
}

void LastGoodKeeper::TakeOver() {
  taken_over_ = true;
  dirty_ = true;  // nothing may have changed: then its age has
  if (std::exchange(in_use_, false)) {
    OUTRIGGER_LOG(kInfo, kConfigXds, "the control plane has answered: the last good configuration is its own again");
  }
  RefreshGauges();
  server_.dispatcher().Arm(confirm_timer_, ConfirmEvery());
  Schedule();
}

Duration LastGoodKeeper::ConfirmEvery() const {
  return max_age_ <= Duration::zero() ? kConfirm : std::clamp<Duration>(max_age_ / 4, kSpacing, kConfirm);
}

void LastGoodKeeper::OnConfirmTimer() {
  server_.dispatcher().Arm(confirm_timer_, ConfirmEvery());
  if (connected_()) OnChanged();
}

void LastGoodKeeper::Schedule() {
  if (!MayWrite() || !dirty_ || writing_ || write_timer_.armed()) return;
  server_.dispatcher().Arm(write_timer_, std::max(kCollectAfter, next_write_ - server_.dispatcher().now()));
}

xds::LastGood LastGoodKeeper::CollectNow() const {
  xds::LastGoodCollector collector(*graph_);
  collector.Step(std::numeric_limits<size_t>::max());
  xds::LastGood content = collector.Take();
  content.written = server_.dispatcher().wall_now();
  return content;
}

void LastGoodKeeper::OnWriteTimer() {
  dirty_ = false;
  writing_ = true;
  collector_.emplace(*graph_);
  CollectSome();
}

// What is applied now is published at the end of this turn at the latest: which generation that is, is known then.
void LastGoodKeeper::CollectSome() {
  if (!collector_->Step()) return server_.dispatcher().Arm(collect_timer_, Duration::zero());
  collected_ = collector_->Take();
  collected_->written = server_.dispatcher().wall_now();
  collector_.reset();
  server_.dispatcher().Arm(published_timer_, Duration::zero());
}

void LastGoodKeeper::OnPublished() {
  server_.WhenInUse(server_.published_generation(), [self = self_] {
    LastGoodKeeper* keeper = *self;
    if (keeper == nullptr || !keeper->collected_.has_value()) return;
    keeper->write_began_ = keeper->server_.dispatcher().now();
    keeper->writer_->Write(*std::move(keeper->collected_));
    keeper->collected_.reset();
  });
}

void LastGoodKeeper::OnWritten(const LastGoodWriter::Written& result) {
  writing_ = false;
  const MonotonicTime now = server_.dispatcher().now();
  next_write_ = write_began_ + std::clamp<Duration>((now - write_began_) * kRestAfterWork, kSpacing, kMostSpacing);
  if (!result.ok()) {
    Stats().last_good_write_failures.Inc();
    dirty_ = true;
    next_write_ = now + kRetry;
  } else {
    Stats().last_good_written.Inc();
    generation_ = result->generation;
    if (result->left_out.size() > left_out_) {
      OUTRIGGER_LOG(kWarn, kConfigXds,
                    "last good configuration: without a key what holds secrets is left out: ", result->left_out.back(),
                    result->left_out.size() > 1 ? " and others" : "");
    }
    left_out_ = result->left_out.size();
    OUTRIGGER_LOG(kDebug, kConfigXds, "last good configuration: generation ", generation_, " written, ",
                  result->resources, " resources, ", result->bytes, " bytes");
  }
  RefreshGauges();
  Schedule();
}

LastGoodView LastGoodKeeper::view() const {
  if (!in_use_) return {false, generation_, Duration::zero()};
  return {true, generation_, std::max(Duration::zero(), server_.dispatcher().wall_now() - in_use_of_)};
}

void LastGoodKeeper::RefreshGauges() {
  const LastGoodView now = view();
  Stats().last_good_in_use.Set(now.in_use ? 1 : 0);
  Stats().last_good_age_seconds.Set(ToMillis(now.age) / 1000);
  Stats().last_good_generation.Set(static_cast<int64_t>(now.generation));
  Stats().last_good_left_out.Set(static_cast<int64_t>(left_out_));
}

}  // namespace outrigger::server
