#include "source/exe/extensions.h"

#include "source/filters/http/rbac/factory.h"
#include "source/filters/network/http_connection_manager/config.h"
#include "source/filters/network/tcp_proxy/factory.h"
#include "source/router/config.h"

namespace outrigger::exe {

extension::FactoryTable AllExtensions() {
  extension::FactoryTable table;
  table.http = {&router::kFactory, &filters::kHttpRbacFactory};
  table.network = {&filters::hcm::kFactory, &filters::kTcpProxyFactory};
  return table;
}

}  // namespace outrigger::exe
