#include "source/overload/monitor.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace outrigger::overload {

namespace {

constexpr size_t kMostBytes = 256 * 1024;  // /proc/stat of a large machine
constexpr uint64_t kUnlimited = UINT64_MAX;

double Ratio(double used, double most) { return most > 0 ? used / most : 0; }

class HeapMonitor final : public Monitor {
 public:
  HeapMonitor(const FixedHeap& spec, const Sources& sources) : spec_(spec), engine_(sources.dispatcher->engine()) {}
  absl::StatusOr<double> Pressure() override {
    return Ratio(static_cast<double>(engine_.Heap().used), static_cast<double>(spec_.most_bytes));
  }

 private:
  const FixedHeap spec_;
  event::Engine& engine_;
};

class ConnectionsMonitor final : public Monitor {
 public:
  ConnectionsMonitor(const Connections& spec, const Sources& sources)
      : spec_(spec), connections_(sources.connections) {}
  absl::StatusOr<double> Pressure() override {
    return Ratio(static_cast<double>(connections_()), static_cast<double>(spec_.most));
  }

 private:
  const Connections spec_;
  const std::function<uint64_t()> connections_;
};

class OpenFilesMonitor final : public Monitor {
 public:
  OpenFilesMonitor(const OpenFiles& spec, const Sources& sources)
      : spec_(spec), engine_(sources.dispatcher->engine()) {}
  absl::StatusOr<double> Pressure() override {
    const event::Engine::FileUse use = engine_.Files();
    if (use.open == 0) return absl::UnavailableError("the open files cannot be counted");
    uint64_t most = use.most == 0 ? kUnlimited : use.most;
    if (spec_.most > 0) most = std::min(most, spec_.most);
    return Ratio(static_cast<double>(use.open), static_cast<double>(most));
  }

 private:
  const OpenFiles spec_;
  event::Engine& engine_;
};

class InjectedMonitor final : public Monitor {
 public:
  InjectedMonitor(const InjectedFile& spec, const Sources& sources)
      : spec_(spec), engine_(sources.dispatcher->engine()) {}
  absl::StatusOr<double> Pressure() override {
    const auto text = engine_.ReadFile(spec_.path, kMostBytes);
    if (!text.ok()) return text.status();
    double pressure = 0;
    if (!absl::SimpleAtod(absl::StripAsciiWhitespace(*text), &pressure) || !(pressure >= 0 && pressure <= 1)) {
      return absl::InvalidArgumentError(absl::StrCat(spec_.path, ": is no number from 0 to 1"));
    }
    return pressure;
  }

 private:
  const InjectedFile spec_;
  event::Engine& engine_;
};

// A whole number, or "max" and -1 for none.
absl::StatusOr<uint64_t> NumberOf(absl::string_view text) {
  const absl::string_view stripped = absl::StripAsciiWhitespace(text);
  if (stripped == "max" || stripped == "-1") return kUnlimited;
  uint64_t number = 0;
  if (!absl::SimpleAtoi(stripped, &number)) return absl::InvalidArgumentError("is no number");
  return number;
}

class GroupMemoryMonitor final : public Monitor {
 public:
  GroupMemoryMonitor(const CgroupMemory& spec, const Sources& sources)
      : spec_(spec), engine_(sources.dispatcher->engine()) {}
  absl::StatusOr<double> Pressure() override {
    const auto used = Read("memory.current", "memory.usage_in_bytes");
    if (!used.ok()) return used.status();
    const auto limit = Read("memory.max", "memory.limit_in_bytes");
    if (!limit.ok() && spec_.most_bytes == 0) return limit.status();
    uint64_t most = limit.ok() ? *limit : kUnlimited;
    if (most >= kNoLimit1) most = kUnlimited;
    if (spec_.most_bytes > 0) most = std::min(most, spec_.most_bytes);
    if (most == kUnlimited) return 0.0;
    return Ratio(static_cast<double>(*used), static_cast<double>(most));
  }

 private:
  static constexpr uint64_t kNoLimit1 = uint64_t{1} << 62;  // version 1 says "none" with a number of pages near 2^63
  absl::StatusOr<uint64_t> Read(absl::string_view name2, absl::string_view name1) {
    const auto text = ReadGroupFile(engine_, name2, "memory", name1);
    if (!text.ok()) return text.status();
    return NumberOf(*text);
  }
  const CgroupMemory spec_;
  event::Engine& engine_;
};

// Work since the last reading, by what could have been done, smoothed: one short peak is no overload.
class CpuMonitor final : public Monitor {
 public:
  CpuMonitor(const CpuUse& spec, const Sources& sources) : spec_(spec), dispatcher_(*sources.dispatcher) {
    if (const auto first = Read(); first.ok()) last_ = *first;
  }
  absl::StatusOr<double> Pressure() override {
    const auto now = Read();
    if (!now.ok()) return now.status();
    const Reading before = std::exchange(last_, *now);
    const double could = now->possible - before.possible;
    const double did = now->work - before.work;
    // The first one, and two within one tick of the system's clock: there is nothing to compare with.
    if (before.possible <= 0 || (could == 0 && did == 0)) return smoothed_;
    if (could <= 0 || did < 0) return absl::UnavailableError("the processor's time runs backwards");
    smoothed_ += kWeight * (std::min(1.0, did / could) - smoothed_);
    return smoothed_;
  }

