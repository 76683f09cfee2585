// Thread: main
#pragma once

#include "envoy/config/core/v3/address.pb.h"
#include "source/net/address.h"

namespace outrigger::server {

// An address in the API's form.
inline void FillAddress(const net::Address& address, envoy::config::core::v3::Address& out) {
  if (address.ip()) {
    out.mutable_socket_address()->set_address(address.IpString());
    out.mutable_socket_address()->set_port_value(address.port());
  } else {
    out.mutable_pipe()->set_path(address.ToString());
  }
}

}  // namespace outrigger::server
