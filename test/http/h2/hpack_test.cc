// HPACK against nghttp2's coder, and what a decoder must not take.
#include <nghttp2/nghttp2.h>

#include <random>

#include "gtest/gtest.h"
#include "source/http/h2/field_rules.h"
#include "source/http/h2/hpack_decoder.h"
#include "source/http/h2/hpack_encoder.h"
#include "source/http/h2/huffman.h"
#include "test/http/h2/frames.h"

namespace outrigger::http::h2 {
namespace {

// Without tables of our own making the other library reads what we write.
class Reader {
 public:
  explicit Reader(uint32_t size) {
    nghttp2_hd_inflate_new(&inflater_);
    nghttp2_hd_inflate_change_table_size(inflater_, size);
  }
  ~Reader() { nghttp2_hd_inflate_del(inflater_); }
  Fields Read(absl::string_view block) {
    Fields out;
    const uint8_t* at = reinterpret_cast<const uint8_t*>(block.data());
    size_t left = block.size();
    for (;;) {
      nghttp2_nv field;
      int flags = 0;
      const ssize_t n = nghttp2_hd_inflate_hd2(inflater_, &field, &flags, at, left, 1);
      if (n < 0) return {{"broken", ""}};
      at += n;
      left -= static_cast<size_t>(n);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
        out.push_back({std::string(reinterpret_cast<char*>(field.name), field.namelen),
                       std::string(reinterpret_cast<char*>(field.value), field.valuelen)});
      }
      if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    }
    nghttp2_hd_inflate_end_headers(inflater_);
    return out;
  }

 private:
  nghttp2_hd_inflater* inflater_ = nullptr;
};

class Writer {
 public:
  explicit Writer(size_t size) { nghttp2_hd_deflate_new(&deflater_, size); }
  ~Writer() { nghttp2_hd_deflate_del(deflater_); }
  void Resize(size_t size) { nghttp2_hd_deflate_change_table_size(deflater_, size); }
  std::string Write(const Fields& fields) {
    std::vector<nghttp2_nv> list;
    for (const auto& [name, value] : fields) {
      list.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
                      reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(), 0});
    }
    std::string out(nghttp2_hd_deflate_bound(deflater_, list.data(), list.size()), '\0');
    const ssize_t n =
        nghttp2_hd_deflate_hd(deflater_, reinterpret_cast<uint8_t*>(out.data()), out.size(), list.data(), list.size());
    out.resize(n < 0 ? 0 : static_cast<size_t>(n));
    return out;
  }

 private:
  nghttp2_hd_deflater* deflater_ = nullptr;
};

Fields Decode(HpackDecoder& decoder, absl::string_view block) {
  Fields out;
  decoder.Begin(block);
  HpackDecoder::Field field;
  HpackDecoder::Outcome outcome;
  while ((outcome = decoder.Next(&field)) == HpackDecoder::Outcome::kField) {
    out.push_back({std::string(field.name), std::string(field.value)});
  }
  if (outcome == HpackDecoder::Outcome::kBroken) return {{"broken", ""}};
  return out;
}

// Messages as a proxy sees them: much repeats, some is new each time, some is long.
Fields RandomMessage(std::mt19937& random) {
  const char* const names[] = {":path",      "x-request-id", "user-agent",  "x-own",  "accept-encoding", "cookie",
                               "set-cookie", "grpc-timeout", "traceparent", "x-more", "authorization",   "date"};
  Fields out = {{":method", random() % 2 != 0 ? "GET" : "PUT"}, {":scheme", "https"}};
  const size_t n = random() % 12;
  for (size_t i = 0; i < n; ++i) {
    const std::string name = random() % 9 == 0 ? "x-" + std::to_string(random() % 200) : names[1 + random() % 11];
    std::string value = random() % 3 == 0 ? std::string(random() % 300, static_cast<char>('a' + random() % 26))
                                          : "v" + std::to_string(random() % 4);
    if (random() % 50 == 0) value = std::string(5000, 'L');
    if (random() % 20 == 0) value += "\xc3\xa4\xff";
    out.push_back({name, value});
  }
  return out;
}

TEST(HpackTest, AnotherLibraryReadsWhatIsWritten) {
  for (const uint32_t size : {0u, 100u, 4096u, 65536u}) {
    SCOPED_TRACE(size);
    std::mt19937 random(size + 1);
    HpackEncoder encoder(size);
    encoder.OnPeerTableSize(65536);
    Reader reader(std::max<uint32_t>(size, 4096));
    for (int i = 0; i < 2000; ++i) {
      if (i % 300 == 299) encoder.OnPeerTableSize(random() % 2 == 0 ? 65536 : random() % 3000);
      const Fields fields = RandomMessage(random);
      Arena arena;
      HeaderMap map(arena);
      for (const auto& [name, value] : fields) map.AddCopy(HeaderName(arena.Copy(name)), value);
      Bytes block;
      encoder.Encode(map, true, block);
      ASSERT_EQ(reader.Read(block.view()), fields) << i;
    }
  }
}

