#include "source/net/connection.h"

#include <algorithm>
#include <cerrno>

#include "source/base/bug.h"
#include "source/net/heavy_output.h"
#include "source/net/read_block.h"

namespace outrigger::net {

namespace {

Address AddressOf(event::IoResult (event::Engine::*ask)(int, sockaddr_storage*, socklen_t*), event::Engine& engine,
                  int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  if ((engine.*ask)(fd, &storage, &length) < 0) return {};
  absl::StatusOr<Address> address = Address::FromSockaddr(reinterpret_cast<const sockaddr*>(&storage), length);
  return address.ok() ? *std::move(address) : Address();
}

}  // namespace

Connection::Connection(event::Dispatcher& dispatcher, AcceptedSocket socket, std::unique_ptr<Transport> transport)
    : dispatcher_(dispatcher),
      transport_(std::move(transport)),
      fd_(socket.fd),
      properties_(std::move(socket.properties)),
      last_activity_(dispatcher.now()),
      id_(dispatcher.NextId()) {
  transport_->Attach(*this);
}

Connection::Connection(event::Dispatcher& dispatcher, int fd, std::unique_ptr<Transport> transport)
    : Connection(dispatcher, AcceptedSocket(), std::move(transport)) {
  if (fd_ = fd; fd < 0) return;
  properties_.remote = AddressOf(&event::Engine::PeerAddress, dispatcher.engine(), fd);
  properties_.local = AddressOf(&event::Engine::LocalAddress, dispatcher.engine(), fd);
}

Connection::~Connection() {
  if (!closed_ && fd_ >= 0) dispatcher_.engine().Close(fd_);
}

std::unique_ptr<Connection> Connection::Connect(event::Dispatcher& dispatcher, const ConnectOptions& options,
                                                std::unique_ptr<Transport> transport) {
  auto made = std::make_unique<Connection>(dispatcher, -1, std::move(transport));
  made->BeginConnect(options);
  return made;
}

void Connection::BeginConnect(const ConnectOptions& options) {
  event::Engine& engine = dispatcher_.engine();
  client_ = connecting_ = true;
  writable_ = false;
  properties_.remote = options.remote;
  event::IoResult done = engine.Socket(options.remote.family(), SOCK_STREAM, 0);
  if (done >= 0) {
    fd_ = static_cast<int>(done);
    SocketOptions named;
    if (options.remote.ip()) {
      AddNoDelay(named);
      AddKeepalive(options.keepalive, named);
    }
    const auto pre_bind = SocketOption::State::kPreBind;
    SocketOptionResult set = ApplySocketOptions(engine, fd_, named, pre_bind);
    if (set.error == 0 && options.socket_options != nullptr) {
      set = ApplySocketOptions(engine, fd_, *options.socket_options, pre_bind);
    }
    done = -set.error;
    if (done == 0 && options.bind_to.kind() != Address::Kind::kNone) {
      done = engine.Bind(fd_, options.bind_to.sockaddr_ptr(), options.bind_to.sockaddr_length());
    }
    if (done == 0) done = engine.Connect(fd_, options.remote.sockaddr_ptr(), options.remote.sockaddr_length());
  }
  if (done < 0 && done != -EINPROGRESS) {
    error_ = static_cast<int>(-done);
    broken_ = true;
    dispatcher_.AtEndOfTurn(*this);
    return;
  }
  // After connect(): a socket that is not connecting yet would be reported as hung up.
  started_ = true;
  engine.Register(fd_, this);
  if (options.timeout > Duration::zero()) ArmTimer(options.timeout);
}

void Connection::FinishConnect() {
  int error = 0;
  socklen_t length = sizeof(error);
  const event::IoResult asked = dispatcher_.engine().GetOption(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
  if (asked < 0) error = static_cast<int>(-asked);
  if (error != 0) return FinishClose({CloseReason::kConnectFailed, error, "connect_failed"});
  connecting_ = false;
  writable_ = true;
  properties_.local = AddressOf(&event::Engine::LocalAddress, dispatcher_.engine(), fd_);
  transport_->OnConnected();
  dispatcher_.AtEndOfTurn(*this);  // sends what was written meanwhile, or the transport's first bytes
  if (transport_->handshake_done()) Announce();
  if (!closing()) ReadAndDeliver();
}

void Connection::Announce() {
  if (announced_) return;
  announced_ = true;
  if (timer_ != nullptr) timer_->Disarm();
  if (!output_.empty()) dispatcher_.AtEndOfTurn(*this);
  if (handler_ != nullptr && !closing_) handler_->OnConnected();
}

void Connection::SetHandler(ConnectionHandler* handler) {
  handler_ = handler;
  if (handler_ != nullptr && started_ && HasUndelivered()) dispatcher_.AtNextTurn(*this);
}

void Connection::SetTransport(std::unique_ptr<Transport> transport) {
  OUTRIGGER_DCHECK(!started_);
  transport_ = std::move(transport);
  transport_->Attach(*this);
}

void Connection::Start() {
  if (started_ || closed_) return;
  started_ = true;
  dispatcher_.engine().Register(fd_, this);
  dispatcher_.AtEndOfTurn(*this);  // announces plain connections
}

void Connection::SetHandshakeTimeout(Duration timeout) {
  if (announced_ || closed_ || timeout <= Duration::zero()) return;
  ArmTimer(timeout);
}

void Connection::SetWriteLimits(uint32_t high) {
  write_high_ = high;
  if (above_high_ && (high == 0 || output_.size() <= high / 2)) dispatcher_.AtEndOfTurn(*this);
}

// --- Readiness and turns ---

void Connection::OnReady(uint32_t ready_bits) {
  if (closed_) return;
  const NotesAtEnd notes{*this};
  last_activity_ = dispatcher_.now();
  const bool over = (ready_bits & (event::kPeerClosed | event::kError)) != 0;
  if (over) peer_closed_hint_ = true;
  if (over || (ready_bits & event::kReadable) != 0) readable_ = true;
  if (connecting_) {
    if (over) return FinishConnect();
    if ((ready_bits & event::kWritable) == 0) return;
    writable_ = true;
    return dispatcher_.AtNextTurn(*this);  // what is to be sent on it has waited already
  }
  if ((ready_bits & event::kWritable) != 0 && !writable_) {
    writable_ = true;
    dispatcher_.AtEndOfTurn(*this);  // output, or the transport's own bytes, waited for this
  }
  if (NextTurn::linked()) return;  // it has its share of a turn yet to come
  // A paused reader would not notice a reset; of one that is answered all that comes is thrown away.
  if (closing_ && linger_) return dispatcher_.AtNextTurn(*this);
  if ((ready_bits & event::kError) != 0 && !CanRead())
    return client_ ? CheckSocketError() : dispatcher_.AtNextTurn(*this);
  if (closing_) return;
  if (ComesLater(over)) return dispatcher_.AtNextTurn(*this);
  const HeavyOutputAfter heavy;
  ReadAndDeliver();
}

// Who asks for little and waits for the answer comes first: handshakes are dear, strangers are many, a client that
// leaves waits for nothing, and those who send without end or drop by drop are no worse off.
bool Connection::ComesLater(bool over) const {
  if (over && client_) return false;  // before anything else is sent on it
  if (!transport_->handshake_done() || sent_much_ || pieces_ >= kPieces) return true;
  return !client_ && (over || stats_.bytes_read == 0);
}

void Connection::NoteRead(size_t bytes) {
  if (bytes == 0) return;
  stats_.bytes_read += bytes;
  if (pieces_ < kPieces) ++pieces_;
  sent_much_ = bytes >= kMuch;
}

void Connection::OnEndOfTurn() {
  if (closed_) return;
  const NotesAtEnd notes{*this};
  if (closing_ && !announced_) return FinishClose(close_info_);
  if (broken_) {
    if (connecting_) return FinishClose({CloseReason::kConnectFailed, error_, "connect_failed"});
    return TransportBroke();
  }
  if (connecting_) return;
  if (!announced_ && transport_->handshake_done()) Announce();
  // Whether the peer has ended is known before this is written.
  const bool ends = peer_closed_hint_ && !peer_ended_ && !offer_again_;
  if ((reads_first_ || ends) && NextTurn::linked() && !output_.empty()) NextTurn::Unlink(), OnNextTurn();
  if (!closed_) AfterFlush(TryFlush());
}

void Connection::OnNextTurn() {
  if (closed_) return;
  const NotesAtEnd notes{*this};
  if (connecting_) return writable_ ? FinishConnect() : void();
  if (peer_closed_hint_ && !CanRead()) CheckSocketError();
  if (closed_) return;
  if (closing_) return linger_ ? DiscardInput() : void();
  const HeavyOutputAfter heavy;
  if (HasUndelivered()) Deliver();
  if (!closed_ && !offer_again_) ReadAndDeliver();
  if (!closed_) CheckBothEnded();
}

void Connection::OnTimer() {
  if (closed_) return;
  if (!closing_) {
    if (announced_) return;
    return FinishClose(client_ ? CloseInfo{CloseReason::kConnectTimeout, 0, "connect_timeout"}
                               : CloseInfo{CloseReason::kTransportFailed, 0, "handshake_timeout"});
  }
  if (stats_.bytes_written != written_at_timer_ && flush_extensions_ < kMostFlushExtensions) {
    ++flush_extensions_;
    written_at_timer_ = stats_.bytes_written;
    return ArmTimer(flush_timeout_);
  }
  FinishClose((stats_.linger_expired = Flushed()) ? close_info_
                                                  : CloseInfo{CloseReason::kWriteStalled, 0, "flush_timeout"});
}

void Connection::ArmTimer(Duration delay) {
  if (timer_ == nullptr) timer_ = std::make_unique<event::Timer>([this] { OnTimer(); });
  dispatcher_.Arm(*timer_, delay);
}

// --- Reading ---

bool Connection::CanRead() const {
  if (closed_ || closing_ || peer_ended_ || connecting_ || handler_ == nullptr) return false;
  if (read_pauses_ > 0 && announced_) return false;  // a handshake goes on
  return (readable_ || transport_->has_buffered()) && input_.size() < kMostLeftInput;
}

bool Connection::HasUndelivered() const { return !input_.empty() || offer_again_ || (peer_ended_ && !end_delivered_); }

void Connection::ReadAndDeliver() {
  size_t budget = kReadPerTurn;
  while (CanRead()) {
    if (budget == 0) {
      dispatcher_.AtNextTurn(*this);
      return;
    }
    // No more at once than may be held: who is not read from is not given what nobody takes.
    const size_t most = write_high_ == 0 ? kReadSize : std::clamp<size_t>(write_high_, kMuch, kReadSize);
    const IoOutcome got = transport_->Read(input_, std::min(budget, most));
    NoteRead(got.bytes);
    budget -= std::min<size_t>(budget, got.bytes);
    if (!announced_ && transport_->handshake_done()) Announce();
    if (closed_) return;
    // A write has already told us of the reset (and taken the error): what looks like an end is not an orderly one.
    const bool broken = got.status == IoStatus::kClosed || (got.status == IoStatus::kEnd && broken_);
    if (got.status == IoStatus::kEnd && !broken) {
      peer_ended_ = true;
      if (!announced_) return FinishClose({CloseReason::kPeer, 0, "closed_during_handshake"});
    }
    if (got.bytes > 0 || peer_ended_) Deliver();
    if (closed_ || (offer_again_ && !broken)) return;  // the handler had its share of this turn
    if (broken) return FinishClose(BrokenReason());
    if (got.bytes == 0) return;
  }
}

void Connection::Deliver() {
  if (!announced_ || closing_ || read_pauses_ > 0 || handler_ == nullptr || !HasUndelivered()) return;
  const bool end = peer_ended_ && !end_delivered_;
  if (end) {
    end_delivered_ = true;
    dispatcher_.AtEndOfTurn(*this);  // perhaps both directions ended now
  }
  offer_again_ = false;
  delivering_ = true;
  handler_->OnData(input_, end);
  delivering_ = false;
  if (closed_) {
    input_.Clear();
  } else if (!input_.empty()) {
    CompactIfWasteful(input_);  // 100 bytes of a request's beginning do not pin a read block
  }
}

void Connection::PauseReading() {
  if (read_pauses_++ == 0) ++stats_.read_pauses;
}

void Connection::ResumeReading() {
  if (OUTRIGGER_BUG(read_pauses_ == 0)) return;
  if (--read_pauses_ > 0 || closing()) return;
  if (HasUndelivered() || CanRead()) dispatcher_.AtNextTurn(*this);
}

void Connection::OfferAgain() {
  if (closing()) return;
  offer_again_ = true;
  if (read_pauses_ == 0) dispatcher_.AtNextTurn(*this);
}

void Connection::DiscardInput() {
  Buffer scrap;
  size_t budget = kReadPerTurn;
  while (readable_ && !peer_ended_ && budget > 0 && stats_.lingered < kMostLingered) {
    const IoOutcome got = transport_->Read(scrap, std::min(budget, kReadSize));
    budget -= std::min<size_t>(budget, got.bytes);
    scrap.Clear();
    stats_.lingered += static_cast<uint32_t>(got.bytes);
    if (got.status == IoStatus::kClosed) return FinishClose(end_sent_ ? close_info_ : BrokenReason());
    if (got.status == IoStatus::kEnd) peer_ended_ = true;
    if (got.bytes == 0) break;
  }
  if (peer_ended_ || stats_.lingered >= kMostLingered) return dispatcher_.AtEndOfTurn(*this);
  if (readable_) dispatcher_.AtNextTurn(*this);
}

void Connection::CheckSocketError() {
  int error = 0;
  socklen_t length = sizeof(error);
  if (dispatcher_.engine().GetOption(fd_, SOL_SOCKET, SO_ERROR, &error, &length) < 0 || error == 0) return;
  error_ = error;
  FinishClose({CloseReason::kPeerReset, error, "reset"});
}

// --- Writing ---

void Connection::Write(Buffer&& data) {
  if (closing() || end_requested_) {
    data.Clear();
    return;
  }
  output_.Append(std::move(data));
  WroteOutput();
}

void Connection::Write(absl::string_view data) {
  if (closing() || end_requested_) return;
  output_.Append(data);
  WroteOutput();
}

void Connection::WroteOutput() {
  if (closing()) {
    if (closed_) output_.Clear();
    return;
  }
  if (output_.empty()) return;
  const bool soon = output_.size() >= kHeavyOutput && writable_ && announced_ && !reads_first_;
  if (!soon || !HeavyOutputAfter::Add(*this)) dispatcher_.AtEndOfTurn(*this);
  if (output_.size() >= kFlushNow && writable_ && announced_ && !broken_) {
    if (TryFlush() == IoStatus::kClosed) broken_ = true;  // told at the end of the turn
  }
  if (write_high_ != 0 && !above_high_ && output_.size() > write_high_) {
    above_high_ = true;
    if (handler_ != nullptr) handler_->OnAboveWriteHigh();
  }
}

void Connection::EndWrite() {
  if (closing() || end_requested_) return;
  end_requested_ = true;
  dispatcher_.AtEndOfTurn(*this);
}

IoStatus Connection::TryFlush() {
  const bool end = end_requested_ && !end_sent_ && announced_;
  if (!writable_) return IoStatus::kMore;
  if (output_.empty() && !end && announced_ && !transport_->wants_write()) return IoStatus::kMore;
  const IoOutcome sent = transport_->Write(output_, end);
  stats_.bytes_written += sent.bytes;
  if (sent.bytes > 0) pieces_ = 0;
  return sent.status;
}

void Connection::AfterFlush(IoStatus status) {
  if (status == IoStatus::kClosed) return TransportBroke();
  if (!announced_ && transport_->handshake_done()) {
    Announce();
    if (closed_) return;
  }
  if (above_high_ && output_.size() <= write_high_ / 2) {
    above_high_ = false;
    if (handler_ != nullptr && !closing_) handler_->OnBelowWriteLow();
    if (closed_) return;
  }
  if (!output_.empty() && !writable_) CompactIfWasteful(output_);
  if (!closing_) return CheckBothEnded();
  const bool flushed = Flushed();
  const bool heard = peer_ended_ || stats_.lingered >= kMostLingered;  // nothing more of it is wanted
  if (flushed && (!linger_ || heard)) return FinishClose(close_info_);
  if (flush_timeout_ <= Duration::zero()) {
    return FinishClose(flushed ? close_info_ : CloseInfo{CloseReason::kWriteStalled, 0, "flush_timeout"});
  }
  if (timer_ == nullptr || !timer_->armed()) {
    written_at_timer_ = stats_.bytes_written;
    ArmTimer(flush_timeout_);
  }
  if (linger_ && readable_ && !heard) dispatcher_.AtNextTurn(*this);
}

bool Connection::Flushed() const { return output_.empty() && end_sent_ && !transport_->wants_write(); }

void Connection::CheckBothEnded() {
  if (closing_ || !end_delivered_ || !end_sent_ || !output_.empty() || !input_.empty()) return;
  FinishClose({CloseReason::kPeer, 0, ""});
}

// A write failed. What the peer said before it went away (an early error response) may still be unread.
void Connection::TransportBroke() {
  broken_ = true;
  output_.Clear();
  readable_ = peer_closed_hint_ = true;
  if (CanRead()) ReadAndDeliver();
  if (!closed_) FinishClose(BrokenReason());
}

// --- Socket calls ---

event::IoResult Connection::SocketRead(const iovec* into, int count) {
  if (fd_ < 0) return -EBADF;
  if (!readable_) return -EAGAIN;
  size_t asked = 0;
  for (int i = 0; i < count; ++i) asked += into[i].iov_len;
  const event::IoResult got = dispatcher_.engine().Readv(fd_, into, count);
  if (got > 0) {
    // epoll(7): a short read means that the socket is empty. An end that is already there must still be read.
    if (static_cast<size_t>(got) < asked && !peer_closed_hint_) readable_ = false;
    return got;
  }
  readable_ = false;
  if (got < 0 && got != -EAGAIN) error_ = static_cast<int>(-got);
  return got;
}

event::IoResult Connection::SocketWrite(const iovec* from, int count) {
  if (fd_ < 0) return -EBADF;
  if (!writable_) return -EAGAIN;
  size_t offered = 0;
  for (int i = 0; i < count; ++i) offered += from[i].iov_len;
  const event::IoResult sent = dispatcher_.engine().Writev(fd_, from, count);
  if (sent < 0 && sent != -EAGAIN) error_ = static_cast<int>(-sent);
  if (sent == -EAGAIN || (sent >= 0 && static_cast<size_t>(sent) < offered)) writable_ = false;
  return sent;
}

event::IoResult Connection::SocketShutdownWrite() {
  if (end_sent_) return 0;
  end_sent_ = true;
  // close() follows at once: it says the same to the peer.
  if (closing_ && !linger_) return 0;
  if (fd_ < 0) return -EBADF;
  const event::IoResult done = dispatcher_.engine().Shutdown(fd_, SHUT_WR);
  if (done < 0) error_ = static_cast<int>(-done);
  return done;
}

// --- Closing ---

void Connection::Close(CloseMode mode, CloseInfo why) {
  if (closed_) return;
  if (mode == CloseMode::kFlush || mode == CloseMode::kLinger) {
    if (closing_) return;
    closing_ = end_requested_ = true;
    linger_ = mode == CloseMode::kLinger;
    close_info_ = why;
    dispatcher_.AtEndOfTurn(*this);
    return;
  }
  if (why.reason == CloseReason::kLocal) why.reason = CloseReason::kLocalAbort;
  if (mode == CloseMode::kReset && fd_ >= 0) {
    const linger reset{1, 0};
    dispatcher_.engine().SetOption(fd_, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  }
  FinishClose(why);
}

void Connection::FinishClose(CloseInfo why) {
  if (closed_) return;
  closed_ = true;
  if (timer_ != nullptr) timer_->Disarm();
  EndOfTurn::Unlink();
  NextTurn::Unlink();
  if (fd_ >= 0) dispatcher_.engine().Close(std::exchange(fd_, -1));
  output_.Clear();
  NoteBuffered(0, 0);
  if (!delivering_) input_.Clear();  // the handler may be reading it right now
  ConnectionHandler* handler = std::exchange(handler_, nullptr);
  if (handler != nullptr) handler->OnClosed(why);
}

}  // namespace outrigger::net
