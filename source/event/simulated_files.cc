#include "source/event/simulated_files.h"

#include <errno.h>

#include <algorithm>
#include <deque>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "source/base/hash.h"
#include "source/event/simulated_engine.h"
#include "source/event/simulated_world.h"

namespace outrigger::event {
namespace {

constexpr int kMostLinks = 40;

absl::Status Failed(int error, absl::string_view what, absl::string_view path) {
  return absl::ErrnoToStatus(error, absl::StrCat("cannot ", what, " \"", path, "\""));
}

}  // namespace

class SimulatedFiles::Handle final : public Engine::FileWatch {
 public:
  Handle(SimulatedFiles& files, std::shared_ptr<WatchState> state) : files_(files), state_(std::move(state)) {}
  ~Handle() override {
    state_->ended = true;
    std::erase(files_.watches_, state_);
  }

 private:
  SimulatedFiles& files_;
  std::shared_ptr<WatchState> state_;
};

std::string SimulatedFiles::ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

std::string SimulatedFiles::Follow(absl::string_view path) const {
  std::deque<std::string> left = absl::StrSplit(path, '/', absl::SkipEmpty());
  std::string at;
  int links = 0;
  while (!left.empty()) {
    const std::string name = left.front();
    left.pop_front();
    if (name == ".") continue;
    if (name == "..") {
      at = at.empty() ? at : at.substr(0, at.rfind('/'));
      continue;
    }
    const std::string here = absl::StrCat(at, "/", name);
    const auto found = view_.find(here);
    if (found == view_.end() || found->second.target.empty() || ++links > kMostLinks) {
      at = here;
      continue;
    }
    const std::string& target = found->second.target;
    if (target[0] == '/') at.clear();
    const std::vector<std::string> parts = absl::StrSplit(target, '/', absl::SkipEmpty());
    left.insert(left.begin(), parts.begin(), parts.end());
  }
  return at.empty() ? "/" : at;
}

const SimulatedFiles::Node* SimulatedFiles::Find(absl::string_view path) const {
  const auto found = view_.find(Follow(path));
  return found == view_.end() ? nullptr : &found->second;
}

SimulatedFiles::Node& SimulatedFiles::Make(const std::string& path) {
  for (std::string folder = ParentOf(path);; folder = ParentOf(folder)) {
    Node& node = view_[folder];
    if (!node.folder) node.mode = 0755;
    node.folder = true;
    disk_[folder] = node;
    if (folder == "/") break;
  }
  return view_[path];
}

void SimulatedFiles::Touch(const std::string& path) {
  if (const auto found = view_.find(path); found != view_.end()) found->second.version = ++versions_;
  if (const auto folder = view_.find(ParentOf(path)); folder != view_.end()) folder->second.version = ++versions_;
}

void SimulatedFiles::Put(absl::string_view path, absl::string_view bytes, uint32_t mode) {
  const std::string place = Follow(path);
  Node& node = Make(place);
  node.bytes = std::string(bytes);
  node.mode = mode;
  disk_[place] = node;
  Touch(place);
  NoticeChanges();
}

void SimulatedFiles::Link(absl::string_view path, absl::string_view target) {
  const std::string place = absl::StrCat(Follow(ParentOf(std::string(path))), path.substr(path.rfind('/')));
  Node& node = Make(place);
  node.target = std::string(target);
  disk_[place] = node;
  Touch(place);
  NoticeChanges();
}

absl::StatusOr<std::string> SimulatedFiles::Get(absl::string_view path) const {
  const Node* node = Find(path);
  if (node == nullptr || node->folder) return Failed(ENOENT, "read", path);
  return node->bytes;
}

uint32_t SimulatedFiles::ModeOf(absl::string_view path) const {
  const Node* node = Find(path);
  return node == nullptr ? 0 : node->mode;
}

bool SimulatedFiles::WriteStep() {
  if (crash_in_ == 0 || --crash_in_ > 0) return true;
  crashed_ = true;
  world_.Trace("crash", -1);
  return false;
}

bool SimulatedFiles::Fails() { return crashed_ || world_.Chance(world_.faults_.file_error_one_in); }

void SimulatedFiles::Restart() {
  // Of what was appended and never synced, some front part may have reached the disk.
  for (const auto& [path, node] : view_) {
    auto durable = disk_.find(path);
    if (durable == disk_.end()) continue;
    const size_t synced = durable->second.bytes.size();
    if (node.bytes.size() <= synced || node.bytes.compare(0, synced, durable->second.bytes) != 0) continue;
    durable->second.bytes = node.bytes.substr(0, synced + world_.random_.Below(node.bytes.size() - synced + 1));
  }
  view_ = disk_;
  open_.clear();
  crashed_ = false;
  crash_in_ = 0;
}

absl::StatusOr<std::string> SimulatedFiles::Read(absl::string_view path, size_t limit) {
  if (Fails()) return Failed(EIO, "read", path);
  const Node* node = Find(path);
  if (node == nullptr) return Failed(ENOENT, "read", path);
  if (node->folder) return Failed(EISDIR, "read", path);
  if (node->bytes.size() > limit) {
    return absl::ResourceExhaustedError(absl::StrCat("\"", path, "\" is larger than ", limit, " bytes"));
  }
  return node->bytes;
}

IoResult SimulatedFiles::OpenAppend(absl::string_view path) {
  if (Fails()) return -EIO;
  const std::string place = Follow(path);
  const bool is_new = view_.count(place) == 0;
  if (Make(place).folder) return -EISDIR;
  if (is_new) {
    disk_[place] = view_[place];
    Touch(place);
  }
  open_[next_descriptor_] = place;
  return next_descriptor_++;
}

IoResult SimulatedFiles::Append(int fd, absl::string_view bytes) {
  const auto found = open_.find(fd);
  if (found == open_.end()) return -EBADF;
  if (Fails()) return -EIO;
  const bool whole = WriteStep();
  const size_t n = whole ? bytes.size() : world_.random_.Below(bytes.size() + 1);
  view_[found->second].bytes.append(bytes.data(), n);
  return whole ? static_cast<IoResult>(n) : -EIO;
}

IoResult SimulatedFiles::Close(int fd) {
  const auto found = open_.find(fd);
  if (found == open_.end()) return -EBADF;
  Touch(found->second);
  open_.erase(found);
  NoticeChanges();
  return 0;
}

absl::Status SimulatedFiles::Replace(absl::string_view path, absl::string_view bytes, uint32_t mode) {
  if (Fails()) return Failed(EIO, "replace", path);
  const std::string target = Follow(path);
  const std::string temporary = absl::StrCat(target, ".", absl::Hex(world_.random_.Next()), ".tmp");
  if (view_.count(ParentOf(target)) == 0) return Failed(ENOENT, "replace", path);
  Node fresh;
  fresh.mode = mode;
  disk_[temporary] = view_[temporary] = fresh;
  fresh.bytes = std::string(bytes);
  const bool written = WriteStep();
  view_[temporary].bytes = written ? fresh.bytes : fresh.bytes.substr(0, world_.random_.Below(bytes.size() + 1));
  if (!written || !WriteStep()) return Failed(EIO, "write", temporary);
  disk_[temporary].bytes = fresh.bytes;
  view_.erase(temporary);
  view_[target] = fresh;
  Touch(target);
  const bool renamed = WriteStep();
  // Not synced yet: the disk has the old name or the new one, never half of each.
  const bool reached_disk = renamed ? WriteStep() || world_.random_.OneIn(2) : world_.random_.OneIn(2);
  if (reached_disk) {
    disk_.erase(temporary);
    disk_[target] = fresh;
  }
  if (crashed_) return Failed(EIO, "replace", path);
  NoticeChanges();
  return absl::OkStatus();
}

absl::Status SimulatedFiles::Remove(absl::string_view path) {
  if (Fails()) return Failed(EIO, "remove", path);
  const std::string place = Follow(path);
  const auto found = view_.find(place);
  if (found == view_.end()) return Failed(ENOENT, "remove", path);
  if (found->second.folder) return Failed(EISDIR, "remove", path);
  if (!WriteStep()) return Failed(EIO, "remove", path);
  view_.erase(found);
  disk_.erase(place);
  Touch(place);
  NoticeChanges();
  return absl::OkStatus();
}

absl::Status SimulatedFiles::MakeFolder(absl::string_view path, uint32_t mode) {
  if (Fails()) return Failed(EIO, "make folder", path);
  const std::string place = Follow(path);
  if (const auto found = view_.find(place); found != view_.end()) {
    return found->second.folder ? absl::OkStatus() : Failed(EEXIST, "make folder", path);
  }
  Node& node = Make(place);
  node.folder = true;
  node.mode = mode;
  disk_[place] = node;
  Touch(place);
  NoticeChanges();
  return absl::OkStatus();
}

absl::Status SimulatedFiles::CheckOwner(absl::string_view path, uint32_t forbidden) {
  if (Fails()) return Failed(EIO, "look at", path);
  const Node* node = Find(path);
  if (node == nullptr) return Failed(ENOENT, "look at", path);
  if ((node->mode & forbidden) == 0) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrFormat("the permissions of \"%s\" are %04o: none of %04o may be set", path, node->mode, forbidden));
}

