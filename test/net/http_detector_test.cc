#include "source/net/http_detector.h"

#include <string>

#include "gtest/gtest.h"

namespace outrigger::net {
namespace {

TEST(HttpDetectorTest, TellsTheVersions) {
  EXPECT_EQ(DetectHttp("GET / HTTP/1.1\r\n"), HttpDetection::kHttp11);
  EXPECT_EQ(DetectHttp("GET / HTTP/1.1\r\nHost: a"), HttpDetection::kHttp11);
  EXPECT_EQ(DetectHttp("M-SEARCH * HTTP/1.0\n"), HttpDetection::kHttp10);
  EXPECT_EQ(DetectHttp("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nrest"), HttpDetection::kHttp2);
}

TEST(HttpDetectorTest, EveryPrefixOfARequestNeedsMore) {
  for (const std::string text : {"POST /a/b?c HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}) {
    for (size_t n = 0; n + 1 < text.size(); ++n) {
      EXPECT_EQ(DetectHttp(text.substr(0, n)), HttpDetection::kNeedMore) << text.substr(0, n);
    }
  }
}

TEST(HttpDetectorTest, RefusesTheRest) {
  for (const std::string text :
       {"\x16\x03\x01", "GET\r\n", "GET /\r\n", " GET / HTTP/1.1\r\n", "GET  HTTP/1.1\r\n", "GET / HTTP/2.0\r\n",
        "GET / a HTTP/1.1\r\n", "G\x01T", "A-METHOD-THAT-IS-MUCH-LONGER-THAN-ANY ", "GET /\x01 HTTP/1.1\r\n"}) {
    EXPECT_EQ(DetectHttp(text), HttpDetection::kNotHttp) << text;
  }
  EXPECT_EQ(DetectHttp("GET /" + std::string(9000, 'a')), HttpDetection::kNotHttp) << "no line within the limit";
}

TEST(HttpDetectorTest, ACodecIsChosenWithTheFewestBytes) {
  EXPECT_EQ(DetectHttpCodec(""), HttpDetection::kNeedMore);
  EXPECT_EQ(DetectHttpCodec("P"), HttpDetection::kNeedMore);
  EXPECT_EQ(DetectHttpCodec("G"), HttpDetection::kHttp11);
  EXPECT_EQ(DetectHttpCodec("PO"), HttpDetection::kHttp11);
  EXPECT_EQ(DetectHttpCodec("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), HttpDetection::kHttp2);
}

}  // namespace
}  // namespace outrigger::net
