// Bytes without sense, and requests with a few bytes changed. The sanitizers and a bystander watch.
#include <random>

#include <gtest/gtest.h>

#include "gpusched/extender/http_server.hpp"

#include "extender/http/test_client.hpp"
#include "extender/http/test_server.hpp"

namespace gpusched::test {
namespace {

constexpr int rounds = 1'500;

extender::HttpServerOptions quick() {
  extender::HttpServerOptions options;
  options.header_timeout_ms = 2'000;
  options.body_timeout_ms = 2'000;
  options.max_body_bytes = 100'000;
  return options;
}

TEST(HttpRandomTest, RandomBytesDoNoHarm) {
  const auto server = serve(quick());
  TestClient bystander(server->port());
  std::mt19937 random(20'240'601);
  for (int i = 0; i < rounds; ++i) {
    std::string bytes(1 + random() % 600, '\0');
    for (char& c : bytes) {
      c = static_cast<char>(random() % (i % 2 == 0 ? 256 : 128));
    }
    TestClient client(server->port());
    client.send(bytes);
    client.end_of_sending();
    const int status = client.read(5'000).status;
    ASSERT_TRUE(status == 0 || status == 400 || status == 431) << status << " in round " << i;
    if (i % 100 == 0) {
      ASSERT_EQ(bystander.ask(post("/echo", bytes)).body, bytes);
    }
  }
  EXPECT_EQ(server->counts().requests, rounds / 100u);
  EXPECT_TRUE(eventually([&] { return server->counts().open == 1; })) << "no connection is left hanging";
}

TEST(HttpRandomTest, ChangedRequestsAreAnsweredOrRefused) {
  const auto server = serve(quick());
  TestClient bystander(server->port());
  std::mt19937 random(7);
  const std::string whole =
      post("/sum", long_text(300), "Content-Type: application/json\r\nAccept-Encoding: gzip\r\n") + get("/second") +
      post("/echo", "third", "Expect: 100-continue\r\n");
  for (int i = 0; i < rounds; ++i) {
    std::string bytes = whole;
    for (std::uint32_t change = 0; change <= random() % 4; ++change) {
      const std::size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.erase(at, 1 + random() % 20);
          break;
        case 2:
          bytes.insert(at, bytes.substr(random() % bytes.size(), 1 + random() % 20));
          break;
        default:
          bytes[at] = "0123456789:\r\n "[random() % 14];
      }
    }
    TestClient client(server->port());
    client.send(bytes);
    client.end_of_sending();
    int replies = 0;
    while (const int status = client.read(5'000).status) {
      ASSERT_TRUE(status == 100 || status == 200 || status == 404 || (status >= 400 && status < 504)) << status;
      ASSERT_LE(++replies, 8) << i;
    }
    if (i % 100 == 0) {
      ASSERT_EQ(bystander.ask(post("/echo", bytes)).body, bytes);
    }
  }
  EXPECT_TRUE(eventually([&] { return server->counts().open == 1; })) << "no connection is left hanging";
}

}  // namespace
}  // namespace gpusched::test
