// Thread: its loop
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "source/event/engine.h"

struct inotify_event;

namespace outrigger::event {

class EpollEngine;

// File watches on inotify. It never watches the file itself but the folders in which its path can be swapped: that of
// the last component, and that of each symbolic link on the way. After a change there the path is walked again.
class InotifyWatcher final : public IoHandler {
 public:
  explicit InotifyWatcher(EpollEngine& engine);
  ~InotifyWatcher() override;

  absl::StatusOr<std::unique_ptr<Engine::FileWatch>> Watch(absl::string_view path, std::function<void()> changed);
  void OnReady(uint32_t ready_bits) override;
  int Deliver();  // calls whoever is due

 private:
  class Handle;
  // A name in a folder whose change concerns a watch. An empty name: any, the watched path is this folder.
  struct Place {
    std::string folder;
    std::string name;
    bool last = false;  // the file itself, not a link or folder on the way
    int wd = -1;
  };
  // What the path led to when it was last walked: a difference means that something changed unseen.
  struct Identity {
    uint64_t device = 0, inode = 0, size = 0;
    int64_t modified_ns = 0;
    bool exists = false;
    bool operator==(const Identity&) const = default;
  };
  struct State {
    std::string path;
    std::function<void()> changed;
    std::vector<Place> places;
    Identity identity;
    bool ended = false;
    bool walk_again = false;
    bool walk_quietly = false;  // find the path's links again, but what changed is not news yet
    bool due = false;
  };

  void OnEvent(const inotify_event& event);
  void Walk(State& state);
  void AddPlace(State& state, std::string folder, std::string name, bool last);
  void DropUnused();

  EpollEngine& engine_;
  int fd_ = -1;
  std::vector<std::shared_ptr<State>> states_;
  std::map<int, std::string> folders_;  // by watch descriptor
  bool changed_ = false;
};

}  // namespace outrigger::event
