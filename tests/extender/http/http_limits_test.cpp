// Limits of size, number and time.
#include <iostream>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "gpusched/extender/http_server.hpp"

#include "extender/http/test_client.hpp"
#include "extender/http/test_server.hpp"

namespace gpusched::test {
namespace {

using extender::HttpServerOptions;

TEST(HttpLimitsTest, AHeaderAboveTheLimitIs431) {
  const auto server = serve();
  const auto request_of = [](std::size_t size) {
    const std::string rest = "GET /a HTTP/1.1\r\nHost: test\r\nX: \r\n\r\n";
    return "GET /a HTTP/1.1\r\nHost: test\r\nX: " + std::string(size - rest.size(), 'x') + "\r\n\r\n";
  };
  TestClient fits(server->port());
  EXPECT_EQ(fits.ask(request_of(16 * 1024)).status, 200);
  TestClient longer(server->port());
  const ClientReply reply = longer.ask(request_of(16 * 1024 + 100));
  EXPECT_EQ(reply.status, 431);
  EXPECT_TRUE(reply.closes());
  TestClient endless(server->port());
  EXPECT_EQ(endless.ask("GET /" + std::string(1'000'000, 'a')).status, 431) << "and the reply is not lost";
  TestClient many(server->port());
  std::string lines;
  for (int i = 0; i < 10'000; ++i) {
    lines += "a:b\r\n";
  }
  EXPECT_EQ(many.ask("GET / HTTP/1.1\r\n" + lines).status, 431);
}

TEST(HttpLimitsTest, ABodyAboveTheLimitIs413AndIsNotRead) {
  HttpServerOptions options;
  options.max_body_bytes = 100'000;
  const auto server = serve(options);
  TestClient fits(server->port());
  EXPECT_EQ(fits.ask(post("/sum", long_text(100'000))).status, 200);
  TestClient announced(server->port());
  const ClientReply reply = announced.ask("POST /sum HTTP/1.1\r\nHost: test\r\nContent-Length: 100001\r\n\r\n");
  EXPECT_EQ(reply.status, 413) << "without waiting for the body";
  EXPECT_TRUE(reply.closes());
  TestClient sending(server->port());
  EXPECT_EQ(sending.ask(post("/sum", long_text(5'000'000))).status, 413) << "a client that sends on gets the reply too";
  EXPECT_EQ(server->counts().requests, 1u);
}

TEST(HttpLimitsTest, BodiesOfAllConnectionsShareALimit) {
  HttpServerOptions options;
  options.max_total_body_bytes = 1'000'000;
  const auto server = serve(options);
  TestClient first(server->port());
  ASSERT_TRUE(first.send("POST /sum HTTP/1.1\r\nHost: test\r\nContent-Length: 800000\r\nExpect: 100-continue\r\n\r\n"));
  ASSERT_EQ(first.read().status, 100) << "the invitation says that its share is set aside";
  EXPECT_EQ(TestClient(server->port()).ask(post("/sum", long_text(300'000))).status, 503);
  EXPECT_EQ(TestClient(server->port()).ask(post("/sum", long_text(150'000))).status, 200);
  EXPECT_EQ(first.ask(long_text(800'000)).body, checksum(long_text(800'000)));
  first.close();
  EXPECT_TRUE(
      eventually([&] { return TestClient(server->port()).ask(post("/sum", long_text(900'000))).status == 200; }));
}

TEST(HttpLimitsTest, ASlowHeaderTimesOutHoweverSteadilyItDrips) {
  HttpServerOptions options;
  options.header_timeout_ms = 300;
  const auto server = serve(options);
  TestClient bystander(server->port());
  TestClient slow(server->port());
  const auto start = std::chrono::steady_clock::now();
  const std::string drip = "GET / HTTP/1.1\r\nX: " + std::string(10'000, 'x');
  bool closed = false;
  for (std::size_t i = 0; i < drip.size() && !closed; ++i) {
    closed = !slow.send(drip.substr(i, 1)) || slow.closed_within(20);
  }
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_TRUE(closed);
  EXPECT_GE(took, std::chrono::milliseconds(250));
  EXPECT_LT(took, std::chrono::seconds(5));
  EXPECT_TRUE(eventually([&] { return server->counts().timeouts == 1; }));
  EXPECT_EQ(bystander.ask(get("/fine")).body, "GET /fine") << "silence before a request is idleness, not slowness";
}

TEST(HttpLimitsTest, ASlowBodyTimesOut) {
  HttpServerOptions options;
  options.body_timeout_ms = 300;
  const auto server = serve(options);
  TestClient slow(server->port());
  ASSERT_TRUE(slow.send("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 10000\r\n\r\n"));
  bool closed = false;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 9'000 && !closed; ++i) {
    closed = !slow.send("x") || slow.closed_within(20);
  }
  EXPECT_TRUE(closed);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  EXPECT_TRUE(eventually([&] { return server->counts().timeouts == 1; }));
  EXPECT_EQ(server->counts().requests, 0u);
}

TEST(HttpLimitsTest, ABodyShorterThanItsLengthTimesOut) {
  HttpServerOptions options;
  options.body_timeout_ms = 200;
  const auto server = serve(options);
  TestClient client(server->port());
  ASSERT_TRUE(client.send("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n12345"));
  EXPECT_TRUE(client.closed_within(5'000));
  EXPECT_TRUE(eventually([&] { return server->counts().timeouts == 1; }));
}

TEST(HttpLimitsTest, AClientThatReadsNoReplyTimesOut) {
  HttpServerOptions options;
  options.body_timeout_ms = 300;
  const auto server = serve(options);
  TestClient client(server->port());
  std::string many;
  for (int i = 0; i < 20; ++i) {
    many += get("/large");
  }
  ASSERT_TRUE(client.send(many));
  EXPECT_TRUE(eventually([&] { return server->counts().timeouts == 1; }));
  EXPECT_TRUE(eventually([&] { return server->counts().open == 0; }));
}

TEST(HttpLimitsTest, AnIdleConnectionIsClosedAfterItsTimeAndNotBefore) {
  HttpServerOptions options;
  options.idle_timeout_ms = 600;
  options.header_timeout_ms = 50;
  options.body_timeout_ms = 50;
  const auto server = serve(options);
  TestClient client(server->port());
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(client.ask(get("/a")).status, 200);
    EXPECT_FALSE(client.closed_within(250));
  }
  EXPECT_TRUE(client.closed_within(5'000));
  EXPECT_EQ(server->counts().timeouts, 0u);
}

/// A tenth of the crowd gets a seat. Both ends are in this process, and up to 256 of the refused linger in it: where
/// the system gives it too few descriptors, fewer than 10,000 come.
struct Crowd {
  std::size_t size = 10'000, seats = 0;
};

Crowd as_large_as_descriptors_allow() {
  rlimit limit{};
  EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 12'000);
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  Crowd crowd;
  if (limit.rlim_cur < 12'000) {
    crowd.size = (limit.rlim_cur - 600) * 10 / 11;
    std::cout << "only " << crowd.size << " connections: the limit of descriptors is " << limit.rlim_cur << "\n";
  }
  crowd.seats = crowd.size / 10;
  return crowd;
}

TEST(HttpLimitsTest, OfTenThousandIdleConnectionsThoseAboveTheCapAreRefusedAndThoseBelowWork) {
  const Crowd crowd = as_large_as_descriptors_allow();
  HttpServerOptions options;
  options.max_connections = static_cast<int>(crowd.seats);
  const auto server = serve(options);
  TestClient kept(server->port());
  ASSERT_EQ(kept.ask(get("/first")).status, 200);
  std::vector<TestClient> idle;
  for (std::size_t i = 0; i < crowd.size; ++i) {
    idle.emplace_back(server->port());
    ASSERT_TRUE(idle.back().connected()) << i;
    if (i % 50 == 0) {
      ASSERT_EQ(kept.ask(post("/echo", "still here")).body, "still here") << i;
    }
  }
  ASSERT_TRUE(eventually([&] { return server->counts().accepted == crowd.size + 1; }));
  EXPECT_EQ(server->counts().refused, crowd.size + 1 - crowd.seats);
  EXPECT_EQ(server->counts().open, crowd.seats);
  for (std::size_t i = crowd.seats - 1; i < crowd.size; ++i) {
    ASSERT_EQ(idle[i].read().status, 503) << i;
    ASSERT_TRUE(idle[i].closed_within(10'000)) << i;
  }
  EXPECT_EQ(kept.ask(get("/after")).body, "GET /after");
  for (std::size_t i = 0; i < crowd.seats - 1; ++i) {
    ASSERT_EQ(idle[i].ask(get("/seated")).body, "GET /seated") << i;
  }

  idle.clear();
  EXPECT_TRUE(eventually([&] { return server->counts().open == 1; }));
  EXPECT_EQ(TestClient(server->port()).ask(get("/new")).body, "GET /new") << "seats are given back";
}

TEST(HttpLimitsTest, ARefusedRequestGetsItsReply) {
  HttpServerOptions options;
  options.max_connections = 1;
  const auto server = serve(options);
  TestClient kept(server->port());
  ASSERT_EQ(kept.ask(get("/first")).status, 200);
  for (int i = 0; i < 100; ++i) {
    TestClient client(server->port());
    const ClientReply reply = client.ask(post("/echo", long_text(20'000)));
    ASSERT_EQ(reply.status, 503) << i;
    EXPECT_TRUE(reply.closes());
  }
}

TEST(HttpLimitsTest, RunningOutOfDescriptorsIsSurvived) {
  const auto server = serve();
  TestClient kept(server->port());
  ASSERT_EQ(kept.ask(get("/first")).status, 200);
  // One that leaves: the sanitizer proves the type of the error that says so by a pipe, once, and takes the lack of
  // descriptors for it to be another type.
  TestClient(server->port()).ask(get("/leaving"));
  ASSERT_TRUE(eventually([&] { return server->counts().open == 1; }));
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit few = before;
  few.rlim_cur = 80;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  {
    std::vector<TestClient> crowd;
    for (int i = 0; i < 100; ++i) {
      crowd.emplace_back(server->port());
    }
    EXPECT_EQ(kept.ask(get("/during")).status, 200);
  }
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(kept.ask(get("/after")).status, 200);
  EXPECT_EQ(TestClient(server->port()).ask(get("/new")).status, 200);
}

}  // namespace
}  // namespace gpusched::test
