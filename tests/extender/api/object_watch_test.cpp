#include "gpusched/extender/object_watch.hpp"

#include <chrono>

#include <gtest/gtest.h>

#include "extender/api/fake_api_server.hpp"
#include "extender/api/recording_sink.hpp"

namespace gpusched::extender {
namespace {

using test::eventually;
using test::FakeApiServer;
using test::FakeReply;
using test::FakeRequest;
using test::RecordingSink;
using Calls = std::vector<std::string>;

std::string object(const std::string& name, const std::string& version) {
  return R"({"metadata":{"name":")" + name + R"(","resourceVersion":")" + version + R"("}})";
}
std::string event(const std::string& type, const std::string& json) {
  return R"({"type":")" + type + R"(","object":)" + json + "}\n";
}
std::string list(const std::string& version, const std::string& items, const std::string& next = "") {
  return R"({"kind":"List","metadata":{"resourceVersion":")" + version + R"(","continue":")" + next + R"("},"items":)" +
         items + "}";
}
std::string status(int code, const std::string& reason, const std::string& details = "{}") {
  return R"({"kind":"Status","metadata":{},"reason":")" + reason + R"(","message":"no: )" + reason + R"(","details":)" +
         details + R"(,"code":)" + std::to_string(code) + "}";
}

WatchOptions quick_options() {
  WatchOptions options{.path = "/api/v1/nodes", .field_selector = {}};
  options.backoff_s = 0.01;
  options.backoff_cap_s = 0.05;
  return options;
}

/// A server whose n-th list and n-th watch a test writes; what it leaves out is a list of version 10, and silence.
class ObjectWatchTest : public testing::Test {
 protected:
  using Step = std::function<void(const FakeRequest&, FakeReply&)>;

  void start(WatchOptions options = quick_options()) {
    server_.emplace([this](const FakeRequest& request, FakeReply& reply) {
      const bool is_watch = request.has("watch=1");
      std::vector<Step>& steps = is_watch ? watches_ : lists_;
      std::atomic<std::size_t>& next = is_watch ? next_watch_ : next_list_;
      const std::size_t now = next++;
      if (now < steps.size()) {
        steps[now](request, reply);
      } else if (is_watch) {
        reply.begin_chunks();
        reply.wait_for_hang_up();
      } else {
        reply.whole(200, list("10", "[" + object("a", "5") + "]"));
      }
    });
    watch_.emplace(server_->access(), std::move(options), sink_);
    watch_->start();
  }
  void TearDown() override {
    if (watch_) {
      watch_->stop();
    }
  }
  /// Targets of the requests of one kind.
  Calls targets(bool is_watch) const {
    Calls found;
    for (const FakeRequest& request : server_->requests()) {
      if (request.has("watch=1") == is_watch) {
        found.push_back(request.target);
      }
    }
    return found;
  }
  bool watched(std::size_t count) const {
    return eventually([&] { return next_watch_ >= count; });
  }
  static Step say(int code, const std::string& body, const std::string& headers = "") {
    return [=](const FakeRequest&, FakeReply& reply) { reply.whole(code, body, headers); };
  }
  static Step stream(const std::string& text) {
    return [=](const FakeRequest&, FakeReply& reply) {
      reply.begin_chunks();
      reply.chunk(text);
      reply.end_chunks();
    };
  }

