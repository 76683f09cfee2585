#include "test/simulation/oracle/prober.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace outrigger::simulation::oracle {
namespace {

// How long a proxy may take to tell an HTTP/2 client that its connection ends.
constexpr Duration kLongestFarewell = milliseconds(500);

}  // namespace

void Findings::Add(const Findings& other) {
  requests += other.requests;
  answered += other.answered;
  by_servers += other.by_servers;
  refused_connects += other.refused_connects;
  moved += other.moved;
  connections += other.connections;
  ended += other.ended;
  over_tls += other.over_tls;
  not_let_in += other.not_let_in;
  by_fetched += other.by_fetched;
  waited += other.waited;
  wrong.insert(wrong.end(), other.wrong.begin(), other.wrong.end());
}

Prober::Prober(event::Dispatcher& dispatcher, const Timeline& timeline, Wishes& wishes, Options options,
               Findings& findings)
    : dispatcher_(dispatcher),
      timeline_(timeline),
      wishes_(wishes),
      law_(timeline, wishes),
      options_(options),
      findings_(findings),
      dice_(options.seed),
      next_number_(options.seed % 100'000 * 1000) {
  dispatcher_.Arm(think_, Duration(dice_.Below(1 + static_cast<uint64_t>(options_.think.count()))));
}

Prober::~Prober() = default;

Prober::Connection& Prober::Usable(bool fresh) {
  if (fresh || connections_.empty() || !connections_.back()->client->usable()) {
    auto made = std::make_unique<Connection>();
    TestClient::Options options;
    options.protocol = options_.protocol;
    options.tls = options_.tls;
    made->followed = {options_.port, timeline_.certain(), SIZE_MAX, options_.peer};
    made->client = std::make_unique<TestClient>(
        dispatcher_, *net::Address::ParseIp("10.0.0.2", static_cast<uint16_t>(options_.port)), options);
    made->client->OnEnded([this](TestClient::Exchange& exchange) { OnEnded(exchange); });
    connections_.push_back(std::move(made));
    ++findings_.connections;
  }
  return *connections_.back();
}

void Prober::More() {
  Watch();
  static const char* const kHosts[] = {"a.test", "b.test", "c.test"};
  static const char* const kPaths[] = {"/a/1", "/b/1", "/c/1", "/"};
  while (!stopped_ && running_ < options_.at_once) {
    Question question{kHosts[dice_.Below(3)], kPaths[dice_.Below(4)]};
    question.wants_fault = dice_.OneIn(4);
    Send(Usable(false), question);
    if (dice_.OneIn(2)) break;
  }
  if (stopped_) return;
  // Where nobody listens it asks less often.
  const uint64_t longest = static_cast<uint64_t>(ToMicros(options_.think)) * (std::exchange(refused_, false) ? 4 : 1);
  dispatcher_.Arm(think_, microseconds(1 + dice_.Below(1 + longest)));
}

void Prober::Ask(const Question& question) { Send(Usable(true), question); }

