// Thread: main
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "absl/container/btree_map.h"
#include "absl/types/optional.h"
#include "envoy/config/core/v3/base.pb.h"
#include "source/xds/resource_type.h"
#include "source/xds/update.h"

namespace outrigger::xds {

// What one type has agreed with one control plane: what is wanted, which version of each resource was accepted, and
// what is to be said next. It survives streams. The two wire forms are SotwState and DeltaState; a stream asks neither
// which it is.
//
//   wanted changes ──▶ dirty ──TakeRequest──▶ request
//   response ──▶ Hold / Forget each resource ──▶ Accept ──▶ dirty (ACK)
//                                            └─▶ Refuse ──▶ dirty (NACK)
class TypeState {
 public:
  using Node = envoy::config::core::v3::Node;
  explicit TypeState(ResourceType type) : type_(type) {}
  virtual ~TypeState() = default;

  void WantAll();
  void Want(const std::string& name);
  void Unwant(const std::string& name);
  bool wants_all() const { return all_; }
  bool Wants(const std::string& name) const { return all_ || names_.count(name) != 0; }
  // By its name or one of its other names.
  bool WantsResource(const Resource& resource) const;
  bool wants_anything() const { return all_ || !names_.empty(); }

  // A new stream, to the server of this number: everything wanted is asked for again. The versions held mean something
  // to the server that gave them only.
  void OnStream(size_t server);

  // What was accepted of a response: Hold and Forget for its resources, then Accept or Refuse for the whole.
  void Hold(const std::string& name, const std::string& version) { held_[name] = version; }
  virtual void Forget(const std::string& name) { held_.erase(name); }
  const std::string* VersionOf(const std::string& name) const;  // null: not held
  void Accept(const std::string& nonce, const std::string& version);
  void Refuse(const std::string& nonce, const std::string& detail);

  bool asked() const { return asked_; }        // something was said on this stream
  bool answered() const { return answered_; }  // a response came on this stream
  // This stream's server gave what is held: it may stay silent.
  bool known() const { return giver_.has_value() && *giver_ == server_; }
  const std::set<std::string>& names() const { return names_; }

  // State of the world, types whose responses are complete: notes the names that a response has and returns those that
  // an earlier one had and this one lacks. Otherwise nothing is gone by absence.
  virtual std::set<std::string> NoteComplete(std::set<std::string>) { return {}; }

  // As if an earlier response had had it (from disk). Delta says that it has this version. State of the world leaves
  // the version of the type unsaid: a server that is told the version it would send may say nothing, and what is here
  // would never be confirmed.
  virtual void Seed(const std::string& name, const std::string& version) { Hold(name, version); }

  bool dirty() const { return dirty_; }
  // The next request in its serialised form, if there is one to make; it is then taken as sent. `node`: null for none.
  // There may be another one then (dirty()).
  virtual absl::optional<std::string> TakeRequest(const Node* node) = 0;
  // What was said last once more, for the sake of the node in it. Changes nothing.
  virtual std::string RepeatRequest(const Node& node) const = 0;

  // The last one accepted: of the type, not of a resource.
  const std::string& version() const { return version_; }

 protected:
  static constexpr int32_t kInvalidArgument = 3;  // google.rpc.Code
  virtual void OnWanted(const std::string&) {}
  virtual void OnUnwanted(const std::string&) {}
  virtual void OnNewStream() = 0;
  // What is to be said of a response; null: it was accepted.
  virtual void Answer(const std::string& nonce, const std::string* refusal) = 0;

  // The same bytes for the same message: maps in the order of their keys.
  static std::string Serialise(const google::protobuf::Message& message);

  const ResourceType type_;
  bool all_ = false, dirty_ = false;
  bool asked_ = false, answered_ = false;  // on this stream
  bool known_ = true;                      // this stream's server gave the versions held
  absl::optional<size_t> giver_;           // of them
  size_t server_ = 0;                      // of this stream
  std::set<std::string> names_;
  absl::btree_map<std::string, std::string> held_;  // name → version
  std::string version_;
};

}  // namespace outrigger::xds
