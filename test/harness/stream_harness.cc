#include "test/harness/stream_harness.h"

#include "source/http/filter_state.h"
#include "source/model/route.h"
#include "source/net/raw_transport.h"

namespace outrigger::harness {

namespace {

Fields Copy(const http::HeaderMap& map) {
  Fields fields;
  map.ForEach([&](const http::HeaderMap::Entry& entry) { fields.emplace_back(entry.name, entry.value); });
  return fields;
}

// The end of the chain: keeps what arrives.
class Terminal final : public http::Filter {
 public:
  struct Config {
    Arrived* arrived;
  };
  Terminal(const Config& config, http::Stream&) : arrived_(*config.arrived) {}
  http::FilterStatus OnRequestHeaders(http::Stream&, http::HeaderMap& headers, bool end) override {
    ++arrived_.header_calls;
    arrived_.headers = true;
    arrived_.path = std::string(headers.path());
    arrived_.fields = Copy(headers);
    arrived_.ended = end;
    return http::FilterStatus::kContinue;
  }
  http::FilterStatus OnRequestBody(http::Stream&, Buffer& body, bool end) override {
    ++arrived_.body_calls;
    arrived_.body += body.ToString();
    body.Clear();
    arrived_.ended = end;
    return http::FilterStatus::kContinue;
  }
  http::FilterStatus OnRequestTrailers(http::Stream&, http::HeaderMap&) override {
    ++arrived_.trailers;
    arrived_.ended = true;
    return http::FilterStatus::kContinue;
  }
  void OnDownstreamAboveHigh(http::Stream&) override { ++arrived_.highs; }
  void OnDownstreamBelowLow(http::Stream&) override { ++arrived_.lows; }
  void OnDone(http::Stream&) override { arrived_.done = true; }

 private:
  Arrived& arrived_;
};

const model::Route kSomeRoute;

}  // namespace

std::string ScriptedSender::Header(absl::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return "";
}
void ScriptedSender::SendHeaders(const http::HeaderMap& map, bool end) {
  headers = Copy(map);
  headers_sent = true;
  ended = end;
}
void ScriptedSender::SendBody(Buffer& data, bool end) {
  ++body_calls;
  body += data.ToString();
  data.Clear();
  ended = end;
}
void ScriptedSender::SendTrailers(const http::HeaderMap& map) {
  trailers = Copy(map);
  ended = true;
}

StreamHarness::StreamHarness(uint32_t buffer_limit, uint64_t seed)
    : world_(seed, event::FaultPlan::None()), loop_(world_.MakeDispatcher()), buffer_limit_(buffer_limit) {
  auto snapshot = std::make_shared<model::Snapshot>();
  snapshot->generation = 1;
  worker_ =
      std::make_unique<upstream::WorkerContext>(0, *loop_, stats_.AddWorker("worker_0"), facts_, snapshot, nullptr);
}

StreamHarness::~StreamHarness() {
  stream_.reset();
  connection_.reset();
  world_.RunFor(milliseconds(1));
}

void StreamHarness::Add(http::FilterSpec spec, std::string name) {
  spec.name = std::move(name);
  specs_.push_back(std::move(spec));
}

http::HeaderMap& StreamHarness::NewMap(const Fields& fields) {
  http::HeaderMap& map = *stream_->arena().New<http::HeaderMap>(stream_->arena());
  for (const auto& [name, value] : fields) map.AddCopy(http::HeaderName(stream_->arena().Copy(name)), value);
  return map;
}

void StreamHarness::Request(const Fields& fields, bool end) {
  auto terminal = std::make_shared<Terminal::Config>(Terminal::Config{&arrived});
  specs_.push_back(http::MakeFilterSpec<Terminal>(std::move(terminal), true));
  specs_.back().name = "terminal";
  chain_ = std::make_unique<http::FilterChainSpec>(std::move(specs_));
  stream_.reset(new http::Stream(*this, *loop_, *worker_, sender, buffer_limit_));
  stream_->OnHeaders(NewMap(fields), end);
}
void StreamHarness::Body(absl::string_view text, bool end) {
  Buffer body(text);
  stream_->OnBody(body, end);
}
void StreamHarness::Trailers(const Fields& fields) { stream_->OnTrailers(NewMap(fields)); }
void StreamHarness::RespondHeaders(const Fields& fields, bool end) {
  stream_->SendResponseHeaders(NewMap(fields), end);
}
void StreamHarness::RespondBody(absl::string_view text, bool end) {
  Buffer body(text);
  stream_->SendResponseBody(body, end);
}
void StreamHarness::RespondTrailers(const Fields& fields) { stream_->SendResponseTrailers(NewMap(fields)); }
void StreamHarness::Respond(uint32_t status, absl::string_view text) {
  RespondHeaders({{":status", std::to_string(status)}}, text.empty());
  if (!text.empty()) RespondBody(text, true);
}

void StreamHarness::SetConnection(net::ConnectionProperties properties, std::unique_ptr<net::Transport> transport) {
  net::AcceptedSocket socket;
  socket.fd = static_cast<int>(loop_->engine().Socket(AF_INET, SOCK_STREAM, 0));
  socket.properties = std::move(properties);
  if (transport == nullptr) transport = std::make_unique<net::RawTransport>();
  connection_ = std::make_unique<net::Connection>(*loop_, std::move(socket), std::move(transport));
}

uint64_t StreamHarness::Counter(absl::string_view name) {
  for (const auto& number : stats_.Read().numbers) {
    if (number.name == name) return static_cast<uint64_t>(number.value);
  }
  return 0;
}

void StreamHarness::EndStream() { stream_.reset(); }

bool StreamHarness::OnRequestHeaders(http::Stream& stream, http::HeaderMap& /*headers*/, bool /*end*/) {
  stream.SetChain(*chain_);
  stream.SetRoute(missing_host.empty() ? &kSomeRoute : nullptr, nullptr);
  if (on_route) on_route(stream);
  stream.info().client = client;
  if (refuse) stream.SendLocalReply({.status = 404, .details = "refused"});
  return !refuse;
}
void StreamHarness::OnDone(http::Stream& stream) {
  ++done;
  flags = stream.info().flags;
  details = std::string(stream.info().details);
}
int StreamHarness::PerRouteConfigs(const http::Stream&, absl::string_view filter, const void* out[4]) {
  const auto at = per_route.find(std::string(filter));
  if (at == per_route.end()) return 0;
  int n = 0;
  for (const void* config : at->second) out[n++] = config;
  return n;
}
bool StreamHarness::FilterEnabled(const http::Stream&, const http::FilterSpec& filter) {
  const auto at = enabled.find(filter.name);
  return at == enabled.end() ? !filter.disabled : at->second;
}

}  // namespace outrigger::harness
