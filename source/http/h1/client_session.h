// Thread: worker
#pragma once

#include "source/http/codec.h"
#include "source/http/h1/decoder.h"
#include "source/http/h1/recycler.h"
#include "source/http/h1/serializer.h"

namespace outrigger::http::h1 {

class ClientSession;

// One exchange of a client session: the sending side of the request. Recycled; after its end every call is ignored.
class ClientStream final : public StreamSender {
 public:
  ClientStream() = default;
  void SendInterim(const HeaderMap&) override {}
  void SendHeaders(const HeaderMap& headers, bool end) override;
  void SendBody(Buffer& body, bool end) override;
  void SendTrailers(const HeaderMap& trailers) override;
  void Reset(ResetReason reason) override;
  void PauseReading() override;
  void ResumeReading() override;
  net::Connection& connection() override { return *connection_; }
  Protocol protocol() const override { return Protocol::kHttp11; }
  uint64_t wire_bytes_sent() const override { return wire_sent_; }
  uint64_t wire_bytes_received() const override { return wire_received_ + head_waiting_; }
  size_t held_bytes() const override;
  bool supports_trailers() const override;

 private:
  friend class ClientSession;
  friend class RetiredStreams<ClientStream>;
  void Start(ClientSession& session, net::Connection& connection, StreamReceiver& receiver);
  bool complete() const { return request_done_ && response_done_; }
  // Nothing of the request was written: what comes now, or the connection's end, has nothing to do with it.
  // TLS keeps what it sealed, and may have sent a part of it, until all of it went out.
  bool unsent() const {
    return !request_started_ ||
           (connection_->stats().bytes_written <= unsent_until_ && !connection_->transport().wants_write());
  }
  // What was written of the request is all that the connection's output holds.
  bool OnlyWaits() const {
    return !response_started_ && !tunnel_open_ && unsent() && connection_->stats().bytes_written == unsent_until_ &&
           !connection_->closing();
  }
  bool waits_for_switch() const { return (!facts_.upgrade.empty() || facts_.connect) && !tunnel_open_; }
  void HoldBody(Buffer& body, bool end);
  void EndRequest();
  void Wrote(size_t bytes);

  ClientSession* session_ = nullptr;  // null: ended
  net::Connection* connection_ = nullptr;
  StreamReceiver* receiver_ = nullptr;
  ClientStream* next_retired_ = nullptr;
  RequestFacts facts_;
  WritePlan plan_;
  Buffer early_;  // sent by the owner before the peer switched: goes out when it does
  uint64_t wire_sent_ = 0;
  uint64_t wire_received_ = 0;
  uint64_t unsent_until_ = 0;  // the connection's bytes_written before the first byte of this request
  size_t head_waiting_ = 0;    // bytes of a head that is not complete
  uint32_t pauses_ = 0;
  uint32_t interim_count_ = 0;
  bool request_started_ : 1 = false;
  bool request_done_ : 1 = false;
  bool response_started_ : 1 = false;
  bool response_done_ : 1 = false;
  bool tunnel_open_ : 1 = false;
  bool end_early_ : 1 = false;   // the owner ended before the switch
  bool early_high_ : 1 = false;  // told to stop because of early_
};

// The client side of an HTTP/1 connection: one exchange at a time. Owned by a pool.
//
//   kIdle ──NewStream──▶ kHead ──final head──▶ kBody ──end──▶ kRest ──request complete──▶ kIdle (or close)
//                          └──101, CONNECT 2xx──▶ kTunnel ──both ends──▶ close
class ClientSession final : public http::ClientSession, private event::EndOfTurn {
 public:
  ClientSession(net::Connection& connection, ClientSessionOwner& owner, const CodecOptions& options,
                const Http1Options& http1, CodecCounters& counters);
  ~ClientSession() override;

  Protocol protocol() const override { return Protocol::kHttp11; }
  uint32_t active_streams() const override { return stream_ != nullptr ? 1 : 0; }
  void StartDrain(Duration grace) override;
  bool draining() const override { return draining_; }
  void CloseAll(ResetReason reason, net::CloseInfo why) override;
  StreamSender* NewStream(StreamReceiver& receiver) override;
  uint32_t stream_limit() const override { return 1; }
  bool accepts_streams() const override {
    return ready_ && stream_ == nullptr && !closing_ && !draining_ && !peer_ended_ && !going_away_;
  }

  void OnConnected() override;
  void OnData(Buffer& input, bool end) override;
  void OnAboveWriteHigh() override;
  void OnBelowWriteLow() override;
  void OnClosed(const net::CloseInfo& why) override;
  void Dump(DumpWriter& out) const override;

 private:
  friend class ClientStream;
  enum class State : uint8_t { kIdle, kHead, kBody, kRest, kTunnel };

  void OnEndOfTurn() override;
  const char* wire_names() const { return http1_.preserve_case ? WireScratch()->data() : nullptr; }
  ParseContext context() { return ParseContext{options_, http1_, counters_}; }
  bool Advance(Buffer& input);
  bool ReadHead(Buffer& input);
  void DeliverHead(HeaderMap& headers, const Head& head);
  bool ReadBody(Buffer& input);
  void DeliverTunnel(Buffer& input);
  void OpenTunnel();
  void OnPeerEnd(Buffer& input);
  void DeliverEnd();
  bool AfterDelivery(const ClientStream* stream);
  void NoteIdleTimeout(uint32_t seconds);

  void Fail(ResetReason reason, const char* detail, Buffer& input);
  void FailLater(const char* detail, bool cut);
  void FinishStream();
  void Retire(ClientStream* stream);
  void DropStream(ResetReason reason, const char* detail);
  void GoAway();
  void Close(net::Connection::CloseMode mode, net::CloseInfo why = {});
  void CutLater();

  net::Connection& connection_;
  ClientSessionOwner& owner_;
  CodecCounters& counters_;
  const CodecOptions options_;
  const Http1Options http1_;
  Decoder decoder_{Decoder::Kind::kResponse};
  ClientStream* stream_ = nullptr;
  RetiredStreams<ClientStream> retired_;
  const char* fail_detail_ = nullptr;             // the stream is to fail at the end of the turn
  uint32_t idle_seconds_ = Head::kNoIdleTimeout;  // what the peer said last
  State state_ = State::kIdle;
  bool ready_ : 1 = false;
  bool held_ : 1 = false;
  bool peer_ended_ : 1 = false;
  bool draining_ : 1 = false;
  bool going_away_ : 1 = false;  // OnGoAway was said
  bool close_after_ : 1 = false;
  bool closing_ : 1 = false;
  bool cut_pending_ : 1 = false;
};
static_assert(sizeof(ClientSession) <= 256, "an idle upstream connection pays for this");
static_assert(sizeof(ClientStream) <= 256);

}  // namespace outrigger::http::h1
