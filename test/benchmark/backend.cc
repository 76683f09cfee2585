// The fixed backend of tools/bench: one thread, HTTP/1.1 keep-alive, the same answer to every request, nothing else, so
// that what is measured is the proxy. It trusts its peers: requests without bodies only. usage: backend [BODY_BYTES]
// prints the port it took
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

namespace {

struct Client {
  int fd;
  int matched = 0;     // how much of the blank line that ends a request was seen
  std::string unsent;  // what the socket did not take
};

std::string MakeAnswer(size_t body) {
  return "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: " + std::to_string(body) + "\r\n\r\n" +
         std::string(body, 'o');
}

int CountRequests(Client& client, const char* bytes, ssize_t n) {
  static constexpr char kEnd[] = "\r\n\r\n";
  int requests = 0;
  for (ssize_t i = 0; i < n; ++i) {
    if (bytes[i] == kEnd[client.matched]) {
      if (++client.matched == 4) {
        client.matched = 0;
        ++requests;
      }
    } else {
      client.matched = bytes[i] == '\r' ? 1 : 0;
    }
  }
  return requests;
}

void Drop(Client* client) {
  close(client->fd);
  delete client;
}

// False: the connection is over.
bool Flush(Client& client) {
  while (!client.unsent.empty()) {
    const ssize_t n = send(client.fd, client.unsent.data(), client.unsent.size(), MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN;
    client.unsent.erase(0, static_cast<size_t>(n));
  }
  return true;
}

bool Serve(Client& client, const std::string& answer) {
  if (!client.unsent.empty() && !Flush(client)) return false;
  static char bytes[64 * 1024];
  for (;;) {
    const ssize_t n = recv(client.fd, bytes, sizeof(bytes), 0);
    if (n == 0) return false;
    if (n < 0) return errno == EAGAIN;
    for (int left = CountRequests(client, bytes, n); left > 0; --left) client.unsent += answer;
    if (!Flush(client)) return false;
    if (n < static_cast<ssize_t>(sizeof(bytes))) return true;
  }
}

int Listen(int* port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(at);
  if (bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof(at)) != 0 || listen(fd, 1024) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&at), &length) != 0) {
    return -1;
  }
  *port = ntohs(at.sin_port);
  return fd;
}

void AcceptAll(int listener, int poller) {
  for (int fd; (fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.ptr = new Client{fd, 0, {}};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
  }
}

}  // namespace

int main(int count, char** words) {
  const std::string answer = MakeAnswer(count > 1 ? static_cast<size_t>(atol(words[1])) : 100);
  int port = 0;
  const int listener = Listen(&port);
  if (listener < 0) return 1;
  const int poller = epoll_create1(0);
  epoll_event event{};
  event.events = EPOLLIN;
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);  // data.ptr stays null: the listener
  std::printf("%d\n", port);
  std::fflush(stdout);
  for (;;) {
    epoll_event events[256];
    const int n = epoll_wait(poller, events, 256, -1);
    for (int i = 0; i < n; ++i) {
      auto* client = static_cast<Client*>(events[i].data.ptr);
      if (client == nullptr) {
        AcceptAll(listener, poller);
      } else if (!Serve(*client, answer)) {
        Drop(client);
      }
    }
  }
}
