#include "source/server/dynamic/last_good_writer.h"

#include <utility>

#include "source/base/log.h"

namespace outrigger::server {

LastGoodWriter::LastGoodWriter(xds::LastGoodStore store, Settings settings)
    : settings_(std::move(settings)), store_(std::move(store)) {}

LastGoodWriter::~LastGoodWriter() {
  *alive_ = false;
  if (!thread_.joinable()) return;
  loop_->Post([this] { loop_->Stop(); });  // after what was given before
  thread_.join();
}

void LastGoodWriter::Write(xds::LastGood content) {
  const auto report = [this](event::Engine& engine, xds::LastGood given) {
    auto result = std::make_shared<Written>(store_.Write(engine, given));
    if (!(*result).ok()) OUTRIGGER_LOG(kWarn, kConfigXds, "last good configuration: ", (*result).status().message());
    settings_.main->Post([this, alive = alive_, result, given = std::move(given)]() mutable {
      given.resources.clear();
      if (*alive) settings_.done(*result);
    });
  };
  if (!settings_.threads) return report(settings_.main->engine(), std::move(content));
  if (loop_ == nullptr) {
    loop_ = std::make_unique<event::Dispatcher>(settings_.make_engine());
    thread_ = std::thread([this] { loop_->Run(); });
  }
  loop_->Post([this, report, content = std::move(content)]() mutable { report(loop_->engine(), std::move(content)); });
}

}  // namespace outrigger::server
