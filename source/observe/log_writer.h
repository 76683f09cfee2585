// Thread: main; its sinks' Write: workers
#pragma once

#include <memory>
#include <string>

#include "source/observe/access_log.h"

namespace outrigger::observe {

// Access-log files written by one thread of their own, the only one besides main and the workers; a thin adaptor that
// is not simulated. Each worker has one ring of kRingBytes per file, made at its first line; a write copies the line
// there (no lock, no system call but a wake-up when `wake_bytes` wait). The thread writes rings out when woken and each
// `flush_interval`. If the file cannot be written (full disk), the bytes stay in the rings, lines that do not fit are
// dropped and counted, and writing is tried again each kRetryInterval: no line is ever torn.
struct LogWriterOptions {
  Duration flush_interval = seconds(10);  // --file-flush-interval-msec
  size_t wake_bytes = 64 * 1024;
};

class LogWriter final : public AccessLogFiles {
 public:
  static constexpr size_t kRingBytes = 256 * 1024;
  static constexpr Duration kRetryInterval = seconds(1);
  static constexpr size_t kMaxWorkers = 256;

  LogWriter(StatsRegistry& registry, LogWriterOptions options);  // starts the thread
  ~LogWriter() override;  // writes what is left, joins; no sink may be written to

  absl::StatusOr<std::shared_ptr<AccessLogSink>> Open(absl::string_view path) override;
  void Reopen() override;
  // Returns when all that was handed over before the call was written or could not be written.
  void Flush();

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace outrigger::observe
