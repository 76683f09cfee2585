#include "source/xds/last_good_format.h"

#include <string>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace outrigger::xds {
namespace {

using envoy::config::cluster::v3::Cluster;
using envoy::extensions::transport_sockets::tls::v3::Secret;
using envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kNonce[] = "twelve bytes";

tls::SealingKey Key(char fill) { return *tls::SealingKey::Parse(std::string(tls::kSealingKeyBytes, fill)); }

LastGoodResource ClusterNamed(const std::string& name) {
  auto cluster = std::make_shared<Cluster>();
  cluster->set_name(name);
  return {ResourceType::kCluster, name, "v7", 1234, cluster, ""};
}

LastGoodResource SecretNamed(const std::string& name) {
  auto secret = std::make_shared<Secret>();
  secret->set_name(name);
  secret->mutable_tls_certificate()->mutable_private_key()->set_inline_string("the private key");
  return {ResourceType::kSecret, name, "1", 5, secret, ""};
}

// A cluster with a private key in it.
LastGoodResource ClusterWithKey(const std::string& name) {
  UpstreamTlsContext context;
  context.mutable_common_tls_context()->add_tls_certificates()->mutable_private_key()->set_inline_string("its key");
  auto cluster = std::make_shared<Cluster>();
  cluster->set_name(name);
  cluster->mutable_transport_socket()->mutable_typed_config()->PackFrom(context);
  return {ResourceType::kCluster, name, "v7", 1234, cluster, ""};
}

LastGood Content() {
  LastGood content{"node", "mesh", 9, WallTime(seconds(1'000'000)), {}};
  content.resources = {ClusterNamed("a"), SecretNamed("s"), ClusterWithKey("k")};
  return content;
}

SlotExpectation Expected(const tls::SealingKey* key = nullptr) {
  return {"node", "mesh", key, WallTime(seconds(1'000'100)), Duration(0)};
}

std::string Error(absl::string_view bytes, const SlotExpectation& expected) {
  const auto content = DecodeSlot(bytes, expected);
  return content.ok() ? "" : std::string(content.status().message());
}

TEST(LastGoodFormatTest, WhatIsWrittenIsReadAgain) {
  const tls::SealingKey key = Key('k');
  const auto slot = EncodeSlot(Content(), &key, kNonce);
  ASSERT_TRUE(slot.ok());
  EXPECT_EQ(slot->written, 3u);
  EXPECT_TRUE(slot->left_out.empty());
  const auto content = DecodeSlot(slot->bytes, Expected(&key));
  ASSERT_TRUE(content.ok()) << content.status();
  EXPECT_EQ(content->generation, 9u);
  EXPECT_EQ(content->written, WallTime(seconds(1'000'000)));
  ASSERT_EQ(content->resources.size(), 3u);
  EXPECT_EQ(content->resources[0].name, "a");
  EXPECT_EQ(content->resources[0].version, "v7");
  EXPECT_EQ(content->resources[0].hash, 1234u);
  Cluster cluster;
  EXPECT_TRUE(cluster.ParseFromString(content->resources[0].value));
  EXPECT_EQ(cluster.name(), "a");
  EXPECT_EQ(content->resources[1].type, ResourceType::kSecret);
  EXPECT_EQ(GenerationOfSlot(slot->bytes), 9u);
}

TEST(LastGoodFormatTest, WithoutAKeyNothingThatHoldsASecretIsWritten) {
  const auto slot = EncodeSlot(Content(), nullptr, "");
  ASSERT_TRUE(slot.ok());
  EXPECT_THAT(slot->left_out, ElementsAre("secret \"s\"", "cluster \"k\""));
  EXPECT_EQ(slot->bytes.find("the private key"), std::string::npos);
  EXPECT_EQ(slot->bytes.find("its key"), std::string::npos);
  const auto content = DecodeSlot(slot->bytes, Expected());
  ASSERT_TRUE(content.ok());
  ASSERT_EQ(content->resources.size(), 1u);
  EXPECT_EQ(content->resources[0].name, "a");
}

TEST(LastGoodFormatTest, WithAKeyNothingCanBeRead) {
  const tls::SealingKey key = Key('k');
  const std::string bytes = EncodeSlot(Content(), &key, kNonce)->bytes;
  EXPECT_EQ(bytes.find("the private key"), std::string::npos);
  EXPECT_EQ(bytes.find("v7"), std::string::npos);
}

// Whoever can write the file can also write its checksum; with a key that is not enough.
std::string WithChecksum(std::string bytes) {
  bytes.resize(bytes.size() - tls::kChecksumBytes);
  return bytes + tls::Checksum(bytes);
}

TEST(LastGoodFormatTest, EveryByteThatIsAnotherIsFound) {
  const tls::SealingKey key = Key('k');
  for (const tls::SealingKey* with : {static_cast<const tls::SealingKey*>(nullptr), &key}) {
    const std::string bytes = EncodeSlot(Content(), with, with == nullptr ? "" : kNonce)->bytes;
    ASSERT_EQ(Error(bytes, Expected(with)), "");
    for (size_t i = 0; i < bytes.size(); ++i) {
      for (const int bit : {0, 3, 7}) {
        std::string other = bytes;
        other[i] = static_cast<char>(other[i] ^ (1 << bit));
        EXPECT_NE(Error(other, Expected(with)), "") << "byte " << i;
        if (with == nullptr || i + tls::kChecksumBytes >= bytes.size()) continue;
        EXPECT_NE(Error(WithChecksum(other), Expected(with)), "") << "byte " << i << " with a new checksum";
      }
    }
  }
}

TEST(LastGoodFormatTest, EveryLengthButTheWholeIsFound) {
  const std::string bytes = EncodeSlot(Content(), nullptr, "")->bytes;
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(Error(absl::string_view(bytes).substr(0, size), Expected()), HasSubstr("damaged")) << size;
  }
  EXPECT_THAT(Error(bytes + "x", Expected()), HasSubstr("checksum"));
  EXPECT_EQ(GenerationOfSlot(bytes + "x"), 0u);
}

