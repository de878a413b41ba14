#include "api/curl_call.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "gpusched/base/check.hpp"
#include "gpusched/base/version.hpp"

namespace gpusched::extender {

namespace {

constexpr double token_life_s = 60;
constexpr std::streamsize most_token_bytes = 64 * 1024;

/// libcurl wants this once, before any thread uses it.
struct CurlLibrary {
  CurlLibrary() { curl_global_init(CURL_GLOBAL_DEFAULT); }
};

struct Transfer {
  CURL* handle;
  const CurlExchange& exchange;
  int status = 0;
};

std::size_t take_body(char* bytes, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (transfer.status == 0) {
    long status = 0;
    curl_easy_getinfo(transfer.handle, CURLINFO_RESPONSE_CODE, &status);
    transfer.status = static_cast<int>(status);
  }
  const bool taken = !transfer.exchange.take || transfer.exchange.take(transfer.status, {bytes, size * count});
  return taken ? size * count : 0;
}

/// What is sent and never acknowledged means a dead peer: keep-alive alone does not see it.
int set_socket(void*, curl_socket_t socket, curlsocktype) {
#ifdef TCP_USER_TIMEOUT
  const unsigned int timeout_ms = 30'000;
  setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
#else
  (void)socket;
#endif
  return CURL_SOCKOPT_OK;
}

void set_blob(CURL* handle, CURLoption option, const std::string& pem) {
  curl_blob blob{const_cast<char*>(pem.data()), pem.size(), CURL_BLOB_COPY};
  curl_easy_setopt(handle, option, &blob);
}

/// PEM text, or the file that holds it, which is read anew for every connection.
void set_pem(CURL* handle, CURLoption blob_option, const std::string& pem, CURLoption file_option,
             const std::string& file) {
  if (!pem.empty()) {
    set_blob(handle, blob_option, pem);
  } else if (!file.empty()) {
    curl_easy_setopt(handle, file_option, file.c_str());
  }
}

void set_tls(CURL* handle, const ApiAccess& access) {
  curl_easy_setopt(handle, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
  curl_easy_setopt(handle, CURLOPT_CA_CACHE_TIMEOUT, 0L);  // an authority can rotate
  if (access.insecure) {
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  set_pem(handle, CURLOPT_CAINFO_BLOB, access.ca_pem, CURLOPT_CAINFO, access.ca_file);
  set_pem(handle, CURLOPT_SSLCERT_BLOB, access.client_cert_pem, CURLOPT_SSLCERT, access.client_cert_file);
  set_pem(handle, CURLOPT_SSLKEY_BLOB, access.client_key_pem, CURLOPT_SSLKEY, access.client_key_file);
}

/// The parts of "https://[::1]:6443/prefix".
struct ServerUrl {
  std::string scheme, host, port, prefix;  // host with its brackets, port without a colon, may be empty
};

ServerUrl split(const std::string& url) {
  ServerUrl parts;
  const std::size_t scheme_end = url.find("://");
  const std::size_t begin = scheme_end == std::string::npos ? 0 : scheme_end + 3;
  const std::size_t end = std::min(url.find('/', begin), url.size());
  parts.scheme = url.substr(0, begin);
  parts.prefix = url.substr(end);
  parts.host = url.substr(begin, end - begin);
  const std::size_t colon = parts.host.rfind(':');
  if (colon != std::string::npos && parts.host.find(']', colon) == std::string::npos) {
    parts.port = parts.host.substr(colon + 1);
    parts.host.resize(colon);
  }
  return parts;
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "[::1]" || host.rfind("127.", 0) == 0;
}

bool is_header_text(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

std::string without_space(const std::string& text) {
  static constexpr char space[] = " \t\r\n\v\f";
  const std::size_t begin = text.find_first_not_of(space);
  return begin == std::string::npos ? std::string() : text.substr(begin, text.find_last_not_of(space) - begin + 1);
}

}  // namespace

double monotonic_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

const std::string& TokenSource::token() {
  const double now = monotonic_s();
  if (!file_.empty() && (read_at_s_ < 0 || now - read_at_s_ > token_life_s)) {
    read_at_s_ = now;
    // By path each time: the file is a link that is swapped.
    std::ifstream in(file_, std::ios::binary);
    std::string read(static_cast<std::size_t>(most_token_bytes), '\0');
    in.read(read.data(), most_token_bytes);
    read.resize(static_cast<std::size_t>(in.gcount()));
    read = without_space(read);
    if (!read.empty() && is_header_text(read)) {
      token_ = std::move(read);
    }
  }
  return token_;
}

CurlConnection::CurlConnection(const ApiAccess& access) : url_(access.server_url) {
  static const CurlLibrary library;
  easy_ = curl_easy_init();
  multi_ = curl_multi_init();
  GPUSCHED_CHECK(easy_ != nullptr && multi_ != nullptr, "libcurl has no memory for a connection");
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, 1L);
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, problem_);
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);  // one connection per watch
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy_, CURLOPT_USERAGENT, ("gpusched-extender/" + std::string(version())).c_str());
  curl_easy_setopt(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy_, CURLOPT_TCP_KEEPIDLE, 30L);
  curl_easy_setopt(easy_, CURLOPT_TCP_KEEPINTVL, 10L);
  curl_easy_setopt(easy_, CURLOPT_SOCKOPTFUNCTION, set_socket);
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, 10'000L);
  curl_easy_setopt(easy_, CURLOPT_BUFFERSIZE, 256L * 1024L);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, take_body);
  set_tls(easy_, access);
  const ServerUrl parts = split(url_);
  if (is_loopback(parts.host)) {
    curl_easy_setopt(easy_, CURLOPT_PROXY, "");  // as Go does: the environment's proxies cannot reach it
  }
  if (!access.tls_server_name.empty()) {
    // libcurl verifies, and names to the server, the host of the URL: so that is the name, and this the way to it.
    const std::string port = parts.port.empty() ? "" : ":" + parts.port;
    url_ = parts.scheme + access.tls_server_name + port + parts.prefix;
    host_header_ = "Host: " + parts.host + port;
    connect_to_ = curl_slist_append(nullptr, ("::" + parts.host + ":" + parts.port).c_str());
    curl_easy_setopt(easy_, CURLOPT_CONNECT_TO, connect_to_);
  }
}