 private:
  static constexpr double kWeight = 0.05;  // of the newest reading
  struct Reading {
    double work = 0, possible = 0;  // of the same unit, both growing
  };
  absl::StatusOr<Reading> Read() { return spec_.container ? ReadGroup() : ReadHost(); }

  absl::StatusOr<Reading> ReadHost() {
    const auto text = dispatcher_.engine().ReadFile("/proc/stat", kMostBytes);
    if (!text.ok()) return text.status();
    for (absl::string_view line : absl::StrSplit(*text, '\n')) {
      if (!absl::StartsWith(line, "cpu ")) continue;
      const std::vector<absl::string_view> fields = absl::StrSplit(line, ' ', absl::SkipEmpty());
      uint64_t user = 0, nice = 0, system = 0, idle = 0;
      if (fields.size() < 5 || !absl::SimpleAtoi(fields[1], &user) || !absl::SimpleAtoi(fields[2], &nice) ||
          !absl::SimpleAtoi(fields[3], &system) || !absl::SimpleAtoi(fields[4], &idle)) {
        break;
      }
      const double work = static_cast<double>(user) + static_cast<double>(nice) + static_cast<double>(system);
      return Reading{work, work + static_cast<double>(idle)};
    }
    return absl::InvalidArgumentError("/proc/stat has no line of all processors");
  }

  absl::StatusOr<Reading> ReadGroup() {
    const auto text = ReadGroupFile(dispatcher_.engine(), "cpu.stat", "cpuacct", "cpuacct.usage");
    if (!text.ok()) return text.status();
    double used = -1;  // seconds
    uint64_t number = 0;
    for (absl::string_view line : absl::StrSplit(*text, '\n')) {
      const std::vector<absl::string_view> fields = absl::StrSplit(line, ' ', absl::SkipEmpty());
      if (fields.size() == 2 && fields[0] == "usage_usec" && absl::SimpleAtoi(fields[1], &number)) {
        used = static_cast<double>(number) / 1e6;
      } else if (used < 0 && fields.size() == 1 && absl::SimpleAtoi(fields[0], &number)) {
        used = static_cast<double>(number) / 1e9;
      }
    }
    if (used < 0) return absl::InvalidArgumentError("the control group does not say what it used");
    const double processors = Processors();
    const MonotonicTime now = dispatcher_.now();
    const double passed = std::chrono::duration<double>(now - counted_at_).count();
    if (counted_at_ != MonotonicTime()) allowed_ += passed * processors;
    counted_at_ = now;
    return Reading{used, 1 + allowed_};
  }

  // How many the group may keep busy: its quota, at most what the machine has.
  double Processors() {
    event::Engine& engine = dispatcher_.engine();
    double machine = 0;
    if (const auto stat = engine.ReadFile("/proc/stat", kMostBytes); stat.ok()) {
      for (absl::string_view line : absl::StrSplit(*stat, '\n')) {
        machine += absl::StartsWith(line, "cpu") && !absl::StartsWith(line, "cpu ") ? 1 : 0;
      }
    }
    machine = std::max(machine, 1.0);
    double quota = 0, period = 0;
    if (const auto text = ReadGroupFile(engine, "cpu.max", "cpu", "cpu.cfs_quota_us"); text.ok()) {
      const std::vector<absl::string_view> fields = absl::StrSplit(absl::StripAsciiWhitespace(*text), ' ');
      if (!absl::SimpleAtod(fields[0], &quota)) return machine;  // "max"
      if (fields.size() > 1) {
        if (!absl::SimpleAtod(fields[1], &period)) return machine;
      } else if (const auto length = ReadGroupFile(engine, "cpu.max", "cpu", "cpu.cfs_period_us"); length.ok()) {
        if (!absl::SimpleAtod(absl::StripAsciiWhitespace(*length), &period)) return machine;
      }
    }
    return quota > 0 && period > 0 ? std::min(machine, quota / period) : machine;
  }

  const CpuUse spec_;
  event::Dispatcher& dispatcher_;
  Reading last_;
  double smoothed_ = 0;
  double allowed_ = 0;  // seconds of work the group could have done
  MonotonicTime counted_at_;
};

}  // namespace

std::unique_ptr<Monitor> MakeMonitor(const MonitorSpec& spec, const Sources& sources) {
  struct Make {
    const Sources& sources;
    std::unique_ptr<Monitor> operator()(const FixedHeap& s) const { return std::make_unique<HeapMonitor>(s, sources); }
    std::unique_ptr<Monitor> operator()(const CgroupMemory& s) const {
      return std::make_unique<GroupMemoryMonitor>(s, sources);
    }
    std::unique_ptr<Monitor> operator()(const CpuUse& s) const { return std::make_unique<CpuMonitor>(s, sources); }
    std::unique_ptr<Monitor> operator()(const Connections& s) const {
      return std::make_unique<ConnectionsMonitor>(s, sources);
    }
    std::unique_ptr<Monitor> operator()(const OpenFiles& s) const {
      return std::make_unique<OpenFilesMonitor>(s, sources);
    }
    std::unique_ptr<Monitor> operator()(const InjectedFile& s) const {
      return std::make_unique<InjectedMonitor>(s, sources);
    }
  };
  return std::visit(Make{sources}, spec.of);
}

}  // namespace outrigger::overload
