// Thread: worker
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "source/base/intrusive_list.h"
#include "source/http/h2/bytes.h"
#include "source/http/h2/error_code.h"
#include "source/http/h2/field_rules.h"
#include "source/http/h2/hpack_decoder.h"
#include "source/http/h2/hpack_encoder.h"
#include "source/http/h2/stream_index.h"
#include "source/http/header_map.h"

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
// objects, null where the framer has none for the frame.
class FrameEvents {
 public:
  virtual bool OnFrameBegin(const FrameHead& head) = 0;
  virtual Stream* OnRequestBegin(uint32_t stream_id) = 0;  // server: a stream of the peer; null: refused
  virtual bool OnHeaderBlockBegin(Stream& stream) = 0;
  virtual bool OnHeaderBlockWithoutStream() { return true; }  // it is decoded for the table's sake alone
  virtual void OnStreamRefused(uint32_t /*stream_id*/) {}     // the peer's, above our limit: RST_STREAM follows
  // False: the rest of the block is not wanted.
  virtual bool OnHeader(Stream& stream, const HpackDecoder::Field& field) = 0;
  virtual bool OnHeaderBlockEnd(Stream& stream, bool end) = 0;
  virtual void OnDataChunk(Stream& stream, const char* bytes, size_t n) = 0;
  virtual bool OnDataFrame(Stream& stream, bool end, bool empty) = 0;
  virtual bool OnDataWithoutStream(bool /*empty*/) { return true; }  // it was reset or refused, or had ended
  virtual bool MayGoOn() { return true; }                            // false: the next frame is for another turn
  virtual void OnResetFrame(Stream& stream) = 0;
  virtual void OnSettings(bool ack) = 0;
  virtual void OnPingAck() = 0;
  virtual void OnGoAway(uint32_t last_stream_id, ErrorCode code) = 0;
  virtual bool OnInvalidMessage(Stream* stream, const char* detail) = 0;  // the framer resets it when this says true
  virtual void OnFramingError(Stream* stream,
                              const char* detail) = 0;  // RST_STREAM of it is queued; null: GOAWAY follows
  virtual void OnFrameSent(const FrameHead& head, Stream* stream, ErrorCode code) = 0;
  virtual void OnRequestNotSent(Stream& stream) = 0;  // made after the peer said GOAWAY
  virtual void OnStreamClosed(Stream& stream, ErrorCode code) = 0;
  // What the stream can send now, at most `most`; *end: these are the last bytes of body; *more_follows: trailers come
  // after it. -1: nothing now.
  virtual int64_t OnDataWanted(Stream& stream, size_t most, bool* end, bool* more_follows) = 0;
  virtual void OnDataFrameReady(Stream& stream, absl::string_view frame_head,
                                size_t length) = 0;  // moves bytes to the output

 protected:
  ~FrameEvents() = default;
};

struct StreamsWithData;      // may have DATA to send, in turn
struct StreamsNeverStarted;  // requests that will not be sent

// What the framer keeps in each Stream (which derives from it).
struct FramedStream : ListHook<StreamsWithData>, ListHook<StreamsNeverStarted> {
  MessageRules rules;             // of what it receives
  int64_t send_window = 0;        // below zero after the peer made its windows smaller
  uint32_t unreturned = 0;        // received bytes whose credit was not given back
  uint32_t consumed = 0;          // of them, those that the session is done with
  bool open : 1 = false;          // in the framer's index
  bool has_body : 1 = false;      // DATA or trailers will be sent
  bool starved : 1 = false;       // would send, but for its window
  bool remote_ended : 1 = false;  // END_STREAM came
  bool local_ended : 1 = false;   // END_STREAM went out
  bool resetting : 1 = false;     // RST_STREAM is queued: what comes is ignored
};

