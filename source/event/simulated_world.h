// Thread: one thread for a whole world: all its dispatchers and whoever steps it
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/strings/string_view.h"
#include "source/base/random.h"
#include "source/base/time.h"
#include "source/event/dispatcher.h"
#include "source/event/engine.h"

namespace outrigger::event {

class SimulatedEngine;
class SimulatedFiles;
class SimulatedNetwork;

// What goes wrong, and how often. "one_in" values: 0 is never, 1 always. The defaults are the ordinary adversity that
// every program must stand (delays, pieces, full buffers); what breaks connections is off. May change while the world
// runs.
struct FaultPlan {
  Duration shortest_latency = microseconds(20);  // one way between any two sockets
  Duration longest_latency = microseconds(500);
  size_t smallest_buffer = 4 * 1024;  // what a connection holds per direction, sent and not yet read
  size_t largest_buffer = 256 * 1024;
  uint32_t split_one_in = 3;            // what was written at once arrives in up to four pieces
  uint32_t short_write_one_in = 8;      // a write takes only a part although there is room
  uint32_t spurious_event_one_in = 50;  // a handler is called with nothing new
  uint32_t stall_one_in = 100;          // a loop does not run for a while: its timers and posted tasks are late
  Duration longest_stall = milliseconds(2);
  uint32_t reset_one_in = 0;  // a write kills its connection
  uint32_t connect_refused_one_in = 0;
  uint32_t connect_timeout_one_in = 0;  // no answer: ETIMEDOUT after connect_timeout
  Duration connect_timeout = seconds(127);
  uint32_t accept_error_one_in = 0;  // ECONNABORTED
  uint32_t out_of_descriptors_one_in = 0;  // EMFILE: of a new socket, or of accept
  uint32_t resolve_failure_one_in = 0;
  Duration longest_resolve = milliseconds(30);
  uint32_t file_error_one_in = 0;  // EIO
  Duration longest_watch_delay = milliseconds(5);

  // Connections break, connects fail, names and files fail now and then.
  static FaultPlan Harsh();
  // Nothing goes wrong and nothing is split: for tests of the world itself and for reading traces.
  static FaultPlan None();
};

// N dispatchers on one thread with virtual time. The seed decides who runs next, when bytes arrive and in which pieces,
// and every fault; every effect goes into the trace hash, so one seed gives one hash in every process and build, and a
// failing seed reproduces. Destroy all dispatchers before the world.
//
// Posted tasks go through the dispatchers' own queues: their delay and their order among posters follow from who runs
// when.
class SimulatedWorld {
 public:
  explicit SimulatedWorld(uint64_t seed, FaultPlan faults = {});
  ~SimulatedWorld();
  SimulatedWorld(const SimulatedWorld&) = delete;
  SimulatedWorld& operator=(const SimulatedWorld&) = delete;

  // A machine with addresses of its own (textual IPs) besides the loopback that each has: own ports, Unix sockets and
  // files. Host 0 exists and has loopback only.
  int AddHost(std::vector<std::string> addresses);
  std::unique_ptr<Dispatcher> MakeDispatcher(int host = 0);
  // For code that makes its dispatchers itself: hand it engines, then attach what it made.
  std::unique_ptr<Engine> MakeEngine(int host = 0);
  void Attach(Dispatcher& dispatcher);

  // Steps until `done` (looked at after each step) or until `limit` of virtual time passed or nothing can ever happen
  // again. Returns done(). A dispatcher that was told to stop is not run.
  bool RunUntil(const std::function<bool()>& done, Duration limit);
  void RunFor(Duration time);
  bool Step();  // one turn of one dispatcher, or one leap in time; false: nothing is left to happen

  MonotonicTime now() const { return now_; }
  WallTime wall_now() const { return wall_start_ + now_.time_since_epoch(); }
  void JumpWall(Duration by) { wall_start_ += by; }  // somebody sets the clock
  uint64_t trace_hash() const { return trace_; }
  // From now on each effect also becomes a line in `lines`: to find where two traces part.
  void RecordTrace(std::string* lines) { recorded_ = lines; }
  FaultPlan& faults() { return faults_; }
  Random& random() { return random_; }  // the scheduler's own: tests that draw from it change the schedule
  SimulatedFiles& files(int host = 0);

  // The names that engines resolve. Addresses in answer order, both families mixed.
  void SetName(absl::string_view name, std::vector<std::string> addresses, Duration ttl = seconds(30));
  void RemoveName(absl::string_view name) { names_.erase(std::string(name)); }
  // No packet passes between two hosts until healed; established connections stall.
  void Partition(int host_a, int host_b, bool cut);
  void ResetAllConnections();
  size_t open_sockets() const;  // for leak checks

 private:
  friend class SimulatedEngine;
  friend class SimulatedFiles;
  friend class SimulatedNetwork;
  struct Name {
    std::vector<std::string> addresses;
    Duration ttl;
  };

  void Schedule(Duration delay, absl::AnyInvocable<void()> event);
  Duration Latency();
  bool Chance(uint32_t one_in) { return one_in != 0 && random_.OneIn(one_in); }
  // Every effect passes here: what, whose, and two numbers that tell it apart.
  void Trace(const char* kind, int engine, uint64_t a = 0, uint64_t b = 0);
  void Forget(SimulatedEngine* engine);
  bool RunDueEvents();
  MonotonicTime NextHappening() const;

  FaultPlan faults_;
  Random random_;
  MonotonicTime now_{seconds(1000)};
  WallTime wall_start_;
  uint64_t trace_;
  uint64_t event_sequence_ = 0;
  std::string* recorded_ = nullptr;
  std::vector<SimulatedEngine*> engines_;
  int engines_made_ = 0;
  std::map<std::pair<MonotonicTime, uint64_t>, absl::AnyInvocable<void()>> events_;
  std::map<std::string, Name> names_;
  std::unique_ptr<SimulatedNetwork> network_;
  std::vector<std::unique_ptr<SimulatedFiles>> files_;  // by host
};

}  // namespace outrigger::event
