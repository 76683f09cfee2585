// Thread: test
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "test/harness/process.h"

namespace outrigger::interop {

std::string Replace(std::string text, const std::string& from, const std::string& to);  // all of them

// One of the example services on free ports.
class Echo {
 public:
  Echo(const std::string& name, const std::string& version);
  uint32_t http_port() const { return http_; }
  uint32_t grpc_port() const { return grpc_; }
  void Kill();        // at once, in the middle of what it does
  void StartAgain();  // on the same ports

 private:
  void Start();
  const std::string name_, version_;
  std::unique_ptr<harness::Process> process_;
  uint32_t http_ = 0, grpc_ = 0;
};

// The real binary on a bootstrap. Every `port_value: N` among `ports` is replaced first (0: a free one, asked from the
// admin endpoint afterwards), so that the files under examples/ run as they are but for their ports.
class Proxy {
 public:
  Proxy(const std::string& bootstrap, const std::vector<std::pair<uint32_t, uint32_t>>& ports,
        const std::string& folder = "", const std::vector<std::string>& flags = {});

  uint32_t Port(const std::string& listener);  // of a listener by its name; 0 if there is none
  std::string Admin(const std::string& path);
  uint64_t Stat(const std::string& name);  // 0 if it is not there
  std::string Url(const std::string& listener, const std::string& path) {
    return "'http://127.0.0.1:" + std::to_string(Port(listener)) + path + "'";
  }
  harness::Process& process() { return process_; }

 private:
  static std::vector<std::string> Command(const std::string& folder, const std::vector<std::string>& flags);
  std::string state_;  // holds the bootstrap and the admin endpoint's address
  harness::Process process_;
  std::string admin_;
};

}  // namespace outrigger::interop
