#include "source/xds/file_source.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "source/base/hash.h"
#include "source/base/log.h"
#include "source/schema/reader.h"

namespace outrigger::xds {

using envoy::service::discovery::v3::DiscoveryResponse;

absl::StatusOr<DiscoveryResponse> ReadResourceFile(absl::string_view text, absl::string_view path, ResourceType type,
                                                   const DecodeOptions& decode) {
  schema::ReadOptions options;
  options.source = std::string(path);
  std::vector<schema::UnknownField> unknown;
  if (decode.unknown_fields != DecodeOptions::UnknownFields::kRefuse) options.unknown = &unknown;
  schema::Node root;
  if (absl::Status status = schema::ParseText(text, options, root); !status.ok()) return status;
  DiscoveryResponse response;
  const bool object = root.kind == schema::Node::Kind::kObject;
  if (object && root.Find("@type") == nullptr) {
    if (absl::Status status = schema::ReadNode(root, response, options); !status.ok()) return status;
  } else if (object) {
    if (absl::Status status = schema::ReadNode(root, *response.add_resources(), options); !status.ok()) return status;
  } else {
    for (const schema::Node& item : root.items) {
      if (absl::Status status = schema::ReadNode(item, *response.add_resources(), options); !status.ok()) return status;
    }
  }
  if (decode.unknown_fields == DecodeOptions::UnknownFields::kTolerate && decode.log != nullptr) {
    for (const schema::UnknownField& field : unknown) {
      decode.log->Note(field.path, absl::StrCat(path, ":", field.line, ": ", field.path));
    }
  }
  if (response.version_info().empty()) response.set_version_info(absl::StrFormat("%016x", StableHash(text)));
  response.set_type_url(std::string(TypeUrlOf(type)));
  return response;
}

FileSource::FileSource(event::Dispatcher& dispatcher, UpdateSink& sink, ResourceType type, Options options)
    : dispatcher_(dispatcher), sink_(sink), type_(type), options_(std::move(options)), read_timer_([this] {
        Read();
      }) {}

FileSource::~FileSource() = default;

std::string FileSource::Describe() const { return absl::StrCat("file \"", options_.path, "\""); }

void FileSource::Watch() {
  if (watch_ != nullptr) return;
  const std::string& watched = options_.watched_folder.empty() ? options_.path : options_.watched_folder;
  auto watch = dispatcher_.engine().WatchFile(watched, [this] { ReadSoon(); });
  if (!watch.ok()) return Fail(watch.status().message());
  watch_ = *std::move(watch);
}

void FileSource::WantAll(ResourceType) {
  all_ = true;
  Watch();
  ReadSoon();
}

void FileSource::Want(ResourceType, const std::string& name) {
  if (!names_.insert(name).second) return;
  Watch();
  ReadSoon();
}

void FileSource::Unwant(ResourceType, const std::string& name) {
  names_.erase(name);
  present_.erase(name);
}

SourceState FileSource::State() const { return {readable_, state_since_, last_error_, last_error_at_, ""}; }

void FileSource::NoteReadable(bool readable) {
  if (readable != readable_ || state_since_ == WallTime{}) state_since_ = dispatcher_.wall_now();
  readable_ = readable;
}

void FileSource::Fail(absl::string_view why) {
  ++counters_.failures;
  NoteReadable(false);
  last_error_ = std::string(why);
  last_error_at_ = dispatcher_.wall_now();
  OUTRIGGER_LOG(kWarn, kConfigXds, ShortNameOf(type_), " from ", Describe(), ": ", why, "; what it gave before stays");
  sink_.OnSourceFailed(*this);
}

void FileSource::Read() {
  ++counters_.reads;
  const absl::StatusOr<std::string> text = dispatcher_.engine().ReadFile(options_.path, kMostResourceFileBytes);
  if (!text.ok()) return Fail(text.status().message());
  const absl::StatusOr<DiscoveryResponse> response = ReadResourceFile(*text, options_.path, type_, options_.decode);
  if (!response.ok()) {
    ++counters_.refused;
    NoteReadable(false);
    last_error_ = std::string(response.status().message());
    last_error_at_ = dispatcher_.wall_now();
    OUTRIGGER_LOG(kWarn, kConfigXds, ShortNameOf(type_), ": ", last_error_, "; what it gave before stays");
    return sink_.OnRefused(type_, "", {{"", last_error_, nullptr}});
  }
  NoteReadable(true);
  Give(DecodeResponse(type_, *response, options_.decode), response->version_info());
}

void FileSource::Give(DecodedResponse decoded, const std::string& version) {
  std::vector<Refusal> refused;
  if (!decoded.whole.ok()) {
    refused.push_back({"", std::string(decoded.whole.message()), nullptr});
    sink_.OnRefused(type_, version, refused);
  } else {
    Update update;
    update.type = type_;
    update.source = this;
    update.version = version;
    std::set<std::string> present;
    for (Resource& resource : decoded.resources) {
      if (!Wants(resource.name)) {
        ++counters_.unwanted_resources;
        continue;
      }
      present.insert(resource.name.str());
      if (resource.ttl > Duration::zero()) {
        decoded.refused.push_back({resource.name,
                                   absl::StrCat(WordOf(type_), " \"", resource.name.str(),
                                                "\": ttl: is not supported in a file, as nothing would renew it"),
                                   resource.message.Get()});
        continue;
      }
      update.updated.push_back(std::move(resource));
    }
    for (const Refusal& refusal : decoded.refused) present.insert(refusal.name);
    if (IsFullState(type_)) {
      std::set_difference(present_.begin(), present_.end(), present.begin(), present.end(),
                          std::back_inserter(update.removed));
      present_ = std::move(present);
    }
    refused = std::move(decoded.refused);
    if (!refused.empty()) sink_.OnRefused(type_, version, refused);
    for (Refusal& refusal : sink_.OnUpdate(update)) refused.push_back(std::move(refusal));
  }
  last_error_ = JoinRefusals(refused);
  if (refused.empty()) return;
  last_error_at_ = dispatcher_.wall_now();
  ++counters_.refused;
  OUTRIGGER_LOG(kWarn, kConfigXds, ShortNameOf(type_), " from ", Describe(), " refused: ", last_error_);
}

}  // namespace outrigger::xds
