#include "source/control_plane/authority/node_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "source/event/simulated_files.h"
#include "source/event/simulated_world.h"
#include "source/tls/issue.h"

namespace outrigger::control_plane {
namespace {

class NodeFilesTest : public testing::Test {
 protected:
  tls::IssueOptions Options(const std::string& serial, bool authority) {
    tls::IssueOptions options;
    options.names.common_name = "test";
    options.not_before = dispatcher_->wall_now();
    options.not_after = options.not_before + hours(1);
    options.serial = serial;
    options.authority = authority;
    return options;
  }
  // What an authority of its own would answer for this key.
  NodeFiles::Answer AnswerFor(const std::string& key_pem, const std::string& serial, bool program = false) {
    const auto root = *tls::MakeSelfSigned(tls::KeyKind::kEcdsaP256, Options(serial, true));
    const std::string request = *tls::MakeRequest(key_pem, {.common_name = "n"});
    NodeFiles::Answer answer{*tls::SignRequest(root, request, Options(serial, false)), root.certificate_pem, ""};
    if (program) answer.workload_pem = *tls::SignRequest(root, request, Options(serial + "w", false));
    return answer;
  }
  std::string Get(const std::string& path) {
    auto text = world_.files().Get(path);
    return text.ok() ? *text : "";
  }

  event::SimulatedWorld world_{1, event::FaultPlan::None()};
  std::unique_ptr<event::Dispatcher> dispatcher_ = world_.MakeDispatcher();
};

TEST_F(NodeFilesTest, EverythingIsItsOwnersAloneFromTheStartAndTheKeyStays) {
  std::string key;
  for (const char* serial : {"1", "2"}) {
    NodeFiles files(dispatcher_->engine(), "/out");
    ASSERT_TRUE(files.Open().ok());
    EXPECT_TRUE(key.empty() || key == files.key_pem());
    key = files.key_pem();
    const NodeFiles::Answer answer = AnswerFor(key, serial, true);
    ASSERT_TRUE(files.Store(answer).ok());
    EXPECT_EQ(*files.Certificate(), answer.certificate_pem);
    EXPECT_EQ(files.Roots(), answer.root_pem);
    EXPECT_EQ(Get("/out/workload.pem"), answer.workload_pem);
    for (const char* name : {"/out/key.pem", "/out/cert.pem", "/out/root.pem", "/out/workload.pem"}) {
      EXPECT_EQ(world_.files().ModeOf(name), 0600u) << name;
    }
  }
  NodeFiles files(dispatcher_->engine(), "/out");
  ASSERT_TRUE(files.Open().ok());
  ASSERT_TRUE(files.Store(AnswerFor(key, "3")).ok());
  EXPECT_EQ(Get("/out/workload.pem"), "") << "it is no gRPC program any more";
}

TEST_F(NodeFilesTest, AKeyThatOthersCouldReadIsClosedAndABrokenOneIsAnErrorThatNamesIt) {
  world_.files().Put("/out/key.pem", *tls::MakeKey(tls::KeyKind::kEcdsaP256), 0644);
  EXPECT_TRUE(NodeFiles(dispatcher_->engine(), "/out").Open().ok());
  EXPECT_EQ(world_.files().ModeOf("/out/key.pem"), 0600u);
  world_.files().Put("/out/key.pem", "-----BEGIN PRIVATE KEY-----\nhalf", 0600);
  EXPECT_THAT(std::string(NodeFiles(dispatcher_->engine(), "/out").Open().message()),
              testing::HasSubstr("/out/key.pem: "));
  EXPECT_EQ(Get("/out/key.pem"), "-----BEGIN PRIVATE KEY-----\nhalf");
}

TEST_F(NodeFilesTest, AnAnswerThatCannotBeUsedChangesNothing) {
  NodeFiles files(dispatcher_->engine(), "/out");
  ASSERT_TRUE(files.Open().ok());
  const NodeFiles::Answer good = AnswerFor(files.key_pem(), "1");
  ASSERT_TRUE(files.Store(good).ok());
  const NodeFiles::Answer next = AnswerFor(files.key_pem(), "2");
  const NodeFiles::Answer of_another = AnswerFor(*tls::MakeKey(tls::KeyKind::kEcdsaP256), "3");
  for (const NodeFiles::Answer& bad :
       std::vector<NodeFiles::Answer>{{"", next.root_pem, ""},
                                      {"garbage", next.root_pem, ""},
                                      {of_another.certificate_pem, next.root_pem, ""},
                                      {next.certificate_pem, "", ""},
                                      {next.certificate_pem, "garbage", ""},
                                      {next.certificate_pem, next.root_pem, "garbage"}}) {
    EXPECT_TRUE(absl::IsDataLoss(files.Store(bad)));
    EXPECT_EQ(Get("/out/cert.pem"), good.certificate_pem);
    EXPECT_EQ(Get("/out/root.pem"), good.root_pem);
  }
}

TEST_F(NodeFilesTest, ACrashAtAnyStepLeavesWholeFilesAndNoCertificateWithoutItsRoots) {
  int crashes = 0;
  for (uint64_t step = 1;; ++step) {
    event::SimulatedFiles& disk = world_.files();
    NodeFiles files(dispatcher_->engine(), absl::StrCat("/out-", step));
    ASSERT_TRUE(files.Open().ok());
    const NodeFiles::Answer before = AnswerFor(files.key_pem(), "1", true),
                            after = AnswerFor(files.key_pem(), "2", true);
    ASSERT_TRUE(files.Store(before).ok());
    disk.CrashAtWrite(step);
    const bool stored = files.Store(after).ok();
    disk.Restart();
    const std::string out = absl::StrCat("/out-", step);
    const auto one_of = [&](const char* name, const std::string& old, const std::string& fresh) {
      EXPECT_TRUE(Get(out + name) == old || Get(out + name) == fresh) << name << " after step " << step;
      EXPECT_EQ(disk.ModeOf(out + name), 0600u);
    };
    one_of("/cert.pem", before.certificate_pem, after.certificate_pem);
    one_of("/root.pem", before.root_pem, after.root_pem);
    one_of("/workload.pem", before.workload_pem, after.workload_pem);
    if (Get(out + "/cert.pem") == after.certificate_pem) {
      EXPECT_EQ(Get(out + "/root.pem"), after.root_pem) << step;
    }
    NodeFiles again(dispatcher_->engine(), out);
    EXPECT_TRUE(again.Open().ok());
    EXPECT_TRUE(again.Store(after).ok());
    if (stored) break;
    ++crashes;
  }
  EXPECT_GE(crashes, 3 * 3) << "three files, each written, synced and renamed";
}

}  // namespace
}  // namespace outrigger::control_plane