void Prober::Send(Connection& on, const Question& question) {
  Want want;
  want.number = ++next_number_;
  want.with_length = dice_.OneIn(2);
  want.reply_size = dice_.OneIn(3) ? 0 : dice_.OneIn(6) ? dice_.Below(60'000) : dice_.Below(2000);
  if (dice_.OneIn(4)) want.delay = microseconds(dice_.Below(30'000));
  Call call;
  const bool upload = dice_.OneIn(3);
  call.method = upload ? "POST" : "GET";
  call.authority = question.host;
  call.path = question.path;
  if (question.wants_fault) call.headers.emplace_back(kFaultHeader, "1");
  call.expect_seed = want.number;
  if (upload) {
    call.body.size = dice_.OneIn(6) ? dice_.Below(40'000) : dice_.Below(2000);
    call.body.seed = want.number + 5;
    call.body.chunk = 1 + dice_.Below(20'000);
  }
  call.headers.emplace_back("x-want", want.ToString());
  Request request{&on, question, want, call.body.size, timeline_.certain(), Now()};
  ++findings_.requests;
  ++running_;
  TestClient::Exchange& exchange = on.client->Send(std::move(call));
  if (exchange.done()) {  // at once: it was not usable after all
    --running_;
    return Wrong(request, absl::StrCat("failed at once: ", exchange.why()));
  }
  wishes_.OnBegin(question.host, Now());
  requests_.emplace(&exchange, std::move(request));
}

void Prober::OnEnded(TestClient::Exchange& exchange) {
  const auto at = requests_.find(&exchange);
  if (at == requests_.end()) return;
  const Request request = std::move(at->second);
  requests_.erase(at);
  --running_;
  wishes_.OnEnd(request.question.host, Now());
  if (exchange.failed()) return OnFailed(exchange, request);
  request.on->followed.accepted = std::min(request.on->followed.accepted, timeline_.possible());
  request.on->last_begun = std::max(request.on->last_begun, request.begun);
  Judge(exchange, request);
}

void Prober::OnFailed(const TestClient::Exchange& exchange, const Request& request) {
  const TestClient& client = *request.on->client;
  if (client.closed() && client.close_info().reason == net::CloseReason::kConnectFailed) {
    ++findings_.refused_connects;
    refused_ = true;
    if (law_.MayRefuse(options_.port, request.on->followed.opened, timeline_.possible())) return;
    return Wrong(request, "its connect was refused although a listener was there all the time");
  }
  if (exchange.reason() == http::ResetReason::kRemoteRefused ||
      exchange.reason() == http::ResetReason::kRemoteGoneAway) {  // certainly not processed
    ++findings_.moved;
    if (law_.MayEnd(request.on->followed, timeline_.possible())) return;
    return Wrong(request, "it was refused on a connection that nothing ended");
  }
  // The system greeted it, and nobody took it any more.
  const bool taken = request.on->followed.accepted != SIZE_MAX;
  if (!taken && law_.MayRefuse(options_.port, request.on->followed.opened, timeline_.possible())) {
    ++findings_.refused_connects;
    request.on->cut_short = true;
    return;
  }
  if (law_.MayLose(request.on->followed, timeline_.possible())) {
    ++findings_.not_let_in;
    return;
  }
  Wrong(request, absl::StrCat("lost: ", http::ResetReasonName(exchange.reason()), " ", exchange.why()));
}

void Prober::Judge(const TestClient::Exchange& exchange, const Request& request) {
  ++findings_.answered;
  const Incoming& got = exchange.response();
  Answer answer;
  answer.status = static_cast<int>(got.status);
  answer.listener = got.Get("server");
  answer.routes = got.Get("x-routes");
  if (const std::string server = got.Get("x-server"); !server.empty() && !absl::SimpleAtoi(server, &answer.server)) {
    answer.server = -1;
  }
  if (answer.server < 0) answer.body = got.text;
  answer.host = got.Get("x-host");
  if (!answer.host.empty()) ++findings_.by_fetched;
  const bool http1 = options_.protocol == http::Protocol::kHttp11;
  if (http1 && answer.server < 0 && request.sent_bytes > 0) request.on->cut_short = true;
  Question question = request.question;
  question.begun = request.begun;
  question.over = Now();
  const std::string allowed = law_.Judge(request.on->followed, question, request.from, timeline_.possible(), answer);
  if (!allowed.empty()) Wrong(request, absl::StrCat("answered with ", answer.Describe(), "; allowed:\n", allowed));
  if (options_.peer >= 0) CheckCertificate(request);
  if (answer.server < 0) return;
  ++findings_.by_servers;
  if (got.Get("x-number") != absl::StrCat(request.want.number)) return Wrong(request, "somebody else's answer");
  if (!got.matches || got.size != request.want.reply_size) Wrong(request, absl::StrCat("got ", got.size, " bytes"));
  if (got.Get("x-got-right") != "1" || got.Get("x-got-bytes") != absl::StrCat(request.sent_bytes)) {
    Wrong(request, absl::StrCat("the server got ", got.Get("x-got-bytes"), " bytes of ", request.sent_bytes));
  }
}

void Prober::CheckCertificate(const Request& request) {
  ++findings_.over_tls;
  const net::TlsInfo* tls = request.on->client->connection().transport().tls();
  const std::string name(tls == nullptr ? "" : tls->Peer(net::TlsInfo::Fact::kDnsSans));
  int shown = -1;  // "s1.test"
  if (name.size() < 2 || !absl::SimpleAtoi(name.substr(1, 1), &shown)) shown = -1;
  if (!law_.MayShow(request.on->followed, shown)) Wrong(request, absl::StrCat("by who shows \"", name, "\""));
}

void Prober::Watch() {
  for (const auto& connection : connections_) {
    TestClient& client = *connection->client;
    // HTTP/1 says so with an answer, which may be on its way still.
    if (client.going_away() && !client.closed() && options_.protocol != http::Protocol::kHttp2) continue;
    if (!client.usable()) {
      if (std::exchange(connection->noted_end, true)) continue;
      if (client.closed() && client.close_info().reason == net::CloseReason::kConnectFailed) continue;
      ++findings_.ended;
      if (connection->cut_short || law_.MayEnd(connection->followed, timeline_.possible())) continue;
      findings_.wrong.push_back(
          absl::StrCat(ToMillis(Now().time_since_epoch()), " ms: a connection to port ", options_.port,
                       " ended though nothing ended it: ",
                       client.closed() ? net::CloseReasonName(client.close_info().reason) : "told to", " ",
                       client.close_info().detail, "\n"));
      continue;
    }
    if (connection->followed.accepted == SIZE_MAX) continue;
    const MonotonicTime since = law_.MustEnd(connection->followed);
    if (since == MonotonicTime::max()) continue;
    const bool http2 = options_.protocol == http::Protocol::kHttp2;
    // An HTTP/1 client is told by an answer: to a request that began when all workers knew.
    if (http2 ? Now() < since + kLongestFarewell : connection->last_begun <= since) continue;
    if (std::exchange(connection->noted_end, true)) continue;
    findings_.wrong.push_back(absl::StrCat(ToMillis(Now().time_since_epoch()), " ms: a connection to port ",
                                           options_.port, " goes on though it must end since ",
                                           ToMillis(since.time_since_epoch()), " ms\n"));
  }
}

void Prober::Wrong(const Request& request, const std::string& what) {
  findings_.wrong.push_back(absl::StrCat(
      ToMillis(Now().time_since_epoch()), " ms: ", http::ProtocolName(options_.protocol), " ", request.question.host,
      request.question.path, request.question.wants_fault ? " (fault)" : "", options_.peer >= 0 ? " over TLS" : "",
      " at port ", options_.port, ", begun at ", ToMillis(request.begun.time_since_epoch()), " ms, moments ",
      request.from, " to ", timeline_.possible(), ", connection from ", request.on->followed.opened, " to ",
      request.on->followed.accepted == SIZE_MAX ? -1 : static_cast<int>(request.on->followed.accepted), ": ", what,
      "\n"));
}

}  // namespace outrigger::simulation::oracle
