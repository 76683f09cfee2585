#include "source/net/client_hello.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "test/net/hello_bytes.h"

namespace outrigger::net {
namespace {

constexpr size_t kLimit = kDefaultClientHelloLimit;

TEST(ClientHelloTest, ReadsNameAndProtocols) {
  ClientHello hello;
  const std::string bytes = Hello({{0, ServerNameExtension("Example.COM")}, {16, AlpnExtension({"h2", "http/1.1"})}});
  ASSERT_EQ(ParseClientHello(bytes, kLimit, &hello), ClientHelloResult::kFound);
  EXPECT_EQ(hello.server_name, "example.com");
  EXPECT_EQ(hello.alpns, (std::vector<std::string>{"h2", "http/1.1"}));
  EXPECT_EQ(hello.bytes, bytes.size());
}

TEST(ClientHelloTest, WithoutExtensionsItIsStillOne) {
  ClientHello hello;
  ASSERT_EQ(ParseClientHello(Records(Message(HelloBody("", false))), kLimit, &hello), ClientHelloResult::kFound);
  EXPECT_EQ(hello.server_name, "");
  EXPECT_FALSE(hello.has_alpn);
}

TEST(ClientHelloTest, EveryPrefixNeedsMore) {
  const std::string bytes = Hello({{0, ServerNameExtension("a.example")}});
  for (size_t n = 0; n < bytes.size(); ++n) {
    ClientHello hello;
    ASSERT_EQ(ParseClientHello(bytes.substr(0, n), kLimit, &hello), ClientHelloResult::kNeedMore) << n;
  }
}

TEST(ClientHelloTest, BytesBehindItDoNotMatter) {
  ClientHello hello;
  const std::string bytes = Hello({{0, ServerNameExtension("a.example")}});
  EXPECT_EQ(ParseClientHello(bytes + "anything", kLimit, &hello), ClientHelloResult::kFound);
}

TEST(ClientHelloTest, MaySpanRecordsOfAnySize) {
  const std::string message = Message(HelloBody(Extensions({{0, ServerNameExtension("split.example")}})));
  for (size_t piece : {1, 2, 3, 5, 40}) {
    ClientHello hello;
    ASSERT_EQ(ParseClientHello(Records(message, piece), kLimit, &hello), ClientHelloResult::kFound) << piece;
    EXPECT_EQ(hello.server_name, "split.example");
  }
}

TEST(ClientHelloTest, OtherProtocolsAreNotTls) {
  ClientHello hello;
  for (const char* text : {"GET / HTTP/1.1\r\n", "PRI * HTTP/2.0", "\x16\x02", "\x15\x03\x01", "SSH-2.0"}) {
    EXPECT_EQ(ParseClientHello(text, kLimit, &hello), ClientHelloResult::kNotTls) << text;
  }
  EXPECT_EQ(ParseClientHello(std::string("\x16\x03\x01\x00\x00", 5), kLimit, &hello), ClientHelloResult::kNotTls);
  EXPECT_EQ(ParseClientHello(std::string("\x16\x03\x01\x40\x01", 5), kLimit, &hello), ClientHelloResult::kNotTls);
  EXPECT_EQ(ParseClientHello(std::string("\x16\x03\x01\x00\x05\x02", 6), kLimit, &hello), ClientHelloResult::kNotTls)
      << "a ServerHello";
}

TEST(ClientHelloTest, TheLimitHolds) {
  ClientHello hello;
  const std::string big = Hello({{0x5555, std::string(9000, 'x')}});
  EXPECT_EQ(ParseClientHello(big, 4096, &hello), ClientHelloResult::kTooLarge);
  EXPECT_EQ(ParseClientHello(big.substr(0, 100), 4096, &hello), ClientHelloResult::kTooLarge) << "known in advance";
  EXPECT_EQ(ParseClientHello(big, kLimit, &hello), ClientHelloResult::kFound);
  std::string claims = Message(HelloBody(""));
  claims[1] = '\x7f';  // 8 MiB announced
  EXPECT_EQ(ParseClientHello(Records(claims), kLimit, &hello), ClientHelloResult::kTooLarge);
}

TEST(ClientHelloTest, BrokenGrammarIsMalformed) {
  const std::string name = ServerNameExtension("a.example");
  const std::vector<std::string> broken = {
      Hello({{0, name}, {0, name}}),                                    // twice
      Hello({{0, ""}}),                                                 // empty list
      Hello({{0, ServerNameExtension("")}}),                            // empty name
      Hello({{0, ServerNameExtension(std::string("a\0b", 3))}}),        // not graphic
      Hello({{0, ServerNameExtension(std::string(256, 'a'))}}),         // longer than DNS
      Hello({{0, name + "x"}}),                                         // trailing byte
      Hello({{16, AlpnExtension({""})}}),                               // empty protocol
      Hello({{16, AlpnExtension(std::vector<std::string>(65, "h"))}}),  // too many
      Records(Message(HelloBody(Extensions({{0, name}})) + "x")),       // bytes after the extensions
      Records(Message("\x03\x03 too short")),
  };
  for (size_t i = 0; i < broken.size(); ++i) {
    ClientHello hello;
    EXPECT_EQ(ParseClientHello(broken[i], kLimit, &hello), ClientHelloResult::kMalformed) << i;
    EXPECT_EQ(hello.server_name, "") << i;
  }
}

}  // namespace
}  // namespace outrigger::net
