// Thread: any
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

// An enum whose values have names, written once:
//
//   #define OUTRIGGER_COLOURS(X) X(kRed, "red") X(kDarkBlue, "dark-blue")
//   OUTRIGGER_NAMED_ENUM(Colour, uint8_t, OUTRIGGER_COLOURS)
//
// gives `enum class Colour : uint8_t { kRed, kDarkBlue, kCount }`, `absl::string_view EnumName(Colour)` ("?" for a
// value that is not in the list) and `bool EnumFromName(absl::string_view, Colour*)` (any case).
#define OUTRIGGER_ENUM_VALUE_(value, name) value,
#define OUTRIGGER_ENUM_TEXT_(value, name) name,
#define OUTRIGGER_NAMED_ENUM(Type, Underlying, LIST)                                   \
  enum class Type : Underlying { LIST(OUTRIGGER_ENUM_VALUE_) kCount };                 \
  inline absl::string_view EnumName(Type value) {                                      \
    static constexpr const char* kNames[] = {LIST(OUTRIGGER_ENUM_TEXT_)};              \
    const size_t i = static_cast<size_t>(value);                                       \
    return i < static_cast<size_t>(Type::kCount) ? absl::string_view(kNames[i]) : "?"; \
  }                                                                                    \
  inline bool EnumFromName(absl::string_view name, Type* out) {                        \
    for (size_t i = 0; i < static_cast<size_t>(Type::kCount); ++i) {                   \
      if (!absl::EqualsIgnoreCase(name, EnumName(static_cast<Type>(i)))) continue;     \
      *out = static_cast<Type>(i);                                                     \
      return true;                                                                     \
    }                                                                                  \
    return false;                                                                      \
  }                                                                                    \
  static_assert(static_cast<size_t>(Type::kCount) > 0)