  std::vector<Step> lists_, watches_;
  std::atomic<std::size_t> next_list_{0}, next_watch_{0};
  RecordingSink sink_;
  std::optional<FakeApiServer> server_;
  std::optional<ObjectWatch> watch_;
};

TEST_F(ObjectWatchTest, ReadsPagesThenWatchesFromTheirVersion) {
  lists_ = {say(200, list("7", "[" + object("a", "1") + ", " + object("b", "2") + "]", "to ken/=")),
            say(200, list("7", "null"))};
  WatchOptions options = quick_options();
  options.field_selector = "status.phase!=Succeeded";
  options.page_limit = 2;
  start(options);
  ASSERT_TRUE(watched(1));
  EXPECT_EQ(sink_.calls(), (Calls{"begin", "list " + object("a", "1"), "list " + object("b", "2"), "end"}));
  EXPECT_EQ(targets(false),
            (Calls{"/api/v1/nodes?fieldSelector=status.phase%21%3DSucceeded&limit=2",
                   "/api/v1/nodes?fieldSelector=status.phase%21%3DSucceeded&limit=2&continue=to%20ken%2F%3D"}));
  const std::string watch = targets(true).at(0);
  EXPECT_NE(watch.find("fieldSelector=status.phase%21%3DSucceeded&watch=1&allowWatchBookmarks=true&resourceVersion=7&"
                       "timeoutSeconds="),
            std::string::npos)
      << watch;
  EXPECT_TRUE(watch_->status().synced);
  EXPECT_TRUE(sink_.troubles().empty());
}

TEST_F(ObjectWatchTest, IsNotSyncedBeforeTheLastPage) {
  lists_ = {say(200, list("7", "[]", "more")), [](const FakeRequest&, FakeReply& reply) { reply.wait_for_hang_up(); }};
  start();
  ASSERT_TRUE(eventually([&] { return next_list_ == 2; }));
  EXPECT_FALSE(watch_->status().synced);
}

TEST_F(ObjectWatchTest, ReadsEventsWhereverChunksAreSplit) {
  const std::string euro = R"({"metadata":{"resourceVersion":"12","name":")"
                           "\xe2\x82\xac"
                           R"("}})";
  const std::string text = event("ADDED", object("b", "11")) + event("MODIFIED", euro) +
                           event("BOOKMARK", object("", "13")) + event("DELETED", object("a", "14"));
  for (std::size_t i = 1; i < text.size(); i += 1) {
    watches_.push_back([text, i](const FakeRequest&, FakeReply& reply) {
      reply.begin_chunks();
      reply.chunk(text.substr(0, i));
      reply.chunk(text.substr(i));
      reply.end_chunks();
    });
  }
  start();
  ASSERT_TRUE(watched(text.size()));
  Calls expected{"begin", "list " + object("a", "5"), "end"};
  for (std::size_t i = 1; i < text.size(); ++i) {
    expected.insert(expected.end(), {"ADDED " + object("b", "11"), "MODIFIED " + euro, "DELETED " + object("a", "14")});
  }
  EXPECT_EQ(sink_.calls(), expected);
  EXPECT_EQ(server_->connections(), 1) << "a watch that ended well leaves its connection usable";
  EXPECT_NE(targets(true).at(1).find("resourceVersion=14&"), std::string::npos);
  EXPECT_TRUE(sink_.troubles().empty());
}

