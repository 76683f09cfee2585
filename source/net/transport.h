// Thread: worker
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "source/base/buffer.h"
#include "source/base/dump.h"

namespace outrigger::net {

class Connection;

// Identity facts of a TLS connection, for XFCC, RBAC, access logs and chain matching. Text is made on first use and
// cached.
class TlsInfo {
 public:
  virtual ~TlsInfo() = default;
  virtual bool peer_presented() const = 0;            // a client/server certificate was shown
  virtual bool peer_validated() const = 0;            // and its chain and names were verified
  virtual absl::string_view version() const = 0;      // "TLSv1.3"
  virtual absl::string_view cipher() const = 0;       // "TLS_AES_128_GCM_SHA256"
  virtual absl::string_view alpn() const = 0;         // "" if none was agreed
  virtual absl::string_view server_name() const = 0;  // SNI
  virtual absl::string_view session_id() const = 0;   // hex
  virtual bool resumed() const = 0;
  enum class Fact : uint8_t {
    kUriSans,
    kDnsSans,
    kIpSans,
    kEmailSans,
    kSubject,
    kIssuer,
    kSerial,
    kSha256,
    kSha1,
    kPemEncoded /*url-encoded*/,
    kPemChainEncoded,
    kNotBefore,
    kNotAfter,
    kCount
  };
  // Comma-joined where several; "" where unknown. Valid as long as the connection.
  virtual absl::string_view Peer(Fact fact) const = 0;
  virtual absl::string_view Local(Fact fact) const = 0;
  virtual size_t PeerSanCount(Fact kind) const = 0;
  virtual absl::string_view PeerSan(Fact kind, size_t index) const = 0;
};

// Why a transport could not be established or ended abnormally: a stable word for stats plus text for
// %UPSTREAM_TRANSPORT_FAILURE_REASON% and %DOWNSTREAM_TRANSPORT_FAILURE_REASON%.
struct TransportFailure {
  const char* code =
      "";  // e.g. "certificate_expired", "san_mismatch", "no_certificate", "handshake_timeout"; static text
  std::string text;
};

enum class IoStatus : uint8_t {
  kMore,    // progress; nothing more to take now (or the caller's limit was reached)
  kEnd,     // the peer ended its direction in an orderly way
  kClosed,  // broken: reset, protocol error, failed handshake (failure() says why)
};
struct IoOutcome {
  IoStatus status;
  uint64_t bytes;
};

// What stands between a Connection's buffers and its socket: plain bytes, or TLS. Never blocks; uses the Connection's
// socket calls, which go through the Engine. Two implementations: RawTransport and tls::TlsTransport.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual void Attach(Connection& connection) = 0;  // once, before anything else
  virtual void OnConnected() = 0;                   // the socket is connected: a TLS client sends its hello
  // Takes what the socket has into `into`, at most about `most` bytes.
  virtual IoOutcome Read(Buffer& into, size_t most) = 0;
  // Sends from the front of `from`, draining what was sent. `end`: afterwards end our direction (close_notify, FIN).
  virtual IoOutcome Write(Buffer& from, bool end) = 0;
  virtual bool handshake_done() const = 0;
  virtual const TlsInfo* tls() const { return nullptr; }
  virtual absl::string_view alpn() const { return ""; }
  virtual const TransportFailure& failure() const = 0;
  // Read may have decrypted bytes left after a limited Read although the socket has none: then the Connection asks
  // again.
  virtual bool has_buffered() const { return false; }
  // Encrypted bytes wait for the socket although `from` of the last Write (or the handshake) gave nothing more to take:
  // call Write again, with whatever there is, when the socket is writable, and before closing after a flush.
  virtual bool wants_write() const { return false; }
  virtual void OnIdle() {}  // the connection became idle: give buffers back
  virtual void Dump(DumpWriter& out) const = 0;
};

}  // namespace outrigger::net
