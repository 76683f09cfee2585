// Thread: any
#pragma once

#include <string>

#include "source/http/header_map.h"
#include "test/simulation/proxy/peer.h"

// Between the plain lists that tests write and the codecs' header maps.
namespace outrigger::simulation {

void Fill(http::HeaderMap& map, const Fields& fields);  // adds them; names and values are copied into the map's arena
Fields Copy(const http::HeaderMap& map);
std::string Find(const Fields& fields, absl::string_view name);  // the first of that name, or ""

}  // namespace outrigger::simulation
