// Thread: worker
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "source/net/transport.h"
#include "source/tls/client_context.h"
#include "source/tls/server_context.h"
#include "source/tls/session_cache.h"
#include "source/tls/stats.h"

namespace outrigger::tls {

// TLS between a Connection's buffers and its socket, over real OpenSSL on memory.
//
// Reading: one readv takes up to kReadSize of records into a block that the thread's connections share, then all whole
// records are opened. Writing: what fits one record goes out as one record, more as full records of 16 KiB, all of a
// burst in one writev. Bytes leave the caller's buffer only when the socket took their records. An idle connection
// holds no buffer of ours, and none of OpenSSL's (SSL_MODE_RELEASE_BUFFERS).
//
// The handshake is driven by Read, Write and OnConnected; its time limit is the Connection's. A peer that closes
// without close_notify breaks the connection ("unexpected_eof"): a message that ends with the connection may be cut
// short. Failures are said by failure(), with the words of source/tls/failure.h. OpenSSL's own early data,
// renegotiation and compression stay off.

struct ServerTransportOptions {
  std::shared_ptr<const ServerContext> context;
  TlsStats* stats = nullptr;  // may be null; outlives the transport
};
std::unique_ptr<net::Transport> MakeServerTransport(const ServerTransportOptions& options);

struct ClientTransportOptions {
  std::shared_ptr<const ClientContext> context;
  // The name to send instead of the context's sni(): auto_sni, or the endpoint's host name (auto_host_sni). "": the
  // context's. Never an IP address.
  std::string sni;
  // A DNS name that the certificate must carry besides the context's expected names (auto_san_validation). "": none.
  std::string verify_dns;
  // Replaces the context's ALPN list; null: the context's.
  const std::vector<std::string>* alpn = nullptr;
  // Where sessions are kept, and under which endpoint (address text). null: no resumption.
  SessionCache* sessions = nullptr;
  std::string endpoint;
  TlsStats* stats = nullptr;
};
std::unique_ptr<net::Transport> MakeClientTransport(const ClientTransportOptions& options);

// Gives this thread's shared read block back (overload, exit).
void ReleaseReadScratch();

}  // namespace outrigger::tls
