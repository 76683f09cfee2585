#include "source/tls/tls_transport.h"

#include <openssl/err.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "source/base/bug.h"
#include "source/net/connection.h"
#include "source/tls/certificate.h"
#include "source/tls/failure.h"
#include "source/tls/handshake_record.h"
#include "source/tls/ssl_facts.h"
#include "source/tls/ssl_state.h"
#include "source/tls/trust.h"

namespace outrigger::tls {
namespace {

constexpr size_t kReadSize = 64 * 1024;
constexpr size_t kRecordSize = 16 * 1024;   // RFC 8446 5.1: the most plaintext in a record
constexpr size_t kRecordOverhead = 64;      // header, nonce, tag of any suite
constexpr size_t kBurst = 8 * kRecordSize;  // sealed before the socket is tried
constexpr int kSlices = 32;
// Ciphertext that reading makes (answers to key updates, alerts) while the peer takes none: more is refused.
constexpr size_t kMostAnswers = 256 * 1024;

// Ciphertext is read here and opened from here; between turns nothing is in it.
thread_local std::unique_ptr<char[]> t_read_scratch;
// Small slices are joined here to become one record.
thread_local std::unique_ptr<char[]> t_join_scratch;

// The queue is nearly always empty, and looking is much cheaper than emptying it.
void ForgetErrors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

char* Scratch(std::unique_ptr<char[]>& scratch, size_t size) {
  if (scratch == nullptr) scratch.reset(new char[size]);
  return scratch.get();
}

class TlsTransport final : public net::Transport {
 public:
  explicit TlsTransport(const ServerTransportOptions& options) : server_(options.context), stats_(options.stats) {}
  explicit TlsTransport(const ClientTransportOptions& options);
  ~TlsTransport() override;

  void Attach(net::Connection& connection) override;
  void OnConnected() override;
  net::IoOutcome Read(Buffer& into, size_t most) override;
  net::IoOutcome Write(Buffer& from, bool end) override;
  bool handshake_done() const override { return handshake_done_; }
  const net::TlsInfo* tls() const override { return facts_.get(); }
  absl::string_view alpn() const override { return facts_ != nullptr ? facts_->alpn() : ""; }
  const net::TransportFailure& failure() const override { return failure_; }
  bool has_buffered() const override { return !raw_.empty() || latched_ != Latched::kNone || SslPending(); }
  bool wants_write() const override { return !sealed_out_.empty(); }
  void Dump(DumpWriter& out) const override;

 private:
  enum class Latched : uint8_t { kNone, kEnd, kClosed };

  void SetUpServer();
  void SetUpClient();
  bool SslPending() const { return ssl_ != nullptr && handshake_done_ && SSL_pending(ssl_.get()) > 0; }

  // Reading.
  bool Handshake();  // false: not done yet (or failed: latched_)
  void HandshakeDone();
  void Open(Buffer& into, size_t most, size_t* total);
  void OpenRaw(Buffer& into, size_t most, size_t* total);
  net::IoOutcome Outcome(size_t total);
  void SocketEnded(event::IoResult result);
  // Writing.
  void Seal(const Buffer& from);
  bool SealPiece(const char* data, size_t size);
  net::IoStatus Flush();
  net::IoStatus FinishWriting();

  void FailHandshake();
  void FailStream();
  void Latch(Latched how) {
    if (latched_ == Latched::kNone) latched_ = how;
  }
  int BioRead(char* out, int size);
  int BioWrite(const char* data, int size);
  static const BIO_METHOD* BioMethod();
  static long BioControl(BIO* bio, int command, long, void*);

  std::shared_ptr<const ServerContext> server_;  // one of these two
  std::shared_ptr<const ClientContext> client_;
  net::Connection* connection_ = nullptr;
  TlsStats* stats_;
  std::unique_ptr<ClientTransportOptions> client_options_;  // until Attach
  std::string server_name_;                                 // what state_.names views
  SslState state_;
  SslPtr ssl_;
  std::unique_ptr<SslFacts> facts_;
  net::TransportFailure failure_;

