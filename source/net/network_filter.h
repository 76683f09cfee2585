// Thread: worker
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "source/net/connection.h"

namespace outrigger::net {

class FilterChainOnConnection;

// One network filter of one connection. The last of a chain is terminal: it names the handler that all bytes go to (an
// HTTP session, a TCP proxy). The others watch, delay or end the connection; they see bytes before the terminal does.
class NetworkFilter {
 public:
  enum class Verdict : uint8_t {
    kContinue,  // the next filter's turn
    kStop,      // hold: nothing later runs until FilterChainOnConnection::Resume(), or (OnData) more bytes come
    kDone,      // continue, and do not ask this filter again
  };
  virtual ~NetworkFilter() = default;
  // The transport is ready (for TLS: the peer's identity is known). May Close() the connection.
  virtual Verdict OnNewConnection(FilterChainOnConnection& chain) { return Verdict::kContinue; }
  // `data` is the connection's input: look at it, or change it, but what stays goes on to the next filter. Bytes that a
  // later filter or the terminal left are shown again.
  virtual Verdict OnData(FilterChainOnConnection& chain, Buffer& data, bool end) { return Verdict::kDone; }
  virtual void OnClosed(const CloseInfo& why) {}  // exactly once, last; in chain order

  // Terminal filters: where bytes go; asked once, right after this filter's OnNewConnection continued. It hears
  // OnConnected next. The filter owns it, and it must not call Connection::SetHandler. Null: not a terminal filter.
  virtual ConnectionHandler* terminal() { return nullptr; }
  virtual void Dump(DumpWriter& out) const {}
};

// Runs a filter chain on a connection, as its handler. Owned by whoever owns the connection, which lets both go with
// DestroyLater after Owner::OnConnectionClosed.
class FilterChainOnConnection final : public ConnectionHandler, public event::Deferred {
 public:
  class Owner {
   public:
    virtual void OnConnectionReady() {}  // the transport is (a handshake succeeded); before any filter hears it
    virtual void OnConnectionClosed(const CloseInfo& why) = 0;  // after all filters and the terminal heard it

   protected:
    ~Owner() = default;
  };

  // Sets itself as the connection's handler. The last of `filters` should be terminal; a chain without a terminal
  // closes the connection once all others continued (as Envoy does with an empty chain).
  FilterChainOnConnection(Connection& connection, std::vector<std::unique_ptr<NetworkFilter>> filters, Owner* owner);

  // The filter that answered kStop lets things go on, at the next turn. From any callback.
  void Resume();
  Connection& connection() { return connection_; }

  void OnConnected() override;
  void OnData(Buffer& input, bool end) override;
  void OnAboveWriteHigh() override;
  void OnBelowWriteLow() override;
  void OnClosed(const CloseInfo& why) override;
  void Dump(DumpWriter& out) const override;

 private:
  struct Entry {
    std::unique_ptr<NetworkFilter> filter;
    bool done = false;
  };
  bool RunNewConnection();
  void RunData(Buffer& input);

  Connection& connection_;
  Owner* owner_;
  std::vector<Entry> filters_;
  ConnectionHandler* terminal_ = nullptr;
  uint32_t greeted_ = 0;     // filters whose OnNewConnection was called
  uint32_t first_ = 0;       // the filter that the next OnData starts with: behind the one that stopped, after Resume()
  uint32_t stopped_at_ = 0;  // behind the filter whose OnData said kStop
  bool holding_ = false;     // some filter said kStop
  bool end_ = false;         // the peer ended; told to the terminal once
  bool end_told_ = false;
  bool all_done_ = false;  // no filter wants to see bytes: straight to the terminal
};

}  // namespace outrigger::net
