#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "gpusched/base/check.hpp"

#include "temporary_folder.hpp"

namespace gpusched::test {

/// A certificate and its key, made here by OpenSSL's API.
class TestCertificate {
 public:
  /// Signed by `issuer`, or by itself (an authority) without one. For servers and clients on 127.0.0.1.
  explicit TestCertificate(const std::string& common_name, const TestCertificate* issuer = nullptr)
      : key_(EVP_EC_gen("P-256"), EVP_PKEY_free), certificate_(X509_new(), X509_free) {
    X509* const x = certificate_.get();
    static long serial = 1;
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 24L * 3600);
    X509_set_pubkey(x, key_.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0);
    const TestCertificate& signer = issuer == nullptr ? *this : *issuer;
    X509_set_issuer_name(x, X509_get_subject_name(signer.certificate_.get()));
    add(NID_basic_constraints, issuer == nullptr ? "critical,CA:TRUE" : "CA:FALSE");
    add(NID_subject_alt_name, "IP:127.0.0.1");
    GPUSCHED_CHECK(X509_sign(x, signer.key_.get(), EVP_sha256()) > 0, "signing failed");
  }

  X509* certificate() const { return certificate_.get(); }
  EVP_PKEY* key() const { return key_.get(); }

  void write_certificate(const std::filesystem::path& file) const {
    write(file, [&](FILE* out) { PEM_write_X509(out, certificate_.get()); });
  }
  void write_key(const std::filesystem::path& file) const {
    write(file, [&](FILE* out) { PEM_write_PrivateKey(out, key_.get(), nullptr, nullptr, 0, nullptr, nullptr); });
  }

 private:
  void add(int nid, const char* value) {
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
    GPUSCHED_CHECK(extension != nullptr, value);
    X509_add_ext(certificate_.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }

  template <typename Put>
  static void write(const std::filesystem::path& file, Put put) {
    FILE* const out = std::fopen(file.c_str(), "wb");
    GPUSCHED_CHECK(out != nullptr, file.string());
    put(out);
    std::fclose(out);
  }

  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
  std::unique_ptr<X509, decltype(&X509_free)> certificate_;
};

/// Settings of a client that trusts `authority` and shows `own`.
inline std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> client_tls(const TestCertificate& authority,
                                                                    const TestCertificate* own = nullptr) {
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), authority.certificate());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (own != nullptr) {
    SSL_CTX_use_certificate(context.get(), own->certificate());
    SSL_CTX_use_PrivateKey(context.get(), own->key());
  }
  return context;
}

}  // namespace gpusched::test
