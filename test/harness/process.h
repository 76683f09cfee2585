// Thread: test
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace outrigger::harness {

// Polls until `done` holds; false when the limit passed first.
bool WaitFor(const std::function<bool()>& done, std::chrono::seconds limit = std::chrono::seconds(30));

// What a command wrote to standard output and error, run by the shell to its end.
std::string Shell(const std::string& command);

std::string ReadFile(const std::string& path);  // "" if there is none
void WriteFile(const std::string& path, const std::string& text);
// A fresh folder below the test's temporary one.
std::string TempFolder();

// A program of its own, its output in a file. The destructor kills it.
class Process {
 public:
  explicit Process(const std::vector<std::string>& words, const std::string& folder = "");
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  bool running();  // false once it ended
  void Signal(int number);
  int Wait();  // its exit code, 128 + the signal's number, or -1 when it did not end within 30 s
  std::string output() const { return ReadFile(log_); }

 private:
  std::string log_;
  pid_t pid_ = -1;
  bool ended_ = false;
  int status_ = 0;
};

}  // namespace outrigger::harness
