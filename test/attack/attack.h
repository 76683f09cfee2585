// Thread: any
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

// What people have hurt proxies with, as bytes to send. Everything is written by hand: no code of the proxy takes part.
namespace outrigger::attack {

// What one hostile connection sends: Next() adds some bytes each time it is asked, tens of KiB at the most. Nothing:
// it says no more and keeps the connection.
class Feed {
 public:
  virtual ~Feed() = default;
  virtual void Next(std::string& out) = 0;
};
using MakeFeed = std::function<std::unique_ptr<Feed>()>;

enum class Reads : uint8_t {
  kAll,
  kNothing,  // what the proxy sends stays in the kernel, then in the proxy
};

struct Attack {
  absl::string_view name;
  absl::string_view about;
  // The statistic (the end of its name) that must count it.
  absl::string_view counter;
  MakeFeed feed;
  Reads reads = Reads::kAll;
  int connections = 32;
  int pace_ms = 0;        // 0: as fast as it goes; else one byte on each connection so often
  bool tls = false;       // sent to the listener with TLS
  bool hangs_up = false;  // closes as soon as it has sent what it had and got anything
};

// All, in a fixed order. `hello`: a TLS ClientHello, for those that begin handshakes.
std::vector<Attack> Attacks(const std::string& hello);
void AddHttp1Attacks(std::vector<Attack>& all);
void AddHttp2Attacks(std::vector<Attack>& all);
void AddTlsAttacks(const std::string& hello, std::vector<Attack>& all);

// Opens with `first`, then repeats `rest` (for ever; nothing if it is empty).
MakeFeed Repeat(std::string first, std::string rest);
// Opens with `first`, then asks `more` for each piece; it is given a number that counts.
MakeFeed Generate(std::string first, std::function<void(uint32_t number, std::string& out)> more);

}  // namespace outrigger::attack
