#include "test/benchmark/backend/http2.h"

#include <algorithm>
#include <cstring>

namespace outrigger::backend {
namespace {

constexpr int32_t kWindow = 1 << 24;
constexpr size_t kGrpcPrefix = 5;  // a flag and the message's length

nghttp2_nv Header(absl::string_view name, absl::string_view value) {
  const auto bytes = [](absl::string_view text) { return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data())); };
  return {bytes(name), bytes(value), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

// How much of a stream's body was sent is kept in the stream's user data, as a number.
size_t Sent(nghttp2_session* session, int32_t stream) {
  return reinterpret_cast<size_t>(nghttp2_session_get_stream_user_data(session, stream));
}

}  // namespace

Http2::Http2(const Options& options) : options_(options), length_(std::to_string(options.body)) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &Http2::OnFrame);
  nghttp2_session_server_new(&session_, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 4096},
                                             {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindow}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, 2);
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kWindow);
}

Http2::~Http2() { nghttp2_session_del(session_); }

bool Http2::Receive(absl::string_view bytes, std::string& out) {
  const auto* in = reinterpret_cast<const uint8_t*>(bytes.data());
  if (nghttp2_session_mem_recv(session_, in, bytes.size()) < 0) return false;
  const uint8_t* data = nullptr;
  for (ssize_t n; (n = nghttp2_session_mem_send(session_, &data)) > 0;) {
    out.append(reinterpret_cast<const char*>(data), static_cast<size_t>(n));
  }
  return true;
}

int Http2::OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
  const bool message = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
  if (message && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
    static_cast<Http2*>(self)->Answer(frame->hd.stream_id);
  return 0;
}

void Http2::Answer(int32_t stream) {
  const nghttp2_nv plain[] = {Header(":status", "200"), Header("content-type", "text/plain"),
                              Header("content-length", length_)};
  const nghttp2_nv grpc[] = {Header(":status", "200"), Header("content-type", "application/grpc")};
  nghttp2_data_provider body{};
  body.read_callback = &Http2::ReadBody;
  nghttp2_submit_response(session_, stream, options_.grpc ? grpc : plain, options_.grpc ? 2 : 3, &body);
}

ssize_t Http2::ReadBody(nghttp2_session* session, int32_t stream, uint8_t* to, size_t room, uint32_t* flags,
                        nghttp2_data_source*, void* self) {
  const Options& options = static_cast<Http2*>(self)->options_;
  const size_t whole = options.body + (options.grpc ? kGrpcPrefix : 0);
  const size_t sent = Sent(session, stream);
  const size_t n = std::min(room, whole - sent);
  std::memset(to, 'o', n);
  if (options.grpc && sent == 0 && n >= kGrpcPrefix) {
    to[0] = 0;
    for (size_t i = 0; i < 4; ++i) to[1 + i] = static_cast<uint8_t>(options.body >> (8 * (3 - i)));
  }
  nghttp2_session_set_stream_user_data(session, stream, reinterpret_cast<void*>(sent + n));
  if (sent + n < whole) return static_cast<ssize_t>(n);
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (options.grpc) {
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    const nghttp2_nv trailers[] = {Header("grpc-status", "0")};
    nghttp2_submit_trailer(session, stream, trailers, 1);
  }
  return static_cast<ssize_t>(n);
}

}  // namespace outrigger::backend
