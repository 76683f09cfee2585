// Thread: worker
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "source/base/time.h"

struct ssl_session_st;

namespace outrigger::tls {

// A client's TLS sessions of one worker, by a key that names context (and so all validation settings), expected names,
// server name and endpoint. Least recently used ones go first. Owned by the worker; transports keep a plain pointer.
class SessionCache final {
 public:
  static constexpr size_t kDefaultLimit = 4096;

  explicit SessionCache(size_t limit = kDefaultLimit) : limit_(limit) {}
  ~SessionCache();
  SessionCache(const SessionCache&) = delete;

  // Takes ownership of `session`. At most `per_key` of a key are kept.
  void Put(const std::string& key, ssl_session_st* session, WallTime expires, uint32_t per_key);
  // The newest of the key, or null; the caller owns it. It leaves the cache: a ticket of TLS 1.3 is used once
  // (RFC 8446 C.4); one of TLS 1.2 is put back by its next handshake.
  ssl_session_st* Take(const std::string& key, WallTime now);
  size_t size() const { return entries_.size(); }
  void Clear();

 private:
  struct Entry {
    std::string key;
    ssl_session_st* session;
    WallTime expires;
  };
  using Entries = std::list<Entry>;  // newest first
  void Drop(Entries::iterator entry);

  size_t limit_;
  Entries entries_;
  absl::flat_hash_map<std::string, std::list<Entries::iterator>> by_key_;  // newest first
};

}  // namespace outrigger::tls
