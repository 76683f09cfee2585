#include "source/base/log.h"

#include <errno.h>
#include <string.h>

#include <cstdio>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "source/base/mutex.h"

// The formatter comes compiled in libspdlog; this file is built without exceptions.
#define SPDLOG_NO_EXCEPTIONS
#include <spdlog/details/log_msg.h>
#include <spdlog/pattern_formatter.h>

namespace outrigger::log {

std::atomic<uint8_t> g_levels[static_cast<int>(Component::kCount)] = {
    {static_cast<uint8_t>(Level::kInfo)}, {static_cast<uint8_t>(Level::kInfo)}, {static_cast<uint8_t>(Level::kInfo)},
    {static_cast<uint8_t>(Level::kInfo)}, {static_cast<uint8_t>(Level::kInfo)}, {static_cast<uint8_t>(Level::kInfo)},
    {static_cast<uint8_t>(Level::kInfo)}, {static_cast<uint8_t>(Level::kInfo)}, {static_cast<uint8_t>(Level::kInfo)},
    {static_cast<uint8_t>(Level::kInfo)}, {static_cast<uint8_t>(Level::kInfo)}, {static_cast<uint8_t>(Level::kInfo)},
    {static_cast<uint8_t>(Level::kInfo)}, {static_cast<uint8_t>(Level::kInfo)}, {static_cast<uint8_t>(Level::kInfo)},
};

namespace {

static_assert(static_cast<int>(Component::kCount) == 15, "g_levels and kComponentNames list every component");
constexpr const char* kComponentNames[] = {"main",  "config", "upstream", "connection",    "http",
                                           "http2", "router", "filter",   "tls",           "config_xds",
                                           "admin", "dns",    "grpc",     "control_plane", "file"};
constexpr const char* kLevelNames[] = {"trace", "debug", "info", "warning", "error", "critical", "off"};
static_assert(static_cast<int>(Level::kOff) == static_cast<int>(spdlog::level::off));

// %_ : the line with control characters escaped, so that a peer cannot forge lines. %j : the line as JSON string text.
class EscapedLine : public spdlog::custom_flag_formatter {
 public:
  explicit EscapedLine(bool json) : json_(json) {}
  void format(const spdlog::details::log_msg& msg, const std::tm&, spdlog::memory_buf_t& out) override {
    for (const char c : msg.payload) {
      if (c == '\n') {
        Put(out, "\\n");
      } else if (c == '\r') {
        Put(out, "\\r");
      } else if (c == '\t') {
        Put(out, json_ ? "\\t" : "\t");
      } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
        char code[8];
        snprintf(code, sizeof(code), json_ ? "\\u%04x" : "\\x%02x", static_cast<unsigned>(static_cast<uint8_t>(c)));
        Put(out, code);
      } else {
        if (json_ && (c == '"' || c == '\\')) out.push_back('\\');
        out.push_back(c);
      }
    }
  }
  std::unique_ptr<spdlog::custom_flag_formatter> clone() const override { return std::make_unique<EscapedLine>(json_); }

 private:
  static void Put(spdlog::memory_buf_t& out, const char* text) { out.append(text, text + strlen(text)); }
  bool json_;
};

constexpr char kDefaultPattern[] = "[%Y-%m-%d %T.%e][%t][%l][%n] %_";

// The one place that log lines go to. Never destroyed: threads may log while the process ends.
class Output {
 public:
  void SetPattern(const std::string& pattern) ABSL_LOCKS_EXCLUDED(mutex_) {
    auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::local, "\n");
    formatter->add_flag<EscapedLine>('_', false).add_flag<EscapedLine>('j', true).set_pattern(pattern);
    MutexLock lock(mutex_);
    formatter_ = std::move(formatter);
  }
  absl::Status Open(const std::string& path) ABSL_LOCKS_EXCLUDED(mutex_) {
    FILE* file = fopen(path.c_str(), "ae");
    if (file == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("cannot open log file \"", path, "\": ", strerror(errno)));
    }
    setvbuf(file, nullptr, _IOLBF, 8192);
    MutexLock lock(mutex_);
    if (file_ != nullptr) fclose(file_);
    file_ = file;
    path_ = path;
    return absl::OkStatus();
  }
  void Reopen() ABSL_LOCKS_EXCLUDED(mutex_) {
    std::string path;
    {
      MutexLock lock(mutex_);
      path = path_;
    }
    if (!path.empty()) Open(path).IgnoreError();  // keeps writing to the old file if the new one cannot be opened
  }
  void Write(Level level, const char* component, absl::string_view line) ABSL_LOCKS_EXCLUDED(mutex_) {
    const spdlog::details::log_msg msg(spdlog::string_view_t(component), static_cast<spdlog::level::level_enum>(level),
                                       spdlog::string_view_t(line.data(), line.size()));
    spdlog::memory_buf_t text;
    MutexLock lock(mutex_);
    formatter_->format(msg, text);
    fwrite(text.data(), 1, text.size(), file_ != nullptr ? file_ : stderr);
  }
  void Flush() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    fflush(file_ != nullptr ? file_ : stderr);
  }

 private:
  Mutex mutex_;
  std::unique_ptr<spdlog::formatter> formatter_ ABSL_GUARDED_BY(mutex_);
  FILE* file_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::string path_ ABSL_GUARDED_BY(mutex_);
};

