// Thread: main; the store: a thread of its own
#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "absl/status/statusor.h"
#include "source/event/dispatcher.h"
#include "source/xds/last_good_store.h"

namespace outrigger::server {

// Writes to the last-good store beside main: serialising, sealing and fsync of a large configuration take their time.
// The thread, a dispatcher on an engine of its own, begins with the first write. Without threads (the simulator) a
// write is made at once.
class LastGoodWriter final {
 public:
  using Written = absl::StatusOr<xds::LastGoodStore::Written>;
  // Gets the content back: what it holds is freed on main.
  using Done = std::function<void(const Written& result)>;
  struct Settings {
    event::Dispatcher* main = nullptr;
    std::function<std::unique_ptr<event::Engine>()> make_engine;
    bool threads = true;
    Done done;  // on main, in a later turn, unless this is gone by then
  };
  LastGoodWriter(xds::LastGoodStore store, Settings settings);
  ~LastGoodWriter();  // what was given is written before it returns

  void Write(xds::LastGood content);

 private:
  const Settings settings_;
  xds::LastGoodStore store_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // main's
  std::unique_ptr<event::Dispatcher> loop_;
  std::thread thread_;
};

}  // namespace outrigger::server
