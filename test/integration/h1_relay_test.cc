// HTTP/1.1 through the whole proxy on real sockets, as tables: what a client sends and what its backend then sees, what
// a backend sends and what the client then sees, to the byte. test/http/h1 has the codec's own, larger tables.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <mutex>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "test/harness/process.h"
#include "test/integration/scripted_backend.h"
#include "test/integration/small_proxy.h"
#include "test/integration/threaded_proxy.h"

namespace outrigger::integration {
namespace {

using absl::StrCat;
using Peer = ScriptedBackend::Peer;

constexpr char kMarker[] = "GET /marker HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr char kFine[] = "HTTP/1.1 204 No Content\r\n\r\n";
constexpr char kGet[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

// Without the lines that the proxy adds of its own accord (request id, date and so on): what is left was relayed.
std::string Relayed(absl::string_view text) {
  std::string out;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    bool added = false;
    for (absl::string_view name : {"x-request-id:", "x-forwarded-proto:", "x-envoy-", "date:", "server:"}) {
      added = added || absl::StartsWithIgnoreCase(line, name);
    }
    if (!added) absl::StrAppend(&out, line, "\n");
  }
  if (!out.empty()) out.pop_back();
  return out;
}

// What became of one row.
struct Outcome {
  std::string forwarded;  // what the backend saw
  std::string answered;   // what the client saw
  std::string ending;     // of its connection: "kept", "closed" or "reset"
  std::string details;
};

class H1RelayTest : public testing::Test {
 protected:
  int64_t Stat(absl::string_view name) {
    for (const auto& number : proxy_->stats().Read().numbers) {
      if (number.name == name) return number.value;
    }
    return -1;
  }
  void Start(std::function<void(http::Http1Options&)> change = nullptr) {
    backend_ = std::make_unique<ScriptedBackend>([this](Peer& peer, int) { Serve(peer); });
    SmallProxy::Options options;
    options.backend_port = backend_->port();
    options.hcm = [this, change](filters::hcm::HcmConfig& hcm) {
      hcm.access_logs.push_back(log_);
      hcm.http1.accept_http_10 = hcm.http1.enable_trailers = true;
      hcm.max_requests_per_connection = most_requests_;
      if (change) change(hcm.http1);
    };
    options.cluster = [change](model::ClusterConfig& cluster) {
      cluster.settings.Edit().http1.enable_trailers = true;
      if (change) change(cluster.settings.Edit().http1);
    };
    proxy_ = std::make_unique<SmallProxy>(options);
  }

  void Serve(Peer& peer) {
    for (std::string request; !(request = peer.ReadRequest()).empty();) {
      if (absl::StrContains(request, " /marker ")) {
        peer.Write("HTTP/1.1 200 OK\r\nx-marker: 1\r\ncontent-length: 0\r\n\r\n");
        continue;
      }
      const std::lock_guard<std::mutex> lock(mutex_);
      seen_ += request;
      peer.Write(answer_);
      if (backend_closes_) return;
    }
  }

  // Sends `wire` and then a request that shows whether the connection was kept.
  Outcome Run(const std::string& wire, const std::string& answer = kFine, bool backend_closes = false) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      seen_.clear();
      answer_ = answer;
      backend_closes_ = backend_closes;
    }
    Client client(proxy_->port());
    client.Send(StrCat(wire, kMarker));
    Outcome out;
    const bool ended = ReadToMarker(client.fd(), &out);
    out.answered = Relayed(out.answered);
    EXPECT_TRUE(ended) << "neither an end nor an answer to the last request behind: " << wire;
    EXPECT_TRUE(harness::WaitFor([this] { return log_->Has(); })) << wire;
    out.details = log_->Take().details;
    while (log_->Has()) log_->Take();  // of the marker, of pipelined requests
    const std::lock_guard<std::mutex> lock(mutex_);
    out.forwarded = Relayed(seen_);
    return out;
  }

