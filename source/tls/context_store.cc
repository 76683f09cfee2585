#include "source/tls/context_store.h"

namespace outrigger::tls {
namespace {

template <class T>
void Sweep(std::map<std::string, std::weak_ptr<const T>>& entries) {
  for (auto it = entries.begin(); it != entries.end();) it = it->second.expired() ? entries.erase(it) : std::next(it);
}

template <class T>
size_t Live(const std::map<std::string, std::weak_ptr<const T>>& entries) {
  size_t n = 0;
  for (const auto& [hash, entry] : entries) n += entry.expired() ? 0 : 1;
  return n;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const ServerContext>> ContextStore::Server(const ServerSpec& spec) {
  const std::string hash = ContentHash(spec);
  MutexLock lock(mutex_);
  if (auto found = servers_.find(hash); found != servers_.end()) {
    if (auto context = found->second.lock()) return context;
  }
  absl::StatusOr<std::shared_ptr<const ServerContext>> built = ServerContext::Build(spec);
  if (!built.ok()) return built;
  Sweep(servers_);
  servers_[hash] = *built;
  return built;
}

absl::StatusOr<std::shared_ptr<const ClientContext>> ContextStore::Client(const ClientSpec& spec) {
  const std::string hash = ContentHash(spec);
  // Said by Trust::Build of the shared part, which may have come from a spec without names.
  if (!spec.validation.san_matchers.empty() && spec.validation.trusted_ca_pem.empty())
    return ClientContext::Build(spec);
  MutexLock lock(mutex_);
  if (auto found = credentials_.find(hash); found != credentials_.end()) {
    if (auto credentials = found->second.lock()) return std::make_shared<const ClientContext>(spec, credentials);
  }
  absl::StatusOr<std::shared_ptr<const ClientCredentials>> built = ClientCredentials::Build(spec);
  if (!built.ok()) return built.status();
  Sweep(credentials_);
  credentials_[hash] = *built;
  return std::make_shared<const ClientContext>(spec, *std::move(built));
}

ContextStore::Sizes ContextStore::LiveSizes() const {
  MutexLock lock(mutex_);
  return {Live(servers_), Live(credentials_)};
}

}  // namespace outrigger::tls
