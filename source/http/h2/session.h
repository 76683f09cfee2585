// Thread: worker
#pragma once

#include <cstdint>
#include <memory>

#include "source/event/dispatcher.h"
#include "source/http/codec.h"
#include "source/http/h2/closed_streams.h"
#include "source/http/h2/flood_guard.h"
#include "source/http/h2/framer.h"
#include "source/http/h2/stream.h"
#include "source/http/h2/turn_share.h"

namespace outrigger::http::h2 {

// One HTTP/2 connection, either end (`server_owner` or `client_owner` is set). Frames become stream events while input
// is read; what is sent during a turn is written once, at its end, in rounds of one quantum per stream. Owner: see
// codec.h.
class Http2Session final : public ClientSession, private FrameEvents, private event::EndOfTurn {
 public:
  Http2Session(net::Connection& connection, ServerSessionOwner* server_owner, ClientSessionOwner* client_owner,
               const CodecOptions& options, const Http2Options& http2, CodecCounters& counters);
  ~Http2Session() override;

  // Session, ClientSession.
  Protocol protocol() const override { return Protocol::kHttp2; }
  uint32_t active_streams() const override { return active_; }
  void StartDrain(Duration grace) override;  // server, no grace: no stream more, from now on
  bool draining() const override { return draining_; }
  void CloseAll(ResetReason reason, net::CloseInfo why) override;
  StreamSender* NewStream(StreamReceiver& receiver) override;
  uint32_t stream_limit() const override;
  bool accepts_streams() const override;

  // net::ConnectionHandler.
  void OnConnected() override;
  void OnData(Buffer& input, bool end) override;
  void OnAboveWriteHigh() override {}
  void OnBelowWriteLow() override { ScheduleFlush(); }
  void OnClosed(const net::CloseInfo& why) override;
  void Dump(DumpWriter& out) const override;

 private:
  friend class Stream;
  // Smaller pieces of DATA are copied: a 128 KiB block is not kept for a few bytes of it.
  static constexpr size_t kShareAtLeast = 4096;
  static constexpr size_t kAnnounceEvery = 64 * 1024;
  static constexpr uint64_t kMostQueued = 16;  // stream_buffer_limits of body that streams may have waiting together
  static constexpr Duration kRest = milliseconds(100);
  static constexpr uint8_t kMostInterims = 64;  // 1xx of one response: http2.too_many_interim_responses

  // FrameEvents.
  bool OnFrameBegin(const FrameHead& head) override;
  Stream* OnRequestBegin(uint32_t stream_id) override;
  bool OnHeaderBlockBegin(Stream& stream) override;
  bool OnHeaderBlockWithoutStream() override;
  bool OnHeader(Stream& stream, const HpackDecoder::Field& field) override;
  bool OnHeaderBlockEnd(Stream& stream, bool end) override;
  void OnDataChunk(Stream& stream, const char* bytes, size_t n) override;
  bool OnDataFrame(Stream& stream, bool end, bool empty) override;
  bool OnDataWithoutStream(bool empty) override;
  bool MayGoOn() override { return !share_.over(); }
  void OnResetFrame(Stream& stream) override;
  void OnSettings(bool ack) override;
  void OnPingAck() override;
  void OnGoAway(uint32_t last_stream_id, ErrorCode code) override;
  bool OnInvalidMessage(Stream* stream, const char* detail) override;
  void OnFramingError(Stream* stream, const char* detail) override;
  void OnStreamRefused(uint32_t stream_id) override;
  void OnFrameSent(const FrameHead& head, Stream* stream, ErrorCode code) override;
  void OnRequestNotSent(Stream& stream) override;
  void OnStreamClosed(Stream& stream, ErrorCode code) override;
  int64_t OnDataWanted(Stream& stream, size_t most, bool* end, bool* more_follows) override;
  void OnDataFrameReady(Stream& stream, absl::string_view frame_head, size_t length) override;
  void OnEndOfTurn() override;

