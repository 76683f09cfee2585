#include "source/tls/session_cache.h"

#include <openssl/ssl.h>

namespace outrigger::tls {

SessionCache::~SessionCache() { Clear(); }

void SessionCache::Clear() {
  for (Entry& entry : entries_) SSL_SESSION_free(entry.session);
  entries_.clear();
  by_key_.clear();
}

void SessionCache::Drop(Entries::iterator entry) {
  auto found = by_key_.find(entry->key);
  if (found != by_key_.end()) {
    found->second.remove(entry);
    if (found->second.empty()) by_key_.erase(found);
  }
  SSL_SESSION_free(entry->session);
  entries_.erase(entry);
}

void SessionCache::Put(const std::string& key, ssl_session_st* session, WallTime expires, uint32_t per_key) {
  if (per_key == 0 || limit_ == 0) {
    SSL_SESSION_free(session);
    return;
  }
  auto& list = by_key_[key];
  while (list.size() >= per_key) {
    const Entries::iterator oldest = list.back();
    list.pop_back();
    SSL_SESSION_free(oldest->session);
    entries_.erase(oldest);
  }
  entries_.push_front(Entry{key, session, expires});
  list.push_front(entries_.begin());
  while (entries_.size() > limit_) Drop(std::prev(entries_.end()));
}

ssl_session_st* SessionCache::Take(const std::string& key, WallTime now) {
  while (true) {
    auto found = by_key_.find(key);
    if (found == by_key_.end()) return nullptr;
    const Entries::iterator entry = found->second.front();
    if (entry->expires <= now) {
      Drop(entry);
      continue;
    }
    ssl_session_st* session = entry->session;
    SSL_SESSION_up_ref(session);
    Drop(entry);
    return session;
  }
}

}  // namespace outrigger::tls
