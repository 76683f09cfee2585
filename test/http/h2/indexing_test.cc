// Which fields a message puts into the peer's HPACK table (RFC 7541 section 6): values that repeat, and not those that
// differ in each message or must not be kept.
#include "gtest/gtest.h"
#include "test/http/h2/raw_peer.h"

namespace outrigger::http::h2 {
namespace {

enum class Form : uint8_t { kIndexed, kIntoTheTable, kNotIntoTheTable, kNever };

struct SeenField {
  Form form;
  uint64_t index;  // of the whole field or of its name; 0: the name is spelled out
  bool operator==(const SeenField&) const = default;
};

uint64_t Integer(absl::string_view* block, int prefix) {
  const uint64_t most = (uint64_t{1} << prefix) - 1;
  const auto next = [block] {
    const uint8_t byte = block->empty() ? 0 : static_cast<uint8_t>(block->front());
    block->remove_prefix(block->empty() ? 0 : 1);
    return byte;
  };
  uint64_t value = next() & most;
  if (value < most) return value;
  for (int shift = 0; shift < 56; shift += 7) {
    const uint8_t byte = next();
    value += uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) break;
  }
  return value;
}

void SkipText(absl::string_view* block) {
  const uint64_t n = Integer(block, 7);
  ASSERT_LE(n, block->size());
  block->remove_prefix(n);
}

std::vector<SeenField> FieldsOf(absl::string_view block) {
  std::vector<SeenField> out;
  while (!block.empty()) {
    const auto first = static_cast<uint8_t>(block.front());
    if (first >= 0x80) {
      out.push_back({Form::kIndexed, Integer(&block, 7)});
      continue;
    }
    if (first >= 0x20 && first < 0x40) {  // the table's size
      Integer(&block, 5);
      continue;
    }
    const Form form = first >= 0x40 ? Form::kIntoTheTable : first >= 0x10 ? Form::kNever : Form::kNotIntoTheTable;
    const uint64_t name = Integer(&block, first >= 0x40 ? 6 : 4);
    if (name == 0) SkipText(&block);
    SkipText(&block);
    out.push_back({form, name});
  }
  return out;
}

struct H2IndexingTest : testing::Test, Raw {
  // How the last of `fields` is written in the next request.
  SeenField NextLast(FieldList fields) {
    const size_t before = Count(1);
    Start(fields, true);
    EXPECT_TRUE(Until([&] { return Count(1) == before + 1; }));
    const std::vector<SeenField> seen = FieldsOf(Last(1).payload);
    EXPECT_EQ(seen.size(), fields.size());
    return seen.empty() ? SeenField{} : seen.back();
  }
  static FieldList With(const std::string& name, const std::string& value) {
    return {{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}, {name, value}};
  }
};

TEST_F(H2IndexingTest, WhatRepeatsIsWrittenOnce) {
  Open(false);
  EXPECT_EQ(NextLast(With("x-application", "v")).form, Form::kIntoTheTable);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(NextLast(With("x-application", "v")).form, Form::kIndexed);
}

TEST_F(H2IndexingTest, WhatDiffersInEachMessageStaysOutOfTheTableWithItsName) {
  Open(false);
  for (const char* name : {"x-request-id", "traceparent", "grpc-timeout", "x-envoy-upstream-service-time"}) {
    EXPECT_EQ(NextLast(With(name, "first")).form, Form::kIntoTheTable) << name;  // for the name's sake
    const SeenField second = NextLast(With(name, "second"));
    EXPECT_EQ(second.form, Form::kNever) << name;
    EXPECT_GT(second.index, 61u) << name;                      // the name is in the table
    EXPECT_EQ(NextLast(With(name, "third")), second) << name;  // and nothing came into it meanwhile
  }
}

// The name would leave the table at last: by one message in 256 it comes anew.
TEST_F(H2IndexingTest, TheNameOfWhatDiffersIsRenewedNowAndThen) {
  Open(false);
  int kept = 0;
  for (int i = 0; i < 512; ++i) {
    kept += NextLast(With("x-request-id", std::to_string(i))).form == Form::kIntoTheTable ? 1 : 0;
    requests.back()->sender->Reset(ResetReason::kLocalReset);
    peer->recorder.got.clear();
  }
  EXPECT_EQ(kept, 2);
}

TEST_F(H2IndexingTest, WhatIsSecretIsNeverIndexedByAnyone) {
  Open(false);
  EXPECT_EQ(NextLast(With("authorization", "Bearer x")).form, Form::kNever);
  EXPECT_EQ(NextLast(With("authorization", "Bearer x")).form, Form::kNever);
  EXPECT_EQ(NextLast(With("cookie", "session=1")).form, Form::kNever);  // short: could be guessed (RFC 7541 7.1.3)
}

TEST_F(H2IndexingTest, WhatMustNotBeIndexedIsNotIndexedByTheNextHop) {
  Open(true);
  const std::string own = "\x10\x03own\x05value";  // never indexed
  const std::string other = std::string(1, '\0') + "\x05other\x05value";
  Write(Frame(1, kEndHeaders | kEndStream, 1, h2::Block(Get()) + own + other));
  ASSERT_TRUE(Until([&] { return !server_app.exchanges.empty() && server_app.exchanges[0]->ends == 1; }));
  const HeaderMap& got = *server_app.exchanges[0]->headers;
  EXPECT_TRUE(got.Find(HeaderName("own"))->never_indexed);
  EXPECT_FALSE(got.Find(HeaderName("other"))->never_indexed);
  Exchange request;
  Raw next;
  next.Open(false);
  request.sender = next.client->NewStream(request);
  request.sender->SendHeaders(got, true);
  ASSERT_TRUE(next.Until([&] { return next.Count(1) == 1; }));
  const std::string block = next.Last(1).payload;
  size_t never = 0, indexed = 0;  // new names begin with 0x10 or 0x40
  for (size_t i = 0; i + 1 < block.size(); ++i) {
    never += block[i] == '\x10' && (block[i + 1] & 0x7f) <= 3;
    indexed += block[i] == '\x40' && (block[i + 1] & 0x7f) <= 5;
  }
  EXPECT_EQ(never, 1u);
  EXPECT_EQ(indexed, 1u);
}

}  // namespace
}  // namespace outrigger::http::h2
