// Thread: main
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "source/event/dispatcher.h"
#include "source/net/listener.h"

namespace outrigger::control_plane {

// A Unix socket that belongs to one node: what comes in by it may have that node's private key. Either its path decides
// who that is (mode 0600: this program's user), or the peer's user id does, which the kernel vouches for (SO_PEERCRED;
// the path is then open to all). libgrpc does not tell a peer's user, hence this accept loop in front of it.
class NodeSocket final : private net::TcpListener::Owner {
 public:
  struct Events {
    std::function<void(int fd)> accepted;      // takes the descriptor
    std::function<void(uint32_t uid)> denied;  // a connection of another user, closed before a byte of it was read
  };
  // `uid`: whose connections are taken; none: the path decides. The error names the path. The path is removed at the
  // end.
  static absl::StatusOr<std::unique_ptr<NodeSocket>> Listen(event::Dispatcher& dispatcher, const std::string& path,
                                                            std::optional<uint32_t> uid, Events events);
  ~NodeSocket();
  // Of connections from now on; what is connected stays.
  absl::Status SetUser(std::optional<uint32_t> uid);

 private:
  NodeSocket(event::Dispatcher& dispatcher, std::string path, std::shared_ptr<net::ListenSocket> socket,
             std::optional<uint32_t> uid, Events events);
  void OnAccepted(net::TcpListener& listener, net::AcceptedSocket socket) override;

  event::Dispatcher& dispatcher_;
  const std::string path_;
  std::shared_ptr<net::ListenSocket> socket_;
  std::optional<uint32_t> uid_;
  const Events events_;
  net::TcpListener listener_;
};

}  // namespace outrigger::control_plane
