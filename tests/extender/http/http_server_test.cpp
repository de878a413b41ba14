// What the server says to well-formed and malformed requests. Limits, TLS, and draining have files of their own.
#include "gpusched/extender/http_server.hpp"

#include <atomic>
#include <future>
#include <mutex>
#include <vector>

#include <gtest/gtest.h>

#include "extender/http/test_client.hpp"
#include "extender/http/test_server.hpp"

namespace gpusched::test {
namespace {

using extender::HttpReply;
using extender::HttpRequest;
using extender::HttpServer;
using extender::HttpServerOptions;

TEST(HttpServerTest, AnswersManyRequestsOverOneConnection) {
  const auto server = serve();
  TestClient client(server->port());
  for (int i = 0; i < 200; ++i) {
    const std::string body = long_text(static_cast<std::size_t>(i) * 100, static_cast<std::uint32_t>(i) + 1);
    const ClientReply reply = client.ask(post("/echo", body));
    ASSERT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, body);
    EXPECT_TRUE(reply.has("Content-Length: " + std::to_string(body.size()) + "\r\n"));
    EXPECT_EQ(reply.has("Content-Type: application/json\r\n"), i > 0);
    EXPECT_FALSE(reply.closes());
    EXPECT_FALSE(reply.has("chunked"));
  }
  EXPECT_EQ(server->counts().accepted, 1u);
  EXPECT_EQ(server->counts().requests, 200u);
  EXPECT_EQ(server->counts().open, 1u);
  client.close();
  EXPECT_TRUE(eventually([&] { return server->counts().open == 0; }));
  EXPECT_EQ(server->counts().truncated, 0u) << "leaving between requests is no fault";
}

TEST(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  const auto server = serve();
  TestClient client(server->port());
  std::string all;
  for (int i = 0; i < 50; ++i) {
    all += post("/echo", "body " + std::to_string(i)) + get("/n" + std::to_string(i)) + post("/sum", long_text(5'000));
  }
  ASSERT_TRUE(client.send(all));
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(client.read().body, "body " + std::to_string(i));
    EXPECT_EQ(client.read().body, "GET /n" + std::to_string(i));
    EXPECT_EQ(client.read().body, checksum(long_text(5'000)));
  }
}

TEST(HttpServerTest, AnswersARequestSentTwiceTwice) {
  const auto server = serve();
  TestClient client(server->port());
  const std::string request = post("/echo", R"({"PodName":"a"})");
  ASSERT_TRUE(client.send(request + request));
  EXPECT_EQ(client.read().body, R"({"PodName":"a"})");
  EXPECT_EQ(client.read().body, R"({"PodName":"a"})");
}

TEST(HttpServerTest, TakesARequestInPiecesOfAnySize) {
  const auto server = serve();
  const std::string request = post("/echo", "0123456789", "X-Long: " + std::string(300, 'x') + "\r\n");
  for (const std::size_t piece : {1, 2, 3, 7, 64}) {
    TestClient client(server->port());
    for (std::size_t at = 0; at < request.size(); at += piece) {
      ASSERT_TRUE(client.send(std::string_view(request).substr(at, piece)));
      if (at % 50 == 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }
    EXPECT_EQ(client.read().body, "0123456789") << "pieces of " << piece;
  }
}

TEST(HttpServerTest, BodiesOfEverySizeAroundItsBuffersComeWhole) {
  const auto server = serve();
  TestClient client(server->port());
  for (const std::size_t size : {0, 1, 65'000, 65'535, 65'536, 65'537, 131'072, 1'048'577, 12'000'000, 20}) {
    const std::string body = long_text(size);
    EXPECT_EQ(client.ask(post("/sum", body)).body, checksum(body)) << size;
  }
  EXPECT_EQ(server->counts().accepted, 1u);
}

TEST(HttpServerTest, RepliesOfEverySizeComeWhole) {
  const auto server = serve({}, [](const HttpRequest& request) {
    return HttpReply{.status = 200,
                     .content_type = "text/plain",
                     .body = long_text(std::stoul(std::string(request.target.substr(1))))};
  });
  TestClient client(server->port());
  for (const std::size_t size : {0, 1, 16'384, 16'385, 100'000, 12'000'000}) {
    EXPECT_EQ(client.ask(get("/" + std::to_string(size))).body, long_text(size)) << size;
  }
}

TEST(HttpServerTest, HeadGetsTheLengthWithoutTheBody) {
  const auto server = serve();
  TestClient client(server->port());
  ASSERT_TRUE(client.send("HEAD /page HTTP/1.1\r\nHost: test\r\n\r\n"));
  const ClientReply reply = client.read(10'000, true);
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(reply.has("Content-Length: 10\r\n")) << reply.head;
  EXPECT_EQ(client.ask(get("/next")).body, "GET /next") << "nothing of the body was sent";
}

TEST(HttpServerTest, HandsOnEveryMethodAndTargetAsSent) {
  const auto server = serve();
  TestClient client(server->port());
  EXPECT_EQ(client.ask("DELETE /a?b=c&d=%20 HTTP/1.1\r\nHost: test\r\n\r\n").body, "DELETE /a?b=c&d=%20");
  EXPECT_EQ(client.ask("BREW /pot HTTP/1.1\r\nHost: test\r\n\r\n").body, "BREW /pot");
  EXPECT_EQ(client.ask("PUT /p HTTP/1.1\r\nhost: test\r\ncontent-length: 3\r\n\r\nabc").body, "PUT /p");
}

TEST(HttpServerTest, StatusAndTextOfTheHandlerAreKept) {
  const auto server = serve();
  TestClient client(server->port());
  const ClientReply reply = client.ask(get("/gone"));
  EXPECT_EQ(reply.status, 404);
  EXPECT_EQ(reply.body, "no such page");
  EXPECT_TRUE(reply.head.starts_with("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_FALSE(reply.closes());
}

TEST(HttpServerTest, AnExceptionIsA500AndTheConnectionLivesOn) {
  const auto server = serve();
  TestClient client(server->port());
  const ClientReply reply = client.ask(post("/throw", "{}"));
  EXPECT_EQ(reply.status, 500);
  EXPECT_EQ(reply.body, "");
  EXPECT_EQ(client.ask(post("/echo", "after")).body, "after");
  EXPECT_EQ(server->counts().handler_errors, 1u);
}

TEST(HttpServerTest, ClosesWhenTheClientAsksForIt) {
  const auto server = serve();
  TestClient client(server->port());
  const ClientReply reply = client.ask(post("/echo", "last", "Connection: close\r\n"));
  EXPECT_EQ(reply.body, "last");
  EXPECT_TRUE(reply.closes());
  EXPECT_TRUE(client.closed_within(1'000));

  TestClient old(server->port());
  EXPECT_TRUE(old.ask("GET /old HTTP/1.0\r\n\r\n").closes());
  EXPECT_TRUE(old.closed_within(1'000));
}

TEST(HttpServerTest, AnswersAClientThatHasClosedItsSendingSide) {
  const auto server = serve();
  TestClient client(server->port());
  ASSERT_TRUE(client.send(post("/echo", "half")));
  client.end_of_sending();
  EXPECT_EQ(client.read().body, "half");
}

TEST(HttpServerTest, InvitesABodyThatWaitsForIt) {
  const auto server = serve();
  TestClient client(server->port());
  ASSERT_TRUE(client.send("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"));
  EXPECT_EQ(client.read(2'000).status, 100);
  EXPECT_EQ(client.ask("body").body, "body");
  // Sent along with the header: no invitation needed.
  EXPECT_EQ(client.ask(post("/echo", "body", "Expect: 100-continue\r\n")).status, 200);
  EXPECT_EQ(client.ask(post("/echo", "body", "Expect: miracles\r\n")).status, 417);
}

struct BadRequest {
  const char* what;
  std::string text;
  int status;
};

TEST(HttpServerTest, ARequestItCannotTrustGetsItsStatusAndTheEndOfTheConnection) {
  const std::string host = "Host: test\r\n";
  const std::vector<BadRequest> bad{
      {"not HTTP", "hello\r\n\r\n", 400},
      {"no target", "GET HTTP/1.1\r\n" + host + "\r\n", 400},
      {"blank in method", "GE T / HTTP/1.1\r\n" + host + "\r\n", 400},
      {"control character in target", "GET /\x01 HTTP/1.1\r\n" + host + "\r\n", 400},
      {"TLS to a plain port", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), 400},
      {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
      {"unknown version", "GET / HTTP/1.7\r\n" + host + "\r\n", 400},
      {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two hosts", "GET / HTTP/1.1\r\n" + host + host + "\r\n", 400},
      {"header without colon", "GET / HTTP/1.1\r\n" + host + "nonsense\r\n\r\n", 400},
      {"blank before colon", "POST / HTTP/1.1\r\n" + host + "Content-Length : 3\r\n\r\nabc", 400},
      {"NUL in a header", "GET / HTTP/1.1\r\n" + host + std::string("X: a\0b\r\n\r\n", 10), 400},
      {"length not a number", "POST / HTTP/1.1\r\n" + host + "Content-Length: abc\r\n\r\n", 400},
      {"negative length", "POST / HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n", 400},
      {"two lengths", "POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400},
      {"length beyond 64 bits", "POST / HTTP/1.1\r\n" + host + "Content-Length: 99999999999999999999\r\n\r\n", 400},
      {"length beyond the limit", "POST / HTTP/1.1\r\n" + host + "Content-Length: 18446744073709551615\r\n\r\n", 413},
      {"chunked", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 411},
      {"other coding", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip\r\n\r\nabc", 411},
      {"chunked and a length",
       "POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
  };
  const auto server = serve();
  TestClient bystander(server->port());
  for (const BadRequest& request : bad) {
    TestClient client(server->port());
    const ClientReply reply = client.ask(request.text);
    EXPECT_EQ(reply.status, request.status) << request.what;
    EXPECT_TRUE(reply.closes()) << request.what;
    EXPECT_EQ(reply.body, "") << request.what;
    EXPECT_TRUE(client.closed_within(1'000)) << request.what;
    EXPECT_EQ(bystander.ask(post("/echo", request.what)).body, request.what);
  }
  EXPECT_EQ(server->counts().bad_requests, bad.size());
  EXPECT_EQ(server->counts().requests, bad.size()) << "no bad request reached the handler";
}

TEST(HttpServerTest, ALengthThatIsTooSmallTurnsTheRestIntoABadRequest) {
  const auto server = serve();
  TestClient client(server->port());
  ASSERT_TRUE(client.send("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabcdef\r\n\r\n"));
  EXPECT_EQ(client.read().body, "abc");
  EXPECT_EQ(client.read().status, 400);
  EXPECT_TRUE(client.closed_within(1'000));
}

TEST(HttpServerTest, TruncatedRequestsNeverReachTheHandler) {
  const auto server = serve();
  const std::string request = post("/echo", "0123456789");
  for (std::size_t length = 1; length < request.size(); ++length) {
    TestClient client(server->port());
    ASSERT_TRUE(client.send(std::string_view(request).substr(0, length)));
    client.end_of_sending();
    EXPECT_TRUE(client.closed_within(5'000)) << length;
  }
  EXPECT_EQ(server->counts().truncated, request.size() - 1);
  EXPECT_EQ(server->counts().requests, 0u);
}

TEST(HttpServerTest, EmptyLinesBeforeARequestAreSkipped) {
  const auto server = serve();
  TestClient client(server->port());
  EXPECT_EQ(client.ask("\r\n\r\n" + post("/echo", "a") + "\r\n").body, "a");
  EXPECT_EQ(client.ask(get("/b")).body, "GET /b");
}

TEST(HttpServerTest, BusyHandlersDoNotKeepOthersFromConnecting) {
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  HttpServerOptions options;
  options.threads = 2;
  options.max_connections = 3;
  const auto server = serve(options, [&](const HttpRequest& request) {
    if (request.target == "/wait") {
      released.wait();
    }
    return answer(request);
  });
  TestClient one(server->port()), two(server->port()), three(server->port());
  ASSERT_TRUE(one.send(get("/wait")));
  ASSERT_TRUE(two.send(get("/wait")));
  ASSERT_TRUE(eventually([&] { return server->counts().requests == 2; }));
  ASSERT_TRUE(eventually([&] { return server->counts().accepted == 3; })) << "accepting has its own thread";
  TestClient fourth(server->port());
  EXPECT_EQ(fourth.read(5'000).status, 503) << "and so has refusing";
  ASSERT_TRUE(three.send(get("/third")));
  release.set_value();
  EXPECT_EQ(one.read().body, "GET /wait");
  EXPECT_EQ(two.read().body, "GET /wait");
  EXPECT_EQ(three.read().body, "GET /third");
}

TEST(HttpServerTest, CallsThatWaitLeaveTheThreadsToOthers) {
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  HttpServerOptions options;
  options.threads = 1;
  options.waiting_threads = 2;
  options.waits = [](std::string_view target) { return target == "/wait"; };
  const auto server = serve(options, [&](const HttpRequest& request) {
    if (request.target == "/wait") {
      released.wait();
    }
    return answer(request);
  });
  std::vector<TestClient> waiting;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(waiting.emplace_back(server->port()).send(get("/wait") + post("/echo", "after")));
  }
  ASSERT_TRUE(eventually([&] { return server->counts().requests == 5; }));
  TestClient quick(server->port());
  EXPECT_EQ(quick.ask(get("/quick")).body, "GET /quick");
  release.set_value();
  for (TestClient& client : waiting) {
    EXPECT_EQ(client.read().body, "GET /wait");
    EXPECT_EQ(client.read().body, "after") << "requests of one connection are answered in order";
  }
}

TEST(HttpServerTest, StopsWhileCallsWait) {
  HttpServerOptions options;
  options.waiting_threads = 1;
  options.waits = [](std::string_view) { return true; };
  std::atomic<int> begun{0};
  auto server = serve(options, [&](const HttpRequest& request) {
    ++begun;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return answer(request);
  });
  std::vector<TestClient> clients;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(clients.emplace_back(server->port()).send(get("/wait")));
  }
  ASSERT_TRUE(eventually([&] { return begun == 1; }));
  server.reset();
  EXPECT_LT(begun, 5) << "calls that have not begun are dropped with their connections";
}

TEST(HttpServerTest, ManyClientsAtOnceGetTheirOwnAnswers) {
  const auto server = serve();
  std::atomic<int> right{0};
  std::vector<std::thread> clients;
  for (std::uint32_t c = 0; c < 16; ++c) {
    clients.emplace_back([&, c] {
      TestClient client(server->port());
      for (std::uint32_t i = 0; i < 50; ++i) {
        const std::string body = long_text(1'000 + 997 * i * (c % 4 == 0 ? 20 : 1), c * 1'000 + i + 1);
        right += client.ask(post("/sum", body)).body == checksum(body);
      }
    });
  }
  for (std::thread& client : clients) {
    client.join();
  }
  EXPECT_EQ(right, 16 * 50);
  EXPECT_EQ(server->counts().accepted, 16u);
}

TEST(HttpServerTest, SaysWhatIsWrongWithItsOptions) {
  const auto error_of = [](auto change) {
    HttpServerOptions options;
    change(options);
    const auto server = HttpServer::start(options, answer);
    return server ? std::string("started") : server.error().to_string();
  };
  EXPECT_NE(error_of([](auto& o) { o.address = "localhost"; }).find("'localhost' is no numeric"), std::string::npos);
  EXPECT_NE(error_of([](auto& o) { o.address = "192.0.2.1"; }).find("cannot listen on 192.0.2.1:0"), std::string::npos);
  EXPECT_NE(error_of([](auto& o) { o.threads = 0; }).find("threads"), std::string::npos);
  EXPECT_NE(error_of([](auto& o) { o.max_header_bytes = 1; }).find("max_header_bytes is 1"), std::string::npos);
  EXPECT_NE(error_of([](auto& o) { o.idle_timeout_ms = 0; }).find("timeouts"), std::string::npos);
  const auto first = serve();
  EXPECT_NE(error_of([&](auto& o) { o.port = first->port(); }).find("in use"), std::string::npos);
  EXPECT_EQ(error_of([](auto& o) { o.address = "127.0.0.2"; }), "started");
}

}  // namespace
}  // namespace gpusched::test