IoResult SimulatedFiles::ChangeMode(absl::string_view path, uint32_t mode) {
  const auto found = view_.find(Follow(path));
  if (found == view_.end()) return -ENOENT;
  found->second.mode = mode;
  return 0;
}

absl::StatusOr<std::vector<std::string>> SimulatedFiles::List(absl::string_view path) {
  if (Fails()) return Failed(EIO, "list", path);
  const std::string folder = Follow(path);
  const auto found = view_.find(folder);
  if (found == view_.end()) return Failed(ENOENT, "list", path);
  if (!found->second.folder) return Failed(ENOTDIR, "list", path);
  std::vector<std::string> names;
  for (const auto& [name, node] : view_) {
    if (name != "/" && ParentOf(name) == folder) names.push_back(name.substr(name.rfind('/') + 1));
  }
  return names;  // a map is sorted, and all names share their prefix
}

std::pair<std::string, uint64_t> SimulatedFiles::Signature(const std::string& path) const {
  const std::string place = Follow(path);
  const auto found = view_.find(place);
  return found == view_.end() ? std::make_pair(std::string(), uint64_t{0})
                              : std::make_pair(place, found->second.version);
}

std::unique_ptr<Engine::FileWatch> SimulatedFiles::Watch(SimulatedEngine* engine, absl::string_view path,
                                                         std::function<void()> changed) {
  auto state = std::make_shared<WatchState>();
  state->engine = engine;
  state->path = std::string(path);
  state->changed = std::move(changed);
  state->seen = Signature(state->path);
  watches_.push_back(state);
  return std::make_unique<Handle>(*this, std::move(state));
}

void SimulatedFiles::Forget(SimulatedEngine* engine) {
  for (const auto& state : watches_) {
    if (state->engine == engine) state->ended = true;
  }
  std::erase_if(watches_, [](const auto& state) { return state->ended; });
}

void SimulatedFiles::NoticeChanges() {
  for (const auto& state : watches_) {
    const auto now = Signature(state->path);
    const bool changed = now != state->seen && !now.first.empty();
    state->seen = now;
    if (!changed || state->due) continue;
    state->due = true;
    const auto delay = world_.random_.Below(static_cast<uint64_t>(world_.faults_.longest_watch_delay.count()) + 1);
    world_.Schedule(Duration(delay), [state] {
      if (state->ended) return;
      state->engine->PushCallback([state] {
        state->due = false;
        if (!state->ended) state->changed();
      });
    });
  }
}

}  // namespace outrigger::event
