#include "gpusched/extender/api_client.hpp"

#include <chrono>
#include <cstdio>
#include <fstream>

#include <gtest/gtest.h>

#include "gpusched/extender/http_server.hpp"

#include "extender/api/fake_api_server.hpp"
#include "extender/http/test_certificates.hpp"

namespace gpusched::extender {
namespace {

using test::FakeApiServer;
using test::FakeReply;
using test::FakeRequest;
using test::TemporaryFolder;
using test::TestCertificate;
using Clock = std::chrono::steady_clock;

void write_file(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

TEST(ApiClientTest, SendsMethodBodyTypeAndTokenOverOneConnection) {
  FakeApiServer server([](const FakeRequest&, FakeReply& reply) { reply.whole(201, R"({"ok":1})"); });
  ApiAccess access = server.access();
  access.token = "secret-token";
  ApiClient client(access);
  for (int i = 0; i < 3; ++i) {
    const auto reply = client.request("PATCH", "/api/v1/nodes/n1?x=1", "{}", "application/merge-patch+json");
    ASSERT_TRUE(reply.ok());
    EXPECT_EQ(reply.value().status, 201);
    EXPECT_EQ(reply.value().body, R"({"ok":1})");
  }
  EXPECT_EQ(server.connections(), 1);
  const FakeRequest request = server.requests().at(2);
  EXPECT_EQ(request.method, "PATCH");
  EXPECT_EQ(request.target, "/api/v1/nodes/n1?x=1");
  EXPECT_EQ(request.body, "{}");
  EXPECT_EQ(request.header("Content-Type"), "application/merge-patch+json");
  EXPECT_EQ(request.header("Accept"), "application/json");
  EXPECT_EQ(request.header("Accept-Encoding"), "");
  EXPECT_EQ(request.header("Authorization"), "Bearer secret-token");
}

TEST(ApiClientTest, GetAfterPostHasNoBody) {
  FakeApiServer server([](const FakeRequest&, FakeReply& reply) { reply.whole(200, "{}"); });
  ApiClient client(server.access());
  ASSERT_TRUE(client.request("POST", "/a", "{\"a\":1}").ok());
  ASSERT_TRUE(client.request("GET", "/b").ok());
  EXPECT_EQ(server.requests().at(1).method, "GET");
  EXPECT_EQ(server.requests().at(1).header("Content-Length"), "");
}

TEST(ApiClientTest, AnyStatusIsAReplyWithItsRetryAfter) {
  FakeApiServer server(
      [](const FakeRequest&, FakeReply& reply) { reply.whole(429, R"({"message":"slow"})", "Retry-After: 7\r\n"); });
  ApiClient client(server.access());
  const auto reply = client.request("GET", "/a");
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(reply.value().status, 429);
  EXPECT_EQ(reply.value().retry_after_s, 7);
  EXPECT_EQ(status_message(reply.value().body), "slow");
}

TEST(ApiClientTest, TakesUpANewConnectionWhereTheServerClosedTheOldOne) {
  std::atomic<int> calls{0};
  FakeApiServer server([&](const FakeRequest&, FakeReply& reply) {
    // The second request comes on a connection that is closed under it.
    if (++calls != 2) {
      reply.whole(200, "{}");
    }
  });
  ApiClient client(server.access());
  EXPECT_TRUE(client.request("POST", "/a", "{}").ok());
  EXPECT_TRUE(client.request("POST", "/a", "{}").ok());
  EXPECT_EQ(server.connections(), 2);
}

TEST(ApiClientTest, ErrorsNameThePathButNeitherQueryNorToken) {
  FakeApiServer server([](const FakeRequest& request, FakeReply& reply) {
    if (request.has("/cut")) {
      reply.raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{");
    } else if (request.has("/hang")) {
      reply.wait_for_hang_up();
    } else if (request.has("/long")) {
      reply.whole(200, std::string(5000, ' '));
    }
  });
  ApiAccess access = server.access();
  access.token = "secret-token";
  ApiClientOptions options;
  options.timeout_ms = 300;
  options.max_body_bytes = 1000;
  ApiClient client(access, options);
  for (const char* path : {"/close", "/cut", "/hang", "/long"}) {
    const auto reply = client.request("GET", std::string(path) + "?secret-query");
    ASSERT_FALSE(reply.ok()) << path;
    const std::string message = reply.error().to_string();
    EXPECT_NE(message.find(path), std::string::npos) << message;
    EXPECT_EQ(message.find("secret"), std::string::npos) << message;
  }
  server.stop();
  EXPECT_FALSE(client.request("GET", "/gone").ok());
}

TEST(ApiClientTest, ReadsTheTokenFileAnewAfterA401AndKeepsTheOldOneWhereItIsEmpty) {
  TemporaryFolder folder;
  const std::string file = folder / "token";
  std::atomic<bool> swapped{false};
  FakeApiServer server([&](const FakeRequest& request, FakeReply& reply) {
    const std::string wanted = swapped ? "Bearer new" : "Bearer old";
    reply.whole(request.header("Authorization") == wanted ? 200 : 401, "{}");
  });
  ApiAccess access = server.access();
  access.token_file = file;
  write_file(file, "  old\n");
  ApiClient client(access);
  EXPECT_EQ(client.request("GET", "/a").value().status, 200);
  write_file(file, "new\n");
  EXPECT_EQ(client.request("GET", "/a").value().status, 200) << "the old one is good for a minute";
  swapped = true;
  EXPECT_EQ(client.request("GET", "/a").value().status, 200);
  EXPECT_EQ(server.requests().size(), 4U);
  for (const char* bad : {"", "a\nb"}) {
    write_file(file, bad);
    swapped = false;
    EXPECT_EQ(client.request("GET", "/a").value().status, 401);
    swapped = true;
    EXPECT_EQ(client.request("GET", "/a").value().status, 200);
  }
}

TEST(ApiClientTest, KeepsToItsRateAndRefusesATurnThatComesTooLate) {
  FakeApiServer server([](const FakeRequest&, FakeReply& reply) { reply.whole(200, "{}"); });
  ApiClientOptions options;
  options.qps = 20;
  options.burst = 2;
  const auto start = Clock::now();
  ApiClient client(server.access(), options);
  for (int i = 0; i < 8; ++i) {
    EXPECT_TRUE(client.request("GET", "/a").ok());
  }
  EXPECT_GE(Clock::now() - start, std::chrono::milliseconds(290));
  options.qps = 0.1;
  options.burst = 1;
  options.timeout_ms = 1000;
  ApiClient slow(server.access(), options);
  EXPECT_TRUE(slow.request("GET", "/a").ok());
  EXPECT_FALSE(slow.request("GET", "/a").ok());
}

TEST(ApiClientTest, IsSharedByThreads) {
  FakeApiServer server([](const FakeRequest&, FakeReply& reply) { reply.whole(200, "{}"); });
  ApiClient client(server.access());
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 25; ++j) {
        good += client.request("POST", "/a", "{}").ok() ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(good, 200);
  EXPECT_LE(server.connections(), 8);
}

/// A TLS server with a certificate for 127.0.0.1.
class ApiClientTlsTest : public testing::Test {
 protected:
  void SetUp() override {
    authority_.write_certificate(folder_ / "ca.pem");
    other_.write_certificate(folder_ / "other.pem");
    certificate_.write_certificate(folder_ / "cert.pem");
    certificate_.write_key(folder_ / "key.pem");
    user_.write_certificate(folder_ / "user.pem");
    user_.write_key(folder_ / "user_key.pem");
  }
  void start(bool asks_clients) {
    HttpServerOptions options;
    options.tls = TlsOptions{.cert_file = folder_ / "cert.pem",
                             .key_file = folder_ / "key.pem",
                             .client_ca_file = asks_clients ? (folder_ / "ca.pem").string() : ""};
    auto server = HttpServer::start(options, [](const HttpRequest& request) {
      return HttpReply{.status = 200, .body = std::string(request.client_name)};
    });
    ASSERT_TRUE(server.ok()) << server.error().to_string();
    server_ = std::move(server).value();
    access_.server_url = "https://127.0.0.1:" + std::to_string(server_->port());
    access_.ca_file = folder_ / "ca.pem";
  }
  Result<ApiReply> get() { return ApiClient(access_).request("GET", "/version"); }

  TemporaryFolder folder_;
  TestCertificate authority_{"authority"};
  TestCertificate other_{"other authority"};
  TestCertificate certificate_{"server", &authority_};
  TestCertificate user_{"user", &authority_};
  std::unique_ptr<HttpServer> server_;
  ApiAccess access_;
};

TEST_F(ApiClientTlsTest, TrustsTheAuthorityNamedAndNoOther) {
  start(false);
  ASSERT_TRUE(get().ok()) << get().error().to_string();
  access_.ca_file = folder_ / "other.pem";
  const auto refused = get();
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("certificate"), std::string::npos) << refused.error().message;
  access_.ca_file = "";
  EXPECT_FALSE(get().ok()) << "the system's authorities do not know it";
  access_.insecure = true;
  EXPECT_TRUE(get().ok());
}

TEST_F(ApiClientTlsTest, VerifiesTheNameAndFollowsTlsServerName) {
  start(false);
  access_.tls_server_name = "kubernetes.default.svc";
  const auto refused = get();
  ASSERT_FALSE(refused.ok()) << "the certificate is for 127.0.0.1";
  EXPECT_NE(refused.error().message.find("kubernetes.default.svc"), std::string::npos) << refused.error().message;
  // By another address: without the name it is refused, with it not.
  access_.tls_server_name = "";
  access_.server_url = "https://localhost:" + std::to_string(server_->port());
  EXPECT_FALSE(get().ok());
  access_.tls_server_name = "127.0.0.1";
  const auto reply = get();
  EXPECT_TRUE(reply.ok()) << reply.error().to_string();
}

TEST_F(ApiClientTlsTest, ShowsItsCertificate) {
  start(true);
  EXPECT_FALSE(get().ok());
  access_.client_cert_file = folder_ / "user.pem";
  access_.client_key_file = folder_ / "user_key.pem";
  const auto reply = get();
  ASSERT_TRUE(reply.ok()) << reply.error().to_string();
  EXPECT_EQ(reply.value().body, "user");
  const auto text = [](const std::string& path) {
    std::ifstream in(path);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  ApiAccess pem;
  pem.server_url = access_.server_url;
  pem.ca_pem = text(folder_ / "ca.pem");
  pem.client_cert_pem = text(folder_ / "user.pem");
  pem.client_key_pem = text(folder_ / "user_key.pem");
  access_ = pem;
  EXPECT_TRUE(get().ok());
}

}  // namespace
}  // namespace gpusched::extender