  static bool ReadToMarker(int fd, Outcome* out) {
    char buffer[4096];
    for (;;) {
      const ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
      if (n <= 0) {
        out->ending = n == 0 ? "closed" : "reset";
        return true;
      }
      out->answered.append(buffer, static_cast<size_t>(n));
      const size_t marker = absl::AsciiStrToLower(out->answered).find("x-marker: 1\r\n");
      if (marker == std::string::npos || !absl::EndsWith(out->answered, "\r\n\r\n")) continue;
      out->answered.resize(out->answered.rfind("HTTP/1.1 200 OK\r\n", marker));
      out->ending = "kept";
      return true;
    }
  }

  std::mutex mutex_;
  std::string seen_, answer_;
  bool backend_closes_ = false;
  uint32_t most_requests_ = 0;
  std::shared_ptr<LogRecorder> log_ = std::make_shared<LogRecorder>();
  std::unique_ptr<ScriptedBackend> backend_;
  std::unique_ptr<SmallProxy> proxy_;
};

std::string WithFields(absl::string_view fields) { return StrCat("GET / HTTP/1.1\r\nHost: a\r\n", fields, "\r\n"); }
std::string Chunked(absl::string_view body) {
  return StrCat("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", body);
}

struct Forwarded {
  std::string wire;
  std::string forwarded;
  const char* ending = "kept";
};

TEST_F(H1RelayTest, ValidRequestsAreForwardedFaithfully) {
  Start();
  const std::string get = "GET / HTTP/1.1\r\nhost: a\r\n";
  const std::string post = "POST / HTTP/1.1\r\nhost: a\r\n";
  const Forwarded rows[] = {
      // Order and duplicates stay, names are lower case, Host goes first.
      {"GET /a/%7Eb?c=d&e HTTP/1.1\r\nB: 1\r\nHOST: a:81\r\nA:2\r\nb:  3 x\t\r\nEmpty:\r\n\r\n",
       "GET /a/%7Eb?c=d&e HTTP/1.1\r\nhost: a:81\r\nb: 1\r\na: 2\r\nb: 3 x\r\nempty: \r\n\r\n"},
      {"\r\n" + std::string(kGet), get + "\r\n"},
      {"PURGE!x / HTTP/1.1\r\nHost: a\r\n\r\n", "PURGE!x / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n"},
      {"GET / HTTP/1.7\r\nHost: a\r\n\r\n", get + "\r\n"},
      {WithFields("X: caf\xc3\xa9 \xff\r\n"), get + "x: caf\xc3\xa9 \xff\r\n\r\n"},
      {WithFields("x_y: 1\r\n"), get + "x_y: 1\r\n\r\n"},
      // The four forms of a target.
      {"GET http://b:81/x?y HTTP/1.1\r\nHost: a\r\n\r\n", "GET /x?y HTTP/1.1\r\nhost: b:81\r\n\r\n"},
      {"GET HTTP://b HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nhost: b\r\n\r\n"},
      {"GET http://b?y HTTP/1.1\r\nHost: a\r\n\r\n", "GET /?y HTTP/1.1\r\nhost: b\r\n\r\n"},
      // What belongs to the connection stays behind.
      {WithFields("Connection: x-a, close\r\nX-A: 1\r\nX-B: 2\r\n"), get + "x-b: 2\r\n\r\n", "closed"},
      {WithFields("Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nUpgrade: x\r\n"), get + "\r\n"},
      {WithFields("TE: gzip, trailers\r\nConnection: TE\r\n"), get + "te: trailers\r\nconnection: te\r\n\r\n"},
      {WithFields("Connection: close\r\n"), get + "\r\n", "closed"},
      {WithFields("TE: gzip\r\nConnection: TE\r\n"), get + "\r\n"},
      // Bodies: one framing, the number of bytes or chunks of our own making.
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 005\r\nX: 1\r\n\r\nhello",
       post + "content-length: 5\r\nx: 1\r\n\r\nhello"},
      {"POST / HTTP/1.1\r\nHost: a\r\n\r\n", post + "content-length: 0\r\n\r\n"},
      {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", get + "content-length: 2\r\n\r\nhi"},
      {Chunked("003;x=\"\\\"\"\r\nabc\r\nA\r\n0123456789\r\n00\r\n\r\n"),
       post + "transfer-encoding: chunked\r\n\r\nd\r\nabc0123456789\r\n0\r\n\r\n"},
      {Chunked("1\r\na\r\n0\r\nX-Sum: 1\r\nContent-Type: x\r\n\r\n"),
       post + "transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-sum: 1\r\n\r\n"},
      // Pipelined ones, one after the other.
      {std::string(kGet) +
           "POST /2 HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\n\r\nxGET /3 HTTP/1.1\r\nHost: c\r\n\r\n",
       get + "\r\nPOST /2 HTTP/1.1\r\nhost: b\r\ncontent-length: 1\r\n\r\nxGET /3 HTTP/1.1\r\nhost: c\r\n\r\n"},
      // HTTP/1.0, and what it has not.
      {"GET / HTTP/1.0\r\nHost: a\r\n\r\n", get + "\r\n", "closed"},
      {"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTE: trailers\r\n\r\n", get + "\r\n"},
      {"POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
       post + "content-length: 2\r\n\r\nhi", "closed"},
  };
  for (const Forwarded& row : rows) {
    const Outcome out = Run(row.wire);
    EXPECT_EQ(out.forwarded, row.forwarded) << row.wire;
    EXPECT_TRUE(absl::StartsWith(out.answered, "HTTP/1.1 204 No Content\r\n")) << row.wire << out.answered;
    EXPECT_EQ(out.ending, row.ending) << row.wire;
  }
}

