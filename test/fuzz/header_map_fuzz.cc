// Any sequence of operations on a header map and on a plain list: they always hold the same.
#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "source/base/arena.h"
#include "source/http/header_map.h"

namespace outrigger::http {
namespace {

using Model = std::vector<std::pair<std::string, std::string>>;

void Require(bool holds) {
  if (!holds) __builtin_trap();
}

size_t CountOf(const Model& model, absl::string_view name) {
  return static_cast<size_t>(std::count_if(model.begin(), model.end(), [&](const auto& e) { return e.first == name; }));
}

void Compare(const HeaderMap& map, const Model& model) {
  size_t i = 0;
  uint64_t bytes = 0;
  map.ForEach([&](const HeaderMap::Entry& entry) {
    Require(i < model.size() && entry.name == model[i].first && entry.value == model[i].second);
    Require(entry.known == LookupKnownHeader(entry.name));
    bytes += entry.name.size() + entry.value.size();
    ++i;
  });
  Require(i == model.size() && map.size() == i && map.byte_size() == bytes && map.empty() == model.empty());
}

void CompareOne(const HeaderMap& map, const Model& model, const std::string& name) {
  const HeaderName key(name);
  const auto first = std::find_if(model.begin(), model.end(), [&](const auto& e) { return e.first == name; });
  std::string joined;
  for (const auto& [have, value] : model) {
    if (have == name) joined += (joined.empty() ? "" : ",") + value;
  }
  Require(map.Count(key) == CountOf(model, name));
  Require(map.Has(key) == (first != model.end()));
  Require((map.Get(key).data() == nullptr) == (first == model.end()));
  if (first == model.end()) return;
  Require(map.Get(key) == first->second && map.GetJoined(key) == joined);
}

// A name of a few, well known and other ones: collisions are what matters. Lives for ever, as a configured name does.
const std::string& NameOf(uint8_t byte) {
  static std::set<std::string>* names = new std::set<std::string>;
  static constexpr absl::string_view kNames[] = {":path",      ":status", "host", "cookie",
                                                 "connection", "x-a",     "x-b",  "te"};
  if (byte < 200) return *names->emplace(kNames[byte % 8]).first;
  return *names->insert("x-" + std::string(byte % 5 + 1, static_cast<char>('a' + byte % 3))).first;
}

void Set(Model* model, const std::string& name, const std::string& value) {
  const auto first = std::find_if(model->begin(), model->end(), [&](const auto& e) { return e.first == name; });
  if (first == model->end()) {
    model->emplace_back(name, value);
    return;
  }
  first->second = value;
  model->erase(std::remove_if(first + 1, model->end(), [&](const auto& e) { return e.first == name; }), model->end());
}

void Step(uint8_t operation, const std::string& name, const std::string& value, HeaderMap& map, Model& model) {
  const HeaderName key(name);
  const auto named = [&](const auto& e) { return e.first == name; };
  switch (operation % 8) {
    case 0:
    case 1:
      map.AddCopy(key, value);
      model.emplace_back(name, value);
      break;
    case 2:
      map.SetCopy(key, value);
      Set(&model, name, value);
      break;
    case 3:
      Require(map.Remove(key) == CountOf(model, name));
      model.erase(std::remove_if(model.begin(), model.end(), named), model.end());
      break;
    case 4:
      map.AddNumber(key, value.size() * 1000003);
      model.emplace_back(name, std::to_string(value.size() * 1000003));
      break;
    case 5:
      map.SetNumber(key, value.size());
      Set(&model, name, std::to_string(value.size()));
      break;
    case 6: {
      const auto equal = [&](const auto& e) { return e.value == value; };
      const auto same = [&](const auto& e) { return e.second == value; };
      const size_t before = model.size();
      model.erase(std::remove_if(model.begin(), model.end(), same), model.end());
      Require(map.RemoveIf(equal) == before - model.size());
      break;
    }
    default:
      if (operation >= 248) {
        map.Clear();
        model.clear();
      }
  }
  CompareOne(map, model, name);
}

void Run(const uint8_t* data, size_t size) {
  Arena arena, other_arena;
  HeaderMap map(arena), other(other_arena);
  Model model;
  size_t at = 0;
  const size_t repeat = size > 0 && data[0] == 255 ? 300 : 1;  // past what one byte counts
  while (at + 3 <= size) {
    const uint8_t operation = data[at], name = data[at + 1];
    const size_t length = std::min<size_t>(data[at + 2] % 32, size - at - 3);
    const std::string value(reinterpret_cast<const char*>(data) + at + 3, length);
    at += 3 + length;
    for (size_t i = 0; i < (at == 3 + length ? repeat : 1); ++i) Step(operation, NameOf(name), value, map, model);
    Compare(map, model);
  }
  other.CopyFrom(map);
  Compare(other, model);
  const std::string status(map.Get(KnownHeader::kStatus));
  const bool number = status.size() == 3 && std::all_of(status.begin(), status.end(), absl::ascii_isdigit);
  Require(number || map.status() == 0 || status.size() != 3);
}

}  // namespace
}  // namespace outrigger::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size <= 4096) outrigger::http::Run(data, size);
  return 0;
}
