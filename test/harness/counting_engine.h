// Thread: as the engine it wraps
#pragma once

#include <memory>
#include <utility>

#include "source/event/engine.h"

namespace outrigger::harness {

// An Engine that counts the calls made through it, so that a test can say what an exchange costs. Waits and clock reads
// belong to the loop; everything else is somebody's decision.
class CountingEngine final : public event::Engine {
 public:
  struct Counts {
    int monotonic_now = 0, wall_now = 0, socket = 0, bind = 0, listen = 0, accept = 0, connect = 0, readv = 0,
        writev = 0, peek = 0, shutdown = 0, close = 0, set_option = 0, get_option = 0, local_address = 0,
        peer_address = 0, registered = 0, register_shared = 0, unregister = 0, wait = 0;
    Duration wall_shift{0};     // a test's own: added to the wall clock, so that certificates and sessions grow old
    int socket_calls() const {  // all but waiting and clocks
      return socket + bind + listen + accept + connect + readv + writev + peek + shutdown + close + set_option +
             get_option + local_address + peer_address + registered + register_shared + unregister;
    }
  };

  // `counts` outlives the engine.
  CountingEngine(std::unique_ptr<event::Engine> engine, Counts& counts) : engine_(std::move(engine)), counts_(counts) {}

  MonotonicTime MonotonicNow() override {
    ++counts_.monotonic_now;
    return engine_->MonotonicNow();
  }
  WallTime WallNow() override {
    ++counts_.wall_now;
    return engine_->WallNow() + counts_.wall_shift;
  }
  uint64_t RandomBits() override { return engine_->RandomBits(); }
  void SecureRandom(char* out, size_t n) override { engine_->SecureRandom(out, n); }
  event::IoResult Socket(int family, int type, int protocol) override {
    ++counts_.socket;
    return engine_->Socket(family, type, protocol);
  }
  event::IoResult Bind(int fd, const sockaddr* address, socklen_t length) override {
    ++counts_.bind;
    return engine_->Bind(fd, address, length);
  }
  event::IoResult Listen(int fd, int backlog) override {
    ++counts_.listen;
    return engine_->Listen(fd, backlog);
  }
  event::IoResult Accept(int fd, sockaddr_storage* peer, socklen_t* length) override {
    ++counts_.accept;
    return engine_->Accept(fd, peer, length);
  }
  event::IoResult Connect(int fd, const sockaddr* address, socklen_t length) override {
    ++counts_.connect;
    return engine_->Connect(fd, address, length);
  }
  event::IoResult Readv(int fd, const iovec* into, int count) override {
    ++counts_.readv;
    return engine_->Readv(fd, into, count);
  }
  event::IoResult Writev(int fd, const iovec* from, int count) override {
    ++counts_.writev;
    return engine_->Writev(fd, from, count);
  }
  event::IoResult Peek(int fd, char* into, size_t n) override {
    ++counts_.peek;
    return engine_->Peek(fd, into, n);
  }
  event::IoResult Shutdown(int fd, int how) override {
    ++counts_.shutdown;
    return engine_->Shutdown(fd, how);
  }
  event::IoResult Close(int fd) override {
    ++counts_.close;
    return engine_->Close(fd);
  }
  event::IoResult SetOption(int fd, int level, int name, const void* value, socklen_t length) override {
    ++counts_.set_option;
    return engine_->SetOption(fd, level, name, value, length);
  }
  event::IoResult GetOption(int fd, int level, int name, void* value, socklen_t* length) override {
    ++counts_.get_option;
    return engine_->GetOption(fd, level, name, value, length);
  }
  event::IoResult LocalAddress(int fd, sockaddr_storage* out, socklen_t* length) override {
    ++counts_.local_address;
    return engine_->LocalAddress(fd, out, length);
  }
  event::IoResult PeerAddress(int fd, sockaddr_storage* out, socklen_t* length) override {
    ++counts_.peer_address;
    return engine_->PeerAddress(fd, out, length);
  }
  void Register(int fd, event::IoHandler* handler) override {
    ++counts_.registered;
    engine_->Register(fd, handler);
  }
  void RegisterShared(int fd, event::IoHandler* handler) override {
    ++counts_.register_shared;
    engine_->RegisterShared(fd, handler);
  }
  void Unregister(int fd) override {
    ++counts_.unregister;
    engine_->Unregister(fd);
  }
  void Wait(Duration longest) override {
    ++counts_.wait;
    engine_->Wait(longest);
  }
  int Deliver() override { return engine_->Deliver(); }
  void Wake() override { engine_->Wake(); }  // not counted: any thread calls it
  std::unique_ptr<Query> Resolve(absl::string_view name, event::ResolveFamily family,
                                 absl::AnyInvocable<void(const event::ResolveAnswer&) &&> done) override {
    return engine_->Resolve(name, family, std::move(done));
  }
  absl::StatusOr<std::string> ReadFile(absl::string_view path, size_t limit) override {
    return engine_->ReadFile(path, limit);
  }
  event::IoResult OpenAppend(absl::string_view path) override { return engine_->OpenAppend(path); }
  event::IoResult Append(int fd, absl::string_view bytes) override { return engine_->Append(fd, bytes); }
  absl::Status ReplaceFile(absl::string_view path, absl::string_view bytes, uint32_t mode) override {
    return engine_->ReplaceFile(path, bytes, mode);
  }
  event::IoResult ChangeMode(absl::string_view path, uint32_t mode) override { return engine_->ChangeMode(path, mode); }
  absl::Status CheckOwner(absl::string_view path, uint32_t forbidden) override {
    return engine_->CheckOwner(path, forbidden);
  }
  absl::Status RemoveFile(absl::string_view path) override { return engine_->RemoveFile(path); }
  absl::Status MakeFolder(absl::string_view path, uint32_t mode) override { return engine_->MakeFolder(path, mode); }
  absl::StatusOr<std::vector<std::string>> ListFolder(absl::string_view path) override {
    return engine_->ListFolder(path);
  }
  absl::StatusOr<std::unique_ptr<FileWatch>> WatchFile(absl::string_view path, std::function<void()> changed) override {
    return engine_->WatchFile(path, std::move(changed));
  }

 private:
  std::unique_ptr<event::Engine> engine_;
  Counts& counts_;
};

}  // namespace outrigger::harness