Output& TheOutput() {
  static Output* const output = [] {
    auto* made = new Output;
    made->SetPattern(kDefaultPattern);
    return made;
  }();
  return *output;
}

bool FindComponent(absl::string_view name, Component* out) {
  for (int i = 0; i < static_cast<int>(Component::kCount); ++i) {
    if (name != kComponentNames[i]) continue;
    *out = static_cast<Component>(i);
    return true;
  }
  return false;
}

void Store(Component component, Level level) {
  g_levels[static_cast<int>(component)].store(static_cast<uint8_t>(level), std::memory_order_relaxed);
}

}  // namespace

void Write(Level level, Component component, absl::string_view line) {
  TheOutput().Write(level, kComponentNames[static_cast<int>(component)], line);
}

absl::Status ParseLevel(absl::string_view text, Level* out) {
  const std::string lower = absl::AsciiStrToLower(text);
  for (int i = 0; i <= static_cast<int>(Level::kOff); ++i) {
    if (lower != kLevelNames[i] && !(lower == "warn" && i == static_cast<int>(Level::kWarn))) continue;
    *out = static_cast<Level>(i);
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown log level \"", text, "\" (expected trace, debug, info, warning, error, critical or off)"));
}

absl::string_view LevelName(Level level) { return kLevelNames[static_cast<int>(level)]; }

absl::string_view ComponentName(Component component) { return kComponentNames[static_cast<int>(component)]; }

void SetLevel(Level level) {
  for (int i = 0; i < static_cast<int>(Component::kCount); ++i) Store(static_cast<Component>(i), level);
}

absl::Status SetComponentLevels(absl::string_view list) {
  std::vector<std::pair<Component, Level>> parsed;  // all or nothing
  for (absl::string_view item : absl::StrSplit(list, ',', absl::SkipWhitespace())) {
    const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(item, absl::MaxSplits(':', 1));
    Component component;
    Level level;
    if (!FindComponent(absl::StripAsciiWhitespace(parts.first), &component)) {
      return absl::InvalidArgumentError(absl::StrCat("unknown log component \"", parts.first, "\""));
    }
    if (absl::Status status = ParseLevel(absl::StripAsciiWhitespace(parts.second), &level); !status.ok()) return status;
    parsed.emplace_back(component, level);
  }
  for (const auto& [component, level] : parsed) Store(component, level);
  return absl::OkStatus();
}

absl::Status SetLevelOf(absl::string_view component, Level level) {
  Component found;
  if (!FindComponent(component, &found)) {
    return absl::NotFoundError(absl::StrCat("unknown log component \"", component, "\""));
  }
  Store(found, level);
  return absl::OkStatus();
}

Level LevelOf(Component component) {
  return static_cast<Level>(g_levels[static_cast<int>(component)].load(std::memory_order_relaxed));
}

absl::Status Configure(absl::string_view format, absl::string_view path) {
  if (!format.empty()) TheOutput().SetPattern(std::string(format));
  return path.empty() ? absl::OkStatus() : TheOutput().Open(std::string(path));
}

void Reopen() { TheOutput().Reopen(); }

void Flush() { TheOutput().Flush(); }

}  // namespace outrigger::log