CurlConnection::~CurlConnection() {
  curl_easy_cleanup(easy_);
  curl_multi_cleanup(multi_);
  curl_slist_free_all(connect_to_);
}

CURLcode CurlConnection::perform(const std::atomic<bool>* stop) {
  CURLcode result = CURLE_ABORTED_BY_CALLBACK;
  curl_multi_add_handle(multi_, easy_);
  int running = 1;
  while (running > 0 && (stop == nullptr || !stop->load())) {
    if (curl_multi_perform(multi_, &running) != CURLM_OK) {
      result = CURLE_FAILED_INIT;
      break;
    }
    if (running > 0) {
      curl_multi_poll(multi_, nullptr, 0, 1000, nullptr);
    }
  }
  int left = 0;
  for (const CURLMsg* message; (message = curl_multi_info_read(multi_, &left)) != nullptr;) {
    result = message->msg == CURLMSG_DONE ? message->data.result : result;
  }
  curl_multi_remove_handle(multi_, easy_);
  return result;
}

Result<CurlReply> CurlConnection::exchange(const CurlExchange& exchange) {
  Transfer transfer{.handle = easy_, .exchange = exchange};
  curl_slist* headers = nullptr;
  headers = curl_slist_append(headers, "Accept: application/json");
  headers = curl_slist_append(headers, "Expect:");
  headers = host_header_.empty() ? headers : curl_slist_append(headers, host_header_.c_str());
  if (!exchange.token.empty()) {
    headers = curl_slist_append(headers, ("Authorization: Bearer " + exchange.token).c_str());
  }
  if (exchange.body.empty()) {
    curl_easy_setopt(easy_, CURLOPT_HTTPGET, 1L);
  } else {
    headers = curl_slist_append(headers, ("Content-Type: " + exchange.content_type).c_str());
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, exchange.body.data());
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(exchange.body.size()));
  }
  curl_easy_setopt(easy_, CURLOPT_URL, (url_ + exchange.path).c_str());
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, exchange.method.c_str());
  curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, static_cast<long>(exchange.timeout_ms));
  curl_easy_setopt(easy_, CURLOPT_FRESH_CONNECT, exchange.fresh ? 1L : 0L);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, &transfer);
  problem_[0] = '\0';
  const CURLcode code = perform(exchange.stop);
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, nullptr);
  curl_slist_free_all(headers);
  long status = 0;
  curl_off_t retry_after = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(easy_, CURLINFO_RETRY_AFTER, &retry_after);
  const std::string problem = code == CURLE_OK ? "" : problem_[0] != '\0' ? problem_ : curl_easy_strerror(code);
  if (code != CURLE_OK && status < 200) {
    return Error{.code = ErrorCode::io,
                 .message = exchange.method + " " + exchange.path.substr(0, exchange.path.find('?')) + ": " + problem,
                 .file = {},
                 .line = 0,
                 .remedy = {}};
  }
  constexpr curl_off_t longest_wait_s = 3600;
  return CurlReply{.status = static_cast<int>(status),
                   .retry_after_s = static_cast<int>(std::min(retry_after, longest_wait_s)),
                   .cut = problem};
}

}  // namespace gpusched::extender