struct Refused {
  std::string wire;
  int status;
  const char* details;
};

TEST_F(H1RelayTest, InvalidRequestsAreRefusedAndForwardedToNobody) {
  Start();
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
  const Refused rows[] = {
      {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "http1.unsupported_version"},
      {"GET / http/1.1\r\nHost: a\r\n\r\n", 400, "http1.codec_error"},
      {"GET /\r\n\r\n", 400, "http1.invalid_url"},
      {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "http1.codec_error"},
      {"GET / HTTP/1.1\nHost: a\n\n", 400, "http1.codec_error"},
      {std::string(65, 'M') + " / HTTP/1.1\r\nHost: a\r\n\r\n", 501, "http1.method_too_long"},
      {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400, "http1.invalid_url"},
      {"GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "http1.invalid_url"},
      {"GET http://u@b/ HTTP/1.1\r\nHost: b\r\n\r\n", 400, "http1.invalid_url"},
      {"GET /" + std::string(70000, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414, "http1.uri_too_large"},
      {"GET / HTTP/1.1\r\n\r\n", 400, "missing_host_header"},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "http1.invalid_host"},
      {"GET http://b/ HTTP/1.1\r\nHost: a:80:80\r\n\r\n", 400, "http1.invalid_host"},
      {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400, "http1.invalid_host"},
      {WithFields("X: " + std::string(70000, 'x') + "\r\n"), 431, "http1.headers_too_large"},
      {WithFields("X : 1\r\n"), 400, "http1.codec_error"},
      {WithFields("X: 1\r\n 2\r\n"), 400, "http1.codec_error"},
      {WithFields("X: 1\rY: 2\r\n"), 400, "http1.invalid_characters"},
      {WithFields(absl::string_view("X: \0\r\n", 6)), 400, "http1.invalid_characters"},
      {WithFields("Connection: content-length\r\n"), 400, "http1.connection_header_rejected"},
      {post + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400, "http1.invalid_content_length"},
      {post + "Content-Length: 5, 5\r\n\r\nhello", 400, "http1.invalid_content_length"},
      {post + "Content-Length: +1\r\n\r\nx", 400, "http1.invalid_content_length"},
      {post + "Content-Length: 18446744073709551617\r\n\r\nx", 400, "http1.invalid_content_length"},
      {post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
       "http1.content_length_and_chunked_not_allowed"},
      {post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, "http1.invalid_transfer_encoding"},
      {post + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400, "http1.invalid_transfer_encoding"},
      {"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
       "http1.invalid_transfer_encoding"},
      {WithFields("Upgrade: websocket\r\nUpgrade: h2c\r\nConnection: upgrade\r\n"), 403, "upgrade_failed"},
  };
  for (const Refused& row : rows) {
    const Outcome out = Run(row.wire);
    EXPECT_TRUE(absl::StartsWith(out.answered, StrCat("HTTP/1.1 ", row.status, " "))) << row.wire << out.answered;
    EXPECT_EQ(out.details, row.details) << row.wire;
    EXPECT_EQ(out.forwarded, "") << row.wire;
    if (row.status != 403) {
      EXPECT_EQ(out.ending, "closed") << row.wire;
    }
  }
}

// A body that turns out to be broken: its head went on already, its end must not.
TEST_F(H1RelayTest, BrokenRequestBodiesNeverComeToAnEnd) {
  Start();
  const Refused rows[] = {
      {Chunked("zz\r\n"), 400, "http1.invalid_chunk"},
      {Chunked("1\r\nab\r\n0\r\n\r\n"), 400, "http1.invalid_chunk"},
      {Chunked("1\r\na\n0\r\n\r\n"), 400, "http1.invalid_chunk"},
      {Chunked("0x1\r\na\r\n0\r\n\r\n"), 400, "http1.invalid_chunk"},
      {Chunked("1;x\ny\r\na\r\n0\r\n\r\n"), 400, "http1.invalid_chunk"},
      {Chunked("8000000000000000\r\n"), 400, "http1.invalid_chunk"},
      {Chunked("1;" + std::string(2000, 'x') + "\r\na\r\n0\r\n\r\n"), 400, "http1.chunk_line_too_large"},
      {Chunked("0\r\nX : 1\r\n\r\n"), 400, "http1.codec_error"},
      {Chunked("0\r\nContent-Length: 1\r\n\r\n"), 400, "http1.forbidden_trailer"},
      {Chunked("0\r\nX: " + std::string(70000, 'x') + "\r\n\r\n"), 431, "http1.trailers_too_large"},
  };
  for (const Refused& row : rows) {
    const Outcome out = Run(row.wire);
    EXPECT_TRUE(absl::StartsWith(out.answered, StrCat("HTTP/1.1 ", row.status, " "))) << row.wire << out.answered;
    EXPECT_EQ(out.details, row.details) << row.wire;
    EXPECT_EQ(out.forwarded, "") << row.wire;  // of whole requests
    EXPECT_EQ(out.ending, "closed") << row.wire;
  }
}

struct Answer {
  std::string request;
  std::string answer;
  std::string answered;
  const char* ending = "kept";
};

TEST_F(H1RelayTest, ValidAnswersAreForwardedFaithfully) {
  Start();
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const std::string head = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string old = "GET / HTTP/1.0\r\nHost: a\r\n\r\n";
  const Answer rows[] = {
      {kGet, ok + "B: 1\r\nA:2\r\nContent-Length: 2\r\nb:  3\r\n\r\nhi",
       ok + "b: 1\r\na: 2\r\ncontent-length: 2\r\nb: 3\r\n\r\nhi"},
      {kGet, "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", ok + "content-length: 0\r\n\r\n"},
      {kGet, "HTTP/1.1 299 What\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 299 \r\ncontent-length: 0\r\n\r\n"},
      {kGet, ok + "Connection: x-a\r\nX-A: 1\r\nKeep-Alive: timeout=9\r\nX-B: 2\r\nContent-Length: 0\r\n\r\n",
       ok + "x-b: 2\r\ncontent-length: 0\r\n\r\n"},
      {kGet, ok + "Transfer-Encoding: chunked\r\n\r\n2;x\r\nhi\r\n0\r\nX-Sum: 1\r\nAge: 2\r\n\r\n",
       ok + "transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-sum: 1\r\n\r\n"},
      {kGet, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok + "Content-Length: 0\r\n\r\n",
       "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + ok + "content-length: 0\r\n\r\n"},
      // No body, whatever the fields say.
      {kGet, "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", kFine},
      {kGet, "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
       "HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n"},
      {head, ok + "Content-Length: 9\r\n\r\n", ok + "content-length: 9\r\n\r\n"},
      {head, ok + "Transfer-Encoding: chunked\r\n\r\n", ok + "\r\n"},
      // HTTP/1.0 servers and clients.
      {kGet, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", ok + "content-length: 2\r\n\r\nhi"},
      {old, ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n",
       ok + "connection: close\r\n\r\nhi", "closed"},
      {old, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok + "Content-Length: 2\r\n\r\nhi",
       ok + "content-length: 2\r\nconnection: close\r\n\r\nhi", "closed"},
      {"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", ok + "Content-Length: 2\r\n\r\nhi",
       ok + "content-length: 2\r\nconnection: keep-alive\r\n\r\nhi"},
  };
  for (const Answer& row : rows) {
    const Outcome out = Run(row.request, row.answer);
    EXPECT_EQ(out.answered, row.answered) << row.answer;
    EXPECT_EQ(out.ending, row.ending) << row.answer;
  }
  // The end of the connection is the end of the answer.
  const Outcome out = Run(kGet, ok + "\r\nhi", /*backend_closes=*/true);
  EXPECT_EQ(out.answered, ok + "transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n");
  EXPECT_EQ(out.ending, "kept");
}

TEST_F(H1RelayTest, InvalidAnswersAre502) {
  Start();
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const std::string rows[] = {
      "nonsense\r\n\r\n",
      "HTTP/2.0 200 OK\r\n\r\n",
      "HTTP/1.1 20 OK\r\n\r\n",
      "HTTP/1.1 600 OK\r\n\r\n",
      "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
      "\r\nHTTP/1.1 200 OK\r\n\r\n",
      ok + "X : 1\r\nContent-Length: 0\r\n\r\n",
      ok + "X: 1\r\n 2\r\nContent-Length: 0\r\n\r\n",
      ok + "X: 1\r2\r\nContent-Length: 0\r\n\r\n",
      ok + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
      ok + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
      ok + "Content-Length: 2, 2\r\n\r\nhi",
      ok + "Content-Length: -2\r\n\r\nhi",
      ok + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
      ok + "Transfer-Encoding: gzip\r\n\r\nhi",
      "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
      "HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\nhi" + ok + "\r\n",
      "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nhi",
      "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
      ok + "X: " + std::string(70000, 'x') + "\r\nContent-Length: 0\r\n\r\n",
  };
  for (const std::string& answer : rows) {
    const Outcome out = Run(kGet, answer);
    EXPECT_TRUE(absl::StartsWith(out.answered, "HTTP/1.1 502 Bad Gateway\r\n"))
        << answer.substr(0, 200) << out.answered;
    EXPECT_EQ(out.details, "upstream_reset_before_response_started{protocol_error}") << answer.substr(0, 200);
    EXPECT_EQ(out.ending, "kept") << answer.substr(0, 200);
  }
}

// Each client can tell from the bytes alone, or from the end of its connection, that something is missing.
TEST_F(H1RelayTest, AnswersThatAreCutAreNeverPassedOnAsWhole) {
  Start();
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const std::string old = "GET / HTTP/1.0\r\nHost: a\r\n\r\n";
  const Answer rows[] = {
      {kGet, ok + "Content-Length: 9\r\n\r\nhi", ok + "content-length: 9\r\n\r\nhi", "closed"},
      {kGet, ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", ok + "transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n",
       "closed"},
      {kGet, ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n",
       ok + "transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n", "closed"},
      {old, ok + "Content-Length: 9\r\n\r\nhi", ok + "content-length: 9\r\nconnection: close\r\n\r\nhi", "closed"},
      {old, ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", "", "reset"},
  };
  for (const Answer& row : rows) {
    const Outcome out = Run(row.request, row.answer, /*backend_closes=*/true);
    if (!row.answered.empty()) {
      EXPECT_EQ(out.answered, row.answered) << row.answer;
    }
    EXPECT_EQ(out.ending, row.ending) << row.answer;
  }
  const Outcome headless = Run(kGet, "HTTP/1.1 200 OK\r\nContent-", /*backend_closes=*/true);
  EXPECT_TRUE(absl::StartsWith(headless.answered, "HTTP/1.1 503 ")) << headless.answered;
}

TEST_F(H1RelayTest, BytesBehindAnAnswerReachNobody) {
  Start();
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  for (const std::string& extra : {ok + "Content-Length: 4\r\n\r\nevil", std::string("\r\n"), std::string("evil")}) {
    const Outcome out = Run(kGet, ok + "Content-Length: 2\r\n\r\nhi" + extra);
    EXPECT_EQ(out.answered, ok + "content-length: 2\r\n\r\nhi") << extra;
    EXPECT_EQ(out.ending, "kept") << extra;  // and the marker's answer was its own
  }
}

TEST_F(H1RelayTest, NamesAreSpelledAsTheOptionsSay) {
  Start([](http::Http1Options& http1) { http1.preserve_case = true; });
  const std::string answer = "HTTP/1.1 200 OK\r\nX-FoO: 1\r\ncontent-LENGTH: 0\r\n\r\n";
  const Outcome out = Run("GET / HTTP/1.1\r\nhOsT: a\r\nX-bAr: 1\r\n\r\n", answer);
  EXPECT_EQ(out.forwarded, "GET / HTTP/1.1\r\nhOsT: a\r\nX-bAr: 1\r\n\r\n");
  EXPECT_EQ(out.answered, answer);
  proxy_.reset();
  backend_.reset();
  Start([](http::Http1Options& http1) { http1.proper_case = true; });
  const Outcome proper = Run("GET / HTTP/1.1\r\nhOsT: a\r\nX-bAr: 1\r\n\r\n", answer);
  EXPECT_EQ(proper.forwarded, "GET / HTTP/1.1\r\nHost: a\r\nX-Bar: 1\r\n\r\n");
  EXPECT_EQ(proper.answered, "HTTP/1.1 200 OK\r\nX-Foo: 1\r\nContent-Length: 0\r\n\r\n");
}

TEST_F(H1RelayTest, EachLimitHasItsCounter) {
  Start();
  const struct {
    std::string wire;
    const char* counter;
  } rows[] = {
      {WithFields("X: " + std::string(70000, 'x') + "\r\n"), "http1.header_overflow"},
      {Chunked("1;" + std::string(2000, 'x') + "\r\na\r\n0\r\n\r\n"), "http1.chunk_extensions_overflow"},
      {Chunked("1;x=y\r\na\r\n0\r\n\r\n"), "http1.dropped_chunk_extensions"},
      {Chunked("1\r\na\r\n0\r\nCookie: 1\r\n\r\n"), "http1.dropped_trailers"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(Stat(row.counter), 0) << row.counter;
    Run(row.wire);
    EXPECT_TRUE(harness::WaitFor([&] { return Stat(row.counter) == 1; })) << row.counter;
  }
}

TEST_F(H1RelayTest, RequestsPerConnectionAreLimited) {
  most_requests_ = 1;
  Start();
  const Outcome out = Run(kGet);
  EXPECT_EQ(out.answered, "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
  EXPECT_EQ(out.ending, "closed");
  EXPECT_EQ(Stat("http.test.downstream_cx_max_requests_reached"), 1);
}

// Content-Length beside chunked, where the option takes it: the length is gone, and the connection with the answer.
TEST_F(H1RelayTest, ALengthBesideChunkedCostsTheConnection) {
  Start([](http::Http1Options& http1) { http1.allow_chunked_length = true; });
  const Outcome out =
      Run("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n");
  EXPECT_EQ(out.forwarded, "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n");
  EXPECT_TRUE(absl::StrContains(out.answered, "connection: close\r\n")) << out.answered;
  EXPECT_EQ(out.ending, "closed");
}

}  // namespace
}  // namespace outrigger::integration
