// Thread: the world's
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "source/base/random.h"
#include "test/simulation/oracle/timeline.h"
#include "test/simulation/proxy/load.h"

namespace outrigger::simulation::oracle {

// What clients saw and what was wrong with it.
struct Findings {
  int requests = 0, answered = 0, by_servers = 0, refused_connects = 0, moved = 0, connections = 0, ended = 0;
  int over_tls = 0, not_let_in = 0, by_fetched = 0, waited = 0;
  std::vector<std::string> wrong;
  void Add(const Findings& other);
};

// A client program: asks for random hosts and paths at one port, a few at a time, on one connection for as long as that
// lives, and has every answer judged. Repeats nothing.
class Prober {
 public:
  struct Options {
    int port = 0;
    http::Protocol protocol = http::Protocol::kHttp11;
    uint32_t at_once = 1;
    Duration think = milliseconds(30);
    uint64_t seed = 1;
    int peer = -1;  // TLS: which client it is, and its context
    std::shared_ptr<const tls::ClientContext> tls;
  };
  Prober(event::Dispatcher& dispatcher, const Timeline& timeline, Wishes& wishes, Options options, Findings& findings);
  ~Prober();
  void Stop() { stopped_ = true; }  // begins nothing more
  bool idle() const { return running_ == 0; }
  // Exactly this, on a connection of its own.
  void Ask(const Question& question);
  // Looks after its connections; called often.
  void Watch();

 private:
  struct Connection {
    std::unique_ptr<TestClient> client;
    Followed followed;
    MonotonicTime last_begun{};  // of those that have ended, the latest that began
    bool noted_end = false;
    bool cut_short = false;  // HTTP/1: the proxy answered before it had the whole request
  };
  struct Request {
    Connection* on;
    Question question;
    Want want;
    size_t sent_bytes = 0;
    size_t from = 0;
    MonotonicTime begun;
  };
  void More();
  Connection& Usable(bool fresh);
  void Send(Connection& on, const Question& question);
  void OnEnded(TestClient::Exchange& exchange);
  void OnFailed(const TestClient::Exchange& exchange, const Request& request);
  void Judge(const TestClient::Exchange& exchange, const Request& request);
  void CheckCertificate(const Request& request);
  void Wrong(const Request& request, const std::string& what);
  MonotonicTime Now() const { return dispatcher_.now(); }

  event::Dispatcher& dispatcher_;
  const Timeline& timeline_;
  Wishes& wishes_;
  const Law law_;
  const Options options_;
  Findings& findings_;
  Random dice_;
  bool stopped_ = false, refused_ = false;
  uint32_t running_ = 0;
  uint64_t next_number_ = 0;
  std::vector<std::unique_ptr<Connection>> connections_;  // the last one is used
  std::map<const TestClient::Exchange*, Request> requests_;
  event::Timer think_{[this] { More(); }};
};

}  // namespace outrigger::simulation::oracle
