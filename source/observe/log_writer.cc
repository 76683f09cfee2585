#include "source/observe/log_writer.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "source/base/bug.h"
#include "source/base/mutex.h"
#include "source/observe/schemas/server.h"

namespace outrigger::observe {
namespace {

// One worker's bytes on their way to one file. The worker moves `tail`, the writing thread `head`; both only grow.
struct Ring {
  static constexpr uint64_t kSize = LogWriter::kRingBytes;
  static_assert((kSize & (kSize - 1)) == 0);

  alignas(64) std::atomic<uint64_t> tail{0};
  alignas(64) std::atomic<uint64_t> head{0};
  char bytes[kSize];

  void CopyIn(uint64_t at, absl::string_view from) {
    const uint64_t offset = at % kSize;
    const uint64_t first = std::min<uint64_t>(from.size(), kSize - offset);
    std::memcpy(bytes + offset, from.data(), first);
    std::memcpy(bytes, from.data() + first, from.size() - first);
  }
  // What can be written in one piece, of the bytes before `end`.
  absl::string_view FrontUpTo(uint64_t end) const {
    const uint64_t from = head.load(std::memory_order_relaxed);
    const uint64_t offset = from % kSize;
    return {bytes + offset, static_cast<size_t>(std::min(end - from, kSize - offset))};
  }
};

struct Shared {  // by all sinks of a LogWriter
  StatsScope<FilesystemStats> filesystem;
  StatsScope<AccessLogStats> lines;
  size_t wake_bytes = 0;
  int wake_fd = -1;
  ~Shared() {
    if (wake_fd >= 0) ::close(wake_fd);
  }
  void Wake() const {
    const uint64_t one = 1;
    // Fails only when the counter is full, and then the thread is being woken already.
    [[maybe_unused]] ssize_t written = ::write(wake_fd, &one, sizeof(one));
  }
};

int OpenPath(const std::string& path) {
  if (path == "/dev/stdout") return STDOUT_FILENO;
  if (path == "/dev/stderr") return STDERR_FILENO;
  // Non-blocking: a pipe without a reader must not stop the process.
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0644);
}

class FileSink final : public AccessLogSink {
 public:
  FileSink(std::string path, int fd, std::shared_ptr<const Shared> shared, WorkerStats& own)
      : path_(std::move(path)), shared_(std::move(shared)), own_(own), fd_(fd) {
    Inspect();
  }
  ~FileSink() override {
    Drain();
    CloseFile();
    for (auto& ring : rings_) delete ring.load(std::memory_order_relaxed);
  }

  void Write(WorkerStats& worker, absl::string_view line) override;
  const std::string& path() const { return path_; }

  // The writing thread. False: some bytes stay.
  bool Drain();
  void Reopen();

 private:
  bool DrainRing(Ring& ring, bool& torn);
  int64_t WriteSome(absl::string_view bytes);
  void Inspect();
  void CloseFile() {
    if (fd_ > STDERR_FILENO) ::close(fd_);
  }

