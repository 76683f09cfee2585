// Thread: worker
#pragma once

#include "source/http/codec.h"
#include "source/http/h1/decoder.h"
#include "source/http/h1/recycler.h"
#include "source/http/h1/serializer.h"

namespace outrigger::http::h1 {

class ServerSession;

// One exchange of a server session: the sending side of the response, and what is known of the request. Recycled; after
// its end every call is ignored.
class ServerStream final : public StreamSender {
 public:
  ServerStream() = default;
  void SendInterim(const HeaderMap& headers) override;
  void SendHeaders(const HeaderMap& headers, bool end) override;
  void SendBody(Buffer& body, bool end) override;
  void SendTrailers(const HeaderMap& trailers) override;
  void Reset(ResetReason reason) override;
  void PauseReading() override;
  void ResumeReading() override;
  net::Connection& connection() override { return *connection_; }
  Protocol protocol() const override { return answer_.peer_http10 ? Protocol::kHttp10 : Protocol::kHttp11; }
  uint64_t wire_bytes_sent() const override { return wire_sent_; }
  uint64_t wire_bytes_received() const override { return wire_received_; }
  size_t held_bytes() const override;
  bool supports_trailers() const override;

 private:
  friend class ServerSession;
  friend class RetiredStreams<ServerStream>;
  void Start(ServerSession& session, net::Connection& connection, const Head& head);
  bool complete() const { return request_done_ && response_done_; }
  void EndResponse();
  void CutResponse();
  void Wrote(size_t bytes);

  ServerSession* session_ = nullptr;  // null: ended
  net::Connection* connection_ = nullptr;
  StreamReceiver* receiver_ = nullptr;  // null: nobody listens (any more)
  ServerStream* next_retired_ = nullptr;
  AnswerTo answer_;
  WritePlan plan_;
  uint64_t wire_sent_ = 0;
  uint64_t wire_received_ = 0;
  uint32_t pauses_ = 0;
  bool request_done_ : 1 = false;
  bool response_started_ : 1 = false;
  bool response_done_ : 1 = false;
  bool undecided_ : 1 = false;       // upgrade or CONNECT that was not answered yet: what follows the request waits
  bool expect_pending_ : 1 = false;  // waits for 100 before it sends the body
};

// The server side of an HTTP/1 connection: one request at a time, answered in order. Owned by the connection manager.
//
//   kHead ──head──▶ kBody ──end──▶ kWait ──response ends──▶ kHead (or close)
//     ▲               └─ discards the rest after an early response ─┘
//                   kWait / kBody ──101, CONNECT 2xx──▶ kTunnel ──both ends──▶ close
//
// While it waits, bytes of later requests stay in the connection's input with reading paused: pipelining is bounded by
// one read.
class ServerSession final : public Session, private event::EndOfTurn {
 public:
  ServerSession(net::Connection& connection, ServerSessionOwner& owner, const CodecOptions& options,
                const Http1Options& http1, CodecCounters& counters);
  ~ServerSession() override;

  Protocol protocol() const override { return Protocol::kHttp11; }
  uint32_t active_streams() const override { return stream_ != nullptr ? 1 : 0; }
  void StartDrain(Duration grace) override;  // no grace: the stream under way is the last, whatever its head said
  bool draining() const override { return draining_; }
  void RefuseHead(uint32_t status, const char* detail) override;
  void CloseAll(ResetReason reason, net::CloseInfo why) override;

  void OnData(Buffer& input, bool end) override;
  void OnAboveWriteHigh() override;
  void OnBelowWriteLow() override;
  void OnClosed(const net::CloseInfo& why) override;
  void Dump(DumpWriter& out) const override;

 private:
  friend class ServerStream;
  enum class State : uint8_t { kHead, kBody, kWait, kTunnel };

  void OnEndOfTurn() override;
  const char* wire_names() const { return http1_.preserve_case ? WireScratch()->data() : nullptr; }
  ParseContext context() { return ParseContext{options_, http1_, counters_}; }
  bool Advance(Buffer& input);  // false: nothing more can be done now
  bool BeginRequest(Buffer& input);
  bool ReadBody(Buffer& input);
  void Discard(Buffer& payload, bool done);
  void DeliverTunnel(Buffer& input);
  void OnPeerEnd(Buffer& input);
  void DeliverEnd();
  bool AfterDelivery(const ServerStream* stream);
  bool rest_may_be_long() const;  // of the request that is being received, if nobody wants it any more

  void Refuse(const Refusal& refusal, Buffer& input);
  void FailRequest(const Refusal& refusal, Buffer& input);
  bool AnswerLooksWhole() const;
  void OpenTunnel();
  void FinishStream();
  void Retire(ServerStream* stream);
  void DropStream(ResetReason reason, const char* detail);
  void Hold();
  void Release();
  void Close(net::Connection::CloseMode mode, net::CloseInfo why = {});
  void CutLater(bool reset);  // closes without flushing at the end of the turn

  net::Connection& connection_;
  ServerSessionOwner& owner_;
  CodecCounters& counters_;
  const CodecOptions options_;
  const Http1Options http1_;
  Decoder decoder_{Decoder::Kind::kRequest};
  ServerStream* stream_ = nullptr;
  RetiredStreams<ServerStream> retired_;
  State state_ = State::kHead;
  bool held_ : 1 = false;  // reading is paused because the next request has to wait
  bool peer_ended_ : 1 = false;
  bool above_high_ : 1 = false;
  bool draining_ : 1 = false;
  bool close_after_ : 1 = false;  // the current response said close
  bool closing_ : 1 = false;
  bool end_pending_ : 1 = false;  // the request's end is to be told at the end of the turn
  bool cut_pending_ : 1 = false;
  bool cut_reset_ : 1 = false;
  bool head_begun_ : 1 = false;  // the owner knows that a head is being received
};
static_assert(sizeof(ServerSession) <= 256, "an idle downstream connection pays for this");
static_assert(sizeof(ServerStream) <= 160);

}  // namespace outrigger::http::h1
