// Thread: AccessLogSink::Write worker; AccessLogFiles main
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "source/base/time.h"
#include "source/observe/stats.h"

namespace outrigger::http {
struct AccessLogRecord;  // what a log may read of a stream or connection; this room never looks inside
}

namespace outrigger::observe {

// One configured access log: filter, format and where its lines go. Immutable, shared by all workers, owned by the
// configuration that logs to it.
class AccessLog {
 public:
  virtual ~AccessLog() = default;
  // Called once per stream or connection (and type of log) when it ended. `worker`: the caller's own.
  virtual void Log(WorkerStats& worker, const http::AccessLogRecord& record) const = 0;
  // Which facts of upstream certificates a record must have (bits of http::UpstreamTls::Wish); the others are not copied.
  virtual uint32_t upstream_tls_wish() const { return 0; }
};

// Where finished access-log lines go. Shared by all workers and by every logger with the same path; lives as long as a
// Snapshot (or stream) refers to it.
class AccessLogSink {
 public:
  virtual ~AccessLogSink() = default;
  // `line` with its newline. Never blocks, never fails: what does not fit is dropped and counted
  // (access_logs.file.lines_dropped). `worker` is the caller's own.
  virtual void Write(WorkerStats& worker, absl::string_view line) = 0;
};

// Opens sinks by path. Seam: the threaded one (log_writer.h) in the server, the direct one in the simulator.
class AccessLogFiles {
 public:
  virtual ~AccessLogFiles() = default;
  // One sink per path, shared while in use. "/dev/stdout" and "/dev/stderr" are the process's streams. Fails if the
  // file cannot be opened (configuration error).
  virtual absl::StatusOr<std::shared_ptr<AccessLogSink>> Open(absl::string_view path) = 0;
  // SIGUSR1, POST /reopen_logs: what was written so far goes to the old file, the rest to a newly opened one.
  virtual void Reopen() = 0;
};

// Hands every line at once to `append` (bytes written or negative errno), on the caller's thread: the simulator and
// tests, where `append` is the Engine's. A line that is not written whole is counted as dropped.
class DirectAccessLogFiles final : public AccessLogFiles {
 public:
  using Append = std::function<int64_t(absl::string_view path, absl::string_view bytes)>;
  DirectAccessLogFiles(StatsRegistry& registry, Append append);
  absl::StatusOr<std::shared_ptr<AccessLogSink>> Open(absl::string_view path) override;
  void Reopen() override {}

 private:
  Append append_;
  StatsScope<struct AccessLogStats> scope_;
  std::map<std::string, std::weak_ptr<AccessLogSink>, std::less<>> open_;
};

}  // namespace outrigger::observe
