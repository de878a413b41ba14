// TLS, client certificates, and certificates replaced while the server runs. Made in the test by OpenSSL's API.
#include <atomic>
#include <fstream>
#include <mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/extender/http_server.hpp"

#include "extender/http/test_certificates.hpp"
#include "extender/http/test_client.hpp"
#include "extender/http/test_server.hpp"

namespace gpusched::test {
namespace {

using extender::HttpServer;
using extender::HttpServerOptions;

class HttpTlsTest : public testing::Test {
 protected:
  HttpTlsTest() {
    use(server_certificate_);
    authority_.write_certificate(folder_ / "ca.pem");
  }

  void use(const TestCertificate& certificate) {
    certificate.write_certificate(folder_ / "cert.pem");
    certificate.write_key(folder_ / "key.pem");
  }

  HttpServerOptions options(bool mutual) {
    HttpServerOptions options;
    options.tls = {.cert_file = (folder_ / "cert.pem").string(),
                   .key_file = (folder_ / "key.pem").string(),
                   .client_ca_file = mutual ? (folder_ / "ca.pem").string() : ""};
    return options;
  }

  static long serial_of(TestClient& client) {
    X509* const certificate = SSL_get1_peer_certificate(client.tls());
    const long serial = ASN1_INTEGER_get(X509_get_serialNumber(certificate));
    X509_free(certificate);
    return serial;
  }
  static long serial_of(const TestCertificate& certificate) {
    return ASN1_INTEGER_get(X509_get_serialNumber(certificate.certificate()));
  }

