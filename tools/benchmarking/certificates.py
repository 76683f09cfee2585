"""An authority, a server's and a client's certificate for one run: ECDSA P-256, and the TLS settings every process gets."""
import os
import subprocess

# OpenSSL reads this in every process that uses it, so that all peers agree on one suite whatever their own options can say.
OPENSSL_CONFIG = """openssl_conf = start
[start]
ssl_conf = ssl
[ssl]
system_default = everyone
[everyone]
MinProtocol = TLSv1.3
Ciphersuites = TLS_AES_128_GCM_SHA256
Groups = P-256
"""


class Certificates:
    def __init__(self, folder, more_names=""):
        self.folder = folder
        self.config = folder + "/openssl.cnf"
        with open(self.config, "w") as f:
            f.write(OPENSSL_CONFIG)
        self.authority, self.authority_key = self._make("authority", "/CN=bench authority", None)
        self.server, self.server_key = self._make("server", "/CN=bench", "DNS:bench,DNS:localhost,IP:127.0.0.1" + more_names)
        self.client, self.client_key = self._make("client", "/CN=client", "DNS:client")
        self.server_pair = self._join("server-pair.pem", self.server, self.server_key)  # HAProxy wants both in one file
        self.client_pair = self._join("client-pair.pem", self.client, self.client_key)

    def _make(self, name, subject, names):
        certificate, key = f"{self.folder}/{name}.pem", f"{self.folder}/{name}.key"
        words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                 "-subj", subject, "-keyout", key, "-out", certificate]
        if names:
            words += ["-CA", self.authority, "-CAkey", self.authority_key, "-addext", "subjectAltName=" + names,
                      "-addext", "basicConstraints=CA:FALSE"]
        subprocess.run(words, check=True, capture_output=True)
        return certificate, key

    def _join(self, name, *parts):
        path = f"{self.folder}/{name}"
        with open(path, "w") as f:
            for part in parts:
                with open(part) as p:
                    f.write(p.read())
        return path

    def environment(self):
        return dict(os.environ, OPENSSL_CONF=self.config)
