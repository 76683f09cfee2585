#include "examples/mesh/answer.h"

#include "gtest/gtest.h"

namespace outrigger::examples {
namespace {

TEST(CallerOfTest, IsTheUriOfTheLastElement) {
  EXPECT_EQ(CallerOf("By=spiffe://a/x;Hash=12;URI=spiffe://mesh/ns/front"), "spiffe://mesh/ns/front");
  EXPECT_EQ(CallerOf("URI=spiffe://mesh/first,By=b;URI=spiffe://mesh/second"), "spiffe://mesh/second");
}

TEST(CallerOfTest, SeparatorsInsideQuotesDoNotSplit) {
  EXPECT_EQ(CallerOf("Subject=\"CN=a,O=b;URI=spiffe://forged\";URI=spiffe://mesh/true"), "spiffe://mesh/true");
  EXPECT_EQ(CallerOf("Subject=\"CN=\\\",URI=spiffe://forged\""), "-");
}

TEST(CallerOfTest, IsADashWhereNothingIsSaid) {
  EXPECT_EQ(CallerOf(""), "-");
  EXPECT_EQ(CallerOf("URI=spiffe://mesh/first,Hash=12"), "-");
  EXPECT_EQ(CallerOf("URI="), "-");
}

TEST(AnswerTest, SaysWhatItSawAsJson) {
  Seen seen;
  seen.method = "POST";
  seen.path = "/a?b=\"c\"";
  seen.forwarded_client_cert = "URI=spiffe://mesh/front";
  seen.headers = {{"host", "shop"}, {"x-request-id", "1"}};
  seen.body = "hi\n";
  EXPECT_EQ(
      Answer({"shop", "v2"}, seen),
      "{\"service\":\"shop\",\"version\":\"v2\",\"caller\":\"spiffe://mesh/front\",\"method\":\"POST\","
      "\"path\":\"/a?b=\\\"c\\\"\",\"headers\":{\"host\":\"shop\",\"x-request-id\":\"1\"},\"body\":\"hi\\u000a\"}\n");
}

}  // namespace
}  // namespace outrigger::examples
