#include "source/http/header_map.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace outrigger::http {
namespace {

constexpr KnownHeader kAll[] = {
#define X(id, text) KnownHeader::id,
    OUTRIGGER_KNOWN_HEADERS(X)
#undef X
};

TEST(KnownHeaderTest, EveryNameIsFoundAgain) {
  for (const KnownHeader known : kAll) {
    EXPECT_EQ(LookupKnownHeader(KnownHeaderName(known)), known) << KnownHeaderName(known);
    // A copy: the lookup must not depend on where the bytes are.
    EXPECT_EQ(LookupKnownHeader(std::string(KnownHeaderName(known))), known);
  }
}

TEST(KnownHeaderTest, NamesThatDifferInOneByteOrByLengthAreOther) {
  for (const KnownHeader known : kAll) {
    const std::string name(KnownHeaderName(known));
    for (size_t i = 0; i < name.size(); ++i) {
      std::string changed = name;
      changed[i] = changed[i] == '~' ? '!' : '~';
      EXPECT_EQ(LookupKnownHeader(changed), KnownHeader::kOther) << changed;
    }
    EXPECT_EQ(LookupKnownHeader(name + "~"), KnownHeader::kOther);
  }
  EXPECT_EQ(LookupKnownHeader(""), KnownHeader::kOther);
  EXPECT_EQ(LookupKnownHeader("x"), KnownHeader::kOther);
  EXPECT_EQ(LookupKnownHeader(absl::string_view()), KnownHeader::kOther);
  EXPECT_EQ(KnownHeaderName(KnownHeader::kOther), "");
}

std::string Print(const HeaderMap& map) {
  std::string out;
  map.ForEach([&](const HeaderMap::Entry& entry) { absl::StrAppend(&out, entry.name, "=", entry.value, ";"); });
  return out;
}

TEST(HeaderMapTest, KeepsOrderAndDuplicatesAndFindsTheFirst) {
  Arena arena;
  HeaderMap map(arena);
  map.Add(KnownHeader::kMethod, "GET");
  map.Add(HeaderName("x-a"), "1");
  map.Add(KnownHeader::kCookie, "a=b");
  map.Add(HeaderName("x-a"), "2");
  map.Add(KnownHeader::kCookie, "c=d");
  EXPECT_EQ(Print(map), ":method=GET;x-a=1;cookie=a=b;x-a=2;cookie=c=d;");
  EXPECT_EQ(map.Get(KnownHeader::kCookie), "a=b");
  EXPECT_EQ(map.Get(HeaderName("x-a")), "1");
  EXPECT_EQ(map.Count(HeaderName("x-a")), 2u);
  EXPECT_EQ(map.Count(KnownHeader::kCookie), 2u);
  EXPECT_EQ(map.GetJoined(HeaderName("x-a")), "1,2");
  EXPECT_EQ(map.GetJoined(KnownHeader::kMethod), "GET");
  EXPECT_EQ(map.size(), 5u);
}

TEST(HeaderMapTest, AbsentIsNullAndEmptyIsNot) {
  Arena arena;
  HeaderMap map(arena);
  EXPECT_EQ(map.Get(KnownHeader::kHost).data(), nullptr);
  EXPECT_EQ(map.GetJoined(KnownHeader::kHost).data(), nullptr);
  map.Add(KnownHeader::kHost, absl::string_view());
  map.AddCopy(HeaderName("x-empty"), "");
  EXPECT_NE(map.Get(KnownHeader::kHost).data(), nullptr);
  EXPECT_NE(map.Get(HeaderName("x-empty")).data(), nullptr);
  EXPECT_TRUE(map.Has(HeaderName("x-empty")));
  EXPECT_FALSE(map.Has(HeaderName("x-other")));
}

TEST(HeaderMapTest, RemovingTheFirstOfSeveralFindsTheNext) {
  Arena arena;
  HeaderMap map(arena);
  map.Add(KnownHeader::kVia, "1");
  map.Add(KnownHeader::kVia, "2");
  map.Add(KnownHeader::kVia, "3");
  EXPECT_EQ(map.RemoveIf([](const HeaderMap::Entry& e) { return e.value != "3"; }), 2u);
  EXPECT_EQ(map.Get(KnownHeader::kVia), "3");
  EXPECT_EQ(map.Remove(KnownHeader::kVia), 1u);
  EXPECT_EQ(map.Remove(KnownHeader::kVia), 0u);
  EXPECT_FALSE(map.Has(KnownHeader::kVia));
  EXPECT_TRUE(map.empty());
  EXPECT_EQ(map.byte_size(), 0u);
  map.Add(KnownHeader::kVia, "4");
  EXPECT_EQ(map.Get(KnownHeader::kVia), "4");
}

TEST(HeaderMapTest, SetReplacesTheFirstInPlaceAndRemovesTheOthers) {
  Arena arena;
  HeaderMap map(arena);
  map.Add(HeaderName("x-a"), "1");
  map.Add(KnownHeader::kHost, "h");
  map.Add(HeaderName("x-a"), "2");
  map.Set(HeaderName("x-a"), "longer");
  EXPECT_EQ(Print(map), "x-a=longer;host=h;");
  EXPECT_EQ(map.byte_size(), 3u + 6 + 4 + 1);
  map.SetNumber(KnownHeader::kContentLength, 0);
  map.SetNumber(KnownHeader::kContentLength, 18446744073709551615u);
  EXPECT_EQ(map.Get(KnownHeader::kContentLength), "18446744073709551615");
}

TEST(HeaderMapTest, CopiesOutliveTheirSource) {
  Arena arena;
  HeaderMap map(arena);
  {
    std::string name = "x-temporary", value = "gone";
    map.AddCopy(HeaderName(name), value);
    map.SetCopy(HeaderName(name), value);
    name.assign(name.size(), '#');
    value.assign(value.size(), '#');
  }
  EXPECT_EQ(map.Get(HeaderName("x-temporary")), "gone");
}

TEST(HeaderMapTest, ManyEntriesBeyondTheIndexAreStillFound) {
  Arena arena;
  HeaderMap map(arena);
  for (int i = 0; i < 300; ++i) map.AddCopy(HeaderName(absl::StrCat("x-", i)), absl::StrCat(i));
  map.Add(KnownHeader::kDate, "late");
  map.Add(KnownHeader::kDate, "later");
  EXPECT_EQ(map.Get(KnownHeader::kDate), "late");
  EXPECT_EQ(map.GetJoined(KnownHeader::kDate), "late,later");
  EXPECT_EQ(map.Get(HeaderName("x-299")), "299");
  map.Set(KnownHeader::kDate, "set");
  EXPECT_EQ(map.Count(KnownHeader::kDate), 1u);
  EXPECT_EQ(map.Remove(KnownHeader::kDate), 1u);
  EXPECT_FALSE(map.Has(KnownHeader::kDate));
  EXPECT_EQ(map.size(), 300u);
}

TEST(HeaderMapTest, AKnownNameBothInsideAndBeyondTheIndexSurvivesRemovalOfTheFirst) {
  Arena arena;
  HeaderMap map(arena);
  map.Add(KnownHeader::kDate, "first");
  for (int i = 0; i < 300; ++i) map.Add(HeaderName("x-fill"), "");
  map.Add(KnownHeader::kDate, "last");
  map.RemoveIf([](const HeaderMap::Entry& e) { return e.value == "first"; });
  EXPECT_EQ(map.Get(KnownHeader::kDate), "last");
}

TEST(HeaderMapTest, StatusIsThreeDigitsOrZero) {
  Arena arena;
  HeaderMap map(arena);
  EXPECT_EQ(map.status(), 0u);
  map.SetStatus(200);
  EXPECT_EQ(map.status(), 200u);
  map.SetStatus(503);
  EXPECT_EQ(map.Get(KnownHeader::kStatus), "503");
  for (const char* bad : {"", "20", "2000", "2x0", "-20"}) {
    map.Set(KnownHeader::kStatus, bad);
    EXPECT_EQ(map.status(), 0u) << bad;
  }
}

TEST(HeaderMapTest, CopyFromKeepsOrderAndSpellingAndSkipsTheRemoved) {
  Arena a, b;
  HeaderMap from(a), to(b);
  from.AddWire(KnownHeader::kHost, "host", "h", "HoSt");
  from.Add(HeaderName("x-gone"), "1");
  from.Add(HeaderName("x-stays"), "2");
  from.Remove(HeaderName("x-gone"));
  to.Add(KnownHeader::kMethod, "GET");
  to.CopyFrom(from);
  EXPECT_EQ(Print(to), ":method=GET;host=h;x-stays=2;");
  EXPECT_EQ(to.Find(KnownHeader::kHost)->wire_name, "HoSt");
  EXPECT_EQ(to.size(), 3u);
  to.Clear();
  EXPECT_TRUE(to.empty());
  EXPECT_FALSE(to.Has(KnownHeader::kHost));
}

}  // namespace
}  // namespace outrigger::http
