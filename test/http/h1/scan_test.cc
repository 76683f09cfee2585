// The vector scans against those of one byte at a time: any bytes, any length, any alignment.
#include "source/http/h1/scan.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "source/base/buffer.h"
#include "source/http/h1/section_scanner.h"

namespace outrigger::http::h1 {
namespace {

// Mostly `usual`, now and then any byte: so the scans get far, and stop everywhere.
std::string Text(std::mt19937& random, size_t size, absl::string_view usual) {
  std::string text(size, '\0');
  const uint32_t rare = 1 + random() % 40;
  for (char& c : text) {
    c = random() % rare == 0 ? static_cast<char>(random()) : usual[random() % usual.size()];
  }
  return text;
}

template <class Scan, class Reference>
void ExpectSame(absl::string_view usual, Scan&& scan, Reference&& reference) {
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    const std::string text = Text(random, random() % 70, usual);
    const size_t from = text.empty() ? 0 : random() % text.size();
    const char* const begin = text.data() + from;
    const char* const end = text.data() + text.size();
    ASSERT_EQ(scan(begin, end), reference(begin, end)) << "round " << i << ": " << text;
  }
}

constexpr absl::string_view kNames = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ--";
constexpr absl::string_view kValues = "abc XYZ 0123456789 ;=/\t\"\xc3\xa9";
constexpr absl::string_view kTargets = "abcXYZ0123456789/?&=%-_.~";
constexpr absl::string_view kLines = "abc\r\n\r\n: x";

TEST(ScanTest, EachByteIsInItsClass) {
  for (int c = 0; c < 256; ++c) {
    for (const size_t at : {0, 1, 15, 16, 17, 30, 31, 32, 40}) {
      std::string value(50, 'a');
      value[at] = static_cast<char>(c);
      const char* const end = value.data() + value.size();
      EXPECT_EQ(ScanValue(value.data(), end), portable::ScanValue(value.data(), end)) << c << " at " << at;
      EXPECT_EQ(ScanTarget(value.data(), end), portable::ScanTarget(value.data(), end)) << c << " at " << at;
      EXPECT_EQ(ScanToken(value.data(), end), portable::ScanToken(value.data(), end)) << c << " at " << at;
      std::string vector = value, plain = value;
      const size_t seen = static_cast<size_t>(LowerToken(vector.data(), vector.data() + vector.size()) - vector.data());
      const size_t right =
          static_cast<size_t>(portable::LowerToken(plain.data(), plain.data() + plain.size()) - plain.data());
      EXPECT_EQ(seen, right) << c << " at " << at;
      EXPECT_EQ(vector, plain) << c << " at " << at;
    }
  }
}

TEST(ScanTest, VectorsFindWhatSingleBytesFind) {
  ExpectSame(kValues, ScanValue, portable::ScanValue);
  ExpectSame(kTargets, ScanTarget, portable::ScanTarget);
  ExpectSame(kNames, ScanToken, portable::ScanToken);
}

TEST(ScanTest, NamesAreLoweredInPlaceAndNothingBehindThem) {
  std::mt19937 random(2);
  for (int i = 0; i < 20000; ++i) {
    std::string vector = Text(random, random() % 70, kNames), plain = vector;
    const size_t seen = static_cast<size_t>(LowerToken(vector.data(), vector.data() + vector.size()) - vector.data());
    const size_t right =
        static_cast<size_t>(portable::LowerToken(plain.data(), plain.data() + plain.size()) - plain.data());
    ASSERT_EQ(seen, right) << i;
    ASSERT_EQ(vector, plain) << i;
  }
}

TEST(ScanTest, EmptyLinesAreFoundWherever) {
  std::mt19937 random(3);
  for (int i = 0; i < 20000; ++i) {
    const std::string text = Text(random, random() % 70, kLines);
    const size_t from = text.empty() ? 0 : random() % text.size();
    const char* const end = text.data() + text.size();
    ASSERT_EQ(FindLinePair(text.data(), text.data() + from, end), portable::FindLinePair(text.data() + from, end)) << i;
  }
}

// The size of the section by its definition: up to and with the LF of the first empty line.
size_t SectionSize(absl::string_view text, bool trailers) {
  size_t line = 0;
  bool first = !trailers;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\n') continue;
    const bool empty = i == line || (i == line + 1 && text[line] == '\r');
    if (empty && !first) return i + 1;
    first = false;
    line = i + 1;
  }
  return 0;
}

TEST(ScanTest, ASectionEndsAtItsFirstEmptyLineHoweverItArrives) {
  std::mt19937 random(4);
  for (int i = 0; i < 20000; ++i) {
    const std::string text = Text(random, random() % 90, "aaaaaaaaaaaaaaaaaaaaaaaa\r\n");
    const bool trailers = random() % 2 == 0;
    SectionScanner scanner;
    scanner.Reset(trailers ? SectionScanner::Kind::kTrailers : SectionScanner::Kind::kHead);
    Buffer in;
    size_t size = 0;
    for (size_t at = 0; at < text.size() && size == 0;) {
      const size_t piece = std::min<size_t>(text.size() - at, 1 + random() % 60);
      in.Append(absl::string_view(text.data() + at, piece));
      at += piece;
      size = scanner.Scan(in);
    }
    ASSERT_EQ(size, SectionSize(text, trailers)) << i << ": " << text;
    const size_t line = text.find('\n');
    if (!trailers && line != std::string::npos) {
      ASSERT_EQ(scanner.first_line(), line + 1) << i << ": " << text;
    }
  }
}

}  // namespace
}  // namespace outrigger::http::h1
