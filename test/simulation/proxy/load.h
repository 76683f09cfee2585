// Thread: its loop
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "source/base/random.h"
#include "test/simulation/proxy/peer.h"

namespace outrigger::simulation {

// What a request asks of the servers behind the proxies, and what must come back; travels in the header x-want.
struct Want {
  uint64_t number = 0;
  size_t reply_size = 0;
  bool with_length = false;    // content-length, otherwise chunked
  bool trailers = false;       // both ways
  bool early = false;          // the answer does not wait for the request's end
  Duration delay{0};
  std::string first_attempt;   // "503", "reset", "abort", "never": how the first attempt ends
  std::string ToString() const;
  static Want Parse(absl::string_view text);
};
// How the servers behind the proxies answer.
Reply AnswerWant(const Incoming& request);

struct LoadOptions {
  net::Address target;
  http::Protocol protocol = http::Protocol::kHttp11;
  std::shared_ptr<const tls::ClientContext> tls;
  uint64_t seed = 1;
  int calls = 20;
  uint32_t at_once = 1;              // h1: 1
  size_t most_body = 100'000;
  bool bad_first_attempts = false;   // the proxies retry
  bool may_abort = false;            // a first attempt may take its connection along
  bool may_cancel = true;
  bool may_be_early = true;
  Duration think = milliseconds(3);
};

// What became of the calls of all callers of a run.
struct Score {
  int started = 0, right = 0, cancelled = 0, moved = 0;  // moved: refused unprocessed by a draining peer and sent elsewhere
  int connections = 0;
  std::map<std::string, int> failures;                   // by what the client saw
  std::vector<std::string> examples;                     // the calls that failed
  std::vector<std::string> wrong;                        // never excusable: wrong bytes, wrong answers
  int failed() const {
    int n = 0;
    for (const auto& [what, count] : failures) n += count;
    return n;
  }
  std::string ToString() const;
};

// A client program: makes its calls one after the other (or a few at once), on one connection as long as that lives. Retries nothing, but
// sends anew what was certainly not processed (never written, or refused by a GOAWAY).
class Caller {
 public:
  Caller(event::Dispatcher& dispatcher, LoadOptions options, Score& score);
  ~Caller();
  bool done() const { return left_ == 0 && running_ == 0; }
  std::string ToString() const;

 private:
  void More();
  void MakeCall(Want want, Call call);
  void OnEnded(TestClient::Exchange& exchange);
  void Judge(const TestClient::Exchange& exchange, const Want& want, const Call& call);

  event::Dispatcher& dispatcher_;
  LoadOptions options_;
  Score& score_;
  Random dice_;
  int left_;
  uint32_t running_ = 0;
  uint64_t next_number_ = 0;
  struct Running {
    Want want;
    Call call;
  };
  std::map<const TestClient::Exchange*, Running> calls_;
  std::vector<std::unique_ptr<TestClient>> clients_;  // the last one is used
  event::Timer think_{[this] { More(); }};
};

// Sends several requests at once on one HTTP/1 connection and expects the answers in order.
class PipeliningCaller final : private net::ConnectionHandler {
 public:
  PipeliningCaller(event::Dispatcher& dispatcher, LoadOptions options, Score& score);
  ~PipeliningCaller() override;
  bool done() const { return done_; }

 private:
  void OnConnected() override;
  void OnData(Buffer& input, bool end) override;
  void OnClosed(const net::CloseInfo& why) override;
  void Dump(DumpWriter&) const override {}
  bool TakeAnswer();

  LoadOptions options_;
  Score& score_;
  std::vector<size_t> sizes_;
  size_t next_ = 0;
  std::string seen_;
  bool done_ = false;
  std::unique_ptr<net::Connection> connection_;
};

}  // namespace outrigger::simulation
