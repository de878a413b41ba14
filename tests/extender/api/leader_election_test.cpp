#include "gpusched/extender/leader_election.hpp"

#include <chrono>
#include <optional>

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
using Clock = std::chrono::steady_clock;

constexpr int lease_ms = 2000, renew_deadline_ms = 1000, retry_ms = 100;

/// One Lease with optimistic locking, and a switch that has the server refuse everything.
class LeaderElectionTest : public testing::Test {
 protected:
  LeaderElectionTest() : server_([this](const FakeRequest& request, FakeReply& reply) { answer(request, reply); }) {}

  void answer(const FakeRequest& request, FakeReply& reply) {
    if (is_down_) {
      reply.whole(500, R"({"message":"down"})");
      return;
    }
    const std::lock_guard lock(mutex_);
    const std::string leases = "/apis/coordination.k8s.io/v1/namespaces/ns/leases";
    const bool creates = request.method == "POST";
    if (request.target != (creates ? leases : leases + "/gpusched")) {
      reply.whole(400, R"({"message":"path"})");
    } else if (request.method == "GET") {
      reply.whole(lease_ ? 200 : 404, lease_ ? lease_->dump() : R"({"message":"none"})");
    } else {
      json wanted = json::parse(request.body);
      const bool is_old = lease_ && (creates || wanted["metadata"].value("resourceVersion", "") !=
                                                    (*lease_)["metadata"]["resourceVersion"]);
      if (is_old || (!lease_ && !creates)) {
        reply.whole(409, R"({"message":"conflict"})");
        return;
      }
      wanted["metadata"]["resourceVersion"] = std::to_string(++version_);
      lease_ = wanted;
      reply.whole(creates ? 201 : 200, lease_->dump());
    }
  }

  json lease() {
    const std::lock_guard lock(mutex_);
    return lease_.value_or(json());
  }
  void touch(const std::function<void(json&)>& change) {
    const std::lock_guard lock(mutex_);
    change(*lease_);
    (*lease_)["metadata"]["resourceVersion"] = std::to_string(++version_);
  }

  std::mutex mutex_;
  std::optional<json> lease_;
  int version_ = 0;
  std::atomic<bool> is_down_{false};
  FakeApiServer server_;
};

/// One process that wants to lead.
struct Candidate {
  Candidate(const FakeApiServer& server, const std::string& name)
      : client(server.access()),
        election(client,
                 {.lease_namespace = "ns",
                  .lease_name = "gpusched",
                  .identity = name,
                  .lease_ms = lease_ms,
                  .renew_deadline_ms = renew_deadline_ms,
                  .retry_ms = retry_ms},
                 [this](const std::string&) { ++troubles; }) {
    election.start();
  }
  bool leads(int timeout_ms = 10'000) {
    return eventually([&] { return election.is_leader(); }, timeout_ms);
  }

  std::atomic<int> troubles{0};
  ApiClient client;
  LeaderElection election;
};

TEST_F(LeaderElectionTest, TheFirstCreatesTheLeaseAndRenewsIt) {
  Candidate first(server_, "first");
  ASSERT_TRUE(first.leads());
  const json created = lease();
  EXPECT_EQ(created["spec"]["holderIdentity"], "first");
  EXPECT_EQ(created["spec"]["leaseDurationSeconds"], 2);
  EXPECT_EQ(created["spec"]["leaseTransitions"], 0);
  EXPECT_EQ(created["spec"]["acquireTime"].get<std::string>().size(),
            std::string("2026-01-02T03:04:05.000000Z").size());
  ASSERT_TRUE(eventually([&] { return lease()["spec"]["renewTime"] > created["spec"]["renewTime"]; }));
  EXPECT_EQ(lease()["spec"]["acquireTime"], created["spec"]["acquireTime"]);
  EXPECT_EQ(first.election.leader(), "first");
  EXPECT_EQ(first.troubles, 0);
}

TEST_F(LeaderElectionTest, OneLeadsAndTheOthersKnowWho) {
  Candidate first(server_, "first");
  ASSERT_TRUE(first.leads());
  Candidate second(server_, "second");
  const auto end = Clock::now() + std::chrono::milliseconds(2 * lease_ms);
  while (Clock::now() < end) {
    ASSERT_TRUE(first.election.is_leader());
    ASSERT_FALSE(second.election.is_leader());
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(second.election.leader(), "first");
}

TEST_F(LeaderElectionTest, ADeadLeadersLeaseIsTakenAfterItsDurationAndNotBefore) {
  // A clock far in the past: only that the record does not change counts.
  lease_ = json::parse(R"({"metadata":{"name":"gpusched","resourceVersion":"0","labels":{"a":"b"}},
      "spec":{"holderIdentity":"dead","leaseDurationSeconds":2,"leaseTransitions":3,"acquireTime":"1999-01-01T00:00:00.000000Z",
              "renewTime":"1999-01-01T00:00:00.000000Z","strategy":"x"}})");
  const auto start = Clock::now();
  Candidate second(server_, "second");
  ASSERT_TRUE(second.leads());
  EXPECT_GE(Clock::now() - start, std::chrono::milliseconds(lease_ms));
  EXPECT_LE(Clock::now() - start, std::chrono::milliseconds(lease_ms + 1500));
  EXPECT_EQ(lease()["spec"]["leaseTransitions"], 4);
  EXPECT_EQ(lease()["spec"]["strategy"], "x") << "what we do not know stays";
  EXPECT_EQ(lease()["metadata"]["labels"]["a"], "b");
}