  TemporaryFolder folder_;
  TestCertificate authority_{"authority"}, server_certificate_{"server", &authority_};
};

TEST_F(HttpTlsTest, ServesOverTlsWithKeepAlive) {
  const auto server = serve(options(false));
  const auto tls = client_tls(authority_);
  TestClient client(server->port(), tls.get());
  ASSERT_TRUE(client.connected());
  for (const std::size_t size : {0, 10, 16'384, 16'385, 65'536, 1'000'000, 12'000'000, 3}) {
    const std::string body = long_text(size);
    EXPECT_EQ(client.ask(post("/sum", body)).body, checksum(body)) << size;
    EXPECT_EQ(client.ask(post("/echo", body)).body, body) << size;
  }
  EXPECT_EQ(client.ask(get("/who")).body, "<>");
  EXPECT_EQ(server->counts().accepted, 1u);
  EXPECT_TRUE(client.ask(post("/echo", "end", "Connection: close\r\n")).closes());
  EXPECT_TRUE(client.closed_within(1'000));
  EXPECT_EQ(server->counts().tls_failures, 0u);
}

TEST_F(HttpTlsTest, OffersNoHttp2AndNothingBelowTls12) {
  const auto server = serve(options(false));
  const auto tls = client_tls(authority_);
  const unsigned char protocols[] = "\x02h2\x08http/1.1";
  SSL_CTX_set_alpn_protos(tls.get(), protocols, sizeof protocols - 1);
  TestClient client(server->port(), tls.get());
  ASSERT_TRUE(client.connected());
  const unsigned char* chosen = nullptr;
  unsigned length = 1;
  SSL_get0_alpn_selected(client.tls(), &chosen, &length);
  EXPECT_EQ(length, 0u);

  const auto version_works = [&](int version) {
    const auto context = client_tls(authority_);
    SSL_CTX_set_security_level(context.get(), 0);
    SSL_CTX_set_min_proto_version(context.get(), version);
    SSL_CTX_set_max_proto_version(context.get(), version);
    return TestClient(server->port(), context.get()).connected();
  };
  EXPECT_FALSE(version_works(TLS1_1_VERSION));
  EXPECT_TRUE(version_works(TLS1_2_VERSION));
  EXPECT_TRUE(version_works(TLS1_3_VERSION));
}

TEST_F(HttpTlsTest, MutualTlsTakesTheRightCertificateAndNoOther) {
  const auto server = serve(options(true));
  const TestCertificate scheduler("kube-scheduler", &authority_), stranger_authority("strangers"),
      stranger("kube-scheduler", &stranger_authority);

  const auto right = client_tls(authority_, &scheduler);
  TestClient known(server->port(), right.get());
  EXPECT_EQ(known.ask(get("/who")).body, "<kube-scheduler>");

  // With TLS 1.3 the client learns it only when it reads.
  const auto none = client_tls(authority_);
  TestClient without(server->port(), none.get());
  EXPECT_EQ(without.ask(get("/who")).status, 0);
  const auto wrong = client_tls(authority_, &stranger);
  TestClient unknown(server->port(), wrong.get());
  EXPECT_EQ(unknown.ask(get("/who")).status, 0);
  EXPECT_TRUE(eventually([&] { return server->counts().tls_failures == 2; }));

  EXPECT_EQ(known.ask(get("/who")).body, "<kube-scheduler>");
  EXPECT_EQ(server->counts().requests, 2u);
}

TEST_F(HttpTlsTest, ClientsWithoutTlsOrSilentOnesDoNoHarm) {
  HttpServerOptions settings = options(false);
  settings.header_timeout_ms = 300;
  const auto server = serve(settings);
  TestClient plain(server->port());
  EXPECT_EQ(plain.ask(get("/plain"), 2'000).status, 0);
  TestClient silent(server->port());
  EXPECT_TRUE(silent.closed_within(5'000)) << "a handshake has the time of a header";
  EXPECT_TRUE(eventually([&] { return server->counts().tls_failures == 2; }));
  const auto tls = client_tls(authority_);
  EXPECT_EQ(TestClient(server->port(), tls.get()).ask(get("/a")).body, "GET /a");
}

TEST_F(HttpTlsTest, NewConnectionsGetTheNewCertificateAndOldOnesRunOn) {
  const auto server = serve(options(true));
  const TestCertificate scheduler("kube-scheduler", &authority_);
  const auto tls = client_tls(authority_, &scheduler);
  TestClient kept(server->port(), tls.get());
  ASSERT_EQ(kept.ask(get("/a")).status, 200);

  const TestCertificate renewed("server", &authority_);
  use(renewed);
  EXPECT_TRUE(server->reload_certificates().ok());
  TestClient fresh(server->port(), tls.get());
  EXPECT_EQ(fresh.ask(get("/b")).status, 200);
  EXPECT_EQ(serial_of(fresh), serial_of(renewed));
  EXPECT_EQ(kept.ask(get("/c")).status, 200);
  EXPECT_EQ(serial_of(kept), serial_of(server_certificate_));
}

TEST_F(HttpTlsTest, ReloadUnderLoadCostsNoRequest) {
  HttpServerOptions settings = options(true);
  settings.certificate_poll_ms = 20;
  const auto server = serve(settings);
  const TestCertificate scheduler("kube-scheduler", &authority_);
  const auto tls = client_tls(authority_, &scheduler);
  std::atomic<bool> stop{false};
  std::atomic<int> kept_ok{0}, kept_bad{0}, fresh_ok{0}, fresh_bad{0};
  std::vector<std::thread> clients;
  for (int c = 0; c < 3; ++c) {
    clients.emplace_back([&] {
      TestClient client(server->port(), tls.get());
      while (!stop) {
        ++(client.ask(post("/echo", long_text(30'000))).body == long_text(30'000) ? kept_ok : kept_bad);
      }
    });
  }
  clients.emplace_back([&] {
    while (!stop) {
      ++(TestClient(server->port(), tls.get()).ask(get("/who")).body == "<kube-scheduler>" ? fresh_ok : fresh_bad);
    }
  });
  for (int i = 0; i < 30; ++i) {
    use(TestCertificate("server", &authority_));
    if (i % 2 == 0) {
      EXPECT_TRUE(server->reload_certificates().ok());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
  stop = true;
  for (std::thread& client : clients) {
    client.join();
  }
  EXPECT_EQ(kept_bad, 0);
  EXPECT_EQ(fresh_bad, 0);
  EXPECT_GT(kept_ok, 50);
  EXPECT_GT(fresh_ok, 10);
  EXPECT_GE(server->counts().certificate_reloads, 15u);
  EXPECT_EQ(server->counts().tls_failures, 0u);
}

TEST_F(HttpTlsTest, TheFilesArePolledAndABrokenOneIsToldOnceAndNotUsed) {
  std::mutex mutex;
  std::vector<std::string> told;
  HttpServerOptions settings = options(false);
  settings.certificate_poll_ms = 10;
  settings.on_certificates = [&](const Status& status) {
    const std::lock_guard lock(mutex);
    told.push_back(status ? "ok" : status.error().to_string());
  };
  const auto told_now = [&] {
    const std::lock_guard lock(mutex);
    return told;
  };
  const auto server = serve(settings);
  const auto tls = client_tls(authority_);

  std::ofstream(folder_ / "cert.pem") << "no certificate";
  ASSERT_TRUE(eventually([&] { return told_now().size() == 1; }));
  EXPECT_NE(told_now()[0].find("cert.pem: the TLS certificate cannot be used: "), std::string::npos) << told_now()[0];
  TestClient during(server->port(), tls.get());
  EXPECT_EQ(during.ask(get("/a")).status, 200);
  EXPECT_EQ(serial_of(during), serial_of(server_certificate_));
  EXPECT_FALSE(server->reload_certificates().ok());
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(told_now().size(), 1u) << "once for each reason";

  // A new certificate before its key: another reason, then taken over when the key is there.
  const TestCertificate renewed("server", &authority_);
  renewed.write_certificate(folder_ / "cert.pem");
  ASSERT_TRUE(eventually([&] { return told_now().size() == 2; }));
  EXPECT_NE(told_now()[1].find("key.pem: the TLS key cannot be used: key values mismatch"), std::string::npos)
      << told_now()[1];
  renewed.write_key(folder_ / "key.pem");
  ASSERT_TRUE(eventually([&] { return told_now().size() >= 3 && told_now().back() == "ok"; }));
  TestClient after(server->port(), tls.get());
  EXPECT_EQ(serial_of(after), serial_of(renewed));

  // As Kubernetes replaces a mounted secret: a link that points elsewhere.
  const TestCertificate third("server", &authority_);
  third.write_certificate(folder_ / "third.pem");
  third.write_key(folder_ / "third.key");
  std::filesystem::rename(folder_ / "third.key", folder_ / "key.pem");
  std::filesystem::create_symlink(folder_ / "third.pem", folder_ / "link");
  std::filesystem::rename(folder_ / "link", folder_ / "cert.pem");
  ASSERT_TRUE(eventually([&] {
    TestClient client(server->port(), tls.get());
    return serial_of(client) == serial_of(third);
  }));
}

TEST_F(HttpTlsTest, ANewAuthorityOfClientsIsTakenOver) {
  const auto server = serve(options(true));
  const TestCertificate new_authority("new"), scheduler("kube-scheduler", &new_authority);
  const auto tls = client_tls(authority_, &scheduler);
  EXPECT_EQ(TestClient(server->port(), tls.get()).ask(get("/who")).status, 0);
  new_authority.write_certificate(folder_ / "ca.pem");
  ASSERT_TRUE(server->reload_certificates().ok());
  EXPECT_EQ(TestClient(server->port(), tls.get()).ask(get("/who")).body, "<kube-scheduler>");
}

TEST_F(HttpTlsTest, SaysWhatIsWrongWithTheFiles) {
  const auto error_of = [&](auto change) {
    HttpServerOptions settings = options(true);
    change(*settings.tls);
    const auto server = HttpServer::start(settings, answer);
    return server ? std::string("started") : server.error().to_string();
  };
  EXPECT_EQ(error_of([](auto& o) { o.cert_file = "/none.pem"; }),
            "/none.pem: the TLS certificate cannot be used: No such file or directory");
  EXPECT_EQ(error_of([](auto& o) { o.key_file = "/none.key"; }),
            "/none.key: the TLS key cannot be used: No such file or directory");
  EXPECT_EQ(error_of([](auto& o) { o.client_ca_file = "/none.ca"; }),
            "/none.ca: the authority of client certificates cannot be used: No such file or directory");
  EXPECT_NE(error_of([](auto& o) { o.key_file = o.cert_file; }).find("the TLS key cannot be used"), std::string::npos);
}

TEST_F(HttpTlsTest, RefusedConnectionsAreClosed) {
  HttpServerOptions settings = options(false);
  settings.max_connections = 1;
  const auto server = serve(settings);
  const auto tls = client_tls(authority_);
  TestClient kept(server->port(), tls.get());
  ASSERT_EQ(kept.ask(get("/a")).status, 200);
  EXPECT_FALSE(TestClient(server->port(), tls.get()).connected());
  EXPECT_EQ(kept.ask(get("/b")).status, 200);
  EXPECT_EQ(server->counts().refused, 1u);
}

}  // namespace
}  // namespace gpusched::test
