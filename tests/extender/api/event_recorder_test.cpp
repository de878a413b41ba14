#include "gpusched/extender/event_recorder.hpp"

#include <chrono>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "extender/api/fake_api_server.hpp"

namespace gpusched::extender {
namespace {

using nlohmann::json;
using test::eventually;
using test::FakeApiServer;
using test::FakeReply;
using test::FakeRequest;

PodEvent event(const std::string& pod, const std::string& note = "placed on node n1") {
  return {.ns = "ns",
          .pod = pod,
          .uid = "uid-" + pod,
          .is_warning = false,
          .reason = "GpuPlaced",
          .action = "Binding",
          .note = note};
}

class EventRecorderTest : public testing::Test {
 protected:
  EventRecorderTest()
      : server_([this](const FakeRequest&, FakeReply& reply) {
          const std::size_t now = calls_++;
          reply.whole(now < statuses_.size() ? statuses_[now] : 201, "{}");
        }),
        client_(server_.access()) {}

  bool called(std::size_t count) {
    return eventually([&] { return server_.requests().size() >= count; });
  }
  json body(std::size_t call) { return json::parse(server_.requests().at(call).body); }

  std::vector<int> statuses_;
  std::atomic<std::size_t> calls_{0};
  FakeApiServer server_;
  ApiClient client_;
};

TEST_F(EventRecorderTest, WritesAllThatTheApiAsksFor) {
  EventRecorder recorder(client_, "host_1");
  recorder.record(event("p"));
  ASSERT_TRUE(called(1));
  const FakeRequest request = server_.requests().at(0);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/apis/events.k8s.io/v1/namespaces/ns/events");
  json made = json::parse(request.body);
  EXPECT_EQ(made["metadata"]["name"].get<std::string>().rfind("p.", 0), 0U);
  EXPECT_EQ(made["eventTime"].get<std::string>().size(), 27U);
  made.erase("eventTime");
  made["metadata"].erase("name");
  EXPECT_EQ(made, json::parse(R"({"apiVersion":"events.k8s.io/v1","kind":"Event","metadata":{"namespace":"ns"},
      "reportingController":"gpusched-extender","reportingInstance":"host_1","type":"Normal","reason":"GpuPlaced",
      "action":"Binding","note":"placed on node n1",
      "regarding":{"apiVersion":"v1","kind":"Pod","namespace":"ns","name":"p","uid":"uid-p"}})"));
  EXPECT_TRUE(eventually([&] { return recorder.written() == 1; }));
}

TEST_F(EventRecorderTest, TheSameAgainIsASeriesAndAnotherNoteIsNot) {
  EventRecorderOptions options;
  options.series_update_ms = 200;
  EventRecorder recorder(client_, "host_1", options);
  recorder.record(event("p"));
  recorder.record(event("p"));
  ASSERT_TRUE(called(2));
  const FakeRequest patch = server_.requests().at(1);
  EXPECT_EQ(patch.method, "PATCH");
  EXPECT_EQ(patch.header("Content-Type"), "application/merge-patch+json");
  EXPECT_EQ(patch.target,
            "/apis/events.k8s.io/v1/namespaces/ns/events/" + body(0)["metadata"]["name"].get<std::string>());
  EXPECT_EQ(body(1)["series"]["count"], 2);
  EXPECT_EQ(body(1)["series"]["lastObservedTime"].get<std::string>().size(), 27U);
  for (int i = 0; i < 10; ++i) {
    recorder.record(event("p"));
  }
  ASSERT_TRUE(called(3));
  EXPECT_EQ(body(2)["series"]["count"], 12) << "one call for all of them";
  recorder.record(event("p", "another note"));
  recorder.record(event("q"));
  ASSERT_TRUE(called(5));
  EXPECT_EQ(server_.requests().at(3).method, "POST");
  EXPECT_EQ(server_.requests().at(4).method, "POST");
}

TEST_F(EventRecorderTest, ASeriesEndsAndAnEventThatIsGoneIsMadeAnew) {
  statuses_ = {201, 404, 201, 201, 201};
  EventRecorderOptions options;
  options.series_end_ms = 300;
  EventRecorder recorder(client_, "host_1", options);
  recorder.record(event("p"));
  recorder.record(event("p"));  // the patch meets a 404
  ASSERT_TRUE(called(3));
  EXPECT_EQ(server_.requests().at(2).method, "POST");
  EXPECT_EQ(body(2)["series"]["count"], 2);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  recorder.record(event("p"));
  ASSERT_TRUE(called(4));
  EXPECT_EQ(server_.requests().at(3).method, "POST");
  EXPECT_FALSE(body(3).contains("series"));
}

TEST_F(EventRecorderTest, TriesAgainAfterErrorsOfTheServerAndNotAfterRefusals) {
  statuses_ = {500, 429, 201, 403, 503, 503, 503, 201};
  EventRecorderOptions options;
  options.retry_ms = 10;
  EventRecorder recorder(client_, "host_1", options);
  recorder.record(event("a"));
  ASSERT_TRUE(eventually([&] { return recorder.written() == 1; }));
  EXPECT_EQ(recorder.dropped(), 0);
  recorder.record(event("b"));
  ASSERT_TRUE(eventually([&] { return recorder.dropped() == 1; }));
  recorder.record(event("c"));
  ASSERT_TRUE(eventually([&] { return recorder.dropped() == 2; }));
  recorder.record(event("c"));
  ASSERT_TRUE(eventually([&] { return recorder.written() == 2; }));
  EXPECT_EQ(server_.requests().size(), 8U);
}

TEST_F(EventRecorderTest, KeepsWithinTheLimitsOfTheApi) {
  EventRecorder recorder(client_, std::string(300, 'i'));
  std::string note(1023, 'n');
  note += "\xe2\x82\xac and more";  // a character across the limit
  recorder.record(event(std::string(253, 'p'), note));
  recorder.record(event("bad", "no \xff text"));
  ASSERT_TRUE(called(2));
  EXPECT_EQ(body(0)["note"], std::string(1023, 'n'));
  EXPECT_EQ(body(0)["reportingInstance"], std::string(128, 'i'));
  EXPECT_LE(body(0)["metadata"]["name"].get<std::string>().size(), 253U);
  EXPECT_EQ(body(1)["note"], "no \xef\xbf\xbd text");
}

TEST_F(EventRecorderTest, NeverBlocksAndDropsWhatIsTooMuch) {
  FakeApiServer silent([](const FakeRequest&, FakeReply& reply) { reply.wait_for_hang_up(); });
  ApiClientOptions client_options;
  client_options.timeout_ms = 500;
  ApiClient client(silent.access(), client_options);
  const auto start = std::chrono::steady_clock::now();
  {
    EventRecorderOptions options;
    options.queue_length = 10;
    EventRecorder recorder(client, "host_1", options);
    for (int i = 0; i < 10'000; ++i) {
      recorder.record(event("p" + std::to_string(i)));
    }
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(500));
    EXPECT_GE(recorder.dropped(), 9'900);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3)) << "the end waits for one call";
}

TEST_F(EventRecorderTest, KeepsToItsRate) {
  EventRecorderOptions options;
  options.per_second = 20;
  options.burst = 2;
  EventRecorder recorder(client_, "host_1", options);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 8; ++i) {
    recorder.record(event("p" + std::to_string(i)));
  }
  ASSERT_TRUE(called(8));
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(290));
}

}  // namespace
}  // namespace gpusched::extender
