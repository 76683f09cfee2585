#include "source/control_plane/xds_server/node_socket.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace outrigger::control_plane {
namespace {

constexpr uint32_t kOwnerOnly = 0600;
constexpr uint32_t kEverybody = 0666;  // to connect to; who may stay is asked of the kernel

uint32_t ModeFor(const std::optional<uint32_t>& uid) { return uid.has_value() ? kEverybody : kOwnerOnly; }

}  // namespace

NodeSocket::NodeSocket(event::Dispatcher& dispatcher, std::string path, std::shared_ptr<net::ListenSocket> socket,
                       std::optional<uint32_t> uid, Events events)
    : dispatcher_(dispatcher),
      path_(std::move(path)),
      socket_(std::move(socket)),
      uid_(uid),
      events_(std::move(events)),
      listener_(dispatcher, socket_, 0, 0, *this) {
  listener_.Start();
}

NodeSocket::~NodeSocket() { listener_.Stop(); }

absl::StatusOr<std::unique_ptr<NodeSocket>> NodeSocket::Listen(event::Dispatcher& dispatcher, const std::string& path,
                                                               std::optional<uint32_t> uid, Events events) {
  // The mode is set between bind and listen: nobody connects before it holds.
  const auto address = net::Address::UnixPath(path, ModeFor(uid));
  if (!address.ok()) return address.status();
  auto socket = net::ListenSocket::Bind(dispatcher.engine(), *address, {}, 1);
  if (!socket.ok()) return socket.status();
  const absl::Status listening = (*socket)->Listen();
  if (!listening.ok()) return listening;
  return std::unique_ptr<NodeSocket>(new NodeSocket(dispatcher, path, *std::move(socket), uid, std::move(events)));
}

absl::Status NodeSocket::SetUser(std::optional<uint32_t> uid) {
  uid_ = uid;
  const event::IoResult mode = dispatcher_.engine().ChangeMode(path_, ModeFor(uid));
  if (mode < 0) return absl::PermissionDeniedError(absl::StrCat(path_, ": ", std::strerror(static_cast<int>(-mode))));
  return absl::OkStatus();
}

void NodeSocket::OnAccepted(net::TcpListener&, net::AcceptedSocket socket) {
  if (!uid_.has_value()) return events_.accepted(socket.fd);
  ucred peer{};
  socklen_t length = sizeof(peer);
  const event::IoResult asked = dispatcher_.engine().GetOption(socket.fd, SOL_SOCKET, SO_PEERCRED, &peer, &length);
  if (asked >= 0 && length == sizeof(peer) && peer.uid == *uid_) return events_.accepted(socket.fd);
  dispatcher_.engine().Close(socket.fd);
  events_.denied(peer.uid);
}

}  // namespace outrigger::control_plane
