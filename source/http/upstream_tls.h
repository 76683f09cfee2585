// Thread: worker
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "source/base/arena.h"
#include "source/net/transport.h"

namespace outrigger::http {

// Facts of the TLS connection to an upstream, copied for logs and headers that ask for them: the connection may be gone by then.
// Only what a wish names is there.
struct UpstreamTls {
  using Fact = net::TlsInfo::Fact;
  using Wish = uint32_t;  // bits; 0: nobody asks
  static constexpr Wish kConnection = Wish{1} << 31;
  static constexpr Wish PeerFact(Fact fact) { return Wish{1} << static_cast<uint32_t>(fact); }
  static constexpr Wish LocalFact(Fact fact) { return Wish{1} << (16 + static_cast<uint32_t>(fact)); }

  static const UpstreamTls* Copy(const net::TlsInfo& tls, Wish wish, Arena& arena);

  absl::string_view version, cipher, session_id, server_name;  // kConnection
  absl::string_view peer[static_cast<size_t>(Fact::kCount)], local[static_cast<size_t>(Fact::kCount)];
};
static_assert(static_cast<uint32_t>(net::TlsInfo::Fact::kCount) < 15);

}  // namespace outrigger::http
