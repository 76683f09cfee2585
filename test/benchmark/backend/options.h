// Thread: main
#pragma once

#include <cstddef>
#include <string>

namespace outrigger::backend {

// What the fixed backend answers, from its command line; constant afterwards.
struct Options {
  size_t body = 100;        // bytes of each answer's body
  bool http2 = false;       // HTTP/2 instead of HTTP/1.1: prior knowledge, or ALPN when TLS is on
  bool grpc = false;        // HTTP/2 answers are one gRPC message and grpc-status: 0 in trailers
  std::string certificate;  // PEM file; empty: no TLS
  std::string key;          // PEM file
  std::string authorities;  // PEM file; not empty: clients must show a certificate of one of them
};

}  // namespace outrigger::backend