  const char* in_ = nullptr;  // ciphertext that OpenSSL may take now
  size_t in_left_ = 0;
  Buffer raw_;          // ciphertext left over from a Read that reached its limit
  Buffer sealed_out_;   // ciphertext that the socket has not taken
  size_t sealed_ = 0;   // bytes at the front of the caller's buffer whose records are in sealed_out_
  size_t reserve_ = 0;  // expected ciphertext of this burst
  Latched latched_ = Latched::kNone;
  bool handshake_done_ = false;
  bool notified_ = false;  // close_notify was sealed
};

TlsTransport::TlsTransport(const ClientTransportOptions& options)
    : client_(options.context),
      stats_(options.stats),
      client_options_(std::make_unique<ClientTransportOptions>(options)) {}

TlsTransport::~TlsTransport() {
  // Freed without this, an SSL that was not shut down spoils its session for others. A peer that went away without
  // close_notify is no reason for that; a broken record is.
  const bool broken = latched_ == Latched::kClosed && absl::string_view(failure_.code) == code::kBadRecord;
  if (ssl_ != nullptr && handshake_done_ && !broken) {
    SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }
}

// --- The BIO between OpenSSL and our buffers ---

const BIO_METHOD* TlsTransport::BioMethod() {
  static const BIO_METHOD* method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");
    BIO_meth_set_read(made, [](BIO* bio, char* out, int size) {
      BIO_clear_retry_flags(bio);
      const int got = static_cast<TlsTransport*>(BIO_get_data(bio))->BioRead(out, size);
      if (got < 0) BIO_set_retry_read(bio);
      return got;
    });
    BIO_meth_set_write(made, [](BIO* bio, const char* data, int size) {
      BIO_clear_retry_flags(bio);
      return static_cast<TlsTransport*>(BIO_get_data(bio))->BioWrite(data, size);
    });
    BIO_meth_set_ctrl(made, &TlsTransport::BioControl);
    return made;
  }();
  return method;
}

long TlsTransport::BioControl(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

int TlsTransport::BioRead(char* out, int size) {
  if (in_left_ == 0) return -1;
  const size_t n = std::min(in_left_, static_cast<size_t>(size));
  std::memcpy(out, in_, n);
  in_ += n;
  in_left_ -= n;
  return static_cast<int>(n);
}

int TlsTransport::BioWrite(const char* data, int size) {
  const auto n = static_cast<size_t>(size);
  size_t room = 0;
  char* at = sealed_out_.Reserve(std::max(n, std::min(reserve_, static_cast<size_t>(kLargeBlock))), &room);
  std::memcpy(at, data, n);
  sealed_out_.Commit(n);
  reserve_ -= std::min(reserve_, n);
  return size;
}

// --- Beginning ---

void TlsTransport::Attach(net::Connection& connection) {
  connection_ = &connection;
  state_.dispatcher = &connection.dispatcher();
  raw_ = std::move(connection.input());  // bytes that were read before it was known that this is TLS
  if (server_ != nullptr) {
    SetUpServer();
  } else if (client_ != nullptr) {
    SetUpClient();
  }
  if (ssl_ == nullptr) {
    failure_ = {code::kNoContext, "TLS_error:no usable context"};
    Latch(Latched::kClosed);
    return;
  }
  BIO* bio = BIO_new(BioMethod());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SetState(ssl_.get(), &state_);
}

void TlsTransport::SetUpServer() {
  ssl_.reset(server_->NewSsl());
  if (ssl_ == nullptr) return;
  state_.trust = &server_->trust();
  state_.names.matchers = &server_->names();
  SSL_set_accept_state(ssl_.get());
}

void TlsTransport::SetUpClient() {
  const std::unique_ptr<ClientTransportOptions> options = std::move(client_options_);
  ssl_.reset(client_->credentials().NewSsl());
  if (ssl_ == nullptr || options == nullptr) return;
  SSL* ssl = ssl_.get();
  const std::string& sni = options->sni.empty() ? client_->sni() : options->sni;
  if (!sni.empty()) SSL_set_tlsext_host_name(ssl, sni.c_str());
  std::string alpn_key;
  if (options->alpn != nullptr) {
    if (absl::StatusOr<std::string> wire = AlpnWire(*options->alpn); wire.ok()) {
      SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(wire->data()),
                          static_cast<unsigned int>(wire->size()));
      alpn_key = *std::move(wire);
    }
  }
  state_.trust = &client_->credentials().trust();
  state_.enforce_rsa_key_usage = client_->credentials().enforce_rsa_key_usage();
  state_.names.matchers = &client_->names();
  state_.names.dns_only = client_->auto_sni_san_validation() && options->verify_dns.empty();
  server_name_ = !options->verify_dns.empty() ? options->verify_dns : state_.names.dns_only ? sni : "";
  state_.names.dns = server_name_;
  SSL_set_connect_state(ssl);
  if (options->sessions == nullptr || client_->max_session_keys() == 0) return;
  state_.sessions = options->sessions;
  state_.max_sessions = client_->max_session_keys();
  // Everything that decides whether the server would be accepted, so that a session is only offered where a full
  // handshake would have been.
  state_.session_key = absl::StrCat(client_->credentials().id(), client_->names_hash(), server_name_, "\n",
                                    state_.names.dns_only ? 1 : 0, sni, "\n", alpn_key, "\n", options->endpoint);
  if (SslSessionPtr session(state_.sessions->Take(state_.session_key, state_.dispatcher->wall_now())); session) {
    SSL_set_session(ssl, session.get());
  }
}

void TlsTransport::OnConnected() {
  if (ssl_ == nullptr || server_ != nullptr) return;
  ERR_clear_error();
  Handshake();
  if (Flush() == net::IoStatus::kClosed) Latch(Latched::kClosed);
}

// --- The handshake ---

bool TlsTransport::Handshake() {
  if (handshake_done_) return true;
  const int done = SSL_do_handshake(ssl_.get());
  if (done == 1) {
    HandshakeDone();
    return latched_ == Latched::kNone;
  }
  const int error = SSL_get_error(ssl_.get(), done);
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) FailHandshake();
  return false;
}

