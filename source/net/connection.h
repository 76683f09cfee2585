// Thread: worker
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "source/base/buffer.h"
#include "source/base/dump.h"
#include "source/base/intrusive_list.h"
#include "source/event/dispatcher.h"
#include "source/net/address.h"
#include "source/net/transport.h"

namespace outrigger::net {

// How a connection ended. The detail of an access log's CONNECTION_TERMINATION_DETAILS is `detail` (static text).
enum class CloseReason : uint8_t {
  kLocal,           // we closed, everything written was flushed
  kLocalAbort,      // we closed without flushing
  kPeer,            // the peer ended both directions in an orderly way
  kPeerReset,       // RST or broken pipe
  kConnectFailed,   // connect() failed; errno in `error`
  kConnectTimeout,
  kTransportFailed, // TLS: handshake or record error; see Transport::failure()
  kIdleTimeout,
  kWriteStalled,    // the peer did not take what we closed with in the flush timeout
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
  // The transport is ready: connected, and for TLS the handshake is complete. Accepted plain connections: at once.
  virtual void OnConnected() {}
  // Bytes came, or the peer ended its direction (`end`, once, possibly with no bytes). Take what you can, leave the rest in `input`:
  // it is offered again with the next bytes, or after ResumeReading. May close the connection.
  virtual void OnData(Buffer& input, bool end) = 0;
  virtual void OnAboveWriteHigh() {}  // output passed the high mark: stop producing
  virtual void OnBelowWriteLow() {}   // output fell below the low mark again
  virtual void OnClosed(const CloseInfo& why) = 0;  // exactly once, last
  virtual void Dump(DumpWriter& out) const = 0;
};

// One stream socket with its transport and both buffers. Owned by whoever created it (listener, pool, client), which lets it go by
// dispatcher.DestroyLater after OnClosed. Edge-triggered, registered once. Output is collected and written once per loop turn
// (or at once when more than kFlushNow is waiting). All callbacks come from the loop, never from inside a call made by the handler,
// except OnAboveWriteHigh (from Write) and OnClosed (from Close).
class Connection final : public event::IoHandler, public event::Deferred, private event::EndOfTurn {
 public:
  static constexpr size_t kReadSize = kLargeBlock;
  static constexpr size_t kFlushNow = 256 * 1024;
  static constexpr uint32_t kDefaultBufferLimit = 1024 * 1024;  // Envoy's per_connection_buffer_limit_bytes default

  struct Stats {  // counted here, read by whoever owns the connection; plain
    uint64_t bytes_read = 0;
    uint64_t bytes_written = 0;
    uint32_t read_pauses = 0;
  };

  // An accepted or socketpair descriptor; takes ownership of fd.
  Connection(event::Dispatcher& dispatcher, int fd, std::unique_ptr<Transport> transport);
  ~Connection() override;

  // A client: creates the socket and starts connecting at the end of this turn or later; the handler hears OnConnected or OnClosed.
  struct ConnectOptions {
    Address remote;
    Address bind_to;          // kNone: not bound
    Duration timeout{0};      // covers TCP connect (and TLS handshake); 0: none
    bool keepalive = false;
    uint32_t keepalive_probes = 0, keepalive_time_s = 0, keepalive_interval_s = 0;  // 0: system default
  };
  static std::unique_ptr<Connection> Connect(event::Dispatcher& dispatcher, const ConnectOptions& options,
                                             std::unique_ptr<Transport> transport);

  // The handler is not owned unless given as unique_ptr. Setting it starts delivery (bytes already read are offered next turn).
  void SetHandler(ConnectionHandler* handler);
  ConnectionHandler* handler() const { return handler_; }

  void Start();                             // registers with the loop; accepted connections call it once after SetHandler
  void Write(Buffer&& data);                // appended; flushed at the end of the turn
  Buffer& output() { return output_; }      // write in place, then Flush-request with WroteOutput()
  void WroteOutput();
  void EndWrite();                          // after all output: end our direction (half close)
  void PauseReading();                      // counted: each pause needs its resume
  void ResumeReading();
  bool reading_paused() const { return read_pauses_ > 0; }

  // Idempotent. kFlush: what was written is sent first (bounded by the flush timeout), then close; kNow: drops it. OnClosed is called now.
  enum class CloseMode : uint8_t { kFlush, kNow, kReset /* SO_LINGER 0 */ };
  void Close(CloseMode mode, CloseInfo why = {});
  bool closed() const { return closed_; }

  void SetWriteLimits(uint32_t high);       // low = high / 2
  bool above_write_high() const { return above_high_; }
  void SetFlushTimeout(Duration timeout) { flush_timeout_ = timeout; }
  void SetHandshakeTimeout(Duration timeout);  // TLS; kTransportFailed "handshake_timeout"

  event::Dispatcher& dispatcher() { return dispatcher_; }
  int fd() const { return fd_; }
  Transport& transport() { return *transport_; }
  // Replaces the transport before Start (listener filters decided), keeping bytes that were already read.
  void SetTransport(std::unique_ptr<Transport> transport) { transport_ = std::move(transport); transport_->Attach(*this); }
  const Address& local() const { return local_; }   // as the socket says; listener filters may restore another
  const Address& remote() const { return remote_; }
  void SetLocal(Address local) { local_ = local; }
  void SetRemote(Address remote) { remote_ = remote; }
  uint64_t id() const { return id_; }               // unique in the process (worker index in the top bits)
  const Stats& stats() const { return stats_; }
  MonotonicTime last_activity() const { return last_activity_; }  // written per event from dispatcher.now(); no clock call
  Buffer& input() { return input_; }
  const TransportFailure& failure() const { return transport_->failure(); }
  void Dump(DumpWriter& out) const;

  // For transports: one socket call each, through the Engine. After a short read they do not read again.
  event::IoResult SocketRead(const iovec* into, int count);
  event::IoResult SocketWrite(const iovec* from, int count);
  event::IoResult SocketShutdownWrite();

 private:
  void OnReady(uint32_t ready_bits) override;
  void OnEndOfTurn() override;
  void DoConnect(const ConnectOptions& options);
  void ReadAndDeliver();
  void FlushOutput();
  void Fail(CloseInfo why);
  void FinishClose();

  event::Dispatcher& dispatcher_;
  std::unique_ptr<Transport> transport_;
  ConnectionHandler* handler_ = nullptr;
  Buffer input_;
  Buffer output_;
  int fd_ = -1;
  uint32_t read_pauses_ = 0;
  uint32_t write_high_ = kDefaultBufferLimit;
  bool started_ : 1 = false, connecting_ : 1 = false, announced_ : 1 = false, closed_ : 1 = false, closing_ : 1 = false,
       above_high_ : 1 = false, end_requested_ : 1 = false, end_sent_ : 1 = false, peer_ended_ : 1 = false, end_delivered_ : 1 = false,
       readable_ : 1 = false, writable_ : 1 = false, delivering_ : 1 = false, peer_closed_hint_ : 1 = false;
  Duration flush_timeout_ = std::chrono::seconds(1);
  std::unique_ptr<event::Timer> timer_;  // connect, handshake or flush timeout: at most one at a time
  Address local_;
  Address remote_;
  MonotonicTime last_activity_;
  uint64_t id_;
  Stats stats_;
};

}  // namespace outrigger::net
