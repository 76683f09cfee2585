#include "source/schema/kept_message.h"

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "gtest/gtest.h"
#include "source/base/bug.h"

namespace outrigger::schema {
namespace {

using envoy::config::cluster::v3::Cluster;

std::shared_ptr<Cluster> Made() {
  auto cluster = std::make_shared<Cluster>();
  cluster->set_name("a");
  return cluster;
}

TEST(KeptMessageTest, PackedItIsItsBytesAndParsedAgainForWhoeverLooks) {
  std::shared_ptr<Cluster> made = Made();
  std::weak_ptr<Cluster> held = made;
  KeptMessage kept(made, std::make_shared<const std::string>(made->SerializeAsString()));
  made = nullptr;
  EXPECT_FALSE(kept == nullptr);
  EXPECT_EQ(kept.Get(), held.lock());
  const KeptMessage before = kept;
  kept.Pack();
  EXPECT_FALSE(held.expired()) << "a copy still has it";
  EXPECT_EQ(before.Get(), held.lock());
  const auto parsed = kept.Get();
  ASSERT_NE(parsed, nullptr);
  EXPECT_EQ(static_cast<const Cluster&>(*parsed).name(), "a");
  EXPECT_NE(parsed, held.lock());
}

TEST(KeptMessageTest, BytesAloneAreParsedForWhoeverLooks) {
  const auto bytes = std::make_shared<const std::string>(Made()->SerializeAsString());
  const KeptMessage kept = KeptMessage::OfBytes(Cluster::default_instance(), bytes);
  EXPECT_TRUE(kept != nullptr);
  EXPECT_EQ(kept.bytes(), bytes);
  EXPECT_EQ(static_cast<const Cluster&>(*kept.Get()).name(), "a");
}

TEST(KeptMessageTest, WhatDoesNotParseAfterAllIsAnEmptyMessageAndCounted) {
  const uint64_t before = BugsSeen();
  const KeptMessage kept =
      KeptMessage::OfBytes(Cluster::default_instance(), std::make_shared<const std::string>("\x0a\x05xx"));
  const auto parsed = kept.Get();
  ASSERT_NE(parsed, nullptr);
  EXPECT_EQ(parsed->ByteSizeLong(), 0u);
  EXPECT_EQ(BugsSeen(), before + 1);
}

TEST(KeptMessageTest, WithoutBytesItStaysAsItIs) {
  KeptMessage kept(Made());
  const auto before = kept.Get();
  kept.Pack();
  EXPECT_EQ(kept.Get(), before);
  KeptMessage none;
  none.Pack();
  EXPECT_TRUE(none == nullptr);
  EXPECT_EQ(none.Get(), nullptr);
}

}  // namespace
}  // namespace outrigger::schema
