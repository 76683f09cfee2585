#include "source/exe/extensions.h"

#include "source/filters/http/buffer/factory.h"
#include "source/filters/http/fault/factory.h"
#include "source/filters/http/on_demand/factory.h"
#include "source/filters/http/rbac/factory.h"
#include "source/filters/listener/http_inspector/factory.h"
#include "source/filters/listener/local_ratelimit/factory.h"
#include "source/filters/listener/original_dst/factory.h"
#include "source/filters/listener/tls_inspector/factory.h"
#include "source/filters/network/http_connection_manager/config.h"
#include "source/filters/network/rbac/factory.h"
#include "source/filters/network/tcp_proxy/factory.h"
#include "source/router/config.h"

namespace outrigger::exe {

extension::FactoryTable AllExtensions() {
  extension::FactoryTable table;
  table.http = {&router::kFactory, &filters::kHttpRbacFactory, &filters::kFaultFactory, &filters::kBufferFactory,
                &filters::kOnDemandFactory};
  table.network = {&filters::hcm::kFactory, &filters::kTcpProxyFactory, &filters::kNetworkRbacFactory};
  table.listener = {&filters::kTlsInspectorFactory, &filters::kHttpInspectorFactory, &filters::kOriginalDstFactory,
                    &filters::kLocalRateLimitFactory};
  return table;
}

}  // namespace outrigger::exe
