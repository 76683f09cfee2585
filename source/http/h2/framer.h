// Thread: worker
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>

#include "absl/strings/string_view.h"
#include "source/http/h2/error_code.h"
#include "source/http/header_map.h"

struct nghttp2_session;  // opaque: framer.cc alone knows the library

namespace outrigger::http::h2 {

class Stream;

enum class FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kRstStream = 3,
  kSettings = 4,
  kPushPromise = 5,
  kPing = 6,
  kGoAway = 7,
  kWindowUpdate = 8,
  kContinuation = 9
};
struct FrameHead {
  FrameType type;
  uint8_t flags;
  uint32_t length;
  uint32_t stream_id;
};

// What frames do to the session. "false" ends the connection: the session has noted why. Streams are the session's
// objects, null where the library has none for the frame.
class FrameEvents {
 public:
  virtual bool OnFrameBegin(const FrameHead& head) = 0;
  virtual Stream* OnRequestBegin(uint32_t stream_id) = 0;  // server: a stream of the peer; null: refused
  virtual bool OnHeaderBlockBegin(Stream& stream) = 0;
  virtual bool OnHeader(Stream& stream, absl::string_view name, absl::string_view value, bool static_name,
                        bool static_value) = 0;
  virtual bool OnHeaderBlockEnd(Stream& stream, bool end) = 0;
  virtual void OnDataChunk(Stream* stream, uint32_t stream_id, const char* bytes, size_t n) = 0;
  virtual bool OnDataFrame(Stream* stream, bool end, bool empty) = 0;
  virtual void OnResetFrame(Stream* stream) = 0;
  virtual void OnSettings(bool ack) = 0;
  virtual void OnPingAck() = 0;
  virtual void OnGoAway(uint32_t last_stream_id, ErrorCode code) = 0;
  virtual bool OnInvalidMessage(Stream* stream,
                                const char* detail) = 0;  // the library resets the stream when this says true
  virtual void OnLibraryError(
      const char* detail) = 0;  // it queued RST_STREAM or GOAWAY; says why, in case of the latter
  virtual void OnFrameSent(const FrameHead& head, Stream* stream, ErrorCode code) = 0;
  virtual void OnRequestNotSent(uint32_t stream_id) = 0;
  virtual void OnStreamClosed(Stream& stream, ErrorCode code) = 0;
  // What the stream can send now, at most `most`; *end: these are the last bytes of body; *more_follows: trailers come
  // after it. -1: nothing now.
  virtual int64_t OnDataWanted(Stream& stream, size_t most, bool* end, bool* more_follows) = 0;
  virtual void OnDataFrameReady(Stream& stream, absl::string_view frame_head,
                                size_t length) = 0;  // moves bytes to the output

 protected:
  ~FrameEvents() = default;
};

// One end of an HTTP/2 connection as frames: HPACK, stream states and flow-control arithmetic (nghttp2's), nothing of
// ours.
class Framer {
 public:
  struct Limits {
    uint32_t hpack_table_size;
    uint32_t max_concurrent_streams;
    uint32_t stream_window;
    uint32_t connection_window;
    uint32_t max_header_bytes;
    uint32_t max_control_frames;
    bool extended_connect;
  };
  Framer(bool server, const Limits& limits, FrameEvents& events);
  ~Framer();
  Framer(const Framer&) = delete;

  // False: the connection is beyond repair; *detail says why.
  bool Receive(absl::string_view bytes, const char** detail);
  // The next bytes to write ("" when there are none for now); valid until the next call. DATA goes through
  // OnDataFrameReady.
  absl::string_view NextOutput();
  bool done() const;  // neither reads nor writes any more

  // Each copies what it is given. Streams that are gone are ignored.
  uint32_t SubmitRequest(const HeaderMap& headers, bool end, Stream& stream);  // 0: no stream could be made
  bool SubmitResponse(uint32_t stream_id, const HeaderMap& headers, bool end, Stream& stream);
  void SubmitInterim(uint32_t stream_id, const HeaderMap& headers);
  void SubmitTrailers(uint32_t stream_id, const HeaderMap& trailers);
  void SubmitReset(uint32_t stream_id, ErrorCode code);
  void SubmitPing();
  void SubmitShutdownNotice();
  void SubmitGoAway(ErrorCode code);
  void ResumeData(uint32_t stream_id);
  void Consume(uint32_t stream_id, size_t n);  // credit of the stream and of the connection
  void ConsumeConnection(size_t n);

  uint32_t peer_stream_limit() const;
  bool peer_allows_extended_connect() const;
  uint32_t last_processed_stream() const;
  bool is_server() const { return server_; }

  // Fields whose value differs in nearly each message. In the peer's table such values would only push out what
  // repeats, and make our own search of it long: just the name is kept there, by one message in 256.
  static constexpr KnownHeader kVolatile[] = {KnownHeader::kXRequestId, KnownHeader::kXEnvoyUpstreamServiceTime,
                                              KnownHeader::kTraceparent, KnownHeader::kGrpcTimeout};
  struct VolatileUses {
    uint8_t of[std::size(kVolatile)] = {};
  };

 private:
  friend struct Callbacks;
  void SubmitFirstFrames(const Limits& limits);

  FrameEvents& events_;
  nghttp2_session* session_ = nullptr;
  Stream* header_stream_ = nullptr;  // whose header block is being read; blocks never interleave (RFC 9113 4.3)
  VolatileUses volatile_uses_;
  bool server_;
};

}  // namespace outrigger::http::h2
