// Thread: worker
#pragma once

#include <cstdint>
#include <memory>

#include "source/base/arena.h"
#include "source/base/buffer.h"
#include "source/http/codec_options.h"
#include "source/http/header_map.h"
#include "source/http/protocol.h"
#include "source/net/connection.h"

// The codec seam: HTTP/1 and HTTP/2 sessions give the same stream events, so nothing above asks which it was. A codec
// turns bytes into events and events into bytes; policy (timeouts, routing, local replies' text) lives above it.
namespace outrigger::http {

// Hears one message direction of one stream. Server side: the request. Client side: the response.
// Order: OnInterim* OnHeaders OnBody* OnTrailers?, where exactly one of the calls has `end` (OnTrailers always ends).
// OnReset ends it at any
// point, once; nothing follows. Between a call with `end` and destruction only OnReset and the write marks may come.
class StreamReceiver {
 public:
  virtual ~StreamReceiver() = default;
  // Headers, trailers and their text are made in this arena; it outlives the stream's use by the codec.
  virtual Arena& arena() = 0;
  virtual void OnInterim(HeaderMap& headers) = 0;  // 1xx other than 101 (client side only)
  virtual void OnHeaders(HeaderMap& headers,
                         bool end) = 0;  // validated; h1 and h2 in one form: pseudo-headers, lower-case names
  virtual void OnBody(Buffer& body, bool end) = 0;  // take all of it (move); may be empty only with `end`
  virtual void OnTrailers(HeaderMap& trailers) = 0;
  // h1 server: the codec itself answers a message that broke the protocol, with this status. OnReset follows.
  virtual void OnRefused(uint32_t /*status*/) {}
  // `detail` is static text. kNone (client, h2): the complete response came, the peer needs no more of the request.
  virtual void OnReset(ResetReason reason, const char* detail) = 0;
  virtual void OnAboveWriteHigh() = 0;  // what was sent on this stream piles up: stop producing
  virtual void OnBelowWriteLow() = 0;
};

// Sends the other direction of the stream, owned by the session. After the end was sent and received, or after a reset,
// the pointer is dead at the end of the loop turn. Calls are cheap: they append to output that is written once per
// turn.
class StreamSender {
 public:
  virtual void SendInterim(const HeaderMap& headers) = 0;  // server side; ignored for HTTP/1.0 peers
  virtual void SendHeaders(const HeaderMap& headers,
                           bool end) = 0;             // once; framing headers are decided here, not by the caller
  virtual void SendBody(Buffer& body, bool end) = 0;  // takes everything
  virtual void SendTrailers(
      const HeaderMap& trailers) = 0;  // ends; dropped for HTTP/1.0 and where no chunking is possible
  // No receiver callback follows. kNone after the end was sent: the rest of the received message is not wanted, what
  // was sent still goes out whole (h2: then RST_STREAM NO_ERROR; h1: drain or close after it). Any other reason: h2
  // drops what was not written; h1 sends what it has of an answer whose framing shows that it was cut, unless the peer
  // is slow to take it, and closes.
  virtual void Reset(ResetReason reason) = 0;
  // Backpressure on the received direction. Counted. Events already being delivered may still come.
  virtual void PauseReading() = 0;
  virtual void ResumeReading() = 0;
  virtual net::Connection& connection() = 0;
  virtual Protocol protocol() const = 0;
  virtual uint64_t wire_bytes_sent() const = 0;  // this stream's bytes incl. headers, as encoded
  // h1: also what came of a head that is not complete. Both can still be asked in OnReset.
  virtual uint64_t wire_bytes_received() const = 0;
  // Memory that this stream's received and unsent bytes keep (for HTTP/1, which has one stream, the connection's).
  virtual size_t held_bytes() const { return 0; }
  // Upgrade/CONNECT accepted: from here on bytes pass unframed (h1) or as DATA (h2).
  virtual bool supports_trailers() const { return true; }

