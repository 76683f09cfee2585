#include "test/attack/client_hello.h"

#include <openssl/bio.h>
#include <openssl/ssl.h>

namespace outrigger::attack {

std::string ClientHello() {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set1_groups_list(context, "P-256");
  SSL* ssl = SSL_new(context);
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);  // owned by ssl
  SSL_set_tlsext_host_name(ssl, "a.test");
  SSL_connect(ssl);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(out, &bytes);
  std::string hello(bytes, static_cast<size_t>(size));
  SSL_free(ssl);
  SSL_CTX_free(context);
  return hello;
}

}  // namespace outrigger::attack
