// Thread: worker
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "source/base/intrusive_list.h"
#include "source/event/dispatcher.h"
#include "source/net/connection_properties.h"

namespace outrigger::net {

// Looks at an accepted connection before a filter chain is chosen: asks the socket, or peeks at the first bytes. One
// object per connection. What it learns goes into socket.properties.
class ListenerFilter {
 public:
  enum class Verdict : uint8_t {
    kContinue,  // done, the next filter's turn
    kNeedMore,  // from OnAccept: wants to see bytes. From OnBytes: wants more of them
    kClose,     // refuse this connection; from OnAccept: turn it away, which is no fault of its own
  };
  virtual ~ListenerFilter() = default;
  // Once, before any byte was looked at.
  virtual Verdict OnAccept(event::Engine& engine, AcceptedSocket& socket) { return Verdict::kContinue; }
  // The first bytes so far, at most max_bytes(); each call shows all of them again. `end`: the peer ended, no more will
  // come. When max_bytes() are shown or at the end, kNeedMore closes the connection. *consume says how many bytes to
  // take off the front for good (a PROXY header); only with kContinue.
  virtual Verdict OnBytes(absl::string_view seen, bool end, AcceptedSocket& socket, size_t* consume) {
    return Verdict::kContinue;
  }
  // The socket could not be read while this filter waited for bytes; the connection is closed.
  virtual void OnReadError() {}
  // Why OnAccept said kClose, for the listener's log; static text.
  virtual const char* refusal() const { return "listener_filter_refused"; }
  virtual size_t max_bytes() const { return 0; }  // at most ListenerFilterRun::kMostPeeked
};

// Runs the filters of one accepted socket in order. Bytes are only peeked at, so the socket can still go to another
// worker afterwards. Owned by a listener; over when it has called its owner, which then lets it go by DestroyLater.
struct ListenerFilterRunTag;
class ListenerFilterRun final : public event::IoHandler, public event::Deferred, public ListHook<ListenerFilterRunTag> {
 public:
  static constexpr size_t kMostPeeked = 64 * 1024;

  enum class Outcome : uint8_t {
    kDone,        // the socket is handed over
    kTimedOut,    // the same, if continue_on_timeout
    kTimeout,     // closed (as are those below): Envoy's downstream_pre_cx_timeout
    kRefused,     // a filter said kClose about the bytes
    kTurnedAway,  // a filter said kClose before it saw any, for refusal()
    kPeerClosed,  // ended while a filter waited: downstream_listener_filter_remote_close
    kError,       // the socket broke: downstream_listener_filter_error
  };
  static bool HandedOver(Outcome outcome) { return outcome <= Outcome::kTimedOut; }

  class Owner {
   public:
    // Once, possibly from inside Start(). `socket` is empty unless HandedOver(outcome).
    virtual void OnListenerFiltersDone(ListenerFilterRun& run, AcceptedSocket socket, Outcome outcome) = 0;

   protected:
    ~Owner() = default;
  };

  struct Options {
    Duration timeout = std::chrono::seconds(15);  // Envoy's listener_filters_timeout default; 0: none
    bool continue_on_timeout = false;
  };

  ListenerFilterRun(event::Dispatcher& dispatcher, AcceptedSocket socket,
                    std::vector<std::unique_ptr<ListenerFilter>> filters, const Options& options, Owner& owner);
  ~ListenerFilterRun() override;

  void Start();
  void Cancel();  // closes the socket; the owner is not called (it is going away)
  const AcceptedSocket& socket() const { return socket_; }
  const char* refusal() const { return next_ < filters_.size() ? filters_[next_]->refusal() : ""; }

 private:
  void OnReady(uint32_t ready_bits) override;
  void RunFilters();
  bool Look(ListenerFilter& filter);  // false: waits, or is over
  bool Consume(size_t n);
  void Wait();
  void Finish(Outcome outcome);

  event::Dispatcher& dispatcher_;
  AcceptedSocket socket_;
  std::vector<std::unique_ptr<ListenerFilter>> filters_;
  Options options_;
  Owner* owner_;
  std::unique_ptr<event::Timer> timer_;
  size_t next_ = 0;
  bool accepted_ = false;  // OnAccept of filters_[next_] was called
  bool registered_ = false;
  bool peer_ended_ = false;
  bool over_ = false;
};

void CloseAccepted(event::Engine& engine, AcceptedSocket& socket);

}  // namespace outrigger::net