TEST_F(ObjectWatchTest, ReadsBytesThatComeOneByOneInABodyWithoutChunks) {
  const std::string text = event("ADDED", object("b", "11")) + event("DELETED", object("b", "12"));
  watches_ = {[text](const FakeRequest&, FakeReply& reply) {
    reply.begin_endless();
    for (const char& byte : text) {
      reply.raw({&byte, 1});
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
  }};
  start();
  ASSERT_TRUE(watched(2));
  EXPECT_EQ(sink_.calls().size(), 5U);
  EXPECT_EQ(watch_->status().events, 2);
  EXPECT_NE(targets(true).at(1).find("resourceVersion=12&"), std::string::npos);
}

TEST_F(ObjectWatchTest, BookmarksMoveTheVersionAlone) {
  watches_ = {stream(event("BOOKMARK", object("", "99")))};
  start();
  ASSERT_TRUE(watched(2));
  EXPECT_EQ(sink_.calls().size(), 3U);
  EXPECT_NE(targets(true).at(1).find("resourceVersion=99&"), std::string::npos);
  EXPECT_EQ(targets(false).size(), 1U);
}

TEST_F(ObjectWatchTest, GoneVersionsLeadToAListThatIsNotOlder) {
  for (const bool in_stream : {true, false}) {
    SCOPED_TRACE(in_stream);
    const std::string gone = status(410, "Expired");
    watches_.push_back(in_stream ? stream(event("ADDED", object("b", "20")) + event("ERROR", gone)) : say(410, gone));
  }
  lists_ = {say(200, list("10", "[]")), say(200, list("21", "[]")), say(200, list("21", "[]"))};
  start();
  ASSERT_TRUE(watched(3));
  const Calls lists = targets(false);
  ASSERT_EQ(lists.size(), 3U);
  EXPECT_EQ(lists[1], "/api/v1/nodes?limit=500&resourceVersion=20&resourceVersionMatch=NotOlderThan");
  EXPECT_EQ(lists[2], "/api/v1/nodes?limit=500&resourceVersion=21&resourceVersionMatch=NotOlderThan");
  EXPECT_TRUE(sink_.has_trouble("410"));
}

TEST_F(ObjectWatchTest, AListOlderThanWhatWasSeenIsRefused) {
  watches_ = {stream(event("ADDED", object("b", "100")) + event("ERROR", status(410, "Expired")))};
  lists_ = {say(200, list("99", "[]")), say(200, list("99", "[]")), say(200, list("100", "[]"))};
  start();
  ASSERT_TRUE(watched(2));
  EXPECT_EQ(sink_.calls(), (Calls{"begin", "end", "ADDED " + object("b", "100"), "begin", "fail", "begin", "end"}));
  EXPECT_TRUE(sink_.has_trouble("older than 100"));
}

TEST_F(ObjectWatchTest, AServerThatWentBackIsFollowed) {
  const std::string too_new = status(504, "Timeout", R"({"causes":[{"reason":"ResourceVersionTooLarge"}]})");
  watches_ = {say(410, status(410, "Expired"))};
  lists_ = {say(200, list("1000", "[]")), say(504, too_new), say(200, list("3", "[]"))};
  start();
  ASSERT_TRUE(watched(2));
  EXPECT_EQ(targets(false).at(2), "/api/v1/nodes?limit=500");
  EXPECT_NE(targets(true).at(1).find("resourceVersion=3&"), std::string::npos);
}

TEST_F(ObjectWatchTest, AContinuationThatExpiredLeadsToOneWholeList) {
  lists_ = {say(200, list("7", "[" + object("a", "1") + "]", "more")), say(410, status(410, "Expired")),
            say(200, list("8", "[" + object("b", "2") + "]"))};
  start();
  ASSERT_TRUE(watched(1));
  EXPECT_EQ(sink_.calls(),
            (Calls{"begin", "list " + object("a", "1"), "fail", "begin", "list " + object("b", "2"), "end"}));
  EXPECT_EQ(targets(false).at(2), "/api/v1/nodes?");
}

TEST_F(ObjectWatchTest, OverloadedServersAreAskedAgainForTheSameVersion) {
  watches_ = {say(429, status(429, "TooManyRequests")), say(503, "down"), say(403, status(403, "Forbidden")),
              stream(event("ERROR", status(429, "TooManyRequests"))),
              stream(event("ERROR", status(500, "InternalError")))};
  start();
  ASSERT_TRUE(watched(6));
  EXPECT_EQ(targets(false).size(), 1U);
  for (const std::string& target : targets(true)) {
    EXPECT_NE(target.find("resourceVersion=10&"), std::string::npos) << target;
  }
  EXPECT_EQ(sink_.troubles().size(), 5U);
}

TEST_F(ObjectWatchTest, RetryAfterIsHonoured) {
  watches_ = {say(429, "{}", "Retry-After: 1\r\n"),
              stream(event("ERROR", status(429, "TooManyRequests", R"({"retryAfterSeconds":1})")))};
  lists_ = {say(429, "{}", "Retry-After: 1\r\n")};
  const auto start_time = std::chrono::steady_clock::now();
  start();
  ASSERT_TRUE(watched(3));
  EXPECT_GE(std::chrono::steady_clock::now() - start_time, std::chrono::seconds(3));
}

TEST_F(ObjectWatchTest, AServerThatFailsForTooLongIsAskedForAList) {
  WatchOptions options = quick_options();
  options.server_error_s = 0.1;
  watches_.assign(20, say(500, status(500, "InternalError")));
  start(options);
  ASSERT_TRUE(eventually([&] { return next_list_ >= 2; }));
  EXPECT_GE(next_watch_, 2U);
}

TEST_F(ObjectWatchTest, OtherErrorsLeadToANewList) {
  watches_ = {say(400, status(400, "BadRequest")), stream(event("ERROR", status(400, "BadRequest"))),
              stream("no json\n"),
              stream(R"({"type":"ADDED"})"
                     "\n"),
              stream("{\"type\":\"ADDED\",\"object\":[]}\n")};
  start();
  ASSERT_TRUE(watched(6));
  EXPECT_EQ(targets(false).size(), 6U);
  EXPECT_EQ(watch_->status().relists, 6);
}

TEST_F(ObjectWatchTest, CutConnectionsAreTakenUpWhereTheyBroke) {
  watches_ = {[](const FakeRequest&, FakeReply& reply) {
                reply.begin_chunks();
                reply.chunk(event("ADDED", object("b", "11")) + R"({"type":"ADD)");
              },
              [](const FakeRequest&, FakeReply&) {}};
  start();
  ASSERT_TRUE(watched(3));
  EXPECT_EQ(targets(false).size(), 1U);
  EXPECT_EQ(watch_->status().events, 1);
  EXPECT_NE(targets(true).at(2).find("resourceVersion=11&"), std::string::npos);
}

TEST_F(ObjectWatchTest, AListThatBreaksOffSaysSoAndIsReadAgain) {
  lists_ = {[](const FakeRequest&, FakeReply& reply) {
              reply.raw("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + list("7", "[]"));
            },
            say(200, R"({"metadata":{"resourceVersion":"7"},"items":[{"a":1},)"), say(200, "{}"), say(500, "x"),
            say(401, "x")};
  start();
  ASSERT_TRUE(watched(1));
  const Calls calls = sink_.calls();
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "begin"), 6);
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "fail"), 5);
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "end"), 1);
}

