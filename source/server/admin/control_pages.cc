// What changes something: /logging, /drain_listeners, /quitquitquit, /healthcheck/*, /reopen_logs; and /dump
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "source/base/dump.h"
#include "source/base/log.h"
#include "source/server/admin/all_pages.h"
#include "source/server/server.h"
#include "source/server/worker_set.h"

namespace outrigger::server {

namespace {

std::string Levels() {
  std::string text = "active loggers:\n";
  for (int i = 0; i < static_cast<int>(log::Component::kCount); ++i) {
    const auto component = static_cast<log::Component>(i);
    absl::StrAppend(&text, "  ", log::ComponentName(component), ": ", log::LevelName(log::LevelOf(component)), "\n");
  }
  return text;
}

// ?level=debug: all; ?paths=upstream:debug,http:trace; ?upstream=debug: one. Without: what they are now.
AdminResponse Logging(const AdminRequest& request) {
  if (request.query.size() > 1)
    return AdminResponse::Text("usage: /logging?level=LEVEL, ?paths=NAME:LEVEL,..., ?NAME=LEVEL\n", 400);
  if (request.query.empty()) return AdminResponse::Text(Levels());
  const auto& [key, value] = request.query.front();
  absl::Status status;
  if (key == "paths") {
    status = log::SetComponentLevels(value);
  } else {
    log::Level level;
    status = log::ParseLevel(value, &level);
    if (status.ok() && key == "level") {
      log::SetLevel(level);
    } else if (status.ok()) {
      status = log::SetLevelOf(key, level);
    }
  }
  if (!status.ok()) return AdminResponse::Text(absl::StrCat("error: ", status.message(), "\n", Levels()), 400);
  return AdminResponse::Text(Levels());
}

// "origin: 17" as it was written by a worker becomes the resource and field that it stands for, which only main knows.
std::string ExplainOrigins(const config::SnapshotBuilder& builder, absl::string_view text) {
  std::string out;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const size_t at = line.find("origin: ");
    uint32_t id = 0;
    if (at != absl::string_view::npos && absl::SimpleAtoi(absl::ClippedSubstr(line, at + 8), &id)) {
      const auto origin = builder.OriginOf(id);
      absl::StrAppend(&out, absl::ClippedSubstr(line, 0, at + 8), origin.has_value() ? origin->ToString() : "gone",
                      "\n");
    } else {
      absl::StrAppend(&out, line, "\n");
    }
  }
  out.pop_back();  // the last line of a split has no end
  return out;
}

void Dump(Server& server, const AdminRequest& request, AdminPages::Done done) {
  uint32_t index = 0;
  const absl::string_view asked = request.Get("worker", "0");
  if (asked == "main") {
    std::string text;
    DumpWriter out(text);
    server.context().Dump(out);
    return done(AdminResponse::Text(std::move(text)));
  }
  if (!absl::SimpleAtoi(asked, &index) || index >= server.workers().size()) {
    return done(AdminResponse::Text(
        absl::StrCat("?worker= must be main, or a number below ", server.workers().size(), "\n"), 400));
  }
  if (!server.workers().started()) return done(AdminResponse::Text("workers have not started\n", 503));
  Worker& worker = server.workers().worker(index);
  worker.dispatcher().Post([&worker, &server, main = &server.dispatcher(), done = std::move(done)] {
    std::string text;
    DumpWriter out(text);
    worker.Dump(out);
    main->Post([&server, text = std::move(text), done = std::move(done)] {
      done(AdminResponse::Text(ExplainOrigins(server.builder(), text)));
    });
  });
}

}  // namespace

void AddControlPages(Server& server, AdminPages& pages) {
  pages.Add("/logging", "levels of the process log; POST ?level=LEVEL, ?paths=NAME:LEVEL,..., ?NAME=LEVEL", false,
            [](const AdminRequest& request) {
              if (!request.query.empty() && request.method != "POST") return NotAllowed(request, "POST");
              return Logging(request);
            });
  pages.Add(
      "/drain_listeners",
      "drains listeners and stops listening; ?graceful: after the drain time, ?graceful&skip_exit: never, ?inboundonly",
      true, [&server](const AdminRequest& request) {
        const bool graceful = request.Has("graceful"), keep = request.Has("skip_exit");
        if (keep && !graceful) return AdminResponse::Text("skip_exit requires graceful\n", 400);
        server.DrainListeners(request.Has("inboundonly"), keep       ? Server::AfterDrain::kListen
                                                          : graceful ? Server::AfterDrain::kStop
                                                                     : Server::AfterDrain::kStopNow);
        return AdminResponse::Text("OK\n");
      });
  pages.Add("/quitquitquit", "drains, then ends the process", true, [&server](const AdminRequest&) {
    // The answer is sent first.
    server.dispatcher().Post([&server] { server.dispatcher().Post([&server] { server.Shutdown(); }); });
    return AdminResponse::Text("OK\n");
  });
  pages.Add("/healthcheck/fail", "/ready says no, connections drain", true, [&server](const AdminRequest&) {
    server.SetHealthCheckFailed(true);
    return AdminResponse::Text("OK\n");
  });
  pages.Add("/healthcheck/ok", "ends /healthcheck/fail", true, [&server](const AdminRequest&) {
    server.SetHealthCheckFailed(false);
    return AdminResponse::Text("OK\n");
  });
  pages.Add("/reopen_logs", "opens log files anew, after something moved them", true, [&server](const AdminRequest&) {
    server.ReopenLogs();
    return AdminResponse::Text("OK\n");
  });
  pages.Add(
      {"/dump", "connections, streams and pools as they are now; ?worker=N|main", false,
       [&server](const AdminRequest& request, AdminPages::Done done) { Dump(server, request, std::move(done)); }});
}

}  // namespace outrigger::server
