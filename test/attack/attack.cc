#include "test/attack/attack.h"

#include <utility>

namespace outrigger::attack {
namespace {

constexpr size_t kPiece = 32 * 1024;

class Repeated final : public Feed {
 public:
  Repeated(std::string first, std::string piece)
      : first_(std::move(first)), piece_(std::move(piece)), began_(first_.empty()) {}
  void Next(std::string& out) override { out += std::exchange(began_, true) ? piece_ : first_; }

 private:
  const std::string first_, piece_;
  bool began_;
};

class Generated final : public Feed {
 public:
  Generated(std::string first, std::function<void(uint32_t, std::string&)> more)
      : first_(std::move(first)), more_(std::move(more)) {}
  void Next(std::string& out) override {
    if (!std::exchange(began_, true)) out += first_;
    for (const size_t enough = out.size() + kPiece / 4; out.size() < enough;) {
      const size_t before = out.size();
      more_(number_++, out);
      if (out.size() == before) return;
    }
  }

 private:
  const std::string first_;
  const std::function<void(uint32_t, std::string&)> more_;
  bool began_ = false;
  uint32_t number_ = 0;
};

}  // namespace

MakeFeed Repeat(std::string first, std::string rest) {
  std::string piece;
  while (!rest.empty() && piece.size() < kPiece) piece += rest;
  return [first = std::move(first), piece = std::move(piece)] { return std::make_unique<Repeated>(first, piece); };
}

MakeFeed Generate(std::string first, std::function<void(uint32_t, std::string&)> more) {
  return [first = std::move(first), more = std::move(more)] { return std::make_unique<Generated>(first, more); };
}

std::vector<Attack> Attacks(const std::string& hello) {
  std::vector<Attack> all;
  AddHttp1Attacks(all);
  AddHttp2Attacks(all);
  AddTlsAttacks(hello, all);
  return all;
}

}  // namespace outrigger::attack