void TlsTransport::HandshakeDone() {
  SSL* ssl = ssl_.get();
  const bool resumed = SSL_session_reused(ssl) == 1;
  // Sessions kept by OpenSSL itself do not look at the certificate inside them.
  if (resumed && !SessionStillValid(SSL_get_session(ssl), state_)) {
    SSL_CTX_remove_session(SSL_get_SSL_CTX(ssl), SSL_get_session(ssl));
    failure_ = {code::kCertificateExpired,
                FailureText(0, "certificate verify failed", "the certificate of the resumed session has expired")};
    if (stats_ != nullptr) ++stats_->fail_verify_error;
    return Latch(Latched::kClosed);
  }
  handshake_done_ = true;
  const bool validated = state_.judged ? state_.verdict.validated
                                       : resumed && state_.trust->verifies() && SSL_get_verify_result(ssl) == X509_V_OK;
  facts_ = std::make_unique<SslFacts>(ssl, validated);
  if (stats_ != nullptr) RecordHandshake(ssl, *stats_);
  // TLS 1.2 gives no new ticket with a resumption: the session that Take() took goes back.
  if (client_ != nullptr && resumed && SSL_version(ssl) < TLS1_3_VERSION) {
    SslSessionPtr session(SSL_get1_session(ssl));
    if (KeepSession(ssl, session.get()) == 1) session.release();
  }
}

void TlsTransport::FailHandshake() {
  const bool refused = state_.judged && !state_.verdict.accepted;
  if (refused) {
    const unsigned long error = ERR_peek_error();
    ERR_clear_error();
    failure_ = {state_.verdict.code, FailureText(error, "certificate verify failed", state_.verdict.detail)};
  } else {
    Failure failure = TakeFailure(true);
    failure_ = {failure.code, std::move(failure.text)};
  }
  if (stats_ != nullptr) RecordFailure(failure_.code, refused, *stats_);
  Latch(Latched::kClosed);
}

void TlsTransport::FailStream() {
  Failure failure = TakeFailure(false);
  failure_ = {failure.code, std::move(failure.text)};
  if (stats_ != nullptr) ++stats_->connection_error;
  Latch(Latched::kClosed);
}

// --- Reading ---

