// Thread: the test's
#pragma once

#include <map>
#include <string>

#include "test/http/h2/frames.h"

namespace outrigger::integration {

// How a request comes to end with a detail, or who else makes it happen.
struct Row {
  std::string listener;                 // who is asked: a scenario of one request
  std::string bytes;                    // what is sent
  std::string logged;                   // how the detail looks in the log, if there is more to it
  bool leave = false;                   // the client goes away then
  std::string (*scenario)() = nullptr;  // a scenario of its own: what was logged
  const char* elsewhere = "";           // the test that makes it happen
  const char* later = "";               // the feature that will set it
  const char* never = "";               // why no stream can end so
};

std::map<std::string, Row> DetailRows();

// Requests of the rows.
std::string Get(const std::string& path, const std::string& more = "");
std::string Http2(const std::string& frames);  // a preface, SETTINGS and these
http::h2::Fields GetFields(const std::string& path = "/silent");

// The scenarios that need a proxy of their own; each gives what was logged.
std::string ClusterRemovedBetweenTries();
std::string CutAtTheEndOfTheDrain();
std::string ConnectsToAHostThatNeverAnswers();

}  // namespace outrigger::integration