TEST(LastGoodFormatTest, AnotherNodesIsRefused) {
  const std::string bytes = EncodeSlot(Content(), nullptr, "")->bytes;
  SlotExpectation expected = Expected();
  expected.node_id = "other";
  EXPECT_THAT(Error(bytes, expected), HasSubstr("is of another node: \"node\""));
  expected = Expected();
  expected.node_cluster = "other";
  EXPECT_THAT(Error(bytes, expected), HasSubstr("of another node"));
  EXPECT_EQ(GenerationOfSlot(bytes), 9u);
}

TEST(LastGoodFormatTest, WhatIsTooOldIsRefused) {
  const std::string bytes = EncodeSlot(Content(), nullptr, "")->bytes;
  SlotExpectation expected = Expected();
  expected.max_age = seconds(100);
  EXPECT_EQ(Error(bytes, expected), "");
  expected.now += milliseconds(1);
  EXPECT_THAT(Error(bytes, expected), HasSubstr("is too old"));
  expected.now = WallTime(seconds(0));  // somebody set the clock back
  EXPECT_EQ(Error(bytes, expected), "");
}

TEST(LastGoodFormatTest, AnotherFormatIsRefused) {
  std::string bytes = EncodeSlot(Content(), nullptr, "")->bytes;
  bytes.replace(bytes.find("/1\n"), 3, "/2\n");
  EXPECT_THAT(Error(bytes, Expected()), HasSubstr("is of format 2"));
}

TEST(LastGoodFormatTest, TheKeyMustBeTheOneItWasSealedWith) {
  const tls::SealingKey key = Key('k'), other = Key('o');
  const std::string sealed = EncodeSlot(Content(), &key, kNonce)->bytes;
  EXPECT_THAT(Error(sealed, Expected(&other)), HasSubstr("cannot be opened with this key"));
  EXPECT_THAT(Error(sealed, Expected()), HasSubstr("no key is given"));
  const std::string plain = EncodeSlot(Content(), nullptr, "")->bytes;
  EXPECT_THAT(Error(plain, Expected(&key)), HasSubstr("is not sealed"));
}

TEST(LastGoodFormatTest, NamesComeOnce) {
  LastGood content = Content();
  content.resources = {ClusterNamed("a"), ClusterNamed("a")};
  EXPECT_THAT(Error(EncodeSlot(content, nullptr, "")->bytes, Expected()), HasSubstr("is there twice"));
}

TEST(SealingKeyTest, IsReadAsBytesHexOrBase64) {
  const std::string raw(tls::kSealingKeyBytes, 'k');
  std::string hex, sealed = *tls::Seal(Key('k'), kNonce, "beside", "plain");
  for (size_t i = 0; i < raw.size(); ++i) hex += "6b";
  for (const std::string& text :
       {raw, hex, hex + "\n", std::string("a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=\n")}) {
    const auto key = tls::SealingKey::Parse(text);
    ASSERT_TRUE(key.ok()) << text;
    EXPECT_EQ(*tls::Unseal(*key, kNonce, "beside", sealed), "plain");
    EXPECT_FALSE(tls::Unseal(*key, kNonce, "besides", sealed).ok());
  }
  for (const std::string& text : {std::string(), raw + "k", hex + "6b", std::string("a2s="), std::string("secret!")}) {
    const auto key = tls::SealingKey::Parse(text);
    EXPECT_FALSE(key.ok());
    if (!text.empty()) {
      EXPECT_THAT(std::string(key.status().message()), testing::Not(HasSubstr(text)));
    }
  }
}

}  // namespace
}  // namespace outrigger::xds
