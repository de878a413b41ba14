#include "http/tls_files.hpp"

#include <cstring>

#include <openssl/err.h>
#include <openssl/x509.h>
#include <sys/stat.h>

namespace gpusched::extender {

namespace {

/// Takes the reason from OpenSSL's queue: the last entry is the most general, the first says what happened.
Error tls_error(const std::string& file, const char* what) {
  std::string reason = "unknown reason";
  if (const unsigned long code = ERR_get_error(); code != 0) {
    const char* const system =
        ERR_SYSTEM_ERROR(code) ? std::strerror(ERR_GET_REASON(code)) : ERR_reason_error_string(code);
    reason = system != nullptr ? system : "OpenSSL error " + std::to_string(code);
  }
  ERR_clear_error();
  return {.code = ErrorCode::invalid_argument,
          .message = std::string(what) + " cannot be used: " + reason,
          .file = file,
          .line = 0,
          .remedy = {}};
}

/// A server has nobody to ask.
int no_pass_phrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

Result<TlsFiles::Context> load_context(const TlsOptions& options) {
  ERR_clear_error();
  TlsFiles::Context context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (context == nullptr || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1) {
    return tls_error({}, "TLS");
  }
  SSL_CTX* const raw = context.get();
  // No resumption: a client whose certificate is no longer good must not come back on an old session.
  SSL_CTX_set_options(raw, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(raw, 0);
  SSL_CTX_set_default_passwd_cb(raw, no_pass_phrase);

  if (SSL_CTX_use_certificate_chain_file(raw, options.cert_file.c_str()) != 1) {
    return tls_error(options.cert_file, "the TLS certificate");
  }
  if (SSL_CTX_use_PrivateKey_file(raw, options.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(raw) != 1) {
    return tls_error(options.key_file, "the TLS key");
  }
  if (!options.client_ca_file.empty()) {
    STACK_OF(X509_NAME)* const names = SSL_load_client_CA_file(options.client_ca_file.c_str());
    SSL_CTX_set_client_CA_list(raw, names);  // takes the list over; none clears it
    if (names == nullptr || SSL_CTX_load_verify_file(raw, options.client_ca_file.c_str()) != 1) {
      return tls_error(options.client_ca_file, "the authority of client certificates");
    }
    SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return context;
}

std::string stamp(const std::string& file) {
  struct stat info {};
  if (file.empty() || stat(file.c_str(), &info) != 0) {
    return "none;";
  }
  return std::to_string(info.st_ino) + "," + std::to_string(info.st_size) + "," + std::to_string(info.st_mtim.tv_sec) +
         "." + std::to_string(info.st_mtim.tv_nsec) + ";";
}

std::string stamp(const TlsOptions& options) {
  return stamp(options.cert_file) + stamp(options.key_file) + stamp(options.client_ca_file);
}

}  // namespace

Result<std::unique_ptr<TlsFiles>> TlsFiles::load(TlsOptions options) {
  std::unique_ptr<TlsFiles> files(new TlsFiles(std::move(options)));
  if (const Status loaded = files->reload(); !loaded) {
    return loaded.error();
  }
  return files;
}

TlsFiles::Context TlsFiles::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

Status TlsFiles::reload() {
  const std::lock_guard lock(mutex_);
  return reload_locked();
}

std::optional<Status> TlsFiles::poll() {
  const std::lock_guard lock(mutex_);
  if (problem_.empty() && stamp(options_) == seen_) {
    return std::nullopt;
  }
  const std::string told = problem_;
  Status status = reload_locked();
  if (!status && problem_ == told) {
    return std::nullopt;
  }
  return status;
}

Status TlsFiles::reload_locked() {
  // Before reading: a change while they are read is seen by the next poll.
  seen_ = stamp(options_);
  Result<Context> loaded = load_context(options_);
  if (!loaded) {
    problem_ = loaded.error().to_string();
    return loaded.error();
  }
  problem_.clear();
  current_ = std::move(loaded).value();
  return {};
}

std::string peer_common_name(SSL* connection) {
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(connection), X509_free);
  if (certificate == nullptr || SSL_get_verify_result(connection) != X509_V_OK) {
    return {};
  }
  X509_NAME* const subject = X509_get_subject_name(certificate.get());
  const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (index < 0) {
    return {};
  }
  unsigned char* text = nullptr;
  const int length = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
  std::string name;
  if (length > 0) {
    name.assign(reinterpret_cast<const char*>(text), static_cast<std::size_t>(length));
  }
  OPENSSL_free(text);
  return name;
}

}  // namespace gpusched::extender
