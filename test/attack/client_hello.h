// Thread: any
#pragma once

#include <string>

namespace outrigger::attack {

// The first bytes of a TLS 1.3 client: a ClientHello with a P-256 share, as OpenSSL writes it.
std::string ClientHello();

}  // namespace outrigger::attack