net::IoOutcome TlsTransport::Read(Buffer& into, size_t most) {
  size_t total = 0;
  if (ssl_ == nullptr || latched_ != Latched::kNone) return Outcome(0);
  ForgetErrors();
  if (SslPending()) Open(into, most, &total);
  OpenRaw(into, most, &total);
  while (total < most && latched_ == Latched::kNone && raw_.empty()) {
    const size_t want = handshake_done_ ? std::min(kReadSize, most - total + kRecordOverhead) : kReadSize;
    iovec scratch{Scratch(t_read_scratch, kReadSize), want};
    const event::IoResult got = connection_->SocketRead(&scratch, 1);
    if (got <= 0) {  // after a short read the Connection says -EAGAIN without asking the system, unless an end is near
      if (got != -EAGAIN) SocketEnded(got);
      break;
    }
    in_ = static_cast<const char*>(scratch.iov_base);
    in_left_ = static_cast<size_t>(got);
    Open(into, most, &total);
    if (in_left_ > 0) raw_.Append(absl::string_view(in_, in_left_));
    in_left_ = 0;
  }
  // Handshake flights, alerts, key updates. A socket that is full is written again when it has room.
  if (!sealed_out_.empty() && sealed_ == 0 && Flush() == net::IoStatus::kClosed) Latch(Latched::kClosed);
  if (sealed_out_.size() > kMostAnswers && latched_ == Latched::kNone) {
    failure_ = {code::kFlood, "TLS_error:the peer asks for answers and does not read them"};
    if (stats_ != nullptr) ++stats_->connection_error;
    Latch(Latched::kClosed);
  }
  return Outcome(total);
}

void TlsTransport::OpenRaw(Buffer& into, size_t most, size_t* total) {
  while (!raw_.empty() && *total < most && latched_ == Latched::kNone) {
    const absl::string_view front = raw_.Front();
    in_ = front.data();
    in_left_ = front.size();
    Open(into, most, total);
    raw_.Drain(front.size() - in_left_);
    in_left_ = 0;
  }
}

// Opens records until OpenSSL has taken all there is, or `most` is reached.
void TlsTransport::Open(Buffer& into, size_t most, size_t* total) {
  if (!Handshake()) return;
  while (*total < most) {
    // A record's plaintext is smaller than itself: no more room is needed than there is ciphertext, and a small message
    // does not pin a large block.
    const size_t pending = static_cast<size_t>(SSL_pending(ssl_.get()));
    if (pending == 0 && in_left_ == 0) return;
    size_t room = 0;
    char* at = into.Reserve(std::min(kRecordSize, std::max<size_t>({pending, in_left_, 512})), &room);
    const int got = SSL_read(ssl_.get(), at, static_cast<int>(std::min<size_t>(room, 1 << 30)));
    if (got > 0) {
      into.Commit(static_cast<size_t>(got));
      *total += static_cast<size_t>(got);
      continue;
    }
    into.Commit(0);
    const int error = SSL_get_error(ssl_.get(), got);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
    if (error == SSL_ERROR_ZERO_RETURN) return Latch(Latched::kEnd);
    return FailStream();
  }
}

void TlsTransport::SocketEnded(event::IoResult result) {
  const bool reset = result < 0;
  if (handshake_done_ && reset) return Latch(Latched::kClosed);  // the Connection says "reset"
  failure_.code = reset ? code::kReset : code::kUnexpectedEof;
  failure_.text = absl::StrCat("TLS_error:", reset ? "the connection was reset" : "the peer closed the connection",
                               handshake_done_ ? " without close_notify" : " during the handshake");
  if (stats_ != nullptr && !handshake_done_) ++stats_->connection_error;
  Latch(Latched::kClosed);
}

// Bytes first; how it ended is told by the next call (has_buffered asks for it).
net::IoOutcome TlsTransport::Outcome(size_t total) {
  if (total > 0 || latched_ == Latched::kNone) return {net::IoStatus::kMore, total};
  return {latched_ == Latched::kEnd ? net::IoStatus::kEnd : net::IoStatus::kClosed, 0};
}

// --- Writing ---

