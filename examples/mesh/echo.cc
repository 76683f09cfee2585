// The example service: says who it is and who called, over HTTP/1.1 and gRPC. See README.md.
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>

#include "absl/strings/numbers.h"
#include "examples/mesh/grpc_server.h"
#include "examples/mesh/http_server.h"
#include "source/event/signal_watch.h"

namespace outrigger::examples {
namespace {

struct Flags {
  Identity identity;
  std::string address = "127.0.0.1";
  uint32_t http = 0, grpc = 0;
  bool has_grpc = false;
};

constexpr char kUsage[] = "usage: echo --name NAME --version VERSION --http PORT [--grpc PORT] [--address IP]\n";

bool Parse(int count, char** words, Flags* flags) {
  for (int i = 1; i < count; i += 2) {
    if (i + 1 >= count) return false;
    const absl::string_view name = words[i];
    const absl::string_view value = words[i + 1];
    if (name == "--name") {
      flags->identity.service = std::string(value);
    } else if (name == "--version") {
      flags->identity.version = std::string(value);
    } else if (name == "--address") {
      flags->address = std::string(value);
    } else if (name == "--http") {
      if (!absl::SimpleAtoi(value, &flags->http)) return false;
    } else if (name == "--grpc") {
      flags->has_grpc = true;
      if (!absl::SimpleAtoi(value, &flags->grpc)) return false;
    } else {
      return false;
    }
  }
  return flags->http < 65536 && flags->grpc < 65536;
}

int Run(const Flags& flags) {
  event::Dispatcher dispatcher(event::MakeEpollEngine());
  event::SignalWatch signals(dispatcher.engine(), {SIGTERM, SIGINT}, [&](int) { dispatcher.Stop(); });
  auto http = HttpServer::Start(dispatcher, flags.address, flags.http, flags.identity);
  if (!http.ok()) {
    std::fprintf(stderr, "echo: %s\n", http.status().ToString().c_str());
    return 1;
  }
  std::unique_ptr<GrpcServer> grpc;
  if (flags.has_grpc) {
    auto started = GrpcServer::Start(flags.address, flags.grpc, flags.identity);
    if (!started.ok()) {
      std::fprintf(stderr, "echo: %s\n", started.status().ToString().c_str());
      return 1;
    }
    grpc = *std::move(started);
  }
  std::printf("%s %s http=%u grpc=%u\n", flags.identity.service.c_str(), flags.identity.version.c_str(),
              (*http)->port(), grpc == nullptr ? 0 : grpc->port());
  std::fflush(stdout);
  dispatcher.Run();
  return 0;
}

}  // namespace
}  // namespace outrigger::examples

int main(int count, char** words) {
  outrigger::examples::Flags flags;
  if (!outrigger::examples::Parse(count, words, &flags)) {
    std::fputs(outrigger::examples::kUsage, stderr);
    return 2;
  }
  return outrigger::examples::Run(flags);
}
