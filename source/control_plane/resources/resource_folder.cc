#include "source/control_plane/resources/resource_folder.h"

#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "source/base/log.h"
#include "source/control_plane/resources/resource_file.h"

namespace outrigger::control_plane {
namespace {

constexpr size_t kMostFileBytes = 16 << 20;
constexpr size_t kMostErrors = 50;
constexpr Duration kRetry = seconds(10);    // after something could not be watched
constexpr size_t kMostWatchedFiles = 1000;  // beyond, links to elsewhere are followed at a reload only

bool IsResourceFile(absl::string_view name) {
  if (name.empty() || name.front() == '.') return false;
  return absl::EndsWith(name, ".yaml") || absl::EndsWith(name, ".yml") || absl::EndsWith(name, ".json");
}

class FolderReader {
 public:
  explicit FolderReader(event::Engine& engine) : engine_(engine) {}

  // `node`: whose folder it is; empty: everybody's.
  void ReadFolder(const std::string& path, const std::string& node) {
    folders_.push_back(path);  // also one that is not there: it may come back
    auto names = engine_.ListFolder(path);
    if (!names.ok()) {
      errors_.push_back(absl::StrCat(path, ": ", names.status().message()));
      return;
    }
    for (const std::string& name : *names) {
      const std::string whole = absl::StrCat(path, "/", name);
      if (IsResourceFile(name)) {
        ReadFile(whole, node);
      } else if (name == "nodes" && node.empty()) {
        ReadNodes(whole);
      }
    }
  }

  LoadedFolder Finish() {
    LoadedFolder loaded;
    loaded.places = std::move(folders_);
    if (files_.size() <= kMostWatchedFiles) loaded.places.insert(loaded.places.end(), files_.begin(), files_.end());
    if (errors_.empty()) {
      const absl::Status consistent = catalog_->Check();
      if (!consistent.ok()) errors_.emplace_back(consistent.message());
    }
    if (errors_.size() > kMostErrors) errors_.resize(kMostErrors);
    if (errors_.empty()) {
      loaded.catalog = CatalogPtr(std::move(catalog_));
    } else {
      loaded.catalog = absl::InvalidArgumentError(absl::StrJoin(errors_, "\n"));
    }
    return loaded;
  }

 private:
  void ReadNodes(const std::string& path) {
    auto ids = engine_.ListFolder(path);
    if (IsFile(ids.status())) return;
    folders_.push_back(path);
    if (!ids.ok()) {
      errors_.push_back(absl::StrCat(path, ": ", ids.status().message()));
      return;
    }
    for (const std::string& id : *ids) {
      const std::string whole = absl::StrCat(path, "/", id);
      if (!IsFile(engine_.ListFolder(whole).status())) ReadFolder(whole, id);
    }
  }

  // ENOTDIR. A folder that is there and cannot be read is another matter: without it its nodes would lose what is
  // theirs.
  static bool IsFile(const absl::Status& listed) { return absl::IsFailedPrecondition(listed); }

  void ReadFile(const std::string& path, const std::string& node) {
    files_.push_back(path);
    auto text = engine_.ReadFile(path, kMostFileBytes);
    if (!text.ok()) {
      errors_.push_back(absl::StrCat(path, ": ", text.status().message()));
      return;
    }
    ResourceFile file;
    const size_t before = errors_.size();
    ReadResourceFile(*text, path, file, errors_);
    if (errors_.size() != before) return;
    if (!node.empty() && (!file.ids.empty() || !file.clusters.empty())) {
      errors_.push_back(absl::StrCat(path, ": nodes: the folder says already whom the file is for"));
      return;
    }
    if (!node.empty()) file.ids.push_back(node);
    for (const ResourceFile::Entry& entry : file.entries) Place(path, file, entry);
  }

  void Place(const std::string& path, const ResourceFile& file, const ResourceFile::Entry& entry) {
    const Resource& resource = *entry.resource;
    const auto note = [&](bool added, const std::string& scope) {
      const std::string place = absl::StrCat(path, ":", entry.line);
      const std::string key = absl::StrCat(resource.type_url, "\n", resource.name, "\n", scope);
      if (added) {
        places_[key] = place;
      } else {
        errors_.push_back(absl::StrCat(place, ": ", ShortType(resource.type_url), " \"", resource.name,
                                       "\" is there twice, first at ", places_[key]));
      }
    };
    for (const std::string& id : file.ids) note(catalog_->AddForNode(id, entry.resource), absl::StrCat("node ", id));
    for (const std::string& cluster : file.clusters) {
      note(catalog_->AddForCluster(cluster, entry.resource), absl::StrCat("cluster ", cluster));
    }
    if (file.ids.empty() && file.clusters.empty()) note(catalog_->AddForAll(entry.resource), "all");
  }

  event::Engine& engine_;
  std::shared_ptr<Catalog> catalog_ = std::make_shared<Catalog>();
  std::vector<std::string> folders_, files_;
  std::vector<std::string> errors_;
  std::map<std::string, std::string> places_;
};

}  // namespace

LoadedFolder LoadFolder(event::Engine& engine, const std::string& path) {
  FolderReader reader(engine);
  reader.ReadFolder(path, "");
  return reader.Finish();
}

ResourceFolder::ResourceFolder(event::Dispatcher& dispatcher, std::string path, Receiver receiver, Duration settle)
    : dispatcher_(dispatcher), path_(std::move(path)), receiver_(std::move(receiver)), settle_(settle), reload_([this] {
        Load();
      }) {}

void ResourceFolder::Load() {
  LoadedFolder loaded = LoadFolder(dispatcher_.engine(), path_);
  Watch(loaded.places);
  receiver_(loaded.catalog);
}

void ResourceFolder::Watch(const std::vector<std::string>& places) {
  if (places == watched_) return;
  std::vector<std::unique_ptr<event::Engine::FileWatch>> watches;
  bool all = true;
  for (const std::string& place : places) {
    auto watch = dispatcher_.engine().WatchFile(place, [this] { dispatcher_.Arm(reload_, settle_); });
    if (watch.ok()) {
      watches.push_back(*std::move(watch));
      continue;
    }
    OUTRIGGER_LOG(kWarn, kControlPlane, "cannot watch ", place, ": ", watch.status().message());
    all = false;
  }
  // What changed before the new watches were in place would go unseen.
  dispatcher_.Arm(reload_, all ? settle_ : kRetry);
  watches_ = std::move(watches);
  watched_ = all ? places : std::vector<std::string>();
}

}  // namespace outrigger::control_plane