net::IoOutcome TlsTransport::Write(Buffer& from, bool end) {
  if (ssl_ == nullptr || latched_ == Latched::kClosed) return {net::IoStatus::kClosed, 0};
  uint64_t total = 0;
  ForgetErrors();
  while (true) {
    if (Flush() == net::IoStatus::kClosed) return {net::IoStatus::kClosed, total};
    if (!sealed_out_.empty()) return {net::IoStatus::kMore, total};
    sealed_ = std::min(sealed_, from.size());  // the Connection may have dropped its output
    from.Drain(sealed_);
    total += sealed_;
    sealed_ = 0;
    if (!handshake_done_ || from.empty()) break;
    Seal(from);
    if (latched_ == Latched::kClosed) return {net::IoStatus::kClosed, total};
  }
  if (!end || !from.empty()) return {net::IoStatus::kMore, total};
  return {FinishWriting(), total};
}

// Seals up to kBurst bytes from the front of `from` into records.
void TlsTransport::Seal(const Buffer& from) {
  const size_t burst = std::min(from.size(), kBurst);
  reserve_ = burst + (burst / kRecordSize + 1) * kRecordOverhead;
  size_t slice = 0;
  size_t within = 0;
  while (sealed_ < burst) {
    const absl::string_view piece = from.slice(slice).view();
    const size_t contiguous = std::min(piece.size() - within, burst - sealed_);
    size_t n = std::min(contiguous, kRecordSize);
    const char* data = piece.data() + within;
    if (n < kRecordSize && n < burst - sealed_) {
      // Header and body of a small answer, or many small slices: one record.
      n = std::min(burst - sealed_, kRecordSize);
      char* joined = Scratch(t_join_scratch, kRecordSize);
      from.CopyOut(sealed_, n, joined);
      data = joined;
    }
    if (!SealPiece(data, n)) return;
    sealed_ += n;
    within += n;
    while (slice < from.slice_count() && within >= from.slice(slice).view().size()) {
      within -= from.slice(slice).view().size();
      ++slice;
    }
  }
  reserve_ = 0;
}

bool TlsTransport::SealPiece(const char* data, size_t size) {
  size_t done = 0;
  while (done < size) {
    const int wrote = SSL_write(ssl_.get(), data + done, static_cast<int>(size - done));
    if (wrote <= 0) {
      FailStream();
      return false;
    }
    done += static_cast<size_t>(wrote);
  }
  return true;
}

net::IoStatus TlsTransport::Flush() {
  while (!sealed_out_.empty()) {
    iovec slices[kSlices];
    const int count = sealed_out_.GetSlices(slices, kSlices);
    size_t offered = 0;
    for (int i = 0; i < count; ++i) offered += slices[i].iov_len;
    const event::IoResult sent = connection_->SocketWrite(slices, count);
    if (sent == -EAGAIN) return net::IoStatus::kMore;
    if (sent < 0) return net::IoStatus::kClosed;
    sealed_out_.Drain(static_cast<size_t>(sent));
    if (static_cast<size_t>(sent) < offered) return net::IoStatus::kMore;
  }
  return net::IoStatus::kMore;
}

// close_notify, then FIN. A peer that has ended already still gets both (RFC 8446 6.1).
net::IoStatus TlsTransport::FinishWriting() {
  if (handshake_done_ && !notified_) {
    notified_ = true;
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
    if (Flush() == net::IoStatus::kClosed) return net::IoStatus::kClosed;
  }
  if (!sealed_out_.empty()) return net::IoStatus::kMore;
  return connection_->SocketShutdownWrite() < 0 ? net::IoStatus::kClosed : net::IoStatus::kMore;
}

void TlsTransport::Dump(DumpWriter& out) const {
  out.Open("tls");
  out.Field("role", server_ != nullptr ? "server" : "client").Field("handshake_done", handshake_done_ ? 1 : 0);
  out.Field("raw", raw_.size()).Field("unsent", sealed_out_.size());
  if (facts_ != nullptr) out.Field("version", facts_->version()).Field("cipher", facts_->cipher());
  if (failure_.code[0] != 0) out.Field("failure", failure_.code);
  out.Close();
}

}  // namespace

std::unique_ptr<net::Transport> MakeServerTransport(const ServerTransportOptions& options) {
  return std::make_unique<TlsTransport>(options);
}

std::unique_ptr<net::Transport> MakeClientTransport(const ClientTransportOptions& options) {
  return std::make_unique<TlsTransport>(options);
}

void ReleaseReadScratch() {
  t_read_scratch.reset();
  t_join_scratch.reset();
}

}  // namespace outrigger::tls
