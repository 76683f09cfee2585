// Thread: any (constant tables)
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "source/observe/cells.h"

// A stats block is a struct of cells, made from one list, so that the field and its published name cannot differ:
//
//   #define OUTRIGGER_TCP_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT)
//     COUNTER(downstream_cx_total) GAUGE(upstream_flush_active) HISTOGRAM(length_ms, kMilliseconds)
//   OUTRIGGER_STATS_BLOCK(TcpStats, OUTRIGGER_TCP_STATS)
//
// gives struct TcpStats { Counter downstream_cx_total; ... } and its StatSchema. Lists are in source/observe/schemas/.
namespace outrigger::observe {

enum class StatKind : uint8_t { kCounter, kSmallCounter, kGauge, kHistogram, kRareHistogram, kCodes, kText };
enum class Unit : uint8_t { kUnspecified, kBytes, kMicroseconds, kMilliseconds };

struct StatField {
  absl::string_view name;  // local: the scope's prefix comes before it
  StatKind kind;
  Unit unit;
  size_t offset;  // of the cell in the block
};

// One per block type; its address identifies the type.
struct StatSchema {
  absl::string_view kind;  // the block's type name, for dumps
  absl::Span<const StatField> fields;
  size_t size;
  bool when_used;  // shown only after some worker wrote to it: for scopes that most owners never need
  void* (*construct)();
  void (*destroy)(void*);
};

// Blocks that belong together: one name is registered for all of them, and each is made when somebody writes to it. A
// block is a group by itself.
struct StatMember {
  absl::string_view suffix;  // after the name that is registered, before the fields': "http1."
  const StatSchema* schema;
};
struct StatGroup {
  absl::Span<const StatMember> members;  // at most kMostMembers
  uint32_t shown;                        // a bit for each that is there from the start; others by StatsScope::Show
};
inline constexpr size_t kMostMembers = 16;

// Which one of a group; a group's constants are of this type.
template <class Block>
struct MemberOf {
  uint32_t index;
};

}  // namespace outrigger::observe

#define OUTRIGGER_STAT_MEMBER_COUNTER(name) ::outrigger::observe::Counter name;
#define OUTRIGGER_STAT_MEMBER_SMALL(name) ::outrigger::observe::SmallCounter name;
#define OUTRIGGER_STAT_MEMBER_GAUGE(name) ::outrigger::observe::Gauge name;
#define OUTRIGGER_STAT_MEMBER_HISTOGRAM(name, unit) ::outrigger::observe::Histogram name;
#define OUTRIGGER_STAT_MEMBER_RARE(name, unit) ::outrigger::observe::RareHistogram name;
#define OUTRIGGER_STAT_MEMBER_CODES(name) ::outrigger::observe::CodeCounters name;
#define OUTRIGGER_STAT_MEMBER_TEXT(name) ::outrigger::observe::Text name;

#define OUTRIGGER_STAT_FIELD(name, kind, unit) \
  {#name, ::outrigger::observe::StatKind::kind, ::outrigger::observe::Unit::unit, offsetof(Self, name)},
#define OUTRIGGER_STAT_FIELD_COUNTER(name) OUTRIGGER_STAT_FIELD(name, kCounter, kUnspecified)
#define OUTRIGGER_STAT_FIELD_SMALL(name) OUTRIGGER_STAT_FIELD(name, kSmallCounter, kUnspecified)
#define OUTRIGGER_STAT_FIELD_GAUGE(name) OUTRIGGER_STAT_FIELD(name, kGauge, kUnspecified)
#define OUTRIGGER_STAT_FIELD_HISTOGRAM(name, unit) OUTRIGGER_STAT_FIELD(name, kHistogram, unit)
#define OUTRIGGER_STAT_FIELD_RARE(name, unit) OUTRIGGER_STAT_FIELD(name, kRareHistogram, unit)
#define OUTRIGGER_STAT_FIELD_CODES(name) OUTRIGGER_STAT_FIELD(name, kCodes, kUnspecified)
#define OUTRIGGER_STAT_FIELD_TEXT(name) OUTRIGGER_STAT_FIELD(name, kText, kUnspecified)

#define OUTRIGGER_STATS_BLOCK(Type, LIST) OUTRIGGER_STATS_BLOCK_OF(Type, LIST, COUNTER, HISTOGRAM, false)
#define OUTRIGGER_STATS_BLOCK_WHEN_USED(Type, LIST) OUTRIGGER_STATS_BLOCK_OF(Type, LIST, COUNTER, HISTOGRAM, true)
// What it counts is rare.
#define OUTRIGGER_STATS_BLOCK_RARE(Type, LIST) OUTRIGGER_STATS_BLOCK_OF(Type, LIST, SMALL, RARE, false)
#define OUTRIGGER_STATS_BLOCK_OF(Type, LIST, COUNTER, HISTOGRAM, WHEN_USED)                                  \
  struct Type {                                                                                              \
    LIST(OUTRIGGER_STAT_MEMBER_##COUNTER, OUTRIGGER_STAT_MEMBER_GAUGE, OUTRIGGER_STAT_MEMBER_##HISTOGRAM,    \
         OUTRIGGER_STAT_MEMBER_CODES, OUTRIGGER_STAT_MEMBER_TEXT)                                            \
    static const ::outrigger::observe::StatSchema& Schema() {                                                \
      using Self = Type;                                                                                     \
      static_assert(std::is_standard_layout_v<Self> && sizeof(Self) <= 4 << 12); /* CellCounts */            \
      static constexpr ::outrigger::observe::StatField kFields[] = {                                         \
          LIST(OUTRIGGER_STAT_FIELD_##COUNTER, OUTRIGGER_STAT_FIELD_GAUGE, OUTRIGGER_STAT_FIELD_##HISTOGRAM, \
               OUTRIGGER_STAT_FIELD_CODES, OUTRIGGER_STAT_FIELD_TEXT)};                                      \
      static constexpr ::outrigger::observe::StatSchema kSchema = {                                          \
          #Type,                                                                                             \
          kFields,                                                                                           \
          sizeof(Self),                                                                                      \
          WHEN_USED,                                                                                         \
          []() -> void* { return new Self(); },                                                              \
          [](void* block) { delete static_cast<Self*>(block); }};                                            \
      return kSchema;                                                                                        \
    }                                                                                                        \
    static const ::outrigger::observe::StatGroup& Group() {                                                  \
      static const ::outrigger::observe::StatMember kOnly{"", &Schema()};                                    \
      static const ::outrigger::observe::StatGroup kGroup{                                                   \
          absl::Span<const ::outrigger::observe::StatMember>(&kOnly, 1), 1};                                 \
      return kGroup;                                                                                         \
    }                                                                                                        \
    static constexpr ::outrigger::observe::MemberOf<Type> Main() { return {0}; }                             \
  };
