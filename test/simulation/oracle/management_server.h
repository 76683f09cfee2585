// Thread: the world's
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "source/base/random.h"
#include "source/event/simulated_world.h"
#include "source/grpc/client_stream.h"
#include "test/simulation/oracle/linear_model.h"

namespace outrigger::simulation::oracle {

// Who sees what passes between the management server and the proxy, on the proxy's side and in its turn: just before a
// response is handed to it, and just after it asked.
class Witness {
 public:
  virtual ~Witness() = default;
  struct Asked {
    Kind kind = Kind::kCluster;
    std::set<std::string> names;              // state of the world: all that is wanted
    std::set<std::string> more, less;         // delta: subscribed, unsubscribed
    std::map<std::string, std::string> held;  // delta: versions said with the first request
    std::string version, nonce, error;
    bool refuses = false;
  };
  virtual void OnOpened() = 0;
  // `known`: false if it is of a type that nobody ever heard of.
  virtual void OnResponse(const Said& said, const std::string& version, const std::string& nonce, bool known) = 0;
  virtual void OnRequest(const Asked& asked) = 0;
  virtual void OnStreamEnded() = 0;
  // Whether nobody could tell what comes first now, this response or a time that is over: then it comes later.
  virtual bool TooCloseToTell() = 0;
};

// A management server that follows a script: it has things in memory, says them when told to, and answers what it is
// asked late, in part or not at all. It keeps no promise but the protocol's form: aggregated, state of the world or
// delta.
class ManagementServer {
 public:
  struct Manners {
    Duration longest_delay = milliseconds(40);  // of an answer
    uint32_t silent_one_in = 12;                // it does not answer (until somebody pushes)
    uint32_t slow_one_in = 12;                  // it takes up to two seconds
    uint32_t partial_one_in = 4;                // of several asked for, it says some
    uint32_t mortal_one_in = 8;                 // what it says has a time to live
    uint32_t all_one_in = 5;                    // delta: it says also what the client has; 1: always
  };
  ManagementServer(event::SimulatedWorld& world, Witness& witness, uint64_t seed, bool http2_servers, bool delta,
                   const Papers& papers);
  ~ManagementServer();

  Manners& manners() { return manners_; }
  std::array<Things, kKinds>& memory() { return memory_; }
  Things& memory(Kind kind) { return memory_[static_cast<size_t>(kind)]; }
  // All of a root kind, or of the others what is asked for (`all`: or not asked for as well); `instead` takes the place
  // of the thing of its name, or comes besides.
  void Push(Kind kind, bool all = false, std::vector<ThingPtr> instead = {});
  void PushOne(const ThingPtr& thing);  // alone; not of a root kind
  void Repeat();                        // the last response once more, with another nonce
  void Beat(Kind kind);                 // what has a time to live has it again
  void SayNonsense();                   // a type that nobody knows
  void EndStream();
  // The process dies and comes back with this memory: streams end, numbers begin anew.
  void Crash(std::array<Things, kKinds> memory);

  std::unique_ptr<grpc::Channel> MakeChannel(event::Dispatcher& client);
  bool connected() const { return link_ != nullptr; }
  bool asked(Kind kind) const { return topics_[static_cast<size_t>(kind)].asked; }
  const std::set<std::string>& names(Kind kind) const { return topics_[static_cast<size_t>(kind)].names; }
  event::Dispatcher& loop() { return *loop_; }

 private:
  class Link;
  class ClientEnd;
  class LocalChannel;
  struct Topic {  // of one kind, on this stream
    bool asked = false;
    std::set<std::string> names;
    std::map<std::string, std::string> told;  // delta: what the client has, as far as this server knows
    std::set<std::string> gone;               // delta: said to be gone, on this stream
    std::map<std::string, Duration> ttl;      // what it was last said with
  };
  Topic& topic(Kind kind) { return topics_[static_cast<size_t>(kind)]; }
  void OnLink(std::shared_ptr<Link> link);
  void OnRequest(const Witness::Asked& asked);
  void AnswerLater(Kind kind, std::set<std::string> names);
  void Answer(Kind kind, const std::set<std::string>& names);
  void Say(Said said);
  void SayMissing(Kind kind, const std::set<std::string>& names);
  // Delta: leaves out what the client has, adds what is gone.
  void OnlyChanges(Said* said);
  void NoteTold(const Said& said);
  std::string VersionOf(const Thing& thing) const;
  void Forget();

  event::SimulatedWorld& world_;
  Witness& witness_;
  Random dice_;
  const bool http2_servers_, delta_;
  const Papers& papers_;
  Manners manners_;
  std::unique_ptr<event::Dispatcher> loop_;
  std::array<Things, kKinds> memory_;
  std::array<Topic, kKinds> topics_;
  std::shared_ptr<Link> link_;
  std::vector<std::shared_ptr<Link>> links_;  // all that ever were
  Said last_;
  uint64_t said_ = 0, lives_ = 1, streams_ = 0;
  struct Later {
    Later(std::function<void()> f) : timer(std::move(f)) {}
    event::Timer timer;
  };
  std::deque<std::unique_ptr<Later>> later_;
};

}  // namespace outrigger::simulation::oracle
