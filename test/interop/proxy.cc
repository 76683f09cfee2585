#include "test/interop/proxy.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace outrigger::interop {
namespace {

std::string Absolute(const std::string& path) {
  char* folder = getcwd(nullptr, 0);
  std::string out = std::string(folder) + "/" + path;
  free(folder);
  return out;
}

std::string WithPorts(std::string text, const std::vector<std::pair<uint32_t, uint32_t>>& ports) {
  for (const auto& [from, to] : ports) {
    const std::string old = absl::StrCat("port_value: ", from, "}");
    EXPECT_NE(text.find(old), std::string::npos) << "the bootstrap does not name port " << from;
    text = Replace(text, old, absl::StrCat("port_value: ", to, "}"));
  }
  return text;
}

std::string Prepare(const std::string& text) {
  std::string folder = harness::TempFolder();
  harness::WriteFile(folder + "/bootstrap.yaml", text);
  return folder;
}

}  // namespace

std::string Replace(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

Echo::Echo(const std::string& name, const std::string& version) : name_(name), version_(version) { Start(); }

void Echo::Start() {
  process_ = std::make_unique<harness::Process>(
      std::vector<std::string>{"examples/mesh/echo", "--name", name_, "--version", version_, "--http",
                               absl::StrCat(http_), "--grpc", absl::StrCat(grpc_)});
  const std::string format = name_ + " " + version_ + " http=%u grpc=%u";
  int found = 0;
  EXPECT_TRUE(harness::WaitFor([&] {
    found = std::sscanf(process_->output().c_str(), format.c_str(), &http_, &grpc_);
    return found == 2 || !process_->running();
  }));
  EXPECT_EQ(found, 2) << process_->output();
}

void Echo::Kill() {
  process_->Signal(SIGKILL);
  EXPECT_EQ(process_->Wait(), 128 + SIGKILL);
}

void Echo::StartAgain() { Start(); }

Proxy::Proxy(const std::string& bootstrap, const std::vector<std::pair<uint32_t, uint32_t>>& ports,
             const std::string& folder, const std::vector<std::string>& flags)
    : state_(Prepare(WithPorts(bootstrap, ports))), process_(Command(state_, flags), folder) {
  const bool ready = harness::WaitFor([this] {
    if (!process_.running()) return true;
    admin_ = harness::ReadFile(state_ + "/admin");
    return !admin_.empty() && Admin("/ready") == "LIVE\n";
  });
  EXPECT_TRUE(ready && process_.running()) << process_.output();
}

std::vector<std::string> Proxy::Command(const std::string& folder, const std::vector<std::string>& flags) {
  std::vector<std::string> words = {Absolute("source/exe/outrigger"),
                                    "-c",
                                    folder + "/bootstrap.yaml",
                                    "--admin-address-path",
                                    folder + "/admin",
                                    "--concurrency",
                                    "2"};
  words.insert(words.end(), flags.begin(), flags.end());
  return words;
}

std::string Proxy::Admin(const std::string& path) { return harness::Shell("curl -s 'http://" + admin_ + path + "'"); }

uint32_t Proxy::Port(const std::string& listener) {
  const std::string text = Admin("/listeners");
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits("::", 1));
    const std::vector<absl::string_view> address = absl::StrSplit(parts.second, ':');
    uint32_t port = 0;
    if (parts.first == listener && absl::SimpleAtoi(address.back(), &port)) return port;
  }
  ADD_FAILURE() << "no listener " << listener << " in:\n" << text;
  return 0;
}

uint64_t Proxy::Stat(const std::string& name) {
  const std::string text = Admin("/stats");
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(": ", 1));
    uint64_t value = 0;
    if (parts.first == name && absl::SimpleAtoi(parts.second, &value)) return value;
  }
  return 0;
}

}  // namespace outrigger::interop
