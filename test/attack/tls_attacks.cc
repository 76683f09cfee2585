#include <string>

#include "test/attack/attack.h"

namespace outrigger::attack {

void AddTlsAttacks(const std::string& hello, std::vector<Attack>& all) {
  all.push_back({"tls-handshakes", "handshakes begun, left when the server has done its part", "ssl.connection_error",
                 Repeat(hello, ""), Reads::kAll, 32, 0, true, true});
  all.push_back(
      {"tls-slow-hello", "a ClientHello that comes byte by byte", "transport_socket_connect_timeout|connect_timeout",
       Repeat(hello.substr(0, hello.size() / 2), hello.substr(hello.size() / 2)), Reads::kAll, 500, 50, true});
  all.push_back({"tls-silent", "connections that never begin the handshake",
                 "transport_socket_connect_timeout|connect_timeout", Repeat("", ""), Reads::kAll, 1000, 0, true});
  all.push_back({"tls-garbage", "bytes that are no handshake", "ssl.connection_error",
                 Repeat("", "\x16\x03\x01\x40\x00 no handshake"), Reads::kAll, 32, 0, true});
  all.push_back({"tls-plain", "HTTP to the TLS port", "ssl.connection_error",
                 Repeat("", "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"), Reads::kAll, 32, 0, true});
}

}  // namespace outrigger::attack
