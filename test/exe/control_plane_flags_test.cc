#include "source/exe/control_plane_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace outrigger::exe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

absl::StatusOr<ControlPlaneFlags> Parse(std::vector<absl::string_view> arguments) {
  return ParseControlPlaneFlags(arguments);
}
std::string ErrorOf(std::vector<absl::string_view> arguments) {
  return std::string(Parse(std::move(arguments)).status().message());
}

TEST(ControlPlaneFlagsTest, ServeTakesItsFlagsInBothForms) {
  const auto flags =
      Parse({"serve", "--mesh=m.yaml", "--state", "s", "--tls-listen", "127.0.0.1:1", "--tls-listen=[::1]:1",
             "--status", "127.0.0.1:2", "--certificate-lifetime", "90s", "-l", "debug"});
  ASSERT_TRUE(flags.ok()) << flags.status();
  EXPECT_EQ(flags->command, ControlPlaneFlags::Command::kServe);
  EXPECT_EQ(flags->mesh, "m.yaml");
  EXPECT_THAT(flags->tls_listen, ElementsAre("127.0.0.1:1", "[::1]:1"));
  EXPECT_EQ(flags->certificate_lifetime, seconds(90));
  EXPECT_EQ(flags->log_level, "debug");
}

TEST(ControlPlaneFlagsTest, ErrorsNameTheFlagAndWhatIsExpected) {
  EXPECT_THAT(ErrorOf({}), HasSubstr("serve, validate, check, wait, token or enroll"));
  EXPECT_THAT(ErrorOf({"sreve"}), HasSubstr("'sreve' is not serve"));
  EXPECT_THAT(ErrorOf({"serve", "--mesh"}), HasSubstr("--mesh: needs a value, FILE"));
  EXPECT_THAT(ErrorOf({"serve", "--mesh", "a", "--mesh", "b"}), HasSubstr("--mesh: is given twice"));
  EXPECT_THAT(ErrorOf({"serve", "--token", "x"}), HasSubstr("--token: is no flag of this command"));
  EXPECT_THAT(ErrorOf({"serve", "--resources", "d"}), HasSubstr("nothing to serve on"));
  EXPECT_THAT(ErrorOf({"serve", "--resources", "d", "--mesh", "m"}), HasSubstr("not both"));
  EXPECT_THAT(ErrorOf({"serve", "--mesh", "m", "--listen", "x:1"}), HasSubstr("--state: a mesh needs"));
  EXPECT_THAT(ErrorOf({"serve", "--certificate-lifetime", "soon"}), HasSubstr("'soon' is not a time"));
  EXPECT_THAT(ErrorOf({"serve", "--certificate-lifetime", "0s"}), HasSubstr("'0s' is not a time"));
  EXPECT_THAT(ErrorOf({"serve", "--require-client-certificate=yes"}), HasSubstr("takes no value"));
  EXPECT_THAT(ErrorOf({"serve", "extra"}), HasSubstr("'extra' is not a flag"));
  EXPECT_THAT(ErrorOf({"token", "--state", "s"}), HasSubstr("--node: is needed"));
  EXPECT_THAT(ErrorOf({"enroll", "--server", "s", "--node", "n", "--out", "o"}), HasSubstr("--root: is needed"));
}

TEST(ControlPlaneFlagsTest, AStepOfTheRootsReplacementIsNotShorterThanACertificateLives) {
  const std::vector<absl::string_view> serve = {"serve", "--mesh", "m", "--state", "s", "--tls-listen", "127.0.0.1:1"};
  const auto with = [&serve](std::vector<absl::string_view> more) {
    more.insert(more.begin(), serve.begin(), serve.end());
    return more;
  };
  EXPECT_THAT(ErrorOf(with({"--root-step", "23h"})), HasSubstr("--root-step: must be at least 86400s"));
  EXPECT_THAT(ErrorOf(with({"--root-step", "24h", "--certificate-lifetime", "25h"})), HasSubstr("at least 90000s"));
  EXPECT_THAT(ErrorOf(with({"--root-step", "59m", "--node-certificate-lifetime", "1m"})), HasSubstr("at least 3600s"));
  EXPECT_EQ(Parse(with({"--root-step", "24h"}))->root_step, hours(24));
  const auto flags = Parse(with({"--root-step=9s", "--node-certificate-lifetime=9s", "--certificate-lifetime=8s"}));
  ASSERT_TRUE(flags.ok()) << flags.status();
  EXPECT_EQ(flags->node_certificate_lifetime, seconds(9));
  EXPECT_EQ(Parse(serve)->root_step, Duration(0)) << "as long as it has to be";
}

TEST(ControlPlaneFlagsTest, HelpNamesEveryCommandAndIsGivenAnywhere) {
  EXPECT_EQ(Parse({"serve", "--nonsense", "--help"})->command, ControlPlaneFlags::Command::kHelp);
  for (const char* word : {"serve", "validate", "token", "enroll", "--node-sockets", "SIGUSR2"}) {
    EXPECT_THAT(ControlPlaneHelp(), HasSubstr(word));
  }
}

}  // namespace
}  // namespace outrigger::exe