// One end of an HTTP/2 connection as frames (RFC 9113): frame grammar, HPACK, stream states, flow control. Knows
// nothing of messages above MessageRules. Frames other than DATA are queued as bytes, in order; DATA goes straight from
// its stream to the output.
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
    uint32_t hash_seed;  // the peer chooses ids
  };
  Framer(bool server, const Limits& limits, FrameEvents& events);
  Framer(const Framer&) = delete;

  // Takes the first *taken bytes: all, or whole frames until events.MayGoOn() says no. False: the connection is beyond
  // repair; *detail says why.
  bool Receive(absl::string_view bytes, size_t* taken, const char** detail);
  // The next bytes to write ("" when there are none for now); valid until the next call. DATA goes through
  // OnDataFrameReady.
  absl::string_view NextOutput();
  bool done() const;  // neither reads nor writes any more

  // Each copies what it is given. Streams that are gone are ignored.
  uint32_t SubmitRequest(const HeaderMap& headers, bool end, Stream& stream);  // its id; 0: no stream could be made
  void SubmitResponse(const HeaderMap& headers, bool end, Stream& stream);
  void SubmitInterim(const HeaderMap& headers, Stream& stream);
  void SubmitTrailers(const HeaderMap& trailers, Stream& stream);
  void SubmitReset(Stream& stream, ErrorCode code);
  void SubmitPing();
  void SubmitShutdownNotice();
  void SubmitGoAway(ErrorCode code);
  void ResumeData(Stream& stream);
  void Consume(Stream& stream, size_t n);  // credit of the stream and of the connection
  void ConsumeConnection(size_t n);

  bool Knows(uint32_t stream_id) const {
    return streams_.Find(stream_id) != nullptr;
  }                              // open, or its end is not written
  uint64_t memory_held() const;  // beside the streams' own
  uint32_t peer_stream_limit() const { return peer_stream_limit_; }
  bool peer_settings_seen() const { return first_settings_; }
  bool peer_allows_extended_connect() const { return peer_extended_connect_; }
  uint32_t last_processed_stream() const { return last_processed_; }
  bool is_server() const { return server_; }

 private:
  static constexpr uint32_t kFrameHead = 9;
  static constexpr uint32_t kLargestFrame = 16384;     // that we take: what we never announce otherwise
  static constexpr uint32_t kLargestSent = 64 * 1024;  // DATA, if the peer takes frames that large
  static constexpr uint32_t kMostSettings = 32;        // entries of a SETTINGS frame
  static constexpr uint32_t kMostInVain = 4;           // max_header_bytes of a block that are decoded unwanted
  static constexpr uint32_t kLargestWindow = 0x7fffffff;
  enum class Reading : uint8_t { kPreface, kHead, kPayload, kData, kSkipped };
  // A frame in out_, of which the session hears when it is in the connection's output.
  struct Sent {
    FrameHead head;
    ErrorCode code;
  };

  // frame_reader.cc: from bytes to frames, and DATA.
  bool ReadPreface(const char** at, const char* end, const char** detail);
  bool ReadHead(const char** at, const char* end);
  bool ReadPayload(const char** at, const char* end);
  bool ReadData(const char** at, const char* end);
  bool BeginFrame();
  bool BeginData();
  bool BeginHeaders();
  bool EndData();
  // Says whether reading goes on; the connection's error is queued.
  bool Break(ErrorCode code, const char* detail);
  bool Invalid(Stream& stream, const char* detail);
  // frame_handlers.cc: whole frames.
  bool OnPayload(absl::string_view payload);
  bool OnHeadersPayload(absl::string_view payload);
  bool OnContinuation(absl::string_view payload);
  bool OnBlock(absl::string_view block);
  bool DecodeBlock(absl::string_view block, bool* wanted);
  bool OnRstStream(absl::string_view payload);
  bool OnSettingsPayload(absl::string_view payload);
  bool OnSetting(uint16_t id, uint32_t value);
  bool OnSettingsAck();
  bool OnPeerWindow(int64_t more);
  bool OnPing(absl::string_view payload);
  bool OnGoAwayPayload(absl::string_view payload);
  bool OnWindowUpdate(absl::string_view payload);
  bool OnRemoteEnd(Stream& stream);
  bool IsIdle(uint32_t id) const;
  bool IsPeers(uint32_t id) const { return (id & 1) == (server_ ? 1u : 0u); }

  // framer.cc
  void SubmitFirstFrames();
  char* BeginFrameOut(FrameType type, uint8_t flags, uint32_t stream_id, uint32_t length,
                      ErrorCode code = ErrorCode::kNoError);
  void SubmitHeaders(const HeaderMap& headers, bool request, bool end, Stream& stream);
  void SubmitWindowUpdate(uint32_t stream_id, uint32_t increment);
  void SubmitGoAwayFrame(uint32_t last, ErrorCode code);
  void SubmitRefusal(uint32_t id);
  void NoteSent(const FrameHead& head, ErrorCode code);
  void WakeStarved(Stream& stream);
  void OnSent();
  void SendData();
  bool SendDataOf(Stream& stream);
  void Open(Stream& stream, uint32_t id);
  void Close(Stream& stream, ErrorCode code);
  void CloseIfBothEnded(Stream& stream);

  FrameEvents& events_;
  const Limits limits_;
  const bool server_;
  Reading reading_;
  bool first_settings_ : 1 = false;  // of the peer: have come
  bool acknowledged_ : 1 = false;    // ours were
  bool broken_ : 1 = false;          // GOAWAY with an error is queued: nothing is read or sent any more
  bool goaway_sent_ : 1 = false, goaway_received_ : 1 = false;
  bool peer_extended_connect_ : 1 = false;
  int8_t peer_no_priorities_ = -1;
  uint8_t head_have_ = 0;  // bytes of head_bytes_ or of the preface
  uint8_t padding_ = 0;
  bool padding_due_ = false;  // the next byte of DATA says how much of it is padding
  char head_bytes_[kFrameHead];
  FrameHead head_{};
  uint32_t left_ = 0;          // bytes of the frame that were not read
  uint32_t block_stream_ = 0;  // whose header block is being read; blocks never interleave (RFC 9113 4.3)
  uint32_t continuations_ = 0;
  bool block_ends_ = false;  // END_STREAM
  Stream* header_stream_ = nullptr;
  Stream* data_stream_ = nullptr;
  const char* fatal_ = nullptr;  // why Receive ends the connection itself
  Bytes in_;                     // a payload that did not come in one piece
  Bytes block_;                  // a header block that did not come in one frame
  HpackDecoder decoder_;
  HpackEncoder encoder_;
  StreamIndex streams_;
  IntrusiveList<FramedStream, StreamsWithData> with_data_;
  IntrusiveList<FramedStream, StreamsNeverStarted> never_started_;

  Bytes out_, writing_;
  Bytes sent_, told_;           // of Sent: for what is in out_, in writing_
  bool starts_queued_ = false;  // out_ has HEADERS that DATA of their stream must follow
  uint32_t waiting_acks_ = 0;
  int64_t send_window_ = 65535;
  uint32_t unreturned_ = 0, consumed_ = 0;
  uint32_t incoming_ = 0;       // open streams of the peer
  uint32_t last_received_ = 0;  // highest id of the peer
  uint32_t last_processed_ = 0;
  uint32_t last_taken_ = kLargestWindow;  // what our GOAWAY said
  uint32_t peer_goaway_last_ = kLargestWindow;
  uint32_t next_id_;
  uint32_t peer_stream_limit_ = 100;  // until it says otherwise
  uint32_t peer_window_ = 65535;      // of a new stream
  uint32_t peer_frame_ = 16384;
};

}  // namespace outrigger::http::h2
