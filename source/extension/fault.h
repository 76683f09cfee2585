// Thread: any
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace outrigger::extension {

// Errors of configuration carry where they are. Whoever descends into a field puts its name before what came back, so
// that nobody has to know where his own message stands: `filter_chains[0].filters[1].typed_config: cause`.
//
//   OUTRIGGER_ASSIGN(auto range, "prefix_ranges[2]", CidrOf(proto));
//   OUTRIGGER_TRY("route", CheckRoute(proto));

// An InvalidArgument error of the message that the caller builds from itself; the one at a field of it.
absl::Status Invalid(absl::string_view cause);
absl::Status Fault(absl::string_view path, absl::string_view cause);
// `status` as it looks from above: `field` before its own path. An ok status stays one. The text of an error is "path:
// cause", or the cause alone as long as nobody said where.
absl::Status Under(absl::string_view field, const absl::Status& status);
absl::Status Under(absl::string_view field, size_t index, const absl::Status& status);
// "field[3]" and "field[\"key\"]".
inline std::string Item(absl::string_view field, int index) { return absl::StrCat(field, "[", index, "]"); }
inline std::string Item(absl::string_view field, absl::string_view key) {
  return absl::StrCat(field, "[\"", key, "\"]");
}

// All of a repeated field, converted one by one; errors say which.
template <class Out, class List, class Convert>
absl::StatusOr<std::vector<Out>> ListOf(absl::string_view field, const List& list, Convert convert) {
  std::vector<Out> out;
  out.reserve(static_cast<size_t>(list.size()));
  for (int i = 0; i < list.size(); ++i) {
    auto item = convert(list[i]);
    if (!item.ok()) return Under(Item(field, i), item.status());
    out.push_back(*std::move(item));
  }
  return out;
}

}  // namespace outrigger::extension

#define OUTRIGGER_TRY(path, expression)                                 \
  do {                                                                  \
    if (absl::Status check_status = (expression); !check_status.ok()) { \
      return ::outrigger::extension::Under((path), check_status);       \
    }                                                                   \
  } while (false)

#define OUTRIGGER_ASSIGN_JOIN2(a, b) a##b
#define OUTRIGGER_ASSIGN_JOIN(a, b) OUTRIGGER_ASSIGN_JOIN2(a, b)
#define OUTRIGGER_ASSIGN(left, path, expression) \
  OUTRIGGER_ASSIGN_TO(OUTRIGGER_ASSIGN_JOIN(assigned_, __LINE__), left, path, expression)
#define OUTRIGGER_ASSIGN_TO(name, left, path, expression)                      \
  auto name = (expression);                                                    \
  if (!name.ok()) return ::outrigger::extension::Under((path), name.status()); \
  left = *std::move(name)