TEST_F(LeaderElectionTest, EachRenewalSeenStartsTheWaitAnew) {
  lease_ = json::parse(R"({"metadata":{"resourceVersion":"0"},"spec":{"holderIdentity":"alive","leaseDurationSeconds":1,
      "renewTime":"1999-01-01T00:00:00.000000Z"}})");
  Candidate second(server_, "second");
  for (int i = 0; i < 6; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    ASSERT_FALSE(second.election.is_leader());
    touch([&](json& it) { it["spec"]["renewTime"] = "1999-01-01T00:00:0" + std::to_string(i) + ".000000Z"; });
  }
  EXPECT_TRUE(second.leads());
}

TEST_F(LeaderElectionTest, ALeaderThatCannotRenewStopsBeforeItsLeaseEnds) {
  Candidate first(server_, "first");
  ASSERT_TRUE(first.leads());
  is_down_ = true;
  const auto start = Clock::now();
  ASSERT_TRUE(eventually([&] { return !first.election.is_leader(); }));
  EXPECT_LE(Clock::now() - start, std::chrono::milliseconds((renew_deadline_ms + lease_ms) / 2));
  EXPECT_GE(first.troubles, 1);
  is_down_ = false;
  EXPECT_TRUE(first.leads()) << "nobody took it";
  EXPECT_EQ(lease()["spec"]["leaseTransitions"], 0);
}

TEST_F(LeaderElectionTest, ALeaderWhoseCallHangsStopsAsWell) {
  std::atomic<bool> hangs{false};
  FakeApiServer server([&](const FakeRequest& request, FakeReply& reply) {
    if (hangs) {
      reply.wait_for_hang_up();
    } else {
      answer(request, reply);
    }
  });
  Candidate first(server, "first");
  ASSERT_TRUE(first.leads());
  hangs = true;
  const auto start = Clock::now();
  ASSERT_TRUE(eventually([&] { return !first.election.is_leader(); }));
  EXPECT_LE(Clock::now() - start, std::chrono::milliseconds((renew_deadline_ms + lease_ms) / 2));
  server.stop();
}

TEST_F(LeaderElectionTest, NeverDoTwoLeadWhileTheServerComesAndGoes) {
  Candidate first(server_, "first");
  Candidate second(server_, "second");
  int changes = 0;
  std::string last;
  const auto start = Clock::now();
  while (Clock::now() - start < std::chrono::seconds(9)) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
    is_down_ = ms % 3000 > 1600;
    // Between the two questions the first may lose it: ask the one that had it last.
    const bool both = first.election.is_leader() && second.election.is_leader() && first.election.is_leader();
    ASSERT_FALSE(both);
    const std::string now = first.election.is_leader() ? "first" : second.election.is_leader() ? "second" : last;
    changes += now != last ? 1 : 0;
    last = now;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  EXPECT_GE(changes, 1);
}

TEST_F(LeaderElectionTest, ALeaderThatStopsGivesTheLeaseToTheNextAtOnce) {
  Candidate first(server_, "first");
  ASSERT_TRUE(first.leads());
  Candidate second(server_, "second");
  ASSERT_TRUE(eventually([&] { return second.election.leader() == "first"; }));
  first.election.stop();
  const auto start = Clock::now();
  EXPECT_FALSE(first.election.is_leader());
  ASSERT_TRUE(second.leads());
  EXPECT_LE(Clock::now() - start, std::chrono::milliseconds(1000)) << "sooner than the lease of 2 s";
  EXPECT_EQ(lease()["spec"]["leaseTransitions"], 1);
}

TEST_F(LeaderElectionTest, ALabelOnTheLeaseCostsNoLeadership) {
  Candidate first(server_, "first");
  ASSERT_TRUE(first.leads());
  for (int i = 0; i < 5; ++i) {
    touch([](json& it) { it["metadata"]["labels"]["x"] = "y"; });
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    ASSERT_TRUE(first.election.is_leader());
  }
  EXPECT_EQ(lease()["metadata"]["labels"]["x"], "y");
}

TEST_F(LeaderElectionTest, ADeletedLeaseIsMadeAnew) {
  Candidate first(server_, "first");
  ASSERT_TRUE(first.leads());
  {
    const std::lock_guard lock(mutex_);
    lease_.reset();
  }
  EXPECT_TRUE(eventually([&] { return lease().is_object(); }));
  EXPECT_TRUE(first.leads());
}

TEST_F(LeaderElectionTest, ALeaseTakenByForceIsLostAtTheNextLook) {
  Candidate first(server_, "first");
  ASSERT_TRUE(first.leads());
  touch([](json& it) { it["spec"]["holderIdentity"] = "other"; });
  EXPECT_TRUE(eventually([&] { return !first.election.is_leader(); }, 800)) << "sooner than the renew deadline";
  EXPECT_TRUE(eventually([&] { return first.election.leader() == "other"; }));
}

TEST_F(LeaderElectionTest, RefusalsAndNonsenseAreTroubleAndNoLeadership) {
  for (const char* body : {"[]", "{}", "{\"metadata\":{},\"spec\":3", "null"}) {
    FakeApiServer server([&](const FakeRequest&, FakeReply& reply) { reply.whole(200, body); });
    Candidate first(server, "first");
    EXPECT_TRUE(eventually([&] { return first.troubles >= 1; })) << body;
    EXPECT_FALSE(first.election.is_leader()) << body;
  }
}

}  // namespace
}  // namespace gpusched::extender
