#include "source/observe/response_flags.h"

#include "source/base/bug.h"

namespace outrigger::observe {
namespace {

struct Names {
  absl::string_view short_name;
  absl::string_view long_name;
};
constexpr Names kNames[] = {
#define OUTRIGGER_RESPONSE_FLAG(name, short_name, long_name) {short_name, long_name},
    OUTRIGGER_RESPONSE_FLAGS(OUTRIGGER_RESPONSE_FLAG)
#undef OUTRIGGER_RESPONSE_FLAG
};
constexpr int kCount = static_cast<int>(ResponseFlag::kCount);
static_assert(sizeof(kNames) / sizeof(kNames[0]) == kCount);

template <class Name>
void Append(const ResponseFlags& flags, std::string& out, Name name) {
  if (flags.empty()) {
    out += '-';
    return;
  }
  bool first = true;
  for (int i = 0; i < kCount; ++i) {
    if (!flags.Has(static_cast<ResponseFlag>(i))) continue;
    if (!first) out += ',';
    first = false;
    const absl::string_view text = name(kNames[i]);
    out.append(text.data(), text.size());
  }
}

}  // namespace

absl::string_view ShortName(ResponseFlag flag) {
  OUTRIGGER_DCHECK(flag < ResponseFlag::kCount);
  return kNames[static_cast<int>(flag)].short_name;
}

absl::string_view LongName(ResponseFlag flag) {
  OUTRIGGER_DCHECK(flag < ResponseFlag::kCount);
  return kNames[static_cast<int>(flag)].long_name;
}

absl::optional<ResponseFlag> ParseResponseFlag(absl::string_view short_name) {
  for (int i = 0; i < kCount; ++i) {
    if (kNames[i].short_name == short_name) return static_cast<ResponseFlag>(i);
  }
  return absl::nullopt;
}

void ResponseFlags::AppendShort(std::string& out) const {
  Append(*this, out, [](const Names& names) { return names.short_name; });
}

void ResponseFlags::AppendLong(std::string& out) const {
  Append(*this, out, [](const Names& names) { return names.long_name; });
}

}  // namespace outrigger::observe
