#include "source/control_plane/authority/authority.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "source/control_plane/authority/token_store.h"
#include "source/control_plane/authority/workload_secrets.h"
#include "source/event/simulated_files.h"
#include "source/event/simulated_world.h"

namespace outrigger::control_plane {
namespace {

class AuthorityTest : public testing::Test {
 protected:
  std::unique_ptr<Authority> Open() {
    auto authority = Authority::Open(*dispatcher_, "/state");
    EXPECT_TRUE(authority.ok()) << authority.status();
    return authority.ok() ? *std::move(authority) : nullptr;
  }
  std::string Certificate(WorkloadSecrets& secrets, const std::string& node) {
    Snapshot snapshot;
    secrets.AddTo(node, "spiffe://example.org/service/" + node, snapshot);
    const Resource* secret = snapshot.Of(kSecretType).Find("default");
    EXPECT_NE(secret, nullptr);
    EXPECT_NE(snapshot.Of(kSecretType).Find("ROOTCA"), nullptr);
    return secret == nullptr ? "" : secret->bytes;
  }

  event::SimulatedWorld world_{1, event::FaultPlan::None()};
  std::unique_ptr<event::Dispatcher> dispatcher_ = world_.MakeDispatcher();
};

TEST_F(AuthorityTest, TheRootStaysTheSameOverRestarts) {
  const std::string root = Open()->root_pem();
  EXPECT_EQ(Open()->root_pem(), root);
}

TEST_F(AuthorityTest, ARootWithoutItsKeyIsAnErrorAndNotReplaced) {
  const std::string root = Open()->root_pem();
  ASSERT_TRUE(dispatcher_->engine().RemoveFile("/state/root-key.pem").ok());
  EXPECT_FALSE(Authority::Open(*dispatcher_, "/state").ok());
  EXPECT_EQ(*dispatcher_->engine().ReadFile("/state/root.pem", 1 << 20), root);
}

TEST_F(AuthorityTest, AKeyOfAnotherRootIsFoundOutAtTheStart) {
  Open();
  ASSERT_TRUE(
      dispatcher_->engine().ReplaceFile("/state/root-key.pem", *tls::MakeKey(tls::KeyKind::kEcdsaP256), 0600).ok());
  EXPECT_FALSE(Authority::Open(*dispatcher_, "/state").ok());
}

TEST_F(AuthorityTest, SecretsStayUntilTwoThirdsOfTheirLifeAndAreRenewedThen) {
  auto authority = Open();
  int renewed = 0;
  WorkloadSecrets secrets(*dispatcher_, *authority, hours(3), [&renewed] { ++renewed; });
  const std::string first = Certificate(secrets, "a");
  EXPECT_NE(first, Certificate(secrets, "b"));
  world_.RunFor(minutes(119));
  EXPECT_EQ(Certificate(secrets, "a"), first);
  EXPECT_EQ(renewed, 0);
  world_.RunFor(minutes(3));
  EXPECT_GE(renewed, 1);
  EXPECT_NE(Certificate(secrets, "a"), first);
}

TEST_F(AuthorityTest, RotatingGivesEverybodyANewCertificateAtOnce) {
  auto authority = Open();
  int renewed = 0;
  WorkloadSecrets secrets(*dispatcher_, *authority, hours(3), [&renewed] { ++renewed; });
  const std::string a = Certificate(secrets, "a"), b = Certificate(secrets, "b");
  secrets.Rotate();
  EXPECT_EQ(renewed, 1);
  EXPECT_NE(Certificate(secrets, "a"), a);
  EXPECT_NE(Certificate(secrets, "b"), b);
}

TEST_F(AuthorityTest, ATokenIsGoodOnceForItsNodeAndItsTime) {
  Open();
  TokenStore store(*dispatcher_, "/state");
  const std::string token = *store.Make("a", hours(1));
  EXPECT_TRUE(store.Spend(token, "a").ok());
  EXPECT_FALSE(store.Spend(token, "a").ok());
  const std::string other = *store.Make("a", hours(1));
  EXPECT_FALSE(store.Spend(other, "b").ok());
  EXPECT_FALSE(store.Spend(other, "a").ok()) << "spent by the wrong node";
  const std::string late = *store.Make("a", hours(1));
  bool later = false;
  event::Timer wait([&later] { later = true; });
  dispatcher_->Arm(wait, hours(2));
  ASSERT_TRUE(world_.RunUntil([&later] { return later; }, hours(3)));
  EXPECT_FALSE(store.Spend(late, "a").ok());
  EXPECT_FALSE(store.Spend("", "a").ok());
  EXPECT_FALSE(store.Spend("../root", "a").ok());
}

}  // namespace
}  // namespace outrigger::control_plane
