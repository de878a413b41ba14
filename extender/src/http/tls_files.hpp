#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <openssl/ssl.h>

#include "gpusched/base/result.hpp"
#include "gpusched/extender/http_server.hpp"

namespace gpusched::extender {

/// The TLS settings in use, read from files that others replace while the server runs. Safe from several threads.
class TlsFiles {
 public:
  using Context = std::shared_ptr<SSL_CTX>;

  static Result<std::unique_ptr<TlsFiles>> load(TlsOptions options);

  /// For a new connection. It keeps what it got, whatever is loaded later.
  Context current() const;

  /// Reads the files anew. On error what was in use stays.
  Status reload();

  /// Reads the files when one has changed, or when the last attempt failed: files are replaced one after another, and a
  /// certificate without its key is such a failure. Empty: nothing new to tell.
  std::optional<Status> poll();

 private:
  explicit TlsFiles(TlsOptions options) : options_(std::move(options)) {}
  Status reload_locked();

  const TlsOptions options_;
  mutable std::mutex mutex_;
  Context current_;
  std::string seen_;     ///< times and sizes of the files when last read
  std::string problem_;  ///< of the last attempt; empty when it went well
};

/// Common name of the peer's verified certificate; empty without one.
std::string peer_common_name(SSL* connection);

}  // namespace gpusched::extender
