// Thread: the world's
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "source/server/server.h"
#include "source/tls/seeded_random.h"
#include "test/simulation/oracle/prober.h"
#include "test/simulation/oracle/script.h"

namespace outrigger::simulation::oracle {

// One seed: a whole proxy, a management server that follows its script, clients and servers; and the model beside them,
// told what the proxy hears when it hears it. Everything that the proxy says to either side is judged.
class Scene final : public Witness {
 public:
  enum class Form : uint8_t { kStateOfTheWorld, kDelta };
  Scene(uint64_t seed, Form form, std::string* trace = nullptr);
  ~Scene();
  // Everything, to the end. "": all well; otherwise what was wrong, with the events that led there.
  std::string Run();
  const Findings& findings() const { return findings_; }
  size_t moments() const { return timeline_.possible(); }
  uint64_t trace_hash() const { return world_.trace_hash(); }
  struct Counts {
    int responses = 0, accepted = 0, refused = 0, ignored = 0, streams = 0;
  };
  const Counts& counts() const { return counts_; }
  int wishes() const { return wishes_.asked(); }

 private:
  // What is due of one kind on this stream.
  struct Topic {
    struct Due {
      std::string nonce;
      bool refuses = false;
    };
    std::string version, nonce;               // accepted last (survives streams), seen last (does not)
    std::deque<Due> due;                      // answers to responses: state of the world answers the last one only
    bool asked = false;                       // on this stream
    bool lost = false;                        // some of it outlived its time: the next stream tells no version
    std::set<std::string> names;              // asked for
    std::map<std::string, std::string> held;  // delta: versions of what was accepted
  };
  void MakePapers();
  void MakeClusterPapers();
  void MakeServers();
  void MakeServer(int number, int port, std::shared_ptr<const tls::ServerContext> tls);
  void MakeProxy();
  void MakeProbers();
  void SpeakTls(Prober::Options& options);
  bool Play();           // the script's ticks under load
  void Settle();         // the server tells all; nothing waits any more
  void AskAll();         // every answer there is, at rest
  void CompareMemory();  // the model has what the server said
  void CompareProxy();   // the proxy has what the model says, by its own account
  void Tick();
  bool Look();  // after each step; false
  void PassTime();
  void NoteHeld(const Said& said, const std::string& version, bool heard);
  void ForgetUnwanted();
  void CheckFirst(const Asked& asked, const Topic& topic);
  void CheckAnswer(const Asked& asked, Topic& topic);
  void CheckTopics();
  void CheckNamed(const Asked& asked, const Topic& topic);
  void NoteMissing();
  bool ready() const { return proxy_->state() == server::Server::State::kLive; }
  MonotonicTime Now() const { return world_.now(); }
  void Wrong(const std::string& what);
  std::string Tell() const;

  // Witness
  void OnOpened() override;
  void OnResponse(const Said& said, const std::string& version, const std::string& nonce, bool known) override;
  void OnRequest(const Asked& asked) override;
  void OnStreamEnded() override;
  bool TooCloseToTell() override;

  const uint64_t seed_;
  tls::SeededRandom seeded_;
  Random dice_;
  event::SimulatedWorld world_;
  const bool http2_servers_, tls_;
  const Form form_;
  const Parts parts_;
  LinearModel model_;
  Timeline timeline_;
  Wishes wishes_;
  std::array<Topic, kKinds> topics_;
  MonotonicTime last_timer_{};
  bool open_ = false, heard_ = false, playing_ = false;
  int ticks_ = 0;
  ManagementServer::Manners usual_manners_;
  Papers papers_;
  std::vector<std::shared_ptr<const tls::ClientContext>> clients_;      // TLS, by number
  std::vector<std::shared_ptr<const tls::ServerContext>> tls_servers_;  // the same
  std::unique_ptr<ManagementServer> management_;
  std::unique_ptr<Script> script_;
  std::unique_ptr<event::Dispatcher> server_loop_, client_loop_;
  std::vector<std::unique_ptr<TestServer>> servers_;
  std::unique_ptr<server::Server> proxy_;
  Findings findings_;
  Counts counts_;
  std::vector<std::unique_ptr<Prober>> probers_;
  std::string events_;
  event::Timer tick_timer_{[this] { Tick(); }};
};

}  // namespace outrigger::simulation::oracle
