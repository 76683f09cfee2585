// Thread: main
#pragma once

#include "source/server/admin/pages.h"

namespace outrigger::server {

class Server;

// Each adds the pages of one subject; `server` outlives them.
void AddInfoPages(Server& server, AdminPages& pages);     // /, /help, /ready, /server_info, /memory, /certs, /listeners
void AddStatsPages(Server& server, AdminPages& pages);    // /stats, /stats/prometheus, /reset_counters
void AddClusterPages(Server& server, AdminPages& pages);  // /clusters
void AddConfigPages(Server& server, AdminPages& pages);   // /config_dump, /config_status
void AddControlPages(Server& server,
                     AdminPages& pages);  // /logging, /drain_listeners, /quitquitquit, /healthcheck/*, /dump, ...
void AddRuntimePages(Server& server, AdminPages& pages);  // /runtime, /runtime_modify

inline void AddAllPages(Server& server, AdminPages& pages) {
  AddInfoPages(server, pages);
  AddStatsPages(server, pages);
  AddClusterPages(server, pages);
  AddConfigPages(server, pages);
  AddControlPages(server, pages);
  AddRuntimePages(server, pages);
}

}  // namespace outrigger::server