  const std::string path_;
  const std::shared_ptr<const Shared> shared_;
  WorkerStats& own_;  // the writing thread's
  std::array<std::atomic<Ring*>, LogWriter::kMaxWorkers> rings_{};
  // The writing thread's, once the constructor is done.
  int fd_;
  bool regular_ = false;
  bool failing_ = false;
  int torn_ring_ = -1;  // the ring whose line was written in part: it goes first
};

void FileSink::Write(WorkerStats& worker, absl::string_view line) {
  AccessLogStats& lines = worker.Get(shared_->lines);
  if (worker.index() >= rings_.size() || line.size() > Ring::kSize) {
    lines.lines_dropped.Inc();
    return;
  }
  std::atomic<Ring*>& slot = rings_[worker.index()];
  Ring* ring = slot.load(std::memory_order_relaxed);
  if (ring == nullptr) {
    ring = new Ring;
    slot.store(ring, std::memory_order_release);
  }
  const uint64_t tail = ring->tail.load(std::memory_order_relaxed);
  const uint64_t waiting = tail - ring->head.load(std::memory_order_acquire);
  if (line.size() > Ring::kSize - waiting) {
    lines.lines_dropped.Inc();
    return;
  }
  ring->CopyIn(tail, line);
  ring->tail.store(tail + line.size(), std::memory_order_release);
  lines.lines_written.Inc();
  FilesystemStats& filesystem = worker.Get(shared_->filesystem);
  filesystem.write_buffered.Inc();
  filesystem.write_total_buffered.Add(static_cast<int64_t>(line.size()));
  if (waiting < shared_->wake_bytes && waiting + line.size() >= shared_->wake_bytes) shared_->Wake();
}

void FileSink::Inspect() {
  struct stat about = {};
  regular_ = ::fstat(fd_, &about) == 0 && S_ISREG(about.st_mode);
}

// Bytes written, or -errno. A pipe or terminal whose reader is slow must hold up neither the other files nor the exit:
// it gets what it has room for.
int64_t FileSink::WriteSome(absl::string_view bytes) {
  constexpr size_t kAtomicPipeWrite = 4096;
  if (!regular_) {
    pollfd ready = {fd_, POLLOUT, 0};
    const int count = ::poll(&ready, 1, 0);
    if (count <= 0) return -EAGAIN;
    bytes = bytes.substr(0, std::min(bytes.size(), kAtomicPipeWrite));
  }
  const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
  return written < 0 ? -errno : written;
}

bool FileSink::DrainRing(Ring& ring, bool& torn) {
  FilesystemStats& stats = own_.Get(shared_->filesystem);
  // Only what is there now: a busy worker must not keep the other rings waiting.
  const uint64_t end = ring.tail.load(std::memory_order_acquire);
  while (ring.head.load(std::memory_order_relaxed) != end) {
    const absl::string_view front = ring.FrontUpTo(end);
    const int64_t written = WriteSome(front);
    if (written == -EINTR) continue;
    if (written <= 0) {
      stats.write_failed.Inc();
      failing_ = true;
      return false;
    }
    stats.write_completed.Inc();
    stats.write_total_buffered.Sub(written);
    torn = front[static_cast<size_t>(written) - 1] != '\n';
    ring.head.store(ring.head.load(std::memory_order_relaxed) + static_cast<uint64_t>(written),
                    std::memory_order_release);
    if (failing_) own_.Get(shared_->lines).recovered.Inc();
    failing_ = false;
  }
  return true;
}

bool FileSink::Drain() {
  const int begin = std::max(torn_ring_, 0);
  for (size_t i = 0; i < rings_.size(); ++i) {
    const size_t at = (static_cast<size_t>(begin) + i) % rings_.size();
    Ring* ring = rings_[at].load(std::memory_order_acquire);
    if (ring == nullptr) continue;
    bool torn = torn_ring_ == static_cast<int>(at);
    const bool all = DrainRing(*ring, torn);
    torn_ring_ = torn ? static_cast<int>(at) : -1;
    if (!all) return false;
  }
  return true;
}

void FileSink::Reopen() {
  Drain();
  const int fd = OpenPath(path_);
  if (fd < 0) {
    own_.Get(shared_->filesystem).reopen_failed.Inc();  // the old file is still better than none
    return;
  }
  if (fd != fd_) CloseFile();
  fd_ = fd;
  torn_ring_ = -1;
  Inspect();
}

}  // namespace

class LogWriter::Core {
 public:
  Core(StatsRegistry& registry, LogWriterOptions options);
  ~Core();
  absl::StatusOr<std::shared_ptr<AccessLogSink>> Open(absl::string_view path);
  void Reopen() { Ask(/*reopen=*/true); }
  void Flush();

 private:
  uint64_t Ask(bool reopen);
  void Run();
  void Turn(bool by_timer);

  const LogWriterOptions options_;
  const std::shared_ptr<Shared> shared_;
  WorkerStats& own_;  // the writing thread's
  bool stuck_ = false;
  Mutex mutex_;
  CondVar turned_;  // answered_ went up
  std::vector<std::shared_ptr<FileSink>> sinks_ ABSL_GUARDED_BY(mutex_);
  uint64_t asked_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t answered_ ABSL_GUARDED_BY(mutex_) = 0;
  bool reopen_ ABSL_GUARDED_BY(mutex_) = false;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses all the others
};

