// Thread: any
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace outrigger::schema {

// Where a piece of configuration came from, for errors, NACKs and dumps.
struct Origin {
  std::string type;     // "listener"; or a type URL
  std::string name;     // of the resource
  std::string version;  // as the control plane gave it; empty for static configuration
  std::string path;     // of the field; empty: the resource as a whole

  // `listener "ingress" (version 7): filter_chains[0].filters[1]`
  std::string ToString() const;
};

// "type.googleapis.com/envoy.config.listener.v3.Listener" → "listener": the last part, in words. What is no type URL
// stays as it is.
std::string ResourceWord(absl::string_view type_url);

// Errors of one resource as they go into a NACK: each line of `errors` ("path: message") behind the resource's name,
// joined by "; ".
std::string NackDetail(const Origin& origin, absl::string_view errors);

}  // namespace outrigger::schema
