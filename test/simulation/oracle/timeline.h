// Thread: any
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "source/base/time.h"
#include "test/simulation/oracle/linear_model.h"
#include "test/simulation/oracle/wishes.h"

namespace outrigger::simulation::oracle {

// The states that a proxy goes through, one after the other: each may be in use from the moment at which it could come
// about, and is certainly in use (it and no earlier one) when all workers have said so.
class Timeline {
 public:
  struct Moment {
    State state;
    std::string cause;
    MonotonicTime possible{};
    MonotonicTime about{};  // it came about by then
    bool stamped = false;
    uint64_t generation = 0;
    MonotonicTime certain = MonotonicTime::max();
  };
  // The state from `possible` on; the proxy has made it by `about`. The same as the last one is no new moment.
  void Add(const State& state, MonotonicTime possible, MonotonicTime about, std::string cause);
  // Between turns: what came about before now is part of `published`; all workers use `in_use`.
  void Observe(MonotonicTime now, uint64_t published, uint64_t in_use);
  // All that came about is certain.
  bool settled() const { return certain_ + 1 == moments_.size(); }
  // No worker may have seen it: it and the next one are of one publication, as far as anybody knows.
  bool Unseen(size_t i) const;

  size_t certain() const { return certain_; }              // the last one that certainly is in use
  size_t possible() const { return moments_.size() - 1; }  // the last one that may be
  size_t CertainAt(MonotonicTime at) const;                // the last one that certainly was in use then
  const Moment& moment(size_t i) const { return moments_[i]; }
  const State& state(size_t i) const { return moments_[i].state; }

 private:
  std::vector<Moment> moments_{1};
  size_t certain_ = 0;
};

// What became of a request, as its client saw it.
struct Answer {
  int status = 0;
  std::string listener, routes;  // the versions that say so: "l0.3", "r1.2"; empty: nothing is said
  std::string host;              // of one that was fetched: "r1/c.test.5"
  int server = -1;               // who answered; -1: the proxy itself
  std::string body;
  std::string Describe() const;
};

// A connection that follows its listener (law 9).
struct Followed {
  int port = 0;
  size_t opened = 0;           // the certain moment when it began
  size_t accepted = SIZE_MAX;  // the possible moment when its peer had certainly taken it
  int peer = -1;               // TLS: which client it is
};

// What is asked.
struct Question {
  std::string host, path;
  bool wants_fault = false;
  MonotonicTime begun{}, over{};
};

// What the timeline allows. All are given the moments between which something happened: `from` was certain when it
// began, `to` was possible when it was over.
class Law {
 public:
  Law(const Timeline& timeline, const Wishes& wishes) : timeline_(timeline), wishes_(wishes) {}

  // A connect may be refused: nobody listened at some time.
  bool MayRefuse(int port, size_t from, size_t to) const;
  // A connection may be asked to end, or ended: its listener went, or changed what was settled with its peer.
  bool MayEnd(const Followed& connection, size_t to) const;
  // A request on it may be lost, or the connection: who may connect changed, or does not let it in.
  bool MayLose(const Followed& connection, size_t to) const;
  // It may have seen this certificate.
  bool MayShow(const Followed& connection, int certificate) const;
  // It must: whatever moment accepted it, there is a certain reason. Returns since when; max: it need not.
  MonotonicTime MustEnd(const Followed& connection) const;
  // "", or what was allowed instead.
  std::string Judge(const Followed& connection, const Question& question, size_t from, size_t to,
                    const Answer& answer) const;

 private:
  const Thing* ListenerAt(int port, size_t moment) const;
  // How a listener accepted.
  struct Begin {
    const Thing* listener = nullptr;  // null: nobody listened
    std::string guard;
  };
  Begin BeginAt(int port, size_t moment) const;
  // Whom a listener lets in: "plain", "missing" (a secret: nobody), "anybody", or clients.
  std::string GuardOf(const Thing& listener, size_t moment) const;
  bool GuardChanged(const Begin& begin, size_t moment) const;
  // Whether a connection that `moment` accepted follows its listener at `later` still.
  bool Follows(int port, size_t moment, size_t later) const;
  // Whether what was settled with a peer of this listener does not hold at `moment`.
  bool Breaks(const Begin& begin, size_t moment) const;
  // Whether these routes lead to the answer, by what clusters are from the moment `routed` to `to`; adds what is
  // allowed.
  bool Decides(const Thing& listener, const Thing* routes, const Question& question, size_t routed, size_t to,
               const Answer& answer, std::string* allowed) const;
  // The same of its filter: true if that answers; `allowed` says what, `fits` whether it is that.
  bool Filters(const Thing& listener, const Question& question, size_t decided, const Answer& answer, bool* fits,
               std::string* allowed) const;
  // Of what its routes or its cluster lack: whether the listener did not make it wait, or not long enough for it to
  // come.
  bool MayMissHost(const Thing& listener, const Thing* routes, const Question& question, size_t to) const;
  bool MayMissCluster(const Thing& listener, const std::string& cluster, const Question& question) const;
  // The moments whose listener may decide.
  std::vector<size_t> Deciding(const Followed& connection, size_t from, size_t to) const;

  const Timeline& timeline_;
  const Wishes& wishes_;
};

}  // namespace outrigger::simulation::oracle