LogWriter::Core::Core(StatsRegistry& registry, LogWriterOptions options)
    : options_(options), shared_(std::make_shared<Shared>()), own_(registry.AddWorker("log_writer")) {
  shared_->filesystem = registry.Register<FilesystemStats>("filesystem.");
  shared_->lines = registry.Register<AccessLogStats>("access_logs.file.");
  shared_->wake_bytes = std::min(options.wake_bytes, kRingBytes / 2);
  shared_->wake_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  OUTRIGGER_CHECK(shared_->wake_fd >= 0);
  // Signals are main's.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { Run(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LogWriter::Core::~Core() {
  {
    MutexLock lock(mutex_);
    stop_ = true;
  }
  shared_->Wake();
  thread_.join();
}

absl::StatusOr<std::shared_ptr<AccessLogSink>> LogWriter::Core::Open(absl::string_view path) {
  MutexLock lock(mutex_);
  for (const auto& sink : sinks_) {
    if (sink->path() == path) return std::shared_ptr<AccessLogSink>(sink);
  }
  const int fd = OpenPath(std::string(path));
  if (fd < 0) {
    return absl::InvalidArgumentError(absl::StrCat("access log \"", path, "\": ", std::strerror(errno)));
  }
  sinks_.push_back(std::make_shared<FileSink>(std::string(path), fd, shared_, own_));
  return std::shared_ptr<AccessLogSink>(sinks_.back());
}

uint64_t LogWriter::Core::Ask(bool reopen) {
  MutexLock lock(mutex_);
  reopen_ = reopen_ || reopen;
  shared_->Wake();
  return ++asked_;
}

void LogWriter::Core::Flush() {
  const uint64_t asked = Ask(/*reopen=*/false);
  MutexLock lock(mutex_);
  while (answered_ < asked) turned_.Wait(mutex_);
}

void LogWriter::Core::Run() {
  for (bool stop = false; !stop;) {
    const Duration longest = stuck_ ? std::min(options_.flush_interval, kRetryInterval) : options_.flush_interval;
    pollfd wake = {shared_->wake_fd, POLLIN, 0};
    const bool by_timer = ::poll(&wake, 1, static_cast<int>(std::min<int64_t>(ToMillis(longest), 3'600'000))) == 0;
    uint64_t count = 0;
    [[maybe_unused]] ssize_t got = ::read(shared_->wake_fd, &count, sizeof(count));
    {
      MutexLock lock(mutex_);
      stop = stop_;
    }
    Turn(by_timer);
  }
}

void LogWriter::Core::Turn(bool by_timer) {
  std::vector<std::shared_ptr<FileSink>> sinks;
  bool reopen;
  uint64_t asked;
  {
    MutexLock lock(mutex_);
    sinks = sinks_;
    reopen = std::exchange(reopen_, false);
    asked = asked_;
  }
  stuck_ = false;
  for (const auto& sink : sinks) {
    if (reopen) sink->Reopen();
    if (!sink->Drain()) stuck_ = true;
  }
  if (by_timer && !sinks.empty()) own_.Get(shared_->filesystem).flushed_by_timer.Inc();
  sinks.clear();
  MutexLock lock(mutex_);
  // A sink that only this list holds gets no more lines and, as Open() needs the lock, no new user; its destructor
  // writes what is left.
  for (auto at = sinks_.begin(); at != sinks_.end();) {
    if (at->use_count() == 1) {
      at = sinks_.erase(at);
    } else {
      ++at;
    }
  }
  answered_ = asked;
  turned_.NotifyAll();
}

LogWriter::LogWriter(StatsRegistry& registry, LogWriterOptions options)
    : core_(std::make_unique<Core>(registry, options)) {}
LogWriter::~LogWriter() = default;

absl::StatusOr<std::shared_ptr<AccessLogSink>> LogWriter::Open(absl::string_view path) { return core_->Open(path); }
void LogWriter::Reopen() { core_->Reopen(); }
void LogWriter::Flush() { core_->Flush(); }

}  // namespace outrigger::observe
