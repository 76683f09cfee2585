// Thread: the test's
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "source/base/bug.h"
#include "source/http/access_log_record.h"
#include "source/observe/access_log.h"
#include "source/observe/stats_reader.h"
#include "test/simulation/proxy/proxy_config.h"

namespace outrigger::integration {

// A proxy with one worker thread on real sockets, configured by a ProxyConfig; configuration may change while it runs.
class ThreadedProxy {
 public:
  ThreadedProxy() : config_(registry_), main_(event::MakeEpollEngine()) {
    socket_ = *net::ListenSocket::Bind(main_.engine(), *net::Address::ParseIp("127.0.0.1", 0), {}, 1);
    OUTRIGGER_CHECK(socket_->Listen().ok());
  }
  ~ThreadedProxy() {
    if (worker_ != nullptr) worker_->StopThread();
    worker_.reset();
    while (main_.RunOnce(Duration::zero())) {
    }
  }
  simulation::ProxyConfig& config() { return config_; }
  const net::Address& address() const { return socket_->address(); }
  void Start() {
    server::Worker::Options options;
    options.main = &main_;
    options.stats = &registry_.AddWorker("worker_0");
    options.facts = &facts_;
    options.drain = {seconds(10), false};
    worker_ = std::make_unique<server::Worker>(options, event::MakeEpollEngine(), config_.Build({socket_}));
    worker_->StartThread();
  }
  void Publish() { worker_->Publish(config_.Build({socket_})); }
  server::Worker& worker() { return *worker_; }
  observe::StatsRegistry& registry() { return registry_; }
  upstream::ProcessFacts& facts() { return facts_; }
  // A counter or gauge by its full name; -1: there is none.
  int64_t Stat(absl::string_view name) {
    for (const auto& number : registry_.Read().numbers) {
      if (number.name == name) return number.value;
    }
    return -1;
  }

 private:
  observe::StatsRegistry registry_;
  upstream::ProcessFacts facts_;
  simulation::ProxyConfig config_;
  event::Dispatcher main_;
  std::shared_ptr<net::ListenSocket> socket_;
  std::unique_ptr<server::Worker> worker_;
};

// What was logged of each stream.
class LogRecorder final : public observe::AccessLog {
 public:
  struct Line {
    uint32_t code = 0;
    std::string flags, details, transport_failure;
    observe::ResponseFlags set;
    bool knows_upstream_tls = false;
  };
  void Log(observe::WorkerStats&, const http::AccessLogRecord& record) const override {
    Line line;
    line.code = record.info->response_code;
    record.info->flags.AppendShort(line.flags);
    line.set = record.info->flags;
    line.knows_upstream_tls = record.info->upstream.tls != nullptr;
    line.details = std::string(record.info->details);
    line.transport_failure = std::string(record.info->upstream.transport_failure);
    const std::lock_guard<std::mutex> lock(mutex_);
    lines_.push_back(line);
  }
  bool Has() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return !lines_.empty();
  }
  Line Take() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (lines_.empty()) return {0, "nothing was logged", "", "", {}, false};
    Line line = lines_.front();
    lines_.pop_front();
    return line;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::deque<Line> lines_;
};

}  // namespace outrigger::integration
