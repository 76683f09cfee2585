// Thread: worker
#pragma once

#include "source/http/access_log_record.h"
#include "source/http/stream.h"
#include "source/model/route.h"

namespace outrigger::model {

// One level's additions and removals on `headers`; values are evaluated for the stream as it is now. Removal comes
// first, as published, so that a header can be replaced by removing and adding it.
void Mutate(http::Stream& stream, const HeaderMutation& mutation, http::HeaderMap& headers);

// All levels of a route in order: weighted cluster, route, virtual host, table; or the reverse where the table says
// that the most specific wins.
void MutateRequest(http::Stream& stream, const Route& route, http::HeaderMap& headers);
void MutateResponse(http::Stream& stream, const Route& route, http::HeaderMap& headers);

// Which facts of upstream certificates the response headers of all the table's routes ask for.
uint32_t UpstreamTlsWishOf(const RouteTable& table);
uint32_t UpstreamTlsWishOf(const HeaderMutation& mutation);

// The record of a stream as it is now.
http::AccessLogRecord RecordOf(http::Stream& stream);

}  // namespace outrigger::model
