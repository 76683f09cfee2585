#include "source/control_plane/serve/server_tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "source/event/simulated_files.h"
#include "source/event/simulated_world.h"

namespace outrigger::control_plane {
namespace {

class ServerTlsTest : public testing::Test {
 protected:
  void Write(const std::string& path, const std::string& text) {
    ASSERT_TRUE(dispatcher_->engine().ReplaceFile(path, text, 0600).ok());
  }
  // A pair on disk, as another authority would hand it out.
  tls::KeyAndCertificate Pair() {
    auto authority = Authority::Open(*dispatcher_, "/elsewhere");
    return (*authority)->IssueServer({"localhost"}, hours(1))->pair;
  }
  std::string Shown(ServerTls& tls) {
    ServerIdentity::Pem pem;
    uint64_t none = 0;
    EXPECT_TRUE(tls.identity()->GetNewer(none, pem));
    return pem.certificate;
  }

  event::SimulatedWorld world_{1, event::FaultPlan::None()};
  std::unique_ptr<event::Dispatcher> dispatcher_ = world_.MakeDispatcher();
};

TEST_F(ServerTlsTest, AnIssuedCertificateIsRenewedAfterTwoThirdsOfItsLifeAndWhenAnotherRootIssues) {
  auto authority = Authority::Open(*dispatcher_, "/state");
  ServerTls tls(*dispatcher_, {.names = {"localhost"}, .lifetime = hours(3)}, authority->get());
  ASSERT_TRUE(tls.Start().ok());
  const std::string first = Shown(tls);
  world_.RunFor(minutes(119));
  EXPECT_EQ(Shown(tls), first);
  world_.RunFor(minutes(3));
  const std::string second = Shown(tls);
  EXPECT_NE(second, first);
  tls.Renew();
  EXPECT_NE(Shown(tls), second);
  EXPECT_EQ(tls.counters().renewed, 2u);
}

TEST_F(ServerTlsTest, NewRootsReachTheHandshakeWithoutANewCertificate) {
  auto authority = Authority::Open(*dispatcher_, "/state");
  ServerTls tls(*dispatcher_, {}, authority->get());
  ASSERT_TRUE(tls.Start().ok());
  const std::string certificate = Shown(tls);
  ASSERT_TRUE((*authority)->Announce().ok());
  tls.RootsChanged();
  ServerIdentity::Pem pem;
  uint64_t none = 0;
  ASSERT_TRUE(tls.identity()->GetNewer(none, pem));
  EXPECT_EQ(pem.client_roots, (*authority)->roots_pem());
  EXPECT_EQ(pem.certificate, certificate);
}

TEST_F(ServerTlsTest, FilesAreWatchedAndABrokenPairKeepsTheLastGoodOne) {
  const auto first = Pair(), second = Pair();
  Write("/cert.pem", first.certificate_pem);
  Write("/key.pem", first.key_pem);
  ServerTls tls(*dispatcher_, {.certificate = "/cert.pem", .key = "/key.pem"}, nullptr);
  ASSERT_TRUE(tls.Start().ok());
  Write("/cert.pem", second.certificate_pem);
  ASSERT_TRUE(world_.RunUntil([&] { return tls.counters().refused == 1; }, seconds(5)));
  EXPECT_EQ(Shown(tls), first.certificate_pem) << "the key is not there yet";
  Write("/key.pem", second.key_pem);
  ASSERT_TRUE(world_.RunUntil([&] { return tls.counters().renewed == 1; }, seconds(5)));
  EXPECT_EQ(Shown(tls), second.certificate_pem);
  Write("/cert.pem", "-----BEGIN CERTIFICATE-----\nbroken");
  ASSERT_TRUE(world_.RunUntil([&] { return tls.counters().refused == 2; }, seconds(5)));
  EXPECT_EQ(Shown(tls), second.certificate_pem);
}

TEST_F(ServerTlsTest, ABadPairAtTheStartIsAnErrorThatNamesTheFiles) {
  Write("/cert.pem", Pair().certificate_pem);
  Write("/key.pem", Pair().key_pem);
  ServerTls tls(*dispatcher_, {.certificate = "/cert.pem", .key = "/key.pem"}, nullptr);
  EXPECT_THAT(std::string(tls.Start().message()), testing::HasSubstr("/cert.pem and /key.pem: "));
  ServerTls none(*dispatcher_, {.certificate = "/none.pem", .key = "/key.pem"}, nullptr);
  EXPECT_THAT(std::string(none.Start().message()), testing::HasSubstr("/none.pem"));
}

}  // namespace
}  // namespace outrigger::control_plane
