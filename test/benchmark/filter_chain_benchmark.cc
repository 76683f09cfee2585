// Streams through a chain of filters, without a codec: what a filter costs that has a hook, and one that has not.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "source/http/filter.h"
#include "source/http/stream.h"
#include "source/model/route.h"
#include "test/harness/stream_harness.h"

namespace outrigger::http {
namespace {

struct Nothing {};
template <int kOf>  // a class each
class Quiet final : public Filter {
 public:
  using Config = Nothing;
  Quiet(const Config&, Stream&) {}
};
class HeadersBothWays final : public Filter {
 public:
  using Config = Nothing;
  HeadersBothWays(const Config&, Stream&) {}
  FilterStatus OnRequestHeaders(Stream&, HeaderMap&, bool) override { return FilterStatus::kContinue; }
  FilterStatus OnResponseHeaders(Stream&, HeaderMap&, bool) override { return FilterStatus::kContinue; }
};
class BodiesBothWays final : public Filter {
 public:
  using Config = Nothing;
  BodiesBothWays(const Config&, Stream&) {}
  FilterStatus OnRequestBody(Stream&, Buffer&, bool) override { return FilterStatus::kContinue; }
  FilterStatus OnResponseBody(Stream&, Buffer&, bool) override { return FilterStatus::kContinue; }
};
// The end of the chain: takes the body.
class Sink final : public Filter {
 public:
  using Config = Nothing;
  Sink(const Config&, Stream&) {}
  FilterStatus OnRequestHeaders(Stream&, HeaderMap&, bool) override { return FilterStatus::kContinue; }
  FilterStatus OnRequestBody(Stream&, Buffer& body, bool) override {
    body.Clear();
    return FilterStatus::kContinue;
  }
};

template <class F>
FilterSpec SpecOf(bool terminal = false) {
  FilterSpec spec = MakeFilterSpec<F>(std::make_shared<const Nothing>(), terminal);
  spec.name = "filter";
  return spec;
}

class Sender final : public StreamSender {
 public:
  void SendInterim(const HeaderMap&) override {}
  void SendHeaders(const HeaderMap&, bool) override {}
  void SendBody(Buffer& data, bool) override { data.Clear(); }
  void SendTrailers(const HeaderMap&) override {}
  void Reset(ResetReason) override {}
  void PauseReading() override {}
  void ResumeReading() override {}
  net::Connection& connection() override { std::abort(); }  // nobody asks
  Protocol protocol() const override { return Protocol::kHttp11; }
  uint64_t wire_bytes_sent() const override { return 0; }
  uint64_t wire_bytes_received() const override { return 0; }
};

class Owner final : public StreamOwner {
 public:
  explicit Owner(std::vector<FilterSpec> filters) : chain_(std::move(filters)) {}
  bool OnRequestHeaders(Stream& stream, HeaderMap&, bool) override {
    stream.SetChain(chain_);
    stream.SetRoute(&route_, nullptr);
    return true;
  }
  void OnRequestComplete(Stream&) override {}
  void OnResponseHeaders(Stream&, HeaderMap&, bool) override {}
  void OnDone(Stream&) override {}
  void MatchRoute(Stream&) override {}
  net::Connection* downstream() override { return nullptr; }
  int PerRouteConfigs(const Stream&, absl::string_view, const void**) override { return 0; }
  bool FilterEnabled(const Stream&, const FilterSpec&) override { return true; }

 private:
  const FilterChainSpec chain_;
  const model::Route route_;
};

std::vector<FilterSpec> Chain(bool busy) {
  std::vector<FilterSpec> chain;
  chain.push_back(SpecOf<Quiet<0>>());
  chain.push_back(busy ? SpecOf<HeadersBothWays>() : SpecOf<Quiet<1>>());
  chain.push_back(busy ? SpecOf<BodiesBothWays>() : SpecOf<Quiet<2>>());
  chain.push_back(busy ? SpecOf<HeadersBothWays>() : SpecOf<Quiet<3>>());
  chain.push_back(SpecOf<Sink>(true));
  return chain;
}

HeaderMap& Get(Stream& stream) {
  HeaderMap& map = *stream.arena().New<HeaderMap>(stream.arena());
  map.Add(KnownHeader::kMethod, "GET");
  map.Add(KnownHeader::kPath, "/");
  map.Add(KnownHeader::kAuthority, "h");
  return map;
}
HeaderMap& Ok(Stream& stream) {
  HeaderMap& map = *stream.arena().New<HeaderMap>(stream.arena());
  map.Add(KnownHeader::kStatus, "200");
  return map;
}

// A whole exchange without bodies.
void Exchange(benchmark::State& state, bool busy) {
  harness::StreamHarness world;
  Owner owner(Chain(busy));
  Sender sender;
  for (auto _ : state) {
    Stream stream(owner, world.worker().dispatcher(), world.worker(), sender, 1024);
    stream.OnHeaders(Get(stream), true);
    stream.SendResponseHeaders(Ok(stream), true);
  }
}

// One piece of a body, through to the end of the chain.
void Body(benchmark::State& state, bool busy) {
  harness::StreamHarness world;
  Owner owner(Chain(busy));
  Sender sender;
  Stream stream(owner, world.worker().dispatcher(), world.worker(), sender, 1024);
  stream.OnHeaders(Get(stream), false);
  Buffer body;
  for (auto _ : state) {
    body.Append("0123456789abcdef");
    stream.OnBody(body, false);
  }
  stream.OnBody(body, true);
  stream.SendResponseHeaders(Ok(stream), true);
}

BENCHMARK_CAPTURE(Exchange, five_filters, true);
BENCHMARK_CAPTURE(Exchange, five_filters_that_hear_nothing, false);
BENCHMARK_CAPTURE(Body, five_filters, true);
BENCHMARK_CAPTURE(Body, five_filters_that_hear_nothing, false);

}  // namespace
}  // namespace outrigger::http
