#include "source/http/h2/framer.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "source/base/bug.h"
#include "source/http/h2/memory.h"

namespace outrigger::http::h2 {
namespace {

constexpr size_t kMostDataFrame = 64 * 1024;  // if the peer takes frames that large
constexpr int kStackFields = 64;

const char* DetailOfLibraryError(int error) {
  switch (error) {
    case NGHTTP2_ERR_HTTP_HEADER:
      return "http2.invalid.header.field";
    case NGHTTP2_ERR_HTTP_MESSAGING:
      return "http2.violation.of.messaging.rule";
    case NGHTTP2_ERR_HEADER_COMP:
      return "http2.header_compression_error";
    case NGHTTP2_ERR_FLOW_CONTROL:
      return "http2.flow_control_error";
    case NGHTTP2_ERR_FRAME_SIZE_ERROR:
      return "http2.frame_size_error";
    case NGHTTP2_ERR_FLOODED:
      return "http2.outbound_control_frames_flood";
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
      return "http2.too_many_continuations";
    case NGHTTP2_ERR_TOO_MANY_SETTINGS:
      return "http2.too_many_settings";
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
      return "http2.bad_client_preface";
    case NGHTTP2_ERR_SETTINGS_EXPECTED:
      return "http2.settings_expected";
    case NGHTTP2_ERR_REFUSED_STREAM:
      return "http2.too_many_streams";
    case NGHTTP2_ERR_STREAM_CLOSED:
      return "http2.frame_on_closed_stream";
    case NGHTTP2_ERR_PROTO:
      return "http2.protocol_error";
    default:
      return "http2.unknown.nghttp2.error";
  }
}

FrameHead HeadOf(const nghttp2_frame_hd& hd) {
  return {static_cast<FrameType>(hd.type), hd.flags, static_cast<uint32_t>(hd.length),
          static_cast<uint32_t>(hd.stream_id)};
}

absl::string_view ViewOf(nghttp2_rcbuf* text) {
  const nghttp2_vec v = nghttp2_rcbuf_get_buf(text);
  return {reinterpret_cast<const char*>(v.base), v.len};
}

// The fields of a message as the library wants them: pseudo-headers first, without what HTTP/2 has no place for.
class Fields {
 public:
  Fields(const HeaderMap& headers, bool request, Framer::VolatileUses& uses) : uses_(uses) {
    if (headers.size() > kStackFields) {
      more_.resize(headers.size());
      at_ = more_.data();
    }
    const bool plain_connect = request && headers.method() == "CONNECT" && !headers.Has(KnownHeader::kProtocol);
    headers.ForEach([&](const HeaderMap::Entry& entry) {
      if (entry.name.empty() || entry.name[0] != ':') return;
      if (plain_connect && entry.known != KnownHeader::kMethod && entry.known != KnownHeader::kAuthority) return;
      if (!request && entry.known != KnownHeader::kStatus) return;
      if (request && entry.known == KnownHeader::kStatus) return;
      Push(entry);
    });
    headers.ForEach([&](const HeaderMap::Entry& entry) {
      if (!entry.name.empty() && entry.name[0] != ':' && Sendable(entry)) Push(entry);
    });
  }
  const nghttp2_nv* data() const { return at_; }
  size_t size() const { return size_; }

 private:
  // RFC 9113 8.2.2; and nothing that a hop behind us could read as two fields.
  static bool Sendable(const HeaderMap::Entry& entry) {
    switch (entry.known) {
      case KnownHeader::kConnection:
      case KnownHeader::kKeepAlive:
      case KnownHeader::kProxyConnection:
      case KnownHeader::kTransferEncoding:
      case KnownHeader::kUpgrade:
      case KnownHeader::kHttp2Settings:
      case KnownHeader::kHost:
        return false;
      case KnownHeader::kTe:
        return entry.value == "trailers";
      default:
        return true;
    }
  }
  static bool Clean(absl::string_view value) {
    return memchr(value.data(), '\r', value.size()) == nullptr && memchr(value.data(), '\n', value.size()) == nullptr &&
           memchr(value.data(), '\0', value.size()) == nullptr;
  }
  bool Keeps(KnownHeader known) {  // its value in the peer's table
    for (size_t i = 0; i < std::size(Framer::kVolatile); ++i) {
      if (known == Framer::kVolatile[i]) return uses_.of[i]++ == 0;
    }
    return true;
  }
  void Push(const HeaderMap::Entry& entry) {
    if (!Clean(entry.value)) return;
    uint8_t flags = NGHTTP2_NV_FLAG_NONE;
    absl::string_view name = entry.name;
    if (entry.known != KnownHeader::kOther) {  // static text: no need of a copy
      name = KnownHeaderName(entry.known);
      flags |= NGHTTP2_NV_FLAG_NO_COPY_NAME;
      if (!Keeps(entry.known)) flags |= NGHTTP2_NV_FLAG_NO_INDEX;
    }
    at_[size_++] = {reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
                    reinterpret_cast<uint8_t*>(const_cast<char*>(entry.value.data())), name.size(), entry.value.size(),
                    flags};
  }

