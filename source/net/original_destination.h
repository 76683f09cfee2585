// Thread: worker
#pragma once

#include "source/event/engine.h"
#include "source/net/connection_properties.h"

namespace outrigger::net {

// Where a connection was going before the host's packet filter redirected it here (iptables REDIRECT: SO_ORIGINAL_DST)
// or, with TPROXY, where it was accepted. kNone if the system does not know or it is no IP connection.
Address OriginalDestination(event::Engine& engine, const AcceptedSocket& socket);

// Restores it: properties.local becomes the original destination if that differs from where the socket was accepted.
// Whether it did.
bool RestoreOriginalDestination(event::Engine& engine, AcceptedSocket& socket);

}  // namespace outrigger::net
