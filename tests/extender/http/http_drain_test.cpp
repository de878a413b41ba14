// The end of a server: no request that it took may be lost.
#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/extender/http_server.hpp"

#include "extender/http/test_client.hpp"
#include "extender/http/test_server.hpp"

namespace gpusched::test {
namespace {

using extender::HttpServerOptions;

/// Milliseconds that `call` takes.
template <typename Call>
std::int64_t duration_ms(Call call) {
  const auto start = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start).count();
}

TEST(HttpDrainTest, UnderLoadNoRequestIsLost) {
  for (int round = 0; round < 10; ++round) {
    auto server = serve();
    const std::uint16_t port = server->port();
    std::atomic<std::uint64_t> sent{0}, answered{0};
    std::vector<std::thread> clients;
    for (int c = 0; c < 8; ++c) {
      clients.emplace_back([&, c] {
        // As Go's client: keeps its connection while it may, opens another one when told to close.
        while (true) {
          TestClient client(port);
          if (!client.connected()) {
            return;
          }
          ClientReply reply;
          do {
            const std::string body = long_text(c % 2 == 0 ? 100 : 100'000);
            ++sent;
            reply = client.ask(post("/echo", body));
            answered += reply.status == 200 && reply.body == body;
          } while (reply.status == 200 && !reply.closes());
        }
      });
    }
    ASSERT_TRUE(eventually([&] { return answered > 200; }));
    EXPECT_LT(duration_ms([&] { server->drain(20'000); }), 10'000);
    EXPECT_EQ(server->counts().open, 0u);
    const std::uint64_t handled = server->counts().requests;
    server.reset();
    for (std::thread& client : clients) {
      client.join();
    }
    EXPECT_EQ(answered, sent) << "round " << round;
    EXPECT_EQ(handled, answered);
  }
}

TEST(HttpDrainTest, ARunningHandlerIsWaitedFor) {
  auto server = serve();
  TestClient client(server->port());
  ASSERT_TRUE(client.send(get("/slow")));
  ASSERT_TRUE(eventually([&] { return server->counts().requests == 1; }));
  std::thread draining([&] { server->drain(10'000); });
  const ClientReply reply = client.read();
  EXPECT_EQ(reply.body, "slow");
  EXPECT_TRUE(reply.closes());
  client.close();
  draining.join();
  EXPECT_EQ(server->counts().open, 0u);
}

TEST(HttpDrainTest, AnIdleConnectionMaySendOneMoreRequest) {
  auto server = serve();
  TestClient client(server->port());
  ASSERT_EQ(client.ask(get("/a")).status, 200);
  std::thread draining([&] { server->drain(10'000); });
  ASSERT_TRUE(eventually([&] { return !TestClient(server->port()).connected(); })) << "nobody new";
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const ClientReply reply = client.ask(get("/b"));
  EXPECT_EQ(reply.body, "GET /b");
  EXPECT_TRUE(reply.closes());
  client.close();
  draining.join();
}

TEST(HttpDrainTest, IdleConnectionsHoldItNoLongerThanAsked) {
  auto server = serve();
  TestClient client(server->port());
  ASSERT_EQ(client.ask(get("/a")).status, 200);
  const std::int64_t took = duration_ms([&] { server->drain(300); });
  EXPECT_GE(took, 290);
  EXPECT_LT(took, 5'000);
  server.reset();
  EXPECT_TRUE(client.closed_within(1'000));
}

TEST(HttpDrainTest, WithoutConnectionsItReturnsAtOnceAndTwiceIsOnce) {
  auto server = serve();
  EXPECT_LT(duration_ms([&] { server->drain(10'000); }), 5'000);
  EXPECT_LT(duration_ms([&] { server->drain(10'000); }), 5'000);
}

TEST(HttpDrainTest, AServerMayEndInTheMidstOfEverything) {
  for (int round = 0; round < 20; ++round) {
    auto server = serve();
    std::vector<TestClient> clients;
    for (int c = 0; c < 10; ++c) {
      clients.emplace_back(server->port());
      clients.back().send(c % 3 == 0 ? get("/large") : c % 3 == 1 ? std::string("POST / HT") : post("/sum", "abc"));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(round % 4));
    server.reset();
  }
}

}  // namespace
}  // namespace gpusched::test
