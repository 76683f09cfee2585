// Thread: main
#pragma once

#include <nghttp2/nghttp2.h>

#include <string>

#include "absl/strings/string_view.h"
#include "test/benchmark/backend/options.h"

namespace outrigger::backend {

// One HTTP/2 server connection that gives every request the same answer: bytes in by Receive(), bytes out appended to a
// string.
class Http2 final {
 public:
  explicit Http2(const Options& options);
  ~Http2();
  Http2(const Http2&) = delete;
  Http2& operator=(const Http2&) = delete;

  // False: the peer broke the protocol.
  bool Receive(absl::string_view bytes, std::string& out);

 private:
  static int OnFrame(nghttp2_session* session, const nghttp2_frame* frame, void* self);
  static ssize_t ReadBody(nghttp2_session* session, int32_t stream, uint8_t* to, size_t room, uint32_t* flags,
                          nghttp2_data_source* source, void* self);
  void Answer(int32_t stream);

  const Options& options_;
  const std::string length_;
  nghttp2_session* session_ = nullptr;
};

}  // namespace outrigger::backend
