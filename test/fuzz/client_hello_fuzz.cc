// What a peer sends first: the ClientHello parser and the HTTP detector, whole and byte by byte.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "source/net/client_hello.h"
#include "source/net/http_detector.h"

using outrigger::net::ClientHello;
using outrigger::net::ClientHelloResult;
using outrigger::net::HttpDetection;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  constexpr size_t kLimit = 4096;
  ClientHello whole;
  const ClientHelloResult result = ParseClientHello(bytes, kLimit, &whole);
  const HttpDetection http = outrigger::net::DetectHttp(bytes, kLimit);
  if (size > 600) return 0;
  // A verdict on a prefix is final: more bytes never change it.
  for (size_t n = 0; n < size; ++n) {
    ClientHello part;
    const ClientHelloResult early = ParseClientHello({bytes.data(), n}, kLimit, &part);
    if (early != ClientHelloResult::kNeedMore && early != result) abort();
    if (early == ClientHelloResult::kFound && part.server_name != whole.server_name) abort();
    const HttpDetection early_http = outrigger::net::DetectHttp({bytes.data(), n}, kLimit);
    if (early_http != HttpDetection::kNeedMore && early_http != http) abort();
  }
  return 0;
}
