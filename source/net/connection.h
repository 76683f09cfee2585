// Thread: worker
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "source/base/buffer.h"
#include "source/base/dump.h"
#include "source/event/dispatcher.h"
#include "source/net/address.h"
#include "source/net/connection_properties.h"
#include "source/net/socket_options.h"
#include "source/net/transport.h"
#include "source/observe/cells.h"

namespace outrigger::net {

// How a connection ended. The detail of an access log's CONNECTION_TERMINATION_DETAILS is `detail` (static text).
enum class CloseReason : uint8_t {
  kLocal,            // we closed, everything written was flushed
  kLocalAbort,       // we closed without flushing
  kPeer,             // the peer ended both directions in an orderly way
  kPeerReset,        // RST or broken pipe
  kConnectFailed,    // connect() failed; errno in `error`
  kConnectTimeout,   // connect (and TLS handshake) took too long
  kTransportFailed,  // TLS: handshake or record error; see Transport::failure()
  kIdleTimeout,      // said by the session
  kWriteStalled,     // the peer did not take what we closed with in the flush timeout
};
struct CloseInfo {
  CloseReason reason = CloseReason::kLocal;
  int error = 0;
  const char* detail = "";
};
absl::string_view CloseReasonName(CloseReason reason);

// What reads from and is told about a connection: an h1 or h2 session, a TCP proxy. Turns the arrow net -> http around.
class ConnectionHandler {
 public:
  virtual ~ConnectionHandler() = default;
  // The transport is ready: connected, and for TLS the handshake is complete. Accepted plain connections: at the end of
  // the turn of Start(). Not told to a handler that was set later than that.
  virtual void OnConnected() {}
  // Bytes came, or the peer ended its direction (`end`, once, possibly with no bytes). Take what you can, leave the
  // rest in `input`: it is offered again with the next bytes, or after ResumeReading. May close the connection. Views
  // of `input` live until this call returns or the bytes are drained, whichever is first.
  virtual void OnData(Buffer& input, bool end) = 0;
  virtual void OnAboveWriteHigh() {}                // output passed the high mark: stop producing
  virtual void OnBelowWriteLow() {}                 // output fell to the low mark again
  virtual void OnClosed(const CloseInfo& why) = 0;  // exactly once, last
  virtual void Dump(DumpWriter& out) const = 0;
};

// One stream socket with its transport and both buffers. Owned by whoever created it (listener, pool, client), which
// lets it go by dispatcher.DestroyLater in or after OnClosed. Edge-triggered, registered once. Output is collected and
// written once per loop turn (or at once when more than kFlushNow is waiting). All callbacks come from the loop, never
// from inside a call made by the handler, except OnAboveWriteHigh (from Write) and OnClosed (from Close kNow/kReset).
//
//   connecting ──▶ handshake ──▶ announced (OnConnected) ──▶ closing (flush, linger) ──▶ closed (OnClosed)
//        └──────────────┴────────────────┴── failure, Close(kNow) ─────────────────────────▲
//
// Cost of a small exchange: one readv, one writev; no timer, clock, option or epoll call. An idle one holds no block.
class Connection final : public event::IoHandler,
                         public event::Deferred,
                         private event::EndOfTurn,
                         private event::NextTurn {
 public:
  static constexpr size_t kReadSize = kLargeBlock;
  static constexpr size_t kReadPerTurn = kReadSize;  // then others have their turn
  // Who sent this much at once, or so often without an answer in between, comes after others the next time.
  static constexpr size_t kMuch = 16 * 1024;
  static constexpr uint8_t kPieces = 3;
  static constexpr size_t kFlushNow = 256 * 1024;
  static constexpr uint32_t kDefaultBufferLimit = 1024 * 1024;  // Envoy's per_connection_buffer_limit_bytes default
  static constexpr int kMostFlushExtensions = 120;              // flush timeouts that progress may buy
  static constexpr uint32_t kMostLingered = 16 * 1024 * 1024;   // discarded of one that lingers; then it is closed
  // What a handler may leave in input() without pausing; above it reading stops until it takes some and resumes.
  static constexpr size_t kMostLeftInput = 1024 * 1024;

  struct Stats {  // counted here, read by whoever owns the connection; plain
    uint64_t bytes_read = 0;
    uint64_t bytes_written = 0;
    uint32_t read_pauses = 0;
    uint32_t lingered = 0;        // bytes discarded after Close(kLinger)
    bool linger_expired = false;  // everything was sent, but the peer did not end in the flush timeout
  };

  // An accepted socket, or (second form) any connected descriptor, whose addresses are asked; takes ownership of fd.
  Connection(event::Dispatcher& dispatcher, AcceptedSocket socket, std::unique_ptr<Transport> transport);
  Connection(event::Dispatcher& dispatcher, int fd, std::unique_ptr<Transport> transport);
  ~Connection() override;

  // A client: creates the socket and starts connecting. The handler, set in the same turn, hears OnConnected or
  // OnClosed from the loop. Never null; no Start().
  struct ConnectOptions {
    Address remote;
    Address bind_to;      // kNone: not bound
    Duration timeout{0};  // covers TCP connect (and TLS handshake); 0: none
    Keepalive keepalive;
    const SocketOptions* socket_options = nullptr;  // kPreBind ones; used in this call only
  };
  static std::unique_ptr<Connection> Connect(event::Dispatcher& dispatcher, const ConnectOptions& options,
                                             std::unique_ptr<Transport> transport);

  // Not owned. Bytes that were already read are offered to it next turn. null: nobody listens; reading stops.
  void SetHandler(ConnectionHandler* handler);
  ConnectionHandler* handler() const { return handler_; }

  void Start();               // registers with the loop; accepted connections call it once, after SetHandler
  void Write(Buffer&& data);  // appended; flushed at the end of the turn; dropped after Close or EndWrite
  void Write(absl::string_view data);
  Buffer& output() { return output_; }  // write in place, then say WroteOutput()
  void WroteOutput();
  void EndWrite();       // after all output: end our direction (half close). Both directions ended: closes with kPeer
  void PauseReading();   // counted: each pause needs its resume. A reset by the peer is noticed nevertheless
  void ResumeReading();  // also after taking bytes out of input() outside of OnData
  // OnData next turn (or when reading resumes) with what input() holds, even if that is nothing; until then no more is
  // read. Also for a handler that has done its share of a turn's work.
  void OfferAgain();
  // From now on what lies ready is read before output is sent: it is no answer to that.
  void ReadBeforeWriting() { reads_first_ = true; }
  bool reading_paused() const { return read_pauses_ > 0; }

  // Idempotent (kNow and kReset end a flush that is going on). After it no OnData.
  enum class CloseMode : uint8_t {
    kFlush,   // what was written is sent first, then close; OnClosed comes from the loop, at the end of this turn or
              // later
    kLinger,  // as kFlush, then waits for the peer's end too, discarding what it sends: the last response is not lost
              // to a reset because a request body was still on its way. At most kMostLingered bytes and the flush
              // timeout
    kNow,     // drops output; OnClosed is called now
    kReset,   // as kNow, and the peer gets an RST
  };
  void Close(CloseMode mode, CloseInfo why = {});
  bool closed() const { return closed_; }
  bool closing() const { return closing_ || closed_; }

  void SetWriteLimits(uint32_t high);  // low = high / 2; 0: no marks
  bool above_write_high() const { return above_high_; }
  // Bytes waiting in input() and output() are part of these while the connection lives; set once, before Start. They
  // outlive it.
  void SetBufferGauges(observe::Gauge& input, observe::Gauge& output) {
    gauges_[0] = &input;
    gauges_[1] = &output;
  }
  // For kFlush and kLinger: how long without progress. 0: only what the socket takes at once.
  void SetFlushTimeout(Duration timeout) { flush_timeout_ = timeout; }
  void SetHandshakeTimeout(Duration timeout);  // accepted TLS; then kTransportFailed "handshake_timeout"

  event::Dispatcher& dispatcher() { return dispatcher_; }
  int fd() const { return fd_; }
  Transport& transport() { return *transport_; }
  // Replaces the transport, before Start only.
  void SetTransport(std::unique_ptr<Transport> transport);
  const Address& local() const { return properties_.local; }
  const Address& remote() const { return properties_.remote; }
  const ConnectionProperties& properties() const { return properties_; }
  ConnectionProperties& properties() { return properties_; }
  uint64_t id() const { return id_; }  // Dispatcher::NextId()
  const Stats& stats() const { return stats_; }
  MonotonicTime last_activity() const { return last_activity_; }  // written per event from dispatcher.now()
  Buffer& input() { return input_; }
  const TransportFailure& failure() const { return transport_->failure(); }
  bool connected() const { return announced_; }
  void Dump(DumpWriter& out) const;

  // For transports: one socket call each, through the Engine. -EAGAIN without a system call when the last answer said
  // that there is nothing (a short read, a short write) and no readiness came since: so a transport may loop until
  // -EAGAIN and still makes one call.
  event::IoResult SocketRead(const iovec* into, int count);
  event::IoResult SocketWrite(const iovec* from, int count);
  event::IoResult SocketShutdownWrite();

 private:
  void OnReady(uint32_t ready_bits) override;
  void OnEndOfTurn() override;
  void OnNextTurn() override;
  void OnTimer();

  void BeginConnect(const ConnectOptions& options);
  void FinishConnect();
  void Announce();
  bool CanRead() const;
  bool ComesLater(bool over) const;
  void NoteRead(size_t bytes);
  void ReadAndDeliver();
  void Deliver();
  void DiscardInput();
  IoStatus TryFlush();
  void AfterFlush(IoStatus status);
  void CheckSocketError();
  void TransportBroke();
  CloseInfo BrokenReason() const;
  bool HasUndelivered() const;
  void CheckBothEnded();
  bool Flushed() const;
  void ArmTimer(Duration delay);
  void FinishClose(CloseInfo why);
  // At the end of whatever moved bytes: mostly nothing changed.
  void NoteBuffered(size_t input, size_t output) {
    if (input == noted_[0] && output == noted_[1]) return;
    if (gauges_[0] == nullptr) return;
    gauges_[0]->Add(static_cast<int64_t>(input) - static_cast<int64_t>(std::exchange(noted_[0], input)));
    gauges_[1]->Add(static_cast<int64_t>(output) - static_cast<int64_t>(std::exchange(noted_[1], output)));
  }
  struct NotesAtEnd {
    ~NotesAtEnd() { of.NoteBuffered(of.input_.size(), of.output_.size()); }
    Connection& of;
  };

  event::Dispatcher& dispatcher_;
  std::unique_ptr<Transport> transport_;
  ConnectionHandler* handler_ = nullptr;
  Buffer input_;
  Buffer output_;
  int fd_ = -1;
  uint32_t read_pauses_ = 0;
  uint32_t write_high_ = kDefaultBufferLimit;
  int error_ = 0;  // errno of the socket call that failed
  bool started_ : 1 = false, client_ : 1 = false, connecting_ : 1 = false, announced_ : 1 = false;
  bool closed_ : 1 = false, closing_ : 1 = false, linger_ : 1 = false, above_high_ : 1 = false;
  bool end_requested_ : 1 = false, end_sent_ : 1 = false, peer_ended_ : 1 = false, end_delivered_ : 1 = false;
  bool readable_ : 1 = false, writable_ : 1 = true, delivering_ : 1 = false, peer_closed_hint_ : 1 = false;
  bool offer_again_ : 1 = false, reads_first_ : 1 = false, sent_much_ : 1 = false;
  bool broken_ : 1 = false;  // connect or write failed inside a call: told at the end of the turn
  uint8_t pieces_ : 2 = 0;   // read since anything was written, at most kPieces
  uint8_t flush_extensions_ = 0;
  CloseInfo close_info_;  // while closing
  Duration flush_timeout_ = std::chrono::seconds(1);
  std::unique_ptr<event::Timer> timer_;  // connect, handshake or flush timeout: at most one at a time
  uint64_t written_at_timer_ = 0;
  ConnectionProperties properties_;
  MonotonicTime last_activity_;
  uint64_t id_;
  Stats stats_;
  observe::Gauge* gauges_[2] = {nullptr, nullptr};
  size_t noted_[2] = {0, 0};  // what the gauges have of input_ and output_
};
// One per idle client: the architecture counts on about 1 KiB for connection and session together.
static_assert(sizeof(Connection) <= 640);

}  // namespace outrigger::net
