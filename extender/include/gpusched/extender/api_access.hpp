#pragma once

#include <string>

#include "gpusched/base/result.hpp"

namespace gpusched::extender {

/// Where the API server is and who we are to it. Secrets are never part of a message.
struct ApiAccess {
  std::string server_url;                         ///< "https://10.0.0.1:443", without a trailing slash
  std::string ca_file, ca_pem;                    ///< of the server; both empty: the system's
  std::string client_cert_file, client_cert_pem;  ///< TLS client certificate
  std::string client_key_file, client_key_pem;    ///< and its key
  std::string token;                              ///< bearer token
  std::string token_file;                         ///< wins over `token`; read anew every minute and after a 401
  std::string tls_server_name;                    ///< the name in the certificate, where it is not the URL's
  bool insecure = false;                          ///< the certificate is not verified
  std::string default_namespace = "default";
};

/// The service account of the pod we run in: environment and mounted files. not_found outside a cluster.
/// `folder` is where the account's files are mounted.
Result<ApiAccess> in_cluster_access(const std::string& folder = "/var/run/secrets/kubernetes.io/serviceaccount");

/// A kubeconfig's current context, or the one named. Read are certificate-authority(-data), client-certificate(-data),
/// client-key(-data), token, tokenFile, tls-server-name, insecure-skip-tls-verify. unsupported: exec and auth-provider
/// plugins, proxy-url, user and password, impersonation (with the way round them). Errors name file and key, never a
/// value. Files that are named must be readable for kubeconfig_access(); parse_kubeconfig() opens none.
Result<ApiAccess> kubeconfig_access(const std::string& path, const std::string& context = "");
Result<ApiAccess> parse_kubeconfig(const std::string& text, const std::string& file, const std::string& context = "");

}  // namespace gpusched::extender
