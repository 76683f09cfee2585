#include "source/event/signal_watch.h"

#include <signal.h>
#include <sys/signalfd.h>

#include "source/base/bug.h"

namespace outrigger::event {

SignalWatch::SignalWatch(Engine& engine, std::initializer_list<int> signals, std::function<void(int)> seen)
    : engine_(engine), seen_(std::move(seen)) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  OUTRIGGER_CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  fd_ = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  OUTRIGGER_CHECK(fd_ >= 0);
  engine_.Register(fd_, this);
}

SignalWatch::~SignalWatch() { engine_.Close(fd_); }

void SignalWatch::OnReady(uint32_t) {
  for (;;) {
    signalfd_siginfo info;
    const iovec piece{&info, sizeof(info)};
    if (engine_.Readv(fd_, &piece, 1) != static_cast<IoResult>(sizeof(info))) return;
    seen_(static_cast<int>(info.ssi_signo));
  }
}

}  // namespace outrigger::event
