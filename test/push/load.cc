// The clients of tools/push-test. Sends for --seconds, waits for what is under way, prints one JSON report.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <functional>
#include <map>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "source/event/dispatcher.h"
#include "source/event/epoll_engine.h"
#include "source/event/signal_watch.h"
#include "test/push/grpc_load.h"
#include "test/push/http_load.h"
#include "test/push/tls_load.h"

namespace outrigger::push {
namespace {

constexpr char kUsage[] =
    "usage: load --plain=PORT --secure=PORT --authority=FILE --seconds=N [--rate=PER_SECOND] [--streams=N] "
    "[--stream-seconds=N]\n"
    "  --rate            of unary requests, a third each over HTTP/1.1, HTTP/2 and gRPC (default 300); 20 more per "
    "second go over TLS\n"
    "  --streams         under way at any time, per protocol (default 4), each --stream-seconds (default 30) long\n";

struct Flags {
  uint32_t plain = 0, secure = 0, seconds = 0, rate = 300, streams = 4, stream_seconds = 30;
  std::string authority;
};

bool Parse(int count, char** words, Flags& flags) {
  std::map<absl::string_view, uint32_t*> numbers = {
      {"--plain", &flags.plain}, {"--secure", &flags.secure},   {"--seconds", &flags.seconds},
      {"--rate", &flags.rate},   {"--streams", &flags.streams}, {"--stream-seconds", &flags.stream_seconds}};
  for (int i = 1; i < count; ++i) {
    const absl::string_view word = words[i];
    const size_t equals = word.find('=');
    if (equals == absl::string_view::npos) return false;
    const absl::string_view name(word.data(), equals);
    const absl::string_view value(word.data() + equals + 1, word.size() - equals - 1);
    if (name == "--authority") {
      flags.authority = std::string(value);
      continue;
    }
    const auto at = numbers.find(name);
    if (at == numbers.end() || !absl::SimpleAtoi(value, at->second)) return false;
  }
  return flags.plain > 0 && flags.secure > 0 && flags.seconds > 0 && flags.rate > 0;
}

int Run(const Flags& flags) {
  event::Dispatcher dispatcher(event::MakeEpollEngine());
  Tally tally;
  const auto target = net::Address::ParseIp("127.0.0.1", static_cast<uint16_t>(flags.plain));
  if (!target.ok()) return 2;
  const double third = flags.rate / 3.0;
  HttpLoad::Options options;
  options.kind = "h1";
  options.target = *target;
  options.per_second = third;
  options.streams = flags.streams;
  options.stream_seconds = flags.stream_seconds;
  HttpLoad http1(dispatcher, options, tally);
  options.kind = "h2";
  options.http2 = true;
  HttpLoad http2(dispatcher, options, tally);
  auto grpc = GrpcLoad::Start({.target = absl::StrCat("127.0.0.1:", flags.plain),
                               .per_second = third,
                               .streams = flags.streams,
                               .stream_seconds = flags.stream_seconds},
                              tally);
  TlsLoad tls({.port = flags.secure, .authority_file = flags.authority}, tally);

  event::Timer over([&] { dispatcher.Stop(); });
  event::Timer waiting([&] {
    if (http1.idle() && http2.idle()) return dispatcher.Stop();
    dispatcher.Arm(waiting, milliseconds(50));
  });
  event::Timer end([&] {
    http1.Stop();
    http2.Stop();
    grpc->Stop();
    tls.Stop();
    dispatcher.Arm(waiting, milliseconds(50));
    dispatcher.Arm(over, seconds(flags.stream_seconds + 20));
  });
  dispatcher.Post([&] {
    http1.Start();
    http2.Start();
    dispatcher.Arm(end, seconds(flags.seconds));
  });
  dispatcher.Run();
  grpc->Join();
  tls.Join();
  std::printf("%s\n", tally.Json().c_str());
  std::fflush(stdout);
  return tally.failed() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace outrigger::push

int main(int count, char** words) {
  std::signal(SIGPIPE, SIG_IGN);
  outrigger::push::Flags flags;
  if (!outrigger::push::Parse(count, words, flags)) {
    std::fputs(outrigger::push::kUsage, stderr);
    return 2;
  }
  const int code = outrigger::push::Run(flags);
  std::fflush(stdout);
  std::_Exit(code);  // connections that idle are the system's to close
}