TEST(HpackTest, WhatAnotherLibraryWritesIsRead) {
  for (const uint32_t size : {0u, 100u, 4096u, 65536u}) {
    SCOPED_TRACE(size);
    std::mt19937 random(size + 7);
    HpackDecoder decoder;
    decoder.SetLimit(size);
    Writer writer(size);
    writer.Resize(size);
    for (int i = 0; i < 2000; ++i) {
      if (i % 300 == 299) writer.Resize(size == 0 ? 0 : random() % size);
      const Fields fields = RandomMessage(random);
      ASSERT_EQ(Decode(decoder, writer.Write(fields)), fields) << i;
    }
  }
}

TEST(HpackTest, BrokenBlocksAreRefused) {
  const std::vector<std::string> bad = {
      "\x80",                                           // index 0
      "\xbe",                                           // of an empty dynamic table
      "\xff\xff\xff\xff\xff\x7f",                       // an integer above 32 bits
      "\xff\x80\x80\x80\x80\x80\x80\x01",               // or with bytes that say nothing
      "\x40",                                           // no name
      std::string("\x40\x05x", 3),                      // a name that ends with the block
      std::string("\x40\x01x\x05v", 5),                 // and a value
      "\x3f\xe2\x1f",                                   // a table of 4097
      "\x82\x20",                                       // a table size behind a field
      std::string("\x40\x81\xff\x00", 4),               // padding of eight bits
      std::string("\x40\x01x\x81\x00", 5),              // padding with zeros
      std::string("\x40\x01x\x84\xff\xff\xff\xff", 8),  // EOS
      "\x7f",                                           // an integer that ends with the block
  };
  for (size_t i = 0; i < bad.size(); ++i) {
    HpackDecoder decoder;
    EXPECT_EQ(Decode(decoder, bad[i]), (Fields{{"broken", ""}})) << i;
  }
}

TEST(HpackTest, ASmallerTableMustBeUsedOnceItWasAgreed) {
  HpackDecoder decoder;
  decoder.SetLimit(1000);
  EXPECT_EQ(Decode(decoder, "\x82"), (Fields{{"broken", ""}}));
  HpackDecoder other;
  other.SetLimit(1000);
  EXPECT_EQ(Decode(other, std::string("\x3f\xc9\x07\x82", 4)), (Fields{{":method", "GET"}}));  // 1000
}

TEST(HpackTest, AnEntryMayTakeItsNameFromOneThatFallsOut) {
  HpackDecoder decoder;
  const std::string name(1500, 'n');
  std::string block = "\x40";
  const auto text = [](const std::string& s) {
    std::string out(1, '\x7f');
    for (size_t rest = s.size() - 127;; rest >>= 7) {
      out.push_back(static_cast<char>(rest >= 128 ? 0x80 | (rest & 127) : rest));
      if (rest < 128) break;
    }
    return out + s;
  };
  block += text(name) + text(std::string(1500, 'a'));
  block += "\x7e" + text(std::string(1600, 'b'));  // index 62: the table has no room for both
  block += "\x7e" + text(std::string(4000, 'c'));  // nor for this at all
  const Fields fields = Decode(decoder, block);
  ASSERT_EQ(fields.size(), 3u);
  EXPECT_EQ(fields[1].first, name);
  EXPECT_EQ(fields[2].first, name);
  EXPECT_EQ(fields[2].second, std::string(4000, 'c'));
}

TEST(HuffmanTest, EveryByteComesBack) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += std::string(static_cast<size_t>(1 + i % 3), static_cast<char>(i));
  for (size_t from = 0; from < all.size(); from += 7) {
    const std::string text = all.substr(from);
    std::string coded(HuffmanSize(text), '\0');
    ASSERT_EQ(HuffmanEncode(text, coded.data()), coded.data() + coded.size());
    std::string back(HuffmanMost(coded.size()), '\0');
    const char* end = HuffmanDecode(coded, back.data());
    ASSERT_NE(end, nullptr);
    back.resize(static_cast<size_t>(end - back.data()));
    EXPECT_EQ(back, text);
  }
}

TEST(FieldRulesTest, NamesAndValuesConsistOfWhatTheyMay) {
  EXPECT_TRUE(IsFieldName("x-own_1"));
  for (const char* bad : {"", "X", "a b", "a:b", ":own", "a\x7f", "\xc3\xa4"}) EXPECT_FALSE(IsFieldName(bad)) << bad;
  for (size_t n = 1; n < 70; ++n) {
    for (size_t at = 0; at < n; ++at) {
      std::string value(n, 'v');
      value[at] = '\n';
      EXPECT_FALSE(IsFieldValue(value));
      value[at] = '\x7f';
      EXPECT_FALSE(IsFieldValue(value));
      value[at] = '\t';
      EXPECT_EQ(IsFieldValue(value), at != 0 && at != n - 1);
      value[at] = '\xff';
      EXPECT_TRUE(IsFieldValue(value));
    }
  }
}

}  // namespace
}  // namespace outrigger::http::h2
