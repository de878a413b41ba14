#include "api/curl_call.hpp"

#include <chrono>
#include <fstream>
#include <sstream>

namespace gpusched::extender {

namespace {

constexpr double token_life_s = 60;

/// libcurl wants this once, before any thread uses it.
struct CurlLibrary {
  CurlLibrary() { curl_global_init(CURL_GLOBAL_DEFAULT); }
};

struct Transfer {
  CURL* handle;
  const CurlExchange& exchange;
  int status = 0;
  bool refused = false;
};

std::size_t take_body(char* bytes, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (transfer.status == 0) {
    long status = 0;
    curl_easy_getinfo(transfer.handle, CURLINFO_RESPONSE_CODE, &status);
    transfer.status = static_cast<int>(status);
  }
  if (transfer.exchange.take && !transfer.exchange.take(transfer.status, {bytes, size * count})) {
    transfer.refused = true;
    return 0;
  }
  return size * count;
}

int check_stop(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto& transfer = *static_cast<const Transfer*>(user);
  return transfer.exchange.stop != nullptr && transfer.exchange.stop->load() ? 1 : 0;
}

void set_blob(CURL* handle, CURLoption option, const std::string& pem) {
  curl_blob blob{const_cast<char*>(pem.data()), pem.size(), CURL_BLOB_COPY};
  curl_easy_setopt(handle, option, &blob);
}

void set_tls(CURL* handle, const ApiAccess& access) {
  curl_easy_setopt(handle, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
  if (access.insecure) {
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (!access.ca_pem.empty()) {
    set_blob(handle, CURLOPT_CAINFO_BLOB, access.ca_pem);
  } else if (!access.ca_file.empty()) {
    curl_easy_setopt(handle, CURLOPT_CAINFO, access.ca_file.c_str());
  }
  if (!access.client_cert_pem.empty()) {
    set_blob(handle, CURLOPT_SSLCERT_BLOB, access.client_cert_pem);
  } else if (!access.client_cert_file.empty()) {
    curl_easy_setopt(handle, CURLOPT_SSLCERT, access.client_cert_file.c_str());
  }
  if (!access.client_key_pem.empty()) {
    set_blob(handle, CURLOPT_SSLKEY_BLOB, access.client_key_pem);
  } else if (!access.client_key_file.empty()) {
    curl_easy_setopt(handle, CURLOPT_SSLKEY, access.client_key_file.c_str());
  }
}

}  // namespace

double monotonic_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

const std::string& TokenSource::token() {
  const double now = monotonic_s();
  if (!file_.empty() && (read_at_s_ < 0 || now - read_at_s_ > token_life_s)) {
    read_at_s_ = now;
    std::ifstream in(file_);
    std::ostringstream text;
    text << in.rdbuf();
    std::string read = text.str();
    while (!read.empty() && static_cast<unsigned char>(read.back()) <= ' ') {
      read.pop_back();
    }
    if (!read.empty()) {
      token_ = std::move(read);
    }
  }
  return token_;
}

CurlConnection::CurlConnection(const ApiAccess& access) {
  static const CurlLibrary library;
  handle_ = curl_easy_init();
  GPUSCHED_CHECK(handle_ != nullptr, "libcurl has no memory for a connection");
  curl_easy_setopt(handle_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle_, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);  // one connection per watch
  curl_easy_setopt(handle_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle_, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(handle_, CURLOPT_TCP_KEEPIDLE, 30L);
  curl_easy_setopt(handle_, CURLOPT_TCP_KEEPINTVL, 10L);
  curl_easy_setopt(handle_, CURLOPT_CONNECTTIMEOUT_MS, 10'000L);
  curl_easy_setopt(handle_, CURLOPT_BUFFERSIZE, 256L * 1024L);
  curl_easy_setopt(handle_, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(handle_, CURLOPT_XFERINFOFUNCTION, check_stop);
  curl_easy_setopt(handle_, CURLOPT_NOPROGRESS, 0L);
  set_tls(handle_, access);
}

CurlConnection::~CurlConnection() { curl_easy_cleanup(handle_); }

Result<CurlReply> CurlConnection::exchange(const CurlExchange& exchange) {
  Transfer transfer{.handle = handle_, .exchange = exchange};
  curl_slist* headers = nullptr;
  headers = curl_slist_append(headers, "Accept: application/json");
  headers = curl_slist_append(headers, "Expect:");
  if (!exchange.token.empty()) {
    headers = curl_slist_append(headers, ("Authorization: Bearer " + exchange.token).c_str());
  }
  if (!exchange.content_type.empty()) {
    headers = curl_slist_append(headers, ("Content-Type: " + exchange.content_type).c_str());
  }
  curl_easy_setopt(handle_, CURLOPT_URL, exchange.url.c_str());
  curl_easy_setopt(handle_, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(handle_, CURLOPT_CUSTOMREQUEST, exchange.method.c_str());
  curl_easy_setopt(handle_, CURLOPT_TIMEOUT_MS, static_cast<long>(exchange.timeout_ms));
  curl_easy_setopt(handle_, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(handle_, CURLOPT_XFERINFODATA, &transfer);
  if (exchange.body.empty()) {
    curl_easy_setopt(handle_, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(handle_, CURLOPT_CUSTOMREQUEST, exchange.method.c_str());
  } else {
    curl_easy_setopt(handle_, CURLOPT_POSTFIELDS, exchange.body.data());
    curl_easy_setopt(handle_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(exchange.body.size()));
  }
  const CURLcode code = curl_easy_perform(handle_);
  curl_slist_free_all(headers);
  CurlReply reply;
  long status = 0;
  curl_off_t retry_after = 0;
  curl_easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(handle_, CURLINFO_RETRY_AFTER, &retry_after);
  reply.status = static_cast<int>(status);
  reply.retry_after_s = static_cast<int>(retry_after);
  if (code != CURLE_OK && !transfer.refused) {
    return Error{.code = ErrorCode::io,
                 .message = exchange.method + " " + exchange.url.substr(0, exchange.url.find('?')) + ": " +
                            curl_easy_strerror(code),
                 .file = {},
                 .line = 0,
                 .remedy = {}};
  }
  return reply;
}

}  // namespace gpusched::extender
