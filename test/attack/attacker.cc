// Hurts a proxy, or watches how a well-behaved client fares meanwhile.
// usage: attacker --list
//        attacker --attack NAME --port PORT [--seconds N] [--bytes N] [--closed N]   ends with whichever comes first
//        attacker --polite --port PORT --seconds N [--each-ms N] [--clients N]
// Prints one line of JSON.
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "test/attack/attack.h"
#include "test/attack/client_hello.h"
#include "test/attack/hostile_connection.h"
#include "test/attack/polite_client.h"

namespace outrigger::attack {
namespace {

using Clock = std::chrono::steady_clock;

struct Words {
  std::map<std::string, std::string> values;
  bool has(const std::string& key) const { return values.count(key) != 0; }
  uint64_t number(const std::string& key, uint64_t otherwise) const {
    const auto at = values.find(key);
    uint64_t value = otherwise;
    return at != values.end() && absl::SimpleAtoi(at->second, &value) ? value : otherwise;
  }
};

int List() {
  for (const Attack& attack : Attacks(ClientHello())) {
    printf("%s\t%s\t%s\t%s\n", attack.name.data(), attack.tls ? "tls" : "plain", attack.counter.data(),
           attack.about.data());
  }
  return 0;
}

int Run(const Attack& attack, const Words& words) {
  const int poller = epoll_create1(EPOLL_CLOEXEC);
  const int port = static_cast<int>(words.number("--port", 0));
  const uint64_t bytes = words.number("--bytes", UINT64_MAX), closed = words.number("--closed", UINT64_MAX);
  const Clock::time_point end = Clock::now() + std::chrono::seconds(words.number("--seconds", 10));
  Tally tally;
  std::vector<std::unique_ptr<HostileConnection>> connections;
  for (int i = 0; i < attack.connections; ++i) {
    connections.push_back(std::make_unique<HostileConnection>(attack, port, poller, tally));
    connections.back()->Connect();
  }
  const std::chrono::milliseconds pace(attack.pace_ms);
  Clock::time_point drip = Clock::now() + pace;
  while (Clock::now() < end && tally.sent < bytes && tally.closed + tally.refused < closed) {
    epoll_event events[256];
    const int n = epoll_wait(poller, events, 256, 5);
    for (int i = 0; i < n; ++i) static_cast<HostileConnection*>(events[i].data.ptr)->OnEvents(events[i].events);
    if (attack.pace_ms > 0 && Clock::now() >= drip) {
      for (auto& connection : connections) connection->Drip();
      drip += pace;
    }
    for (auto& connection : connections) {
      if (!connection->connected()) connection->Connect();
    }
  }
  printf("{\"connections\": %llu, \"refused\": %llu, \"closed\": %llu, \"sent\": %llu, \"read\": %llu}\n",
         static_cast<unsigned long long>(tally.connections), static_cast<unsigned long long>(tally.refused),
         static_cast<unsigned long long>(tally.closed), static_cast<unsigned long long>(tally.sent),
         static_cast<unsigned long long>(tally.read));
  connections.clear();
  close(poller);
  return 0;
}

int BePolite(const Words& words) {
  PoliteClients::Options options;
  options.port = static_cast<int>(words.number("--port", 0));
  options.clients = static_cast<int>(words.number("--clients", static_cast<uint64_t>(options.clients)));
  options.each = std::chrono::milliseconds(words.number("--each-ms", static_cast<uint64_t>(options.each.count())));
  options.time = std::chrono::seconds(words.number("--seconds", 10));
  PoliteClients clients(options);
  clients.Run();
  printf(
      "{\"requests\": %zu, \"failed\": %d, \"p50_us\": %lld, \"p90_us\": %lld, \"p99_us\": %lld, \"most_us\": %lld}\n",
      clients.requests(), clients.failed(), static_cast<long long>(clients.Percentile(50)),
      static_cast<long long>(clients.Percentile(90)), static_cast<long long>(clients.Percentile(99)),
      static_cast<long long>(clients.Percentile(100)));
  return 0;
}

int Main(int argc, char** argv) {
  Words words;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const bool flag = word == "--list" || word == "--polite";
    words.values[word] = !flag && i + 1 < argc ? argv[++i] : "";
  }
  rlimit most{};
  getrlimit(RLIMIT_NOFILE, &most);
  most.rlim_cur = most.rlim_max;
  setrlimit(RLIMIT_NOFILE, &most);
  if (words.has("--list")) return List();
  if (words.has("--polite")) return BePolite(words);
  for (const Attack& attack : Attacks(ClientHello())) {
    if (attack.name == words.values["--attack"]) return Run(attack, words);
  }
  fprintf(stderr, "attacker: no such attack; --list tells them\n");
  return 2;
}

}  // namespace
}  // namespace outrigger::attack

int main(int argc, char** argv) { return outrigger::attack::Main(argc, argv); }
