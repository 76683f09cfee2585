// Thread: the world's
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "source/event/engine.h"

namespace outrigger::event {

class SimulatedEngine;
class SimulatedWorld;

// The files of one simulated host: what programs see, and what a power cut would leave. Paths are absolute; folders
// come into being with what is put in them.
class SimulatedFiles {
 public:
  static constexpr int kFirstDescriptor = 1 << 20;  // above every socket

  explicit SimulatedFiles(SimulatedWorld& world) : world_(world) {}
  SimulatedFiles(const SimulatedFiles&) = delete;

  // For tests: whole and durable at once, and noticed by watches.
  void Put(absl::string_view path, absl::string_view bytes, uint32_t mode = 0644);
  void Link(absl::string_view path, absl::string_view target);  // makes or swaps a symbolic link
  absl::StatusOr<std::string> Get(absl::string_view path) const;
  uint32_t ModeOf(absl::string_view path) const;  // 0: there is no such file

  // The machine stops in the middle of the n-th write step from now (each append is one step; a replace is four: write,
  // fsync, rename, fsync of the folder). Afterwards every call fails with EIO until Restart(), which leaves what was
  // durable, plus a part of what was not, as the seed decides.
  void CrashAtWrite(uint64_t n) { crash_in_ = n; }
  bool crashed() const { return crashed_; }
  void Restart();

  absl::StatusOr<std::string> Read(absl::string_view path, size_t limit);
  IoResult OpenAppend(absl::string_view path);
  IoResult Append(int fd, absl::string_view bytes);
  IoResult Close(int fd);
  absl::Status Replace(absl::string_view path, absl::string_view bytes, uint32_t mode);
  absl::Status Remove(absl::string_view path);
  absl::Status MakeFolder(absl::string_view path, uint32_t mode);
  absl::Status CheckOwner(absl::string_view path, uint32_t forbidden);  // everything is this user's
  IoResult ChangeMode(absl::string_view path, uint32_t mode);
  absl::StatusOr<std::vector<std::string>> List(absl::string_view path);
  std::unique_ptr<Engine::FileWatch> Watch(SimulatedEngine* engine, absl::string_view path,
                                           std::function<void()> changed);
  void Forget(SimulatedEngine* engine);

 private:
  class Handle;
  struct Node {
    std::string bytes;
    std::string target;  // not empty: a symbolic link
    uint32_t mode = 0644;
    bool folder = false;
    uint64_t version = 0;
  };
  struct WatchState {
    SimulatedEngine* engine;
    std::string path;
    std::function<void()> changed;
    std::pair<std::string, uint64_t> seen;  // what the path led to, and its version
    bool due = false;
    bool ended = false;
  };
  using Tree = std::map<std::string, Node>;

  static std::string ParentOf(const std::string& path);
  std::string Follow(absl::string_view path) const;  // through all links; lexical for what does not exist
  const Node* Find(absl::string_view path) const;
  Node& Make(const std::string& path);  // with its folders
  void Touch(const std::string& path);  // gives it and its folder new versions
  std::pair<std::string, uint64_t> Signature(const std::string& path) const;
  void NoticeChanges();
  bool WriteStep();  // false: the machine stops here
  bool Fails();      // crashed, or a fault

  SimulatedWorld& world_;
  Tree view_;  // what programs see
  Tree disk_;  // what survives
  std::map<int, std::string> open_;
  int next_descriptor_ = kFirstDescriptor;
  uint64_t versions_ = 0;
  uint64_t crash_in_ = 0;
  bool crashed_ = false;
  std::vector<std::shared_ptr<WatchState>> watches_;
};

}  // namespace outrigger::event
