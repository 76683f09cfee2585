#include "source/exe/flags.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"

namespace outrigger::exe {
namespace {

using server::DrainStrategy;
using server::Mode;

std::string ErrorOf(std::vector<absl::string_view> arguments) {
  const auto flags = ParseFlags(arguments);
  return flags.ok() ? "" : std::string(flags.status().message());
}

TEST(FlagsTest, BothSpellingsOfAValueAreRead) {
  const auto flags =
      ParseFlags({"-c", "a.yaml", "--concurrency=3", "--drain-time-s", "5", "--drain-strategy=immediate", "--mode",
                  "init_only", "-l", "debug", "--file-flush-interval-msec=250", "--last-good-dir=/s",
                  "--last-good-secrets-key-file", "/k", "--last-good-max-age=1h30m"});
  ASSERT_TRUE(flags.ok()) << flags.status();
  EXPECT_EQ(flags->options.config_path, "a.yaml");
  EXPECT_EQ(flags->options.concurrency, 3u);
  EXPECT_EQ(flags->options.drain_time, seconds(5));
  EXPECT_EQ(flags->options.drain_strategy, DrainStrategy::kImmediate);
  EXPECT_EQ(flags->options.mode, Mode::kInitOnly);
  EXPECT_EQ(flags->options.log_level, "debug");
  EXPECT_EQ(flags->options.file_flush_interval, milliseconds(250));
  EXPECT_EQ(flags->options.last_good_dir, "/s");
  EXPECT_EQ(flags->options.last_good_secrets_key_file, "/k");
  EXPECT_EQ(flags->options.last_good_max_age, minutes(90));
}

TEST(FlagsTest, AnErrorNamesTheFlagAndWhatIsExpected) {
  EXPECT_EQ(ErrorOf({"--nothing"}), "--nothing: unknown flag (see --help)");
  EXPECT_EQ(ErrorOf({"bare"}), "'bare': expected a flag (see --help)");
  EXPECT_EQ(ErrorOf({"--config-path"}), "--config-path: needs a value (FILE)");
  EXPECT_EQ(ErrorOf({"--concurrency", "many"}), "--concurrency: 'many' is not a number from 0 to 128");
  for (const char* bad : {"--last-good-max-age=0s", "--last-good-max-age=soon", "--last-good-max-age=inf"}) {
    EXPECT_TRUE(absl::StrContains(ErrorOf({bad}), "is not a time such as 90s, 30m or 12h")) << bad;
  }
  EXPECT_EQ(ErrorOf({"--mode=play"}), "--mode: 'play' is not one of serve, validate, init_only");
  EXPECT_EQ(ErrorOf({"-c", "a", "--config-path", "b"}), "--config-path: given twice");
  EXPECT_EQ(ErrorOf({"--disable-hot-restart=no"}), "--disable-hot-restart: takes no value");
  EXPECT_TRUE(absl::StartsWith(ErrorOf({"-l", "loud"}), "--log-level: "));
}

TEST(FlagsTest, ContradictingFlagsAreRefused) {
  EXPECT_NE(ErrorOf({"--reject-unknown-dynamic-fields", "--ignore-unknown-dynamic-fields"}), "");
}

TEST(FlagsTest, HelpNamesEveryFlagOfTheManual) {
  const std::string help = HelpText();
  for (absl::string_view flag : {"-c, --config-path",
                                 "--config-yaml",
                                 "--mode",
                                 "--concurrency",
                                 "--service-node",
                                 "--service-cluster",
                                 "--service-zone",
                                 "-l, ",
                                 "--component-log-level",
                                 "--log-format",
                                 "--log-path",
                                 "--drain-time-s",
                                 "--drain-strategy",
                                 "--parent-shutdown-time-s",
                                 "--admin-address-path",
                                 "--local-address-ip-version",
                                 "--allow-unknown-static-fields",
                                 "--reject-unknown-dynamic-fields",
                                 "--ignore-unknown-dynamic-fields",
                                 "--file-flush-interval-msec",
                                 "--disable-hot-restart",
                                 "--last-good-dir",
                                 "--last-good-secrets-key-file",
                                 "--last-good-max-age",
                                 "--version",
                                 "--help"}) {
    EXPECT_TRUE(absl::StrContains(help, flag)) << flag;
  }
  EXPECT_EQ(ParseFlags({"--help"})->command, Command::kHelp);
  EXPECT_EQ(ParseFlags({"--version"})->command, Command::kVersion);
}

}  // namespace
}  // namespace outrigger::exe
