#include "source/control_plane/authority/authority.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"
#include "source/control_plane/authority/root_rotation.h"
#include "source/control_plane/authority/token_store.h"
#include "source/control_plane/authority/workload_secrets.h"
#include "source/event/simulated_files.h"
#include "source/event/simulated_world.h"
#include "source/tls/certificate_reader.h"

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
  const std::string root = Open()->roots_pem();
  EXPECT_EQ(Open()->roots_pem(), root);
}

// As `serve &` and `token` of a first start: they must not end up with an authority each.
TEST(AuthorityRaceTest, OfManyProcessesThatOpenAnEmptyFolderAtOnceOneFounds) {
  for (int round = 0; round < 5; ++round) {
    char path[] = "/tmp/outrigger-XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    constexpr int kProcesses = 6;
    std::string roots[kProcesses];
    std::vector<std::thread> threads;
    std::atomic<int> ready{0};
    for (int i = 0; i < kProcesses; ++i) {
      threads.emplace_back([&, i] {
        event::Dispatcher own(event::MakeEpollEngine());
        ++ready;
        while (ready.load() < kProcesses) continue;
        auto authority = Authority::Open(own, absl::StrCat(path, "/state"));
        EXPECT_TRUE(authority.ok()) << authority.status();
        if (authority.ok()) roots[i] = (*authority)->roots_pem();
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const std::string& root : roots) EXPECT_EQ(root, roots[0]);
    EXPECT_FALSE(std::filesystem::exists(absl::StrCat(path, "/state/founding")));
    std::filesystem::remove_all(path);
  }
}

TEST_F(AuthorityTest, AnOldClaimOfWhoeverCrashedWhileFoundingIsPassedOver) {
  const int64_t now = std::chrono::duration_cast<seconds>(dispatcher_->wall_now().time_since_epoch()).count();
  world_.files().Put("/state/founding", absl::StrCat("another ", now - 31, "\n"));
  EXPECT_NE(Open(), nullptr);
  world_.files().Put("/other/founding", absl::StrCat("another ", now, "\n"));
  EXPECT_TRUE(absl::IsUnavailable(Authority::Open(*dispatcher_, "/other").status())) << "that one may be at it still";
}

TEST_F(AuthorityTest, ARootWithoutItsKeyIsAnErrorAndNotReplaced) {
  const std::string root = Open()->roots_pem();
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

// Which of the authority's roots issued a workload's certificate now: its place in roots_pem, from 0.
int IssuingRoot(Authority& authority) {
  const auto issued = authority.IssueWorkload("spiffe://example.org/service/a", hours(1));
  EXPECT_TRUE(issued.ok()) << issued.status();
  const auto leaf = tls::ReadPemCertificates(issued->pair.certificate_pem);
  const auto roots = tls::ReadPemCertificates(authority.roots_pem());
  for (size_t i = 0; i < roots->size(); ++i) {
    const tls::PkeyPtr key(X509_get_pubkey((*roots)[i].get()));
    if (X509_verify((*leaf)[0].get(), key.get()) == 1) return static_cast<int>(i);
  }
  return -1;
}

size_t Roots(const Authority& authority) { return tls::ReadPemCertificates(authority.roots_pem())->size(); }

TEST_F(AuthorityTest, TheRootIsReplacedInThreeStepsAndRestartsGoOn) {
  auto authority = Open();
  const std::string old = authority->roots_pem();
  std::vector<std::string> told;
  const auto rotate = [&] {
    return std::make_unique<RootRotation>(
        *dispatcher_, *authority, RootRotation::Options{.step = hours(24)},
        RootRotation::Events{[&told] { told.push_back("roots"); }, [&told] { told.push_back("issuer"); }});
  };
  const auto restart = [&](std::unique_ptr<RootRotation>& rotation) {
    rotation.reset();
    authority = Open();
    rotation = rotate();
  };
  auto rotation = rotate();
  ASSERT_TRUE(rotation->Begin().ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(rotation->Begin()));
  EXPECT_THAT(told, testing::ElementsAre("roots"));
  EXPECT_EQ(Roots(*authority), 2u);
  EXPECT_THAT(authority->roots_pem(), testing::StartsWith(old));
  EXPECT_EQ(IssuingRoot(*authority), 0);

  world_.RunFor(hours(23));
  restart(rotation);
  EXPECT_EQ(authority->phase(), Authority::Phase::kAnnounced);
  EXPECT_EQ(IssuingRoot(*authority), 0);
  world_.RunFor(minutes(62));
  EXPECT_THAT(told, testing::ElementsAre("roots", "issuer"));
  EXPECT_EQ(Roots(*authority), 2u);
  EXPECT_EQ(IssuingRoot(*authority), 1);

  world_.RunFor(hours(12));
  restart(rotation);
  EXPECT_EQ(authority->phase(), Authority::Phase::kMoved);
  EXPECT_EQ(IssuingRoot(*authority), 1);
  world_.RunFor(hours(11));
  EXPECT_EQ(Roots(*authority), 2u) << "who got a certificate of the old root just before the move has it still";
  world_.RunFor(minutes(62));
  EXPECT_THAT(told, testing::ElementsAre("roots", "issuer", "roots"));
  EXPECT_EQ(Roots(*authority), 1u);
  EXPECT_EQ(IssuingRoot(*authority), 0);
  EXPECT_NE(authority->roots_pem(), old);
  restart(rotation);
  EXPECT_EQ(authority->phase(), Authority::Phase::kSteady);
  EXPECT_FALSE(dispatcher_->engine().ReadFile("/state/next-root-key.pem", 1 << 20).ok());
}

TEST_F(AuthorityTest, ACrashBetweenTwoFilesLeavesOneStepOrTheNext) {
  auto authority = Open();
  const std::string old = authority->roots_pem(), key = *tls::MakeKey(tls::KeyKind::kEcdsaP256);
  // The next key was written, its certificate was not.
  ASSERT_TRUE(dispatcher_->engine().ReplaceFile("/state/next-root-key.pem", key, 0600).ok());
  authority = Open();
  EXPECT_EQ(authority->phase(), Authority::Phase::kSteady);
  ASSERT_TRUE(authority->Announce().ok());
  // The move was noted, the key was not replaced: the wait begins again.
  world_.RunFor(hours(20));
  const int64_t now = std::chrono::duration_cast<seconds>(dispatcher_->wall_now().time_since_epoch()).count();
  ASSERT_TRUE(dispatcher_->engine().ReplaceFile("/state/rotation", std::to_string(now), 0600).ok());
  authority = Open();
  EXPECT_EQ(authority->phase(), Authority::Phase::kAnnounced);
  EXPECT_EQ(authority->phase_since(), WallTime(seconds(now)));
  // A next key that is not the announced root's must not become the issuer.
  const std::string next = *dispatcher_->engine().ReadFile("/state/next-root-key.pem", 1 << 20);
  ASSERT_TRUE(dispatcher_->engine().ReplaceFile("/state/next-root-key.pem", key, 0600).ok());
  EXPECT_FALSE(authority->Move().ok());
  EXPECT_EQ(IssuingRoot(*authority), 0);
  ASSERT_TRUE(dispatcher_->engine().ReplaceFile("/state/next-root-key.pem", next, 0600).ok());
  EXPECT_TRUE(authority->Move().ok());
}

TEST_F(AuthorityTest, ARootThatWillExpireIsReplacedWithoutBeingAsked) {
  auto authority = Open();
  RootRotation rotation(*dispatcher_, *authority, {.step = hours(1), .renew_before = hours(24 * 3650) - hours(2)},
                        {[] {}, [] {}});
  world_.RunFor(minutes(119));
  EXPECT_EQ(authority->phase(), Authority::Phase::kSteady);
  world_.RunFor(minutes(3));
  EXPECT_EQ(authority->phase(), Authority::Phase::kAnnounced);
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
