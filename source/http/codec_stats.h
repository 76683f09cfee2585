// Thread: worker
#pragma once

#include "source/http/codec_options.h"
#include "source/observe/schemas/http_codec.h"

namespace outrigger::http {

// Adds what a codec counted since the last time to the published numbers.
void AddTo(const CodecCounters& counted, observe::Http1Stats& to);
void AddTo(const CodecCounters& counted, observe::Http2Stats& to);

}  // namespace outrigger::http
