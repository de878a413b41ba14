#include "gpusched/sim/exact/snapshot.hpp"

#include <gtest/gtest.h>

#include "gpusched/sim/exact/snapshot_generator.hpp"

#include "cluster_builders.hpp"

namespace gpusched::sim {
namespace {

using gpusched::test::gpu_node;
using gpusched::test::instance_on;
using gpusched::test::mig_request;
using gpusched::test::place_on;
using gpusched::test::share_on;
using gpusched::test::share_request;
using gpusched::test::whole_request;

constexpr const char* a100 = "A100-80GB";

/// Two GPUs, one of them with a 3g that may move and a 1g that may not; a newcomer that takes a share or a GPU.
Snapshot small_snapshot() {
  Snapshot snapshot;
  snapshot.nodes.push_back({gpu_node("n", a100, 2), 2000});
  SnapshotJob moving{.id = "moving", .alternatives = {{mig_request("3g.40gb"), 10}}, .reject_cost_milli = 5000};
  moving.residence = {.placement = place_on(NodeId{0}, {instance_on(0, a100, "3g.40gb", 4)}), .move_cost_milli = 300};
  SnapshotJob pinned{.id = "pinned", .alternatives = {{mig_request("1g.10gb"), 0}}, .reject_cost_milli = 5000};
  pinned.residence = {.placement = place_on(NodeId{0}, {instance_on(0, a100, "1g.10gb", 2)}), .pinned = true};
  SnapshotJob fresh{
      .id = "fresh", .alternatives = {{share_request(500), 40}, {whole_request(1), 70}}, .reject_cost_milli = 9000};
  snapshot.jobs = {moving, pinned, fresh};
  return snapshot;
}

TEST(SnapshotTest, CostOfAPlanIsTheSumOfItsTerms) {
  const Snapshot snapshot = small_snapshot();
  ASSERT_TRUE(check_snapshot(snapshot).ok()) << check_snapshot(snapshot).error().to_string();
  SnapshotPlan plan = plan_of_residents(snapshot);
  SnapshotCost cost = check_plan(snapshot, plan).value();
  EXPECT_EQ(cost.total_milli(), 2000 + 10 + 9000);
  EXPECT_EQ(cost.rejected, 1);
  plan.choices[2] = {1, place_on(NodeId{0}, {share_on(1, 1000)})};
  cost = check_plan(snapshot, plan).value();
  EXPECT_EQ(cost.total_milli(), 2 * 2000 + 10 + 70);
  EXPECT_EQ(cost.gpus, 2);
  plan.choices[0] = {0, place_on(NodeId{0}, {instance_on(0, a100, "3g.40gb", 4)})};
  EXPECT_EQ(check_plan(snapshot, plan).value().moved, 0);
  plan.choices[0] = {};
  cost = check_plan(snapshot, plan).value();
  EXPECT_EQ(cost.moves_milli, 300);
  EXPECT_EQ(cost.rejections_milli, 5000);
  EXPECT_EQ(cost.moved, 0);
}

TEST(SnapshotTest, WrongPlansAreRefusedWithTheJob) {
  const Snapshot snapshot = small_snapshot();
  const auto refused = [&](std::size_t job, SnapshotPlan::Choice choice) {
    SnapshotPlan plan = plan_of_residents(snapshot);
    plan.choices[job] = choice;
    const Result<SnapshotCost> cost = check_plan(snapshot, plan);
    return cost.ok() ? std::string("accepted") : cost.error().message;
  };
  const auto names = [](const std::string& message, const char* job) { return message.find(job) != std::string::npos; };
  // Taken, by an instance and by a neighbour.
  EXPECT_TRUE(names(refused(2, {0, place_on(NodeId{0}, {share_on(0, 500)})}), "fresh"));
  // Another share than asked for, another profile, an illegal start, no such GPU, no such node, too many parts.
  EXPECT_TRUE(names(refused(2, {0, place_on(NodeId{0}, {share_on(1, 250)})}), "fresh"));
  EXPECT_TRUE(names(refused(0, {0, place_on(NodeId{0}, {instance_on(1, a100, "2g.20gb", 0)})}), "moving"));
  EXPECT_TRUE(names(refused(0, {0, place_on(NodeId{0}, {instance_on(1, a100, "3g.40gb", 2)})}), "moving"));
  EXPECT_TRUE(names(refused(2, {0, place_on(NodeId{0}, {share_on(2, 500)})}), "fresh"));
  EXPECT_TRUE(names(refused(2, {0, place_on(NodeId{1}, {share_on(0, 500)})}), "fresh"));
  EXPECT_TRUE(names(refused(2, {0, place_on(NodeId{0}, {share_on(1, 500), share_on(1, 500)})}), "fresh"));
  EXPECT_TRUE(names(refused(2, {5, place_on(NodeId{0}, {share_on(1, 500)})}), "fresh"));
  // A pinned job neither moves nor goes.
  EXPECT_TRUE(names(refused(1, {0, place_on(NodeId{0}, {instance_on(0, a100, "1g.10gb", 3)})}), "pinned"));
  EXPECT_TRUE(names(refused(1, {}), "pinned"));
  EXPECT_EQ(refused(0, {0, place_on(NodeId{0}, {instance_on(1, a100, "3g.40gb", 0)})}), "accepted");
}

TEST(SnapshotTest, TenantsOfAGpuShareItInOneWay) {
  Snapshot snapshot;
  snapshot.nodes.push_back({gpu_node("n", a100, 1), 1});
  for (const SharingMode mode : {SharingMode::time_slice, SharingMode::mps}) {
    GpuRequest request = share_request(100);
    request.mode = mode;
    snapshot.jobs.push_back({.id = mode == SharingMode::mps ? "mps" : "turns", .alternatives = {{request, 0}}});
  }
  SnapshotPlan plan;
  plan.choices.assign(2, {0, place_on(NodeId{0}, {share_on(0, 100)})});
  EXPECT_NE(check_plan(snapshot, plan).error().message.find("otherwise than its neighbours"), std::string::npos);
  snapshot.nodes[0].spec.sharing = NodeSharing::mps;  // the node decides; a job that wants turns has no place here
  EXPECT_EQ(sharing_of(share_request(100), NodeSharing::mps), SnapshotSharing::mps);
  EXPECT_EQ(sharing_of(snapshot.jobs[1].alternatives[0].request, NodeSharing::time_slice), SnapshotSharing::time_slice);
}

TEST(SnapshotTest, BadSnapshotsNameTheirFault) {
  const auto message = [](const auto& change) {
    Snapshot snapshot = small_snapshot();
    change(snapshot);
    const Status status = check_snapshot(snapshot);
    return status.ok() ? std::string("ok") : status.error().to_string();
  };
  const auto holds = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  EXPECT_TRUE(holds(message([](Snapshot& s) { s.jobs[1].id = "moving"; }), "'moving' occurs twice"));
  EXPECT_TRUE(holds(message([](Snapshot& s) { s.nodes.push_back(s.nodes[0]); }), "'n' occurs twice"));
  EXPECT_TRUE(holds(message([](Snapshot& s) { s.jobs[2].alternatives.clear(); }), "'fresh' has no alternative"));
  EXPECT_TRUE(holds(message([](Snapshot& s) { s.jobs[2].reject_cost_milli = -1; }), "rejecting job 'fresh'"));
  EXPECT_TRUE(
      holds(message([](Snapshot& s) { s.jobs[2].alternatives[0].penalty_milli = -1; }), "penalty of job 'fresh'"));
  EXPECT_TRUE(holds(message([](Snapshot& s) { s.nodes[0].price_milli = -1; }), "price of node 'n'"));
  EXPECT_TRUE(holds(message([](Snapshot& s) { s.jobs[2].alternatives[0].request.num_gpu = 2; }), "shares of 2 GPUs"));
  EXPECT_TRUE(holds(message([](Snapshot& s) { s.jobs[2].alternatives[0].request.gpu_milli = 0; }), "out of range"));
  EXPECT_TRUE(holds(message([](Snapshot& s) { s.jobs[2].alternatives[0].request = mig_request("1g.10gb.me"); }),
                    "without +me"));
  EXPECT_TRUE(holds(message([](Snapshot& s) { s.jobs[0].residence->alternative = 3; }), "job 'moving'"));
  EXPECT_TRUE(
      holds(message([](Snapshot& s) { s.jobs[0].residence->placement = s.jobs[1].residence->placement; }), "moving"));
  EXPECT_TRUE(holds(message([](Snapshot& s) { s.nodes[0].spec.gpus[1].memory_mib = 1; }), "different memory"));
}

TEST(SnapshotGeneratorTest, SnapshotsAreSoundVariedAndRepeatable) {
  int pinned = 0, movable = 0, jobs = 0, models = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const SnapshotSize size = published_snapshot_size(seed);
    const Snapshot snapshot = generate_snapshot(size, seed);
    ASSERT_TRUE(check_snapshot(snapshot).ok()) << check_snapshot(snapshot).error().to_string();
    EXPECT_EQ(snapshot.jobs, generate_snapshot(size, seed).jobs);
    EXPECT_NE(snapshot.jobs, generate_snapshot(size, seed + 1).jobs);
    std::int32_t gpus = 0;
    for (const SnapshotNode& node : snapshot.nodes) {
      gpus += static_cast<std::int32_t>(node.spec.gpus.size());
    }
    EXPECT_EQ(gpus, size.gpus);
    models += snapshot.nodes[0].spec.gpus[0].model != snapshot.nodes[1].spec.gpus[0].model ? 1 : 0;
    for (const SnapshotJob& of : snapshot.jobs) {
      ++jobs;
      pinned += of.residence && of.residence->pinned ? 1 : 0;
      movable += of.residence && !of.residence->pinned ? 1 : 0;
    }
  }
  EXPECT_EQ(models, 40);
  EXPECT_GT(pinned, jobs / 20);
  EXPECT_GT(movable, jobs / 20);
}

TEST(SnapshotGeneratorTest, PublishedSizesEndAtThirtyTwoGpusAndTwoHundredJobs) {
  EXPECT_EQ(published_snapshot_size(0).gpus, 4);
  EXPECT_EQ(published_snapshot_size(0).jobs, 10);
  EXPECT_EQ(published_snapshot_size(15).gpus, 32);
  EXPECT_EQ(published_snapshot_size(15).jobs, 200);
}

}  // namespace
}  // namespace gpusched::sim
