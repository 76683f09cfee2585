#include "source/observe/access_log.h"

#include "source/observe/schemas/server.h"

namespace outrigger::observe {
namespace {

class DirectSink final : public AccessLogSink {
 public:
  DirectSink(std::string path, DirectAccessLogFiles::Append append, StatsScope<AccessLogStats> scope)
      : path_(std::move(path)), append_(std::move(append)), scope_(std::move(scope)) {}

  void Write(WorkerStats& worker, absl::string_view line) override {
    const int64_t written = append_(path_, line);
    AccessLogStats& stats = worker.Get(scope_);
    const bool whole = written >= 0 && static_cast<uint64_t>(written) == line.size();
    (whole ? stats.lines_written : stats.lines_dropped).Inc();
  }

 private:
  const std::string path_;
  const DirectAccessLogFiles::Append append_;
  const StatsScope<AccessLogStats> scope_;
};

}  // namespace

DirectAccessLogFiles::DirectAccessLogFiles(StatsRegistry& registry, Append append)
    : append_(std::move(append)), scope_(registry.Register<AccessLogStats>("access_logs.file.")) {}

absl::StatusOr<std::shared_ptr<AccessLogSink>> DirectAccessLogFiles::Open(absl::string_view path) {
  std::weak_ptr<AccessLogSink>& held = open_[std::string(path)];
  std::shared_ptr<AccessLogSink> sink = held.lock();
  if (sink == nullptr) {
    sink = std::make_shared<DirectSink>(std::string(path), append_, scope_);
    held = sink;
  }
  return sink;
}

}  // namespace outrigger::observe
