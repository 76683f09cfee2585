#include "test/simulation/proxy/load.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "source/net/raw_transport.h"

namespace outrigger::simulation {

std::string Want::ToString() const {
  return absl::StrCat(number, ",", reply_size, ",", with_length ? 1 : 0, ",", trailers ? 1 : 0, ",", early ? 1 : 0, ",", delay.count(), ",",
                      first_attempt);
}

Want Want::Parse(absl::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(text, ',');
  Want want;
  if (parts.size() != 7) return want;
  int64_t delay = 0;
  if (!absl::SimpleAtoi(parts[0], &want.number) || !absl::SimpleAtoi(parts[1], &want.reply_size) || !absl::SimpleAtoi(parts[5], &delay)) {
    return want;
  }
  want.with_length = parts[2] == "1";
  want.trailers = parts[3] == "1";
  want.early = parts[4] == "1";
  want.delay = Duration(delay);
  want.first_attempt = parts[6];
  return want;
}

Reply AnswerWant(const Incoming& request) {
  const Want want = Want::Parse(request.Get("x-want"));
  Reply reply;
  reply.headers.emplace_back("x-number", absl::StrCat(want.number));
  reply.body.size = want.reply_size;
  reply.body.seed = want.number;
  reply.body.chunk = 1 + want.number % 20'000;
  reply.delay = want.delay;
  reply.early = want.early;
  if (want.trailers) {
    reply.body.trailers = {{"x-end", "down"}};
  } else if (want.with_length) {
    reply.headers.emplace_back("content-length", absl::StrCat(want.reply_size));
  }
  if (want.first_attempt.empty() || request.Get("x-envoy-attempt-count") != "1") return reply;
  if (want.first_attempt == "503") {
    reply = Reply();
    reply.status = 503;
  } else {
    reply.fault = want.first_attempt == "reset"   ? Reply::Fault::kResetStream
                  : want.first_attempt == "abort" ? Reply::Fault::kAbortConnection
                                                  : Reply::Fault::kNever;
  }
  return reply;
}

std::string Score::ToString() const {
  std::string out = absl::StrCat("started ", started, ", right ", right, ", cancelled ", cancelled, ", moved ", moved, ", connections ",
                                 connections, ", failed ", failed());
  for (const auto& [what, count] : failures) absl::StrAppend(&out, "\n  failed ", count, " times: ", what);
  for (const std::string& what : examples) absl::StrAppend(&out, "\n  failed: ", what);
  for (const std::string& what : wrong) absl::StrAppend(&out, "\n  WRONG: ", what);
  return out;
}

// --- caller -------------------------------------------------------------------------------------------------------------------

Caller::Caller(event::Dispatcher& dispatcher, LoadOptions options, Score& score)
    : dispatcher_(dispatcher), options_(std::move(options)), score_(score), dice_(options_.seed), left_(options_.calls) {
  next_number_ = options_.seed % 100'000 * 1000;
  dispatcher_.Arm(think_, Duration(dice_.Below(1 + static_cast<uint64_t>(options_.think.count()))));
}

Caller::~Caller() = default;

std::string Caller::ToString() const {
  std::string out = absl::StrCat("caller: left ", left_, ", running ", running_, ", think ", think_.armed() ? 1 : 0);
  for (const auto& [exchange, running] : calls_) absl::StrAppend(&out, ", waits for ", running.want.ToString());
  if (!clients_.empty()) {
    absl::StrAppend(&out, ", waiting ", clients_.back()->pending(), ", closed ", clients_.back()->closed() ? 1 : 0, ", going away ",
                    clients_.back()->going_away() ? 1 : 0);
  }
  return out + "\n";
}

void Caller::More() {
  while (left_ > 0 && running_ < options_.at_once) {
    --left_;
    Want want;
    want.number = ++next_number_;
    Call call;
    const bool upload = dice_.OneIn(2);
    want.trailers = dice_.OneIn(5);
    want.with_length = dice_.OneIn(2);
    want.reply_size = dice_.OneIn(3) ? 0 : dice_.OneIn(4) ? dice_.Below(options_.most_body) : dice_.Below(2000);
    if (dice_.OneIn(4)) want.delay = microseconds(dice_.Below(30'000));
    if (options_.bad_first_attempts && dice_.OneIn(6)) {
      static const char* const kWays[] = {"503", "reset", "never", "abort"};
      want.first_attempt = kWays[dice_.Below(options_.may_abort ? 4 : 3)];
    }
    call.method = upload ? "POST" : "GET";
    call.path = absl::StrCat("/p/", want.number);
    call.expect_seed = want.number;
    if (upload) {
      call.body.size = dice_.OneIn(4) ? dice_.Below(options_.most_body) : dice_.Below(3000);
      call.body.seed = want.number + 5;
      call.body.chunk = 1 + dice_.Below(30'000);
      if (dice_.OneIn(8)) call.body.pause = microseconds(dice_.Below(3000));
      if (call.body.pause > Duration::zero()) call.body.chunk = std::max(call.body.chunk, call.body.size / 20);
      if (want.trailers && call.body.size > 0) call.body.trailers = {{"x-end", "up"}};
      if (!want.trailers && dice_.OneIn(2)) call.headers.emplace_back("content-length", absl::StrCat(call.body.size));
      want.early = options_.may_be_early && want.first_attempt.empty() && dice_.OneIn(10);
    }
    if (dice_.OneIn(8)) call.read_pause = microseconds(dice_.Below(2000));
    if (options_.may_cancel && dice_.OneIn(20)) call.cancel_after = microseconds(dice_.Below(10'000));
    call.headers.emplace_back("x-want", want.ToString());
    ++score_.started;
    MakeCall(std::move(want), std::move(call));
  }
}

void Caller::MakeCall(Want want, Call call) {
  if (clients_.empty() || !clients_.back()->usable()) {
    TestClient::Options options;
    options.protocol = options_.protocol;
    options.tls = options_.tls;
    clients_.push_back(std::make_unique<TestClient>(dispatcher_, options_.target, options));
    clients_.back()->OnEnded([this](TestClient::Exchange& exchange) { OnEnded(exchange); });
    ++score_.connections;
  }
  ++running_;
  const Call copy = call;
  TestClient::Exchange& exchange = clients_.back()->Send(std::move(call));
  calls_[&exchange] = {std::move(want), copy};
}

void Caller::OnEnded(TestClient::Exchange& exchange) {
  const auto at = calls_.find(&exchange);
  if (at == calls_.end()) return;
  const Running was = std::move(at->second);
  calls_.erase(at);
  --running_;
  if (exchange.failed() && exchange.reason() == http::ResetReason::kRemoteRefused && !exchange.cancelled()) {
    ++score_.moved;
    dispatcher_.Post([this, was] { MakeCall(was.want, was.call); });
    ++running_;  // until it is made
    dispatcher_.Post([this] { --running_; });
    return;
  }
  Judge(exchange, was.want, was.call);
  if (left_ > 0 && !think_.armed()) dispatcher_.Arm(think_, Duration(dice_.Below(1 + static_cast<uint64_t>(options_.think.count()))));
}

void Caller::Judge(const TestClient::Exchange& exchange, const Want& want, const Call& call) {
  if (exchange.cancelled()) {
    ++score_.cancelled;
    return;
  }
  if (exchange.failed()) {
    ++score_.failures[absl::StrCat(http::ResetReasonName(exchange.reason()), ": ", exchange.why())];
    score_.examples.push_back(absl::StrCat(exchange.why(), " for ", want.ToString(), " with a body of ", call.body.size, " bytes, paused ",
                                           call.body.pause.count(), " ns, over ", http::ProtocolName(options_.protocol)));
    return;
  }
  const Incoming& got = exchange.response();
  if (got.status != 200) {
    ++score_.failures[absl::StrCat(got.status, " ", got.text)];
    score_.examples.push_back(absl::StrCat(got.status, " for ", want.ToString(), " with a body of ", call.body.size, " bytes, paused ",
                                           call.body.pause.count(), " ns, over ", http::ProtocolName(options_.protocol)));
    return;
  }
  const auto wrong = [&](absl::string_view what) { score_.wrong.push_back(absl::StrCat("call ", want.ToString(), ": ", what)); };
  if (got.Get("x-number") != absl::StrCat(want.number)) return wrong("somebody else's answer");
  if (!got.matches || got.size != want.reply_size) return wrong(absl::StrCat("answered with ", got.size, " bytes"));
  if (want.trailers && got.Trailer("x-end") != "down") return wrong("without its trailers");
  if (!want.early) {
    if (got.Get("x-got-right") != "1" || got.Get("x-got-bytes") != absl::StrCat(call.body.size)) {
      return wrong(absl::StrCat("the server got ", got.Get("x-got-bytes"), " bytes of ", call.body.size, ", right: ", got.Get("x-got-right")));
    }
    if (!call.body.trailers.empty() && got.Get("x-got-trailer") != "up") return wrong("the server got no trailers");
  }
  ++score_.right;
}

// --- pipelining ---------------------------------------------------------------------------------------------------------------

PipeliningCaller::PipeliningCaller(event::Dispatcher& dispatcher, LoadOptions options, Score& score)
    : options_(std::move(options)), score_(score) {
  net::Connection::ConnectOptions connect;
  connect.remote = options_.target;
  connect.timeout = seconds(10);
  connection_ = net::Connection::Connect(dispatcher, connect, std::make_unique<net::RawTransport>());
  connection_->SetHandler(this);
  ++score_.connections;
}

PipeliningCaller::~PipeliningCaller() {
  done_ = true;
  connection_->Close(net::Connection::CloseMode::kNow);
}

void PipeliningCaller::OnConnected() {
  Random dice(options_.seed);
  for (int i = 0; i < options_.calls; ++i) {
    Want want;
    want.number = i;
    want.with_length = true;
    want.reply_size = dice.Below(5000);
    if (dice.OneIn(3)) want.delay = microseconds(dice.Below(10'000));
    sizes_.push_back(want.reply_size);
    connection_->Write(absl::StrCat("GET /pipe/", i, " HTTP/1.1\r\nhost: a\r\nx-want: ", want.ToString(), "\r\n\r\n"));
    ++score_.started;
  }
}

bool PipeliningCaller::TakeAnswer() {
  const size_t end = seen_.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  const std::string head = seen_.substr(0, end + 2);
  const size_t length_at = head.find("content-length: ");
  size_t length = 0;
  if (length_at != std::string::npos) {
    const size_t from = length_at + 16;
    if (!absl::SimpleAtoi(head.substr(from, head.find('\r', from) - from), &length)) length = 0;
  }
  if (seen_.size() < end + 4 + length) return false;
  if (!absl::StartsWith(head, "HTTP/1.1 200 ")) {
    ++score_.failures[absl::StrCat("pipelined: ", head.substr(0, head.find('\r')))];
  } else if (!absl::StrContains(head, absl::StrCat("x-number: ", next_, "\r\n")) || length != sizes_[next_] ||
             seen_.substr(end + 4, length) != Pattern(next_, 0, length)) {
    score_.wrong.push_back(absl::StrCat("pipelined answer ", next_, ": ", head));
  } else {
    ++score_.right;
  }
  seen_.erase(0, end + 4 + length);
  ++next_;
  return true;
}

void PipeliningCaller::OnData(Buffer& input, bool end) {
  seen_ += input.ToString();
  input.Clear();
  while (next_ < sizes_.size() && TakeAnswer()) {
  }
  if (next_ < sizes_.size()) {
    if (end) connection_->Close(net::Connection::CloseMode::kNow);
    return;
  }
  if (std::exchange(done_, true)) return;
  connection_->Close(net::Connection::CloseMode::kFlush);
}

void PipeliningCaller::OnClosed(const net::CloseInfo& why) {
  if (std::exchange(done_, true)) return;
  score_.failures[absl::StrCat("pipelined connection closed: ", net::CloseReasonName(why.reason))] += static_cast<int>(sizes_.size() - next_);
}

}  // namespace outrigger::simulation