  bool OnRequestHeaders(Stream& stream, bool end);
  bool OnResponseHeaders(Stream& stream, bool end);
  bool OnTrailers(Stream& stream, bool end);
  bool RefuseBlock(Stream& stream, ErrorCode code, const char* detail);
  void Deliver(Stream& stream);
  void DeliverPending();
  void ReturnCredit(Stream& stream);
  void DropReceived(Stream& stream);
  void Forget(Stream& stream);
  void EndReceiver(Stream& stream, ResetReason reason, const char* detail);
  void FinishIfDone(Stream& stream);
  void Release(Stream& stream);
  void ScheduleFlush();
  void Flush();
  void FlushOnce();
  void WriteWaiting();
  void PushOutput(absl::string_view bytes);
  void FireLowMarks();
  void NotifyOwner();
  void Leave(Stream& stream);
  void Left(Stream& stream);
  void OnFlushTimer();
  void OnPrefaceTimer();
  void AwaitRequestEnd(Stream& stream);
  void OnEarlyTimer();
  void Rest();
  bool JudgeLateFrame(const FrameHead& head);
  void CheckMemory();
  void Receive(Buffer& bytes);
  void NoteGauges(bool ended);
  void CloseIfDone();
  // The connection cannot go on: GOAWAY with `code`, then close. Acts at the end of the read or write in progress.
  void Fail(ErrorCode code, const char* detail, bool flood);
  void FinishFailure();
  void EndSession(ResetReason reason, const char* detail);
  void SendFinalGoAway();
  void OnDrainTimer();
  void StartKeepalive();
  void OnKeepaliveTimer();
  void CheckIdleBeforeUse();
  Duration Jittered(Duration interval);

  net::Connection& connection_;
  ServerSessionOwner* server_owner_;
  ClientSessionOwner* client_owner_;
  const CodecOptions options_;
  const Http2Options http2_;
  CodecCounters& counters_;
  FloodGuard floods_;
  TurnShare share_;
  ClosedStreams closed_streams_;
  Framer framer_;
  IntrusiveList<Stream, AllStreams> streams_;
  IntrusiveList<Stream, StreamsToDeliver> to_deliver_;
  IntrusiveList<Stream, StreamsToResume> to_resume_;
  IntrusiveList<Stream, StreamsAboveHigh> above_high_;
  IntrusiveList<Stream, AnsweredEarly> answered_early_;  // in the order of their farewell_
  std::unique_ptr<event::Timer> drain_timer_;
  std::unique_ptr<event::Timer> keepalive_timer_;
  std::unique_ptr<event::Timer> flush_timer_;
  std::unique_ptr<event::Timer> preface_timer_;  // server: until the client's first SETTINGS
  std::unique_ptr<event::Timer> early_timer_;
  std::unique_ptr<event::Timer> rest_timer_;  // server: nothing is read until then
  Block* reading_ = nullptr;                  // whose bytes are being read
  uint64_t appended_ = 0;                     // bytes ever put into the connection's output
  uint64_t unannounced_ = 0;                  // of them, since the connection was last told
  uint64_t queued_ = 0;                       // bytes that wait in all streams' out_
  struct Shown {                              // of gauges, as counted so far
    int64_t streams, closing, frames, control_frames, bytes;
  } shown_{};
  MonotonicTime ping_sent_;
  ErrorCode fail_code_ = ErrorCode::kNoError;
  const char* fail_detail_ = nullptr;  // set: failing
  const char* framing_detail_ = nullptr;
  uint32_t active_ = 0;
  uint32_t closing_ = 0;     // closed streams whose receiver has not taken everything
  uint32_t leaving_ = 0;     // streams that wait for flow control alone
  uint32_t block_wire_ = 0;  // bytes of the header block being read, as encoded
  bool framing_failed_ : 1 = false;
  bool ready_ : 1 = false, closed_ : 1 = false, draining_ : 1 = false, final_goaway_ : 1 = false,
                peer_goaway_ : 1 = false, receiving_ : 1 = false, flushing_ : 1 = false, flush_wanted_ : 1 = false,
                stream_ended_ : 1 = false, went_idle_ : 1 = false, ping_outstanding_ : 1 = false,
                drain_ping_ : 1 = false, settings_sent_ : 1 = false, preface_done_ : 1 = false,
                input_ended_ : 1 = false, resting_ : 1 = false;
};

}  // namespace outrigger::http::h2
