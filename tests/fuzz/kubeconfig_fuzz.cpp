// Any text as a kubeconfig: an error, or an access that can be used.
#include <cstddef>
#include <cstdint>
#include <string>

#include "gpusched/base/check.hpp"
#include "gpusched/extender/api_access.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gpusched;
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const char* context : {"", "c"}) {
    const Result<extender::ApiAccess> read = extender::parse_kubeconfig(text, "/folder/config", context);
    if (!read) {
      GPUSCHED_CHECK(read.error().file == "/folder/config", "an error that does not name the file");
      continue;
    }
    const extender::ApiAccess& access = read.value();
    GPUSCHED_CHECK(access.server_url.rfind("http", 0) == 0 && access.server_url.back() != '/', "no server");
    GPUSCHED_CHECK(access.server_url.find('@') == std::string::npos, "a password in the server's URL");
    GPUSCHED_CHECK(!access.default_namespace.empty(), "no namespace");
    for (const std::string& file :
         {access.ca_file, access.client_cert_file, access.client_key_file, access.token_file}) {
      GPUSCHED_CHECK(file.empty() || file.front() == '/', "a path that depends on where we run");
    }
    for (const std::string& pem : {access.ca_pem, access.client_cert_pem, access.client_key_pem}) {
      GPUSCHED_CHECK(pem.empty() || pem.find("-----BEGIN") != std::string::npos, "no PEM");
    }
    for (const char c : access.token) {
      GPUSCHED_CHECK(c > ' ' && c < '\x7f', "a token that would break its header");
    }
    GPUSCHED_CHECK(!access.insecure || (access.ca_file.empty() && access.ca_pem.empty()), "verified and not verified");
  }
  return 0;
}
