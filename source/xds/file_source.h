// Thread: main
#pragma once

#include <memory>
#include <set>
#include <string>

#include "source/event/dispatcher.h"
#include "source/xds/response_decoder.h"
#include "source/xds/update.h"

namespace outrigger::xds {

inline constexpr size_t kMostResourceFileBytes = 64 << 20;

// Resources of one type from a watched file in YAML or JSON: a discovery.v3.DiscoveryResponse, a list of resources
// (each with its
// "@type"), or one resource. Read again whenever the file changes (or, where one is given, something in the watched
// folder). A file that cannot be read or is refused leaves what it gave before. The sink outlives the source.
class FileSource final : public Source {
 public:
  struct Options {
    std::string path;
    std::string watched_folder;  // empty: the file itself is watched
    DecodeOptions decode;
  };
  struct Counters {
    uint64_t reads = 0, failures = 0, refused = 0, unwanted_resources = 0;
  };
  FileSource(event::Dispatcher& dispatcher, UpdateSink& sink, ResourceType type, Options options);
  ~FileSource() override;

  void WantAll(ResourceType type) override;
  void Want(ResourceType type, const std::string& name) override;
  void Unwant(ResourceType type, const std::string& name) override;
  void Seed(ResourceType type, const std::string& name, const std::string& version) override { present_.insert(name); }
  std::string Describe() const override;
  SourceState State() const override;
  const Counters& counters() const { return counters_; }
  const std::string& last_error() const { return last_error_; }

 private:
  void Watch();
  void ReadSoon() { dispatcher_.Arm(read_timer_, Duration::zero()); }
  void Read();
  void Fail(absl::string_view why);
  void NoteReadable(bool readable);
  bool Wants(const std::string& name) const { return all_ || names_.count(name) != 0; }
  void Give(DecodedResponse decoded, const std::string& version);

  event::Dispatcher& dispatcher_;
  UpdateSink& sink_;
  const ResourceType type_;
  const Options options_;
  event::Timer read_timer_;
  std::unique_ptr<event::Engine::FileWatch> watch_;
  bool all_ = false;
  std::set<std::string> names_, present_;
  Counters counters_;
  std::string last_error_;
  bool readable_ = false;
  WallTime state_since_{}, last_error_at_{};
};

// What the text of such a file says. A response without a version gets one from its content. Unknown fields are errors,
// or skipped and noted, as `options` say.
absl::StatusOr<envoy::service::discovery::v3::DiscoveryResponse> ReadResourceFile(absl::string_view text,
                                                                                  absl::string_view path,
                                                                                  ResourceType type,
                                                                                  const DecodeOptions& options = {});

}  // namespace outrigger::xds
