// Bindings over real sockets: what becomes of one at the API server, what of its answer, and what bind makes of both.
#include <map>
#include <mutex>

#include <gtest/gtest.h>

#include "gpusched/extender/api_client.hpp"
#include "gpusched/extender/verbs.hpp"

#include "extender/api/fake_api_server.hpp"
#include "extender/verbs/verbs_world.hpp"

namespace gpusched::extender {
namespace {

using test::FakeApiServer;
using test::FakeReply;
using test::FakeRequest;

/// How the next call of a kind goes.
enum class Way {
  honest,
  server_error,      ///< 500, and nothing is done
  written_then_500,  ///< it is done, and then 500
  lost,              ///< the connection ends before anything is done
  written_then_cut,  ///< it is done, and then the connection ends
  half_a_reply,      ///< it is done, and the connection ends within the reply
  silent,            ///< nothing is done, and no answer comes
  written_silently,  ///< it is done, and no answer comes
};

/// The part of an API server that bind talks to: binds a pod once, checks its uid, and shows it. A pod in phase
/// Terminating stands for one with a deletionTimestamp.
class PodServer {
 public:
  ApiAccess access() const { return server_.access(); }
  std::vector<FakeRequest> requests() const { return server_.requests(); }
  void stop() { server_.stop(); }
  void put(const PodObject& pod) {
    const std::lock_guard lock(mutex_);
    pods_[pod.name] = pod;
  }

  std::atomic<Way> write = Way::honest;  ///< of one binding, which are honest again afterwards
  std::atomic<Way> read = Way::honest;   ///< of all reads
  std::atomic<int> refusal = 0;          ///< status that refuses bindings; 0: none

 private:
  void serve(const FakeRequest& request, FakeReply& reply) {
    const bool is_write = request.method == "POST";
    const Way way = is_write ? write.exchange(Way::honest) : read.load();
    if (way == Way::lost) {
      return;
    }
    if (way == Way::silent) {
      (void)reply.wait_for_hang_up();
      return;
    }
    if (way == Way::server_error) {
      return reply.whole(500, R"({"kind":"Status","message":"etcd is away"})");
    }
    const auto [status, body] = is_write ? bind(Json::parse(request.body)) : show(request.target);
    if (way == Way::written_then_500) {
      reply.whole(500, R"({"kind":"Status","message":"etcd is away"})");
    } else if (way == Way::half_a_reply) {
      reply.raw("HTTP/1.1 201 Created\r\nContent-Length: 1000\r\n\r\n{\"kind\":");
    } else if (way == Way::written_silently) {
      (void)reply.wait_for_hang_up();
    } else if (way != Way::written_then_cut) {
      reply.whole(status, body);
    }
  }

  std::pair<int, std::string> bind(const Json& binding) {
    const std::lock_guard lock(mutex_);
    if (refusal != 0) {
      return {refusal, R"({"kind":"Status","message":"no such thing"})"};
    }
    const auto found = pods_.find(binding.at("metadata").at("name"));
    if (found == pods_.end()) {
      return {404, R"({"kind":"Status","message":"not found"})"};
    }
    PodObject& pod = found->second;
    if (pod.uid != binding.at("metadata").at("uid") || !pod.node_name.empty() || pod.phase == "Terminating") {
      return {409, R"({"kind":"Status","message":"Operation cannot be fulfilled"})"};
    }
    pod.node_name = binding.at("target").at("name");
    return {201, R"({"kind":"Status","status":"Success"})"};
  }

  std::pair<int, std::string> show(const std::string& target) {
    const std::lock_guard lock(mutex_);
    const auto found = pods_.find(target.substr(target.rfind('/') + 1));
    if (found == pods_.end()) {
      return {404, R"({"kind":"Status","message":"not found"})"};
    }
    Json pod = pod_json(found->second);
    if (!found->second.node_name.empty()) {
      pod["spec"]["nodeName"] = found->second.node_name;
    }
    return {200, pod.dump()};
  }

  std::mutex mutex_;
  std::map<std::string, PodObject> pods_;
  FakeApiServer server_{[this](const FakeRequest& request, FakeReply& reply) { serve(request, reply); }};
};

/// A pod of two GPUs that holds n1, and a way to have it bound.
class PodApiTest : public ::testing::Test {
 protected:
  PodApiTest() {
    for (const char* const name : {"n1", "n2"}) {
      live_.view->update_node(gpu_node(name, 8), 0);
    }
    live_.view->update_pod(pod_, 0);
    server_.put(pod_);
  }
  ~PodApiTest() override { live_.expect_replays(); }

  /// The error of the bind call; empty: bound.
  std::string bind(const PodObject& pod, const std::string& node = "n1") {
    const Json args = {{"PodName", pod.name}, {"PodNamespace", pod.ns}, {"PodUID", pod.uid}, {"Node", node}};
    return Json::parse(verbs_.bind(Padded(args.dump()).view())).at("Error").get<std::string>();
  }
  void expect_bound() {
    EXPECT_EQ(bind(pod_), "");
    EXPECT_EQ(live_.stage("a"), PodStage::bound);
    EXPECT_EQ(live_.used("n1"), 2);
  }
  /// Not bound, and the place is free again.
  void expect_given_back(const std::string& part_of_error) {
    EXPECT_NE(bind(pod_).find(part_of_error), std::string::npos) << part_of_error;
    EXPECT_EQ(live_.stage("a"), PodStage::pending);
    EXPECT_EQ(live_.used("n1"), 0);
  }
  /// Nobody knows: the place stays shut, and a second call finds out.
  void expect_open_end() {
    EXPECT_NE(bind(pod_), "");
    EXPECT_EQ(live_.stage("a"), PodStage::binding);
    EXPECT_EQ(live_.used("n1"), 2);
  }

