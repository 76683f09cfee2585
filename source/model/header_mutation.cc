#include "source/model/header_mutation.h"

#include "source/model/record_source.h"

namespace outrigger::model {

using http::HeaderMap;

http::AccessLogRecord RecordOf(http::Stream& stream) {
  http::AccessLogRecord record;
  record.info = &stream.info();
  record.request = stream.has_request_headers() ? &stream.request_headers() : nullptr;
  record.response = stream.response_headers();
  record.trailers = stream.response_trailers();
  record.route = stream.route();
  record.downstream = stream.downstream();
  record.dynamic_metadata = stream.metadata().get();
  record.filter_state = &stream.filter_state();
  record.dispatcher = &stream.dispatcher();
  return record;
}

uint32_t UpstreamTlsWishOf(const HeaderMutation& mutation) {
  uint32_t wish = 0;
  for (const HeaderMutation::Add& add : mutation.add) wish |= UpstreamTlsWishOf(add.value);
  return wish;
}

uint32_t UpstreamTlsWishOf(const RouteTable& table) {
  uint32_t wish = UpstreamTlsWishOf(table.headers.response);
  for (const VirtualHost& host : table.virtual_hosts) {
    wish |= UpstreamTlsWishOf(host.headers.response);
    for (const Route& route : host.routes) {
      wish |= UpstreamTlsWishOf(route.headers.response);
      const auto* forward = std::get_if<ForwardAction>(&route.action);
      if (forward == nullptr) continue;
      for (const WeightedClusterEntry& entry : forward->weighted) wish |= UpstreamTlsWishOf(entry.headers.response);
    }
  }
  return wish;
}

void Mutate(http::Stream& stream, const HeaderMutation& mutation, HeaderMap& headers) {
  if (mutation.empty()) return;
  for (const std::string& name : mutation.remove) headers.Remove(http::HeaderName(absl::string_view(name)));
  if (mutation.add.empty()) return;
  const http::AccessLogRecord record = RecordOf(stream);
  const RecordSource source(record);
  for (const HeaderMutation::Add& add : mutation.add) {
    const http::HeaderName name(absl::string_view(add.name));
    const absl::string_view value = add.value.Evaluate(source, stream.arena());
    if (value.empty() && !add.keep_empty_value) continue;
    const bool exists = headers.Has(name);
    switch (add.action) {
      case HeaderMutation::Action::kAppendIfExistsOrAdd:
        headers.AddCopy(name, value);
        break;
      case HeaderMutation::Action::kAddIfAbsent:
        if (!exists) headers.AddCopy(name, value);
        break;
      case HeaderMutation::Action::kOverwriteIfExistsOrAdd:
        headers.SetCopy(name, value);
        break;
      case HeaderMutation::Action::kOverwriteIfExists:
        if (exists) headers.SetCopy(name, value);
        break;
    }
  }
}

namespace {

template <class Select>
void MutateAll(http::Stream& stream, const Route& route, HeaderMap& headers, Select select) {
  const WeightedClusterEntry* weighted = stream.weighted_cluster();
  const HeaderMutations* levels[4] = {weighted == nullptr ? nullptr : &weighted->headers, &route.headers,
                                      &route.virtual_host->headers, &route.table->headers};
  const bool reverse = route.table->most_specific_header_mutations_wins;
  for (int i = 0; i < 4; ++i) {
    const HeaderMutations* level = levels[reverse ? 3 - i : i];
    if (level != nullptr) Mutate(stream, select(*level), headers);
  }
}

}  // namespace

void MutateRequest(http::Stream& stream, const Route& route, HeaderMap& headers) {
  MutateAll(stream, route, headers, [](const HeaderMutations& m) -> const HeaderMutation& { return m.request; });
}

void MutateResponse(http::Stream& stream, const Route& route, HeaderMap& headers) {
  MutateAll(stream, route, headers, [](const HeaderMutations& m) -> const HeaderMutation& { return m.response; });
}

}  // namespace outrigger::model
