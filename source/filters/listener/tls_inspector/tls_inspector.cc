#include "source/filters/listener/tls_inspector/tls_inspector.h"

#include <memory>
#include <utility>

namespace outrigger::filters {

net::ListenerFilter::Verdict TlsInspector::OnBytes(absl::string_view seen, bool end, net::AcceptedSocket& socket,
                                                   size_t*) {
  net::ClientHello hello;
  switch (net::ParseClientHello(seen, limit_, &hello)) {
    case net::ClientHelloResult::kNeedMore:
      if (end) stats_.connection_closed.Inc();
      return Verdict::kNeedMore;
    case net::ClientHelloResult::kTooLarge:
      stats_.client_hello_too_large.Inc();
      return Verdict::kClose;
    case net::ClientHelloResult::kNotTls:
    case net::ClientHelloResult::kMalformed:
      stats_.tls_not_found.Inc();
      return Verdict::kContinue;
    case net::ClientHelloResult::kFound:
      break;
  }
  stats_.tls_found.Inc();
  (hello.server_name.empty() ? stats_.sni_not_found : stats_.sni_found).Inc();
  (hello.has_alpn ? stats_.alpn_found : stats_.alpn_not_found).Inc();
  stats_.bytes_processed.Record(hello.bytes);
  socket.properties.tls_detected = true;
  auto said = std::make_unique<net::ConnectionProperties::Hello>();
  said->server_name = std::move(hello.server_name);
  said->alpns = std::move(hello.alpns);
  socket.properties.hello = std::move(said);
  return Verdict::kContinue;
}

}  // namespace outrigger::filters