  PodObject pod_ = live_pod("a", 2);
  LiveWorld live_;
  PodServer server_;
  ApiClient client_{server_.access(), {.timeout_ms = 1000}};
  HttpPodApi api_{client_};
  std::mutex mutex_;
  Verbs verbs_{{.now = [] { return TimeNs{0}; }}, *live_.view, mutex_, api_};
};

TEST_F(PodApiTest, TheBindingNamesPodUidNodeAndRecord) {
  expect_bound();
  ASSERT_EQ(server_.requests().size(), 1U);
  const FakeRequest request = server_.requests()[0];
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/api/v1/namespaces/" + pod_.ns + "/pods/" + pod_.name + "/binding");
  EXPECT_EQ(request.header("Content-Type"), "application/json");
  const Json body = Json::parse(request.body);
  EXPECT_EQ(body.at("kind"), "Binding");
  EXPECT_EQ(body.at("metadata").at("uid"), "a");
  EXPECT_EQ(body.at("target").at("name"), "n1");
  EXPECT_TRUE(body.at("metadata").at("annotations").contains("gpusched.io/allocation"));
}

TEST_F(PodApiTest, AConflictIsASuccessWhereTheNodeIsOurs) {
  pod_.node_name = "n1";
  server_.put(pod_);
  expect_bound();
}

TEST_F(PodApiTest, AConflictWithAnotherNodeNamesIt) {
  pod_.node_name = "n2";
  server_.put(pod_);
  expect_given_back("pod is bound to node 'n2'");
}

TEST_F(PodApiTest, AConflictWithAnotherPodOfTheNameOrOneThatIsEndingGivesThePlaceBack) {
  PodObject other = pod_;
  other.uid = "born-later";
  other.node_name = "n1";
  server_.put(other);
  expect_given_back("Operation cannot be fulfilled");
  PodObject ending = pod_;
  ending.phase = "Terminating";
  server_.put(ending);
  expect_given_back("Operation cannot be fulfilled");
}

TEST_F(PodApiTest, RefusalsAreFinalAndAskForNoSecondLook) {
  int calls = 0;
  for (const int status : {400, 401, 403, 404, 422, 429}) {
    server_.refusal = status;
    expect_given_back("the API server answered " + std::to_string(status) + ": no such thing");
    EXPECT_EQ(server_.requests().size(), static_cast<std::size_t>(++calls)) << status;
  }
}

TEST_F(PodApiTest, WhatWasWrittenThoughTheAnswerWasLostIsFoundOut) {
  int number = 0;
  for (const Way way : {Way::written_then_500, Way::written_then_cut, Way::half_a_reply, Way::written_silently}) {
    const PodObject pod = live_pod("written-" + std::to_string(number++), 1);
    live_.view->update_pod(pod, 0);
    server_.put(pod);
    server_.write = way;
    EXPECT_EQ(bind(pod, "n2"), "") << number;
    EXPECT_EQ(live_.stage(pod.uid), PodStage::bound) << number;
    EXPECT_EQ(live_.used("n2"), number);
  }
}

TEST_F(PodApiTest, WhatMayYetBeWrittenKeepsItsPlaceAndASecondCallWritesIt) {
  for (const Way way : {Way::server_error, Way::silent}) {
    server_.write = way;
    expect_open_end();
  }
  expect_bound();
}

TEST_F(PodApiTest, NoAnswerAndNoLookAtThePodKeepsThePlace) {
  for (const Way look : {Way::lost, Way::server_error, Way::silent}) {
    server_.write = Way::server_error;
    server_.read = look;
    expect_open_end();
  }
  server_.write = Way::written_then_500;
  expect_open_end();
  server_.read = Way::honest;
  expect_bound();
}

TEST_F(PodApiTest, NoServerAtAllKeepsThePlace) {
  server_.stop();
  expect_open_end();
}

// libcurl repeats a call whose kept connection ended under it: the binding is written, and then met as a conflict.
TEST_F(PodApiTest, ACutOfAKeptConnectionAfterTheWriteIsASuccess) {
  const PodObject first = live_pod("first", 1);
  live_.view->update_pod(first, 0);
  server_.put(first);
  EXPECT_EQ(bind(first, "n2"), "");
  server_.write = Way::written_then_cut;
  expect_bound();
  std::size_t writes = 0;
  for (const FakeRequest& request : server_.requests()) {
    writes += request.method == "POST" && request.has("/pods/" + pod_.name + "/") ? 1 : 0;
  }
  EXPECT_EQ(writes, 2U) << "else this shows less than it says";
}

}  // namespace
}  // namespace gpusched::extender
