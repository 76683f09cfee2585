// Thread: worker
#pragma once

#include <cstdint>

#include "source/base/buffer.h"
#include "source/base/intrusive_list.h"
#include "source/http/codec.h"
#include "source/http/h2/error_code.h"
#include "source/http/h2/framer.h"

namespace outrigger::http::h2 {

class Http2Session;

struct AllStreams;
struct StreamsToDeliver;  // have received bytes that their receiver has not seen
struct StreamsToResume;   // DATA was held back: connection full, or the stream's turn was over
struct AnsweredEarly;     // the whole answer was sent, the request has not ended
struct StreamsAboveHigh;  // their receiver was told to stop producing

// One exchange of an Http2Session, as a StreamSender. Owned by the session, which frees it (DestroyLater) when the
// framer closed the stream and the receiver has heard everything.
//
//   receiver:  headers -> body* -> (trailers) -> end_delivered          Reset()/OnReset: receiver_ = null, nothing more
//   is delivered;
//              likewise once it heard the end and its owner sent the end: what waits for flow control goes out without
//              it
//   framer:    id_ == 0 (client, before SendHeaders) -> open -> closed_
class Stream final : public StreamSender,
                     public event::Deferred,
                     public FramedStream,
                     public ListHook<AllStreams>,
                     public ListHook<StreamsToDeliver>,
                     public ListHook<StreamsToResume>,
                     public ListHook<AnsweredEarly>,
                     public ListHook<StreamsAboveHigh> {
 public:
  Stream(Http2Session& session, uint32_t id) : session_(session), id_(id) {}
  static void* operator new(size_t size);
  static void operator delete(void* memory);
  ~Stream() override;

  // StreamSender.
  void SendInterim(const HeaderMap& headers) override;
  void SendHeaders(const HeaderMap& headers, bool end) override;
  void SendBody(Buffer& body, bool end) override;
  void SendTrailers(const HeaderMap& trailers) override;
  void Reset(ResetReason reason) override;
  void PauseReading() override;
  void ResumeReading() override;
  net::Connection& connection() override;
  Protocol protocol() const override { return Protocol::kHttp2; }
  uint64_t wire_bytes_sent() const override { return sent_; }
  uint64_t wire_bytes_received() const override { return received_; }
  size_t held_bytes() const override { return in_.charged() + out_.charged(); }

  void Dump(DumpWriter& out) const;

 private:
  friend class Http2Session;
  friend class Framer;
  // A round of sending gives each stream this much before the next one's turn.
  static constexpr size_t kQuantum = 64 * 1024;

  void SendClientHeaders(const HeaderMap& headers, bool end);
  void SendServerHeaders(const HeaderMap& headers, bool end);
  void SendExtendedConnect(const HeaderMap& headers);
  void OnPeerSettings();
  void SubmitTrailers();
  void WakeData();
  void NoteMarks();
  void OwnerEnded();
  void DropUnsent();
  bool unsent() const;
  void NoteStart();

  Http2Session& session_;
  StreamReceiver* receiver_ = nullptr;
  HeaderMap* headers_ = nullptr;  // the block being read, or trailers that wait for a paused receiver
  absl::string_view upgrade_;  // client: name of the protocol asked for with extended CONNECT (in the receiver's arena)
  Buffer in_;                  // received, not delivered; its credit has not been returned
  Buffer out_;                 // to be sent as DATA
  const HeaderMap* unsent_ = nullptr;  // client: an upgrade, until the peer says whether it takes one
  struct SavedTrailers;
  SavedTrailers* trailers_ = nullptr;  // sent after out_
  uint64_t sent_ = 0;
  uint64_t received_ = 0;
  uint32_t id_;
  uint32_t pauses_ = 0;
  uint32_t owed_credit_ = 0;  // delivered while the receiver was pausing: returned when it resumes
  uint32_t round_sent_ = 0;
  MonotonicTime flush_progress_;  // leaving_: when something was sent last
  MonotonicTime farewell_;        // answered early: when it is reset
  uint64_t unsent_until_ = 0;     // client: the connection's bytes_written before the first byte of this request
  uint32_t header_count_ = 0;
  uint32_t header_bytes_ = 0;
  uint8_t interim_count_ = 0;
  const char* detail_ = nullptr;   // why the stream will be reset by the framer
  bool headers_done_ : 1 = false;  // the (final) header section was delivered
  bool block_bad_ : 1 = false;     // the rest of this header block is skipped
  bool end_received_ : 1 = false;
  bool trailers_ready_ : 1 = false;
  bool end_delivered_ : 1 = false;
  bool head_request_ : 1 = false;
  bool connect_ : 1 = false;         // CONNECT that was not refused: DATA alone (RFC 9113 8.5)
  bool body_forbidden_ : 1 = false;  // HEAD, 204, 304: what is sent as body is dropped
  bool headers_sent_ : 1 = false;
  bool end_queued_ : 1 = false;   // the last byte or the trailers were handed over
  bool owner_ended_ : 1 = false;  // and the owner knows (end_queued_ may come from what a HEAD or 204 forbids)
  bool end_sent_ : 1 = false;     // END_STREAM went to the output
  bool data_idle_ : 1 = false;    // the framer has been told that there is nothing to send
  bool above_high_ : 1 = false;
  bool reset_by_us_ : 1 = false;  // a reset that our side wanted: not the peer's fault
  bool reset_by_peer_ : 1 = false;
  bool closed_ : 1 = false;
  bool released_ : 1 = false;
  bool closing_ : 1 = false;          // the framer is done with it, its receiver is not
  bool leaving_ : 1 = false;          // nobody above knows it any more, and not all of it was sent
  bool reset_after_end_ : 1 = false;  // Reset(kNone): RST_STREAM NO_ERROR once the end was sent
};

}  // namespace outrigger::http::h2