  Framer::VolatileUses& uses_;
  nghttp2_nv stack_[kStackFields];
  std::vector<nghttp2_nv> more_;
  nghttp2_nv* at_ = stack_;
  size_t size_ = 0;
};

void* PoolMalloc(size_t size, void*) { return Memory::Allocate(size); }
void PoolFree(void* memory, void*) { Memory::Free(memory); }
void* PoolCalloc(size_t n, size_t size, void*) {
  void* memory = Memory::Allocate(n * size);
  return std::memset(memory, 0, n * size);
}
void* PoolRealloc(void* memory, size_t size, void*) { return Memory::Resize(memory, size); }

}  // namespace

// The library's callbacks, turned into FrameEvents.
struct Callbacks {
  static Framer& Self(void* user) { return *static_cast<Framer*>(user); }
  static Stream* StreamOf(nghttp2_session* session, int32_t id) {
    return id == 0 ? nullptr : static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }
  static int Verdict(bool go_on) { return go_on ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE; }

  static int BeginFrame(nghttp2_session*, const nghttp2_frame_hd* hd, void* user) {
    return Verdict(Self(user).events_.OnFrameBegin(HeadOf(*hd)));
  }

  static int BeginHeaders(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    Framer& self = Self(user);
    const int32_t id = frame->hd.stream_id;
    if (frame->hd.type != NGHTTP2_HEADERS) return NGHTTP2_ERR_CALLBACK_FAILURE;
    self.header_stream_ = StreamOf(session, id);
    if (self.server_ && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      self.header_stream_ = self.events_.OnRequestBegin(static_cast<uint32_t>(id));
      if (self.header_stream_ == nullptr) {
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
      }
      nghttp2_session_set_stream_user_data(session, id, self.header_stream_);
    }
    if (self.header_stream_ == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return self.events_.OnHeaderBlockBegin(*self.header_stream_) ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int Header(nghttp2_session*, const nghttp2_frame*, nghttp2_rcbuf* name, nghttp2_rcbuf* value, uint8_t,
                    void* user) {
    Framer& self = Self(user);
    if (self.header_stream_ == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return self.events_.OnHeader(*self.header_stream_, ViewOf(name), ViewOf(value), nghttp2_rcbuf_is_static(name) != 0,
                                 nghttp2_rcbuf_is_static(value) != 0)
               ? 0
               : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  // A field that the library would otherwise drop silently: a malformed message all the same (RFC 9113 8.1.1).
  static int InvalidHeader(nghttp2_session* session, const nghttp2_frame* frame, nghttp2_rcbuf*, nghttp2_rcbuf*,
                           uint8_t, void* user) {
    Framer& self = Self(user);
    if (!self.events_.OnInvalidMessage(self.header_stream_, "http2.invalid.header.field"))
      return NGHTTP2_ERR_CALLBACK_FAILURE;
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int FrameReceived(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    FrameEvents& events = Self(user).events_;
    const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS: {
        Stream* stream = StreamOf(session, frame->hd.stream_id);
        Self(user).header_stream_ = nullptr;
        return stream == nullptr ? 0 : Verdict(events.OnHeaderBlockEnd(*stream, end));
      }
      case NGHTTP2_DATA:
        return Verdict(
            events.OnDataFrame(StreamOf(session, frame->hd.stream_id), end, frame->hd.length == frame->data.padlen));
      case NGHTTP2_RST_STREAM:
        events.OnResetFrame(StreamOf(session, frame->hd.stream_id));
        return 0;
      case NGHTTP2_SETTINGS:
        events.OnSettings((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0);
        return 0;
      case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) events.OnPingAck();
        return 0;
      case NGHTTP2_GOAWAY:
        events.OnGoAway(static_cast<uint32_t>(frame->goaway.last_stream_id),
                        static_cast<ErrorCode>(frame->goaway.error_code));
        return 0;
      default:
        return 0;
    }
  }

  static int InvalidFrame(nghttp2_session* session, const nghttp2_frame* frame, int error, void* user) {
    Framer& self = Self(user);
    const char* detail = DetailOfLibraryError(error);
    if (error == NGHTTP2_ERR_HTTP_HEADER || error == NGHTTP2_ERR_HTTP_MESSAGING) {
      return Verdict(self.events_.OnInvalidMessage(StreamOf(session, frame->hd.stream_id), detail));
    }
    // The library answers a stream error with RST_STREAM, a connection error with GOAWAY. Streams refused for their
    // number are neither.
    if (error != NGHTTP2_ERR_REFUSED_STREAM && error != NGHTTP2_ERR_STREAM_CLOSED) self.events_.OnLibraryError(detail);
    return 0;
  }

  // Said of connections that do not begin as they must, before the library ends them; of all else InvalidFrame hears.
  static int LibraryError(nghttp2_session*, int error, const char*, size_t, void* user) {
    if (error == NGHTTP2_ERR_SETTINGS_EXPECTED) Self(user).events_.OnLibraryError(DetailOfLibraryError(error));
    return 0;
  }

  static int DataChunk(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* bytes, size_t n, void* user) {
    Self(user).events_.OnDataChunk(StreamOf(session, id), static_cast<uint32_t>(id),
                                   reinterpret_cast<const char*>(bytes), n);
    return 0;
  }

  static int FrameSent(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    ErrorCode code = ErrorCode::kNoError;
    if (frame->hd.type == NGHTTP2_RST_STREAM) code = static_cast<ErrorCode>(frame->rst_stream.error_code);
    if (frame->hd.type == NGHTTP2_GOAWAY) code = static_cast<ErrorCode>(frame->goaway.error_code);
    Self(user).events_.OnFrameSent(HeadOf(frame->hd), StreamOf(session, frame->hd.stream_id), code);
    return 0;
  }

  static int FrameNotSent(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      Self(user).events_.OnRequestNotSent(static_cast<uint32_t>(frame->hd.stream_id));
    }
    return 0;
  }

  static int StreamClose(nghttp2_session* session, int32_t id, uint32_t code, void* user) {
    Framer& self = Self(user);
    Stream* stream = StreamOf(session, id);
    if (stream == nullptr) return 0;
    if (self.header_stream_ == stream) self.header_stream_ = nullptr;
    self.events_.OnStreamClosed(*stream, static_cast<ErrorCode>(code));
    return 0;
  }

  static ssize_t ReadData(nghttp2_session*, int32_t, uint8_t*, size_t most, uint32_t* flags,
                          nghttp2_data_source* source, void* user) {
    bool end = false;
    bool more_follows = false;
    const int64_t n = Self(user).events_.OnDataWanted(*static_cast<Stream*>(source->ptr), most, &end, &more_follows);
    if (n < 0) return NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (end) *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (more_follows) *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    return n;
  }

  static int SendData(nghttp2_session*, nghttp2_frame*, const uint8_t* head, size_t length, nghttp2_data_source* source,
                      void* user) {
    Self(user).events_.OnDataFrameReady(*static_cast<Stream*>(source->ptr), {reinterpret_cast<const char*>(head), 9},
                                        length);
    return 0;
  }

  static ssize_t DataLength(nghttp2_session*, uint8_t, int32_t, int32_t connection_window, int32_t stream_window,
                            uint32_t frame_size, void*) {
    return std::min<int64_t>({connection_window, stream_window, frame_size, int64_t{kMostDataFrame}});
  }

  static nghttp2_session_callbacks* Make() {
    nghttp2_session_callbacks* made = nullptr;
    OUTRIGGER_CHECK(nghttp2_session_callbacks_new(&made) == 0);
    nghttp2_session_callbacks_set_on_begin_frame_callback(made, BeginFrame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(made, BeginHeaders);
    nghttp2_session_callbacks_set_on_header_callback2(made, Header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(made, InvalidHeader);
    nghttp2_session_callbacks_set_on_frame_recv_callback(made, FrameReceived);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(made, InvalidFrame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, DataChunk);
    nghttp2_session_callbacks_set_on_frame_send_callback(made, FrameSent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(made, FrameNotSent);
    nghttp2_session_callbacks_set_error_callback2(made, LibraryError);
    nghttp2_session_callbacks_set_on_stream_close_callback(made, StreamClose);
    nghttp2_session_callbacks_set_send_data_callback(made, SendData);
    nghttp2_session_callbacks_set_data_source_read_length_callback(made, DataLength);
    return made;
  }
};

namespace {

nghttp2_option* MakeOptions(const Framer::Limits& limits) {
  nghttp2_option* made = nullptr;
  OUTRIGGER_CHECK(nghttp2_option_new(&made) == 0);
  nghttp2_option_set_no_auto_window_update(made, 1);
  nghttp2_option_set_no_closed_streams(made, 1);
  nghttp2_option_set_peer_max_concurrent_streams(made, 100);
  nghttp2_option_set_max_deflate_dynamic_table_size(made, limits.hpack_table_size);
  nghttp2_option_set_max_send_header_block_length(made, 16 * 1024 * 1024);
  nghttp2_option_set_max_outbound_ack(made, limits.max_control_frames);
  nghttp2_option_set_max_settings(made, 32);
  nghttp2_option_set_max_continuations(made, std::max<size_t>(8, limits.max_header_bytes / 16384 + 4));
  // FloodGuard counts resets on the dispatcher's clock; the library's own bucket reads the system's, so it must never
  // bite.
  nghttp2_option_set_stream_reset_rate_limit(made, uint64_t{1} << 40, uint64_t{1} << 20);
  return made;
}

}  // namespace

Framer::Framer(bool server, const Limits& limits, FrameEvents& events) : events_(events), server_(server) {
  static const nghttp2_session_callbacks* callbacks = Callbacks::Make();
  static nghttp2_mem memory = {nullptr, PoolMalloc, PoolFree, PoolCalloc, PoolRealloc};
  nghttp2_option* options = MakeOptions(limits);
  const int result = server ? nghttp2_session_server_new3(&session_, callbacks, this, options, &memory)
                            : nghttp2_session_client_new3(&session_, callbacks, this, options, &memory);
  nghttp2_option_del(options);
  OUTRIGGER_CHECK(result == 0);
  SubmitFirstFrames(limits);
}

Framer::~Framer() { nghttp2_session_del(session_); }

void Framer::SubmitFirstFrames(const Limits& limits) {
  nghttp2_settings_entry settings[8];
  size_t n = 0;
  settings[n++] = {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, limits.hpack_table_size};
  settings[n++] = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, std::min<uint32_t>(limits.stream_window, 0x7fffffff)};
  settings[n++] = {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.max_header_bytes};
  settings[n++] = {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1};
  if (server_) {
    settings[n++] = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.max_concurrent_streams};
    if (limits.extended_connect) settings[n++] = {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1};
  } else {
    settings[n++] = {NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
  }
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, n);
  const uint32_t window = std::clamp<uint32_t>(limits.connection_window, 65535, 0x7fffffff);
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, static_cast<int32_t>(window));
}

bool Framer::Receive(absl::string_view bytes, const char** detail) {
  const ssize_t n = nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (n >= 0) return true;
  *detail = DetailOfLibraryError(static_cast<int>(n));
  return false;
}

absl::string_view Framer::NextOutput() {
  const uint8_t* bytes = nullptr;
  const ssize_t n = nghttp2_session_mem_send(session_, &bytes);
  return n <= 0 ? absl::string_view() : absl::string_view(reinterpret_cast<const char*>(bytes), static_cast<size_t>(n));
}

bool Framer::done() const {
  return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
}

uint32_t Framer::SubmitRequest(const HeaderMap& headers, bool end, Stream& stream) {
  const Fields fields(headers, true, volatile_uses_);
  nghttp2_data_provider body{{.ptr = &stream}, Callbacks::ReadData};
  const int32_t id =
      nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), end ? nullptr : &body, &stream);
  return id < 0 ? 0 : static_cast<uint32_t>(id);
}

bool Framer::SubmitResponse(uint32_t stream_id, const HeaderMap& headers, bool end, Stream& stream) {
  const Fields fields(headers, false, volatile_uses_);
  nghttp2_data_provider body{{.ptr = &stream}, Callbacks::ReadData};
  return nghttp2_submit_response(session_, static_cast<int32_t>(stream_id), fields.data(), fields.size(),
                                 end ? nullptr : &body) == 0;
}

void Framer::SubmitInterim(uint32_t stream_id, const HeaderMap& headers) {
  const Fields fields(headers, false, volatile_uses_);
  nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, static_cast<int32_t>(stream_id), nullptr, fields.data(),
                         fields.size(), nullptr);
}

void Framer::SubmitTrailers(uint32_t stream_id, const HeaderMap& trailers) {
  const Fields fields(trailers, false, volatile_uses_);
  nghttp2_submit_trailer(session_, static_cast<int32_t>(stream_id), fields.data(), fields.size());
}

void Framer::SubmitReset(uint32_t stream_id, ErrorCode code) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, static_cast<int32_t>(stream_id), static_cast<uint32_t>(code));
}

void Framer::SubmitPing() { nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr); }
void Framer::SubmitShutdownNotice() { nghttp2_submit_shutdown_notice(session_); }
void Framer::SubmitGoAway(ErrorCode code) {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_),
                        static_cast<uint32_t>(code), nullptr, 0);
}
void Framer::ResumeData(uint32_t stream_id) { nghttp2_session_resume_data(session_, static_cast<int32_t>(stream_id)); }
void Framer::Consume(uint32_t stream_id, size_t n) {
  nghttp2_session_consume(session_, static_cast<int32_t>(stream_id), n);
}
void Framer::ConsumeConnection(size_t n) { nghttp2_session_consume_connection(session_, n); }

uint32_t Framer::peer_stream_limit() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}
bool Framer::peer_allows_extended_connect() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}
uint32_t Framer::last_processed_stream() const {
  return static_cast<uint32_t>(nghttp2_session_get_last_proc_stream_id(session_));
}

}  // namespace outrigger::http::h2