 protected:
  ~StreamSender() = default;
};

class Session : public net::ConnectionHandler, public event::Deferred {
 public:
  virtual Protocol protocol() const = 0;
  virtual uint32_t active_streams() const = 0;
  // h1 server: the next response says "connection: close", then close. An idle one waits for its next request, which
  // may be on its way: the owner ends it when that takes too long. h1 client: idle: close now. h2: GOAWAY with the
  // highest id, then (after a round trip or `grace`) GOAWAY with the last id; closes when the last stream ended.
  // Idempotent.
  virtual void StartDrain(Duration grace) = 0;
  virtual bool draining() const = 0;
  // h1: answers a head whose rest does not come with `status` and closes; the owner hears OnCodecError. Nothing
  // otherwise.
  virtual void RefuseHead(uint32_t /*status*/, const char* /*detail*/) {}
  // Ends every stream with `reason`, then closes the connection.
  virtual void CloseAll(ResetReason reason, net::CloseInfo why) = 0;
};

// What a server session tells its owner (the HCM).
class ServerSessionOwner {
 public:
  virtual ~ServerSessionOwner() = default;
  // A new request begins. The owner makes the receiver (with its arena), which lives until it released itself after the
  // end.
  virtual StreamReceiver& OnStream(StreamSender& sender) = 0;
  // h1: some of a request's head came, not all of it. Once per request; OnStream, OnCodecError or the connection's end
  // follows.
  virtual void OnHeadBegun() {}
  // A malformed message before a stream exists, or that the codec refuses: the codec answers `status` itself (h1) or
  // resets (h2) and closes.
  virtual void OnCodecError(uint32_t status, const char* detail) = 0;
  virtual void OnSessionIdle() = 0;                             // the last active stream ended
  virtual void OnSessionClosed(const net::CloseInfo& why) = 0;  // last call; streams were reset before
};
class ClientSessionOwner {
 public:
  virtual ~ClientSessionOwner() = default;
  virtual void OnSessionReady() = 0;  // connected (and handshaken): streams can be made
  virtual void OnStreamClosed() = 0;  // capacity came back
  virtual void OnGoAway() = 0;        // no new streams here (GOAWAY, "connection: close", draining)
  virtual void OnSessionClosed(const net::CloseInfo& why) = 0;  // last call; streams were reset before
  virtual void OnStreamLimitChanged() {}                        // SETTINGS_MAX_CONCURRENT_STREAMS of the peer
  virtual void OnPeerIdleTimeout(Duration /*timeout*/) {}       // h1: "Keep-Alive: timeout", when another one is said
};
class ClientSession : public Session {
 public:
  // Starts an exchange; h1: only when active_streams() == 0. The receiver hears the response. Null if none can be made.
  virtual StreamSender* NewStream(StreamReceiver& receiver) = 0;
  virtual uint32_t stream_limit() const = 0;  // h1: 1; h2: the peer's and our limit
  virtual bool accepts_streams() const = 0;   // ready, not draining, below its limit
};

// Upgrade and extended CONNECT (RFC 8441) have one form above the codecs, the h1 one: "GET" with `connection: upgrade`
// and `upgrade: NAME`, accepted by 101. The h2 codec translates: its server shows `:method CONNECT, :protocol NAME`
// that way and sends 101 as 200; its client does the reverse. Plain CONNECT has :method and :authority only, in both.
//
// What a call on a sender may call back before it returns: OnAboveWriteHigh (from writing) and the owner's
// OnSessionIdle or OnStreamClosed (when it ended the stream); everything else comes from the loop. A receiver whose
// response was sent whole before its request ended goes on hearing the request until it calls Reset(kNone). A session
// made for a connection that is connected already (after ALPN) is told so by its maker: OnConnected(), which is
// idempotent. default_host_for_http_10 outlives the session.
//
// Implemented in http/h1 and http/h2. The session is the connection's handler; destroy it through DestroyLater after
// OnSessionClosed.
std::unique_ptr<Session> MakeHttp1Server(net::Connection& connection, ServerSessionOwner& owner,
                                         const CodecOptions& options, const Http1Options& http1,
                                         CodecCounters& counters);
std::unique_ptr<ClientSession> MakeHttp1Client(net::Connection& connection, ClientSessionOwner& owner,
                                               const CodecOptions& options, const Http1Options& http1,
                                               CodecCounters& counters);
std::unique_ptr<Session> MakeHttp2Server(net::Connection& connection, ServerSessionOwner& owner,
                                         const CodecOptions& options, const Http2Options& http2,
                                         CodecCounters& counters);
std::unique_ptr<ClientSession> MakeHttp2Client(net::Connection& connection, ClientSessionOwner& owner,
                                               const CodecOptions& options, const Http2Options& http2,
                                               CodecCounters& counters);

}  // namespace outrigger::http
