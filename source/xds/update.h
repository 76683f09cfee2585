// Thread: main
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "google/protobuf/message.h"
#include "source/base/shared_text.h"
#include "source/base/time.h"
#include "source/schema/kept_message.h"
#include "source/schema/wire_assignment.h"
#include "source/xds/resource_type.h"

// What arrives, whatever the wire form was (state of the world, delta, a file): the one form that staging knows.
namespace outrigger::xds {

struct Resource {
  SharedText name;
  SharedText version;  // as the control plane gave it
  // Endpoints and clusters are their bytes once they are in use, or where only what differs was looked at.
  schema::KeptMessage message;
  std::shared_ptr<const schema::WireAssignment> wire;              // endpoints: as they came
  std::shared_ptr<const schema::AssignmentDifference> difference;  // to what was in use; null: not known
  uint64_t hash = 0;  // of the content: two with the same hash are the same
  // Names under which it was asked for, where they are not its own (virtual hosts: "ROUTES/DOMAIN").
  std::vector<std::string> aliases;
  Duration ttl{0};  // its source ends it when it hears nothing of it for so long; 0: it stays
};

// A resource that cannot be used, and why; goes into the NACK.
struct Refusal {
  std::string name;
  std::string detail;                                        // `cluster "a" (version 3): load_assignment...: cause`
  std::shared_ptr<const google::protobuf::Message> message;  // as it came, to be shown; null: there is nothing to show
};

class Source;

struct Update {
  ResourceType type = ResourceType::kCluster;
  Source* source = nullptr;  // who gives it; null: nobody who wants to hear of its use
  std::string version;
  std::vector<Resource> updated;  // in the order of the response; includes what did not change
  // Sorted. Listeners and clusters: they go. Other types (delta, or their time to live is over): they do not exist;
  // what is in use stays, nobody waits for them any longer.
  std::vector<std::string> removed;
};

// How a source does, for dumps.
struct SourceState {
  bool connected = false;  // the stream stands; the file could be read
  WallTime since{};        // since when it is so; zero: from the start
  std::string error;       // the last one; empty: none yet
  WallTime error_at{};
  std::string server;  // what the control plane calls itself
};

// Something that resources come from: a stream to a control plane, or a file.
class Source {
 public:
  virtual ~Source() = default;
  // A source tells what it has of a newly wanted name soon, but never from inside these calls. Wanting twice is wanting
  // once.
  virtual void WantAll(ResourceType type) = 0;  // listeners, clusters
  virtual void Want(ResourceType type, const std::string& name) = 0;
  virtual void Unwant(ResourceType type, const std::string& name) = 0;
  virtual std::string Describe() const = 0;
  // An earlier process had this from it, and it is in use here again: the first complete answer that lacks it takes it
  // away; a delta stream says that it has this version.
  virtual void Seed(ResourceType type, const std::string& name, const std::string& version) {}
  virtual SourceState State() const { return {}; }
  // All workers use what the accepted response of this version said of the type, and nothing of it waits any more.
  virtual void ReportInUse(ResourceType type, absl::string_view version) {}
};

// What a control plane itself says is wrong with a resource that was asked for (resource_errors).
struct SourceError {
  std::string name;
  uint32_t code = 0;  // google.rpc.Code; 5: there is none of that name
  std::string message;
};

// Where updates go. Called on main's loop.
class UpdateSink {
 public:
  virtual ~UpdateSink() = default;
  // Stages what can be used; the answer names what cannot (all of the rest took effect). May change subscriptions.
  virtual std::vector<Refusal> OnUpdate(const Update& update) = 0;
  // The response as a whole was refused, or single resources of it before staging saw them: to be shown.
  virtual void OnRefused(ResourceType type, const std::string& version, const std::vector<Refusal>& refused) = 0;
  // What was asked for cannot be given, says the source. Nothing changes; it is shown until the resource comes.
  virtual void OnSourceErrors(ResourceType type, const std::vector<SourceError>& errors) {}
  // Endpoints that are in use; null: none of that name. What comes for it is compared with them.
  virtual std::shared_ptr<const schema::WireAssignment> KnownEndpoints(const std::string& name) const {
    return nullptr;
  }
  // The source lost its stream, or its file cannot be read. What it gave stays.
  virtual void OnSourceFailed(const Source& source) = 0;
};

}  // namespace outrigger::xds