TEST_F(ObjectWatchTest, WatchesThatEndAtOnceAreNotAskedForInALoop) {
  WatchOptions options = quick_options();
  options.backoff_s = options.backoff_cap_s = 0.2;
  watches_.assign(1000, stream(""));
  for (Step& step : watches_) {
    step = [](const FakeRequest&, FakeReply& reply) {
      reply.begin_chunks();
      reply.end_chunks();
    };
  }
  start(options);
  std::this_thread::sleep_for(std::chrono::milliseconds(700));
  EXPECT_LE(next_watch_, 4U);
}

TEST_F(ObjectWatchTest, HugeObjectsPassUpToTheCap) {
  const std::string padding(8 << 20, 'x');
  const std::string big = R"({"metadata":{"resourceVersion":"11"},"data":")" + padding + R"("})";
  const std::string bigger = R"({"metadata":{"resourceVersion":"12"},"data":")" + padding + padding + R"("})";
  lists_ = {say(200, list("10", "[]")), say(200, list("12", "[]"))};
  watches_ = {stream(event("ADDED", big) + event("ADDED", bigger))};
  WatchOptions options = quick_options();
  options.max_line_bytes = std::size_t{10} << 20;
  start(options);
  ASSERT_TRUE(watched(2));
  Calls beginnings;
  for (const std::string& call : sink_.calls()) {
    beginnings.push_back(call.substr(0, 12));
  }
  EXPECT_EQ(beginnings, (Calls{"begin", "end", R"(ADDED {"meta)", "begin", "end"}));
  EXPECT_TRUE(sink_.calls().at(2) == "ADDED " + big);
  EXPECT_TRUE(sink_.has_trouble("longer than"));
  EXPECT_EQ(targets(false).size(), 2U);
}

TEST_F(ObjectWatchTest, AnnouncesTroubleWhileNobodyAnswersAndRecovers) {
  FakeApiServer closed([](const FakeRequest&, FakeReply&) {});
  const ApiAccess access = closed.access();
  closed.stop();
  ObjectWatch watch(access, quick_options(), sink_);
  watch.start();
  EXPECT_TRUE(eventually([&] { return sink_.troubles().size() >= 3; }));
  watch.stop();
  EXPECT_FALSE(watch.status().synced);
}

TEST_F(ObjectWatchTest, StopsAtOnceAmidASilentWatch) {
  start();
  ASSERT_TRUE(watched(1));
  const auto start_time = std::chrono::steady_clock::now();
  watch_->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - start_time, std::chrono::milliseconds(500));
  EXPECT_TRUE(sink_.troubles().empty());
}

TEST_F(ObjectWatchTest, KnowsHowLongItHasHeardNothing) {
  start();
  ASSERT_TRUE(watched(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_GE(watch_->status().age_ms, 90);
  EXPECT_LT(watch_->status().age_ms, 5000);
}

}  // namespace
}  // namespace gpusched::extender
