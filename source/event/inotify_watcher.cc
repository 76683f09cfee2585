#include "source/event/inotify_watcher.h"

#include <errno.h>
#include <limits.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <deque>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "source/base/log.h"
#include "source/event/epoll_engine.h"

namespace outrigger::event {
namespace {

constexpr uint32_t kEvents =
    IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr int kMostLinks = 40;  // as the kernel

std::string Join(const std::string& folder, const std::string& name) {
  return folder == "/" ? absl::StrCat("/", name) : absl::StrCat(folder, "/", name);
}

// A new file that somebody has open is not news until it is closed; a link or folder is whole at once.
bool BeingWritten(const std::string& path) {
  struct stat info;
  return lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 1;
}

}  // namespace

class InotifyWatcher::Handle final : public Engine::FileWatch {
 public:
  Handle(InotifyWatcher& watcher, std::shared_ptr<State> state) : watcher_(watcher), state_(std::move(state)) {}
  ~Handle() override {
    state_->ended = true;
    std::erase(watcher_.states_, state_);
    watcher_.DropUnused();
  }

 private:
  InotifyWatcher& watcher_;
  std::shared_ptr<State> state_;
};

InotifyWatcher::InotifyWatcher(EpollEngine& engine) : engine_(engine), fd_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  if (fd_ >= 0) engine_.Register(fd_, this);
}

InotifyWatcher::~InotifyWatcher() {
  if (fd_ >= 0) engine_.Close(fd_);
}

absl::StatusOr<std::unique_ptr<Engine::FileWatch>> InotifyWatcher::Watch(absl::string_view path,
                                                                         std::function<void()> changed) {
  if (fd_ < 0) return absl::ResourceExhaustedError("no inotify instance left on this machine");
  auto state = std::make_shared<State>();
  state->path = std::string(path);
  if (state->path.empty()) return absl::InvalidArgumentError("cannot watch an empty path");
  if (state->path[0] != '/') {
    char here[PATH_MAX];
    if (getcwd(here, sizeof(here)) == nullptr) return absl::ErrnoToStatus(errno, "cannot find the current folder");
    state->path = absl::StrCat(here, "/", path);
  }
  state->changed = std::move(changed);
  Walk(*state);
  state->due = false;
  const bool watched =
      std::any_of(state->places.begin(), state->places.end(), [](const Place& p) { return p.wd >= 0; });
  if (!watched) return absl::ResourceExhaustedError(absl::StrCat("cannot watch \"", path, "\""));
  states_.push_back(state);
  return std::make_unique<Handle>(*this, std::move(state));
}

void InotifyWatcher::AddPlace(State& state, std::string folder, std::string name, bool last) {
  const int wd = inotify_add_watch(fd_, folder.c_str(), kEvents);
  if (wd >= 0) {
    folders_[wd] = folder;
  } else {
    OUTRIGGER_LOG(kWarn, kFile, "cannot watch folder \"", folder, "\": errno ", errno);
  }
  state.places.push_back({std::move(folder), std::move(name), last, wd});
}

// Follows the path as the kernel would, leaving a watch at each link and at the end.
void InotifyWatcher::Walk(State& state) {
  state.places.clear();
  state.walk_again = state.walk_quietly = false;
  std::deque<std::string> left = absl::StrSplit(state.path, '/', absl::SkipEmpty());
  std::string folder = "/";
  int links = 0;
  struct stat info {};
  while (!left.empty()) {
    const std::string name = left.front();
    left.pop_front();
    if (name == ".") continue;
    if (name == "..") {
      const size_t slash = folder.rfind('/');
      folder = slash == 0 || slash == std::string::npos ? "/" : folder.substr(0, slash);
      continue;
    }
    const std::string here = Join(folder, name);
    bool exists = lstat(here.c_str(), &info) == 0;
    const bool link = exists && S_ISLNK(info.st_mode);
    if (!exists || link || left.empty()) {
      AddPlace(state, folder, name, left.empty() && !link);
      exists = lstat(here.c_str(), &info) == 0;  // again: it may have come before the watch was set
    }
    if (!exists) break;
    if (S_ISLNK(info.st_mode)) {
      char target[PATH_MAX];
      const ssize_t n = readlink(here.c_str(), target, sizeof(target));
      if (n <= 0 || ++links > kMostLinks) break;
      const absl::string_view to(target, static_cast<size_t>(n));
      if (to[0] == '/') folder = "/";
      const std::vector<std::string> parts = absl::StrSplit(to, '/', absl::SkipEmpty());
      left.insert(left.begin(), parts.begin(), parts.end());
      continue;
    }
    folder = here;
  }
  Identity now;
  if (stat(state.path.c_str(), &info) == 0) {
    now = {info.st_dev, info.st_ino, static_cast<uint64_t>(info.st_size),
           info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec, true};
    if (S_ISDIR(info.st_mode)) {
      now.size = 0;  // what happens in a folder comes as events
      now.modified_ns = 0;
      AddPlace(state, folder, "", true);
    }
  }
  if (now.exists && !(now == state.identity)) state.due = true;
  state.identity = now;
}

void InotifyWatcher::OnReady(uint32_t) {
  alignas(inotify_event) char events[16 * 1024];
  for (;;) {
    const ssize_t n = read(fd_, events, sizeof(events));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    for (ssize_t at = 0; at + static_cast<ssize_t>(sizeof(inotify_event)) <= n;) {
      const auto* event = reinterpret_cast<const inotify_event*>(events + at);
      OnEvent(*event);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
    }
  }
}

void InotifyWatcher::OnEvent(const inotify_event& event) {
  changed_ = true;
  if (event.mask & IN_IGNORED) folders_.erase(event.wd);
  // Lost events, or a folder that is gone: look at everything again.
  const bool whole = (event.mask & (IN_Q_OVERFLOW | IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)) != 0;
  const absl::string_view name = event.len > 0 ? absl::string_view(event.name) : absl::string_view();
  const bool written = (event.mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) != 0;
  for (const auto& state : states_) {
    for (const Place& place : state->places) {
      if ((event.mask & IN_Q_OVERFLOW) == 0 && place.wd != event.wd) continue;
      const bool opened = (event.mask & IN_CREATE) != 0 && BeingWritten(Join(place.folder, std::string(name)));
      if (whole) {
        state->walk_again = true;
      } else if (place.name.empty()) {
        if (!opened) state->due = true;
      } else if (place.name == name) {
        if (place.last && written) state->due = true;
        (place.last && opened ? state->walk_quietly : state->walk_again) = true;
      }
    }
  }
}

int InotifyWatcher::Deliver() {
  if (!changed_) return 0;
  changed_ = false;
  std::vector<std::shared_ptr<State>> due;
  for (const auto& state : states_) {
    if (state->walk_again || state->walk_quietly) {
      const bool quiet = !state->walk_again && !state->due;
      Walk(*state);
      if (quiet) state->due = false;
    }
    if (state->due) due.push_back(state);
    state->due = false;
  }
  DropUnused();
  int called = 0;
  for (const auto& state : due) {
    if (state->ended) continue;
    state->changed();
    ++called;
  }
  return called;
}

void InotifyWatcher::DropUnused() {
  for (auto at = folders_.begin(); at != folders_.end();) {
    const int wd = at->first;
    const bool used = std::any_of(states_.begin(), states_.end(), [wd](const auto& state) {
      return std::any_of(state->places.begin(), state->places.end(), [wd](const Place& p) { return p.wd == wd; });
    });
    if (used) {
      ++at;
      continue;
    }
    inotify_rm_watch(fd_, wd);
    at = folders_.erase(at);
  }
}

}  // namespace outrigger::event
