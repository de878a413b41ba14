#include "../../sim/src/gpu_reservations.hpp"

#include <gtest/gtest.h>

#include "cluster_builders.hpp"

namespace gpusched::sim {
namespace {

using namespace gpusched::test;
using Gpus = std::vector<std::uint16_t>;

/// Two nodes of four GPUs on which pods of stated classes run.
class Cluster {
 public:
  Cluster() {
    for (const char* name : {"a", "b"}) {
      apply(NodeAdded{gpu_node(name, "A100-80GB", 4)});
    }
  }
  void run(std::uint32_t node, std::uint16_t gpu, JobClass job_class) {
    GpuRequest request = whole_request(1);
    request.job_class = job_class;
    const PodId pod{pods_++};
    apply(PodSubmitted{.pod = pod, .request = state.intern(request), .version = 0});
    apply(PodBound{.pod = pod, .placement = place_on(NodeId{node}, {share_on(gpu, 1000)}), .version = 0});
  }
  template <typename What>
  void apply(What what) {
    const Status applied = state.apply({0, std::move(what)});
    ASSERT_TRUE(applied.ok()) << applied.error().to_string();
  }
  RequestClassId gang(std::int32_t gpus) { return state.intern(whole_request(gpus)); }

  ClusterState state;

 private:
  std::uint32_t pods_ = 0;
};

TEST(GpuReservationsTest, ConcernsSeveralWholeGpus) {
  EXPECT_TRUE(GpuReservations::concerns(whole_request(2)));
  EXPECT_FALSE(GpuReservations::concerns(whole_request(1)));
  EXPECT_FALSE(GpuReservations::concerns(mig_request("1g.10gb", 2)));
  GpuRequest shares = whole_request(2);
  shares.gpu_milli = 500;
  EXPECT_FALSE(GpuReservations::concerns(shares));
}

TEST(GpuReservationsTest, TheTurnComesAfterThePatienceToWhoWaitsLongest) {
  GpuReservations reservations(100, 1);
  EXPECT_EQ(reservations.wait(7, 20), 120);
  EXPECT_EQ(reservations.wait(3, 10), 110);
  EXPECT_EQ(reservations.next_due(109), std::nullopt);
  EXPECT_EQ(reservations.next_due(110), 3U);
  EXPECT_EQ(reservations.next_due(500), 3U);
  reservations.give({.unit = 3, .node = NodeId{0}, .gpus = {1}});
  EXPECT_EQ(reservations.next_due(500), std::nullopt) << "one at a time";
  EXPECT_EQ(reservations.leave(3)->gpus, Gpus{1});
  EXPECT_EQ(reservations.next_due(500), 7U);
  EXPECT_EQ(reservations.leave(7), std::nullopt) << "had none";
  EXPECT_EQ(reservations.next_due(500), std::nullopt);
}

TEST(GpuReservationsTest, ChoosesTheNodeThatIsExpectedToBeEmptyFirst) {
  Cluster cluster;
  GpuReservations reservations(0, 1);
  for (std::uint16_t gpu = 0; gpu < 4; ++gpu) {
    cluster.run(0, gpu, JobClass::always_on);
    cluster.run(1, gpu, gpu < 2 ? JobClass::batch : JobClass::burst);
  }
  const std::optional<GpuReservation> chosen = reservations.choose(cluster.state, cluster.gang(3), 5);
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->unit, 5U);
  EXPECT_EQ(chosen->node, NodeId{1});
  EXPECT_EQ(chosen->gpus, (Gpus{0, 2, 3})) << "bursts, and the first of two alike";
}

TEST(GpuReservationsTest, PrefersIdleGpusAndTheFirstOfEqualNodes) {
  Cluster cluster;
  GpuReservations reservations(0, 1);
  EXPECT_EQ(reservations.choose(cluster.state, cluster.gang(2), 0)->node, NodeId{0});
  cluster.run(0, 0, JobClass::burst);
  EXPECT_EQ(reservations.choose(cluster.state, cluster.gang(4), 0)->node, NodeId{1});
  EXPECT_EQ(reservations.choose(cluster.state, cluster.gang(2), 0)->gpus, (Gpus{1, 2}));
}

TEST(GpuReservationsTest, TakesNoGpuThatIsHeldAndNoNodeThatCannotServe) {
  Cluster cluster;
  GpuReservations reservations(0, 1);
  EXPECT_EQ(reservations.choose(cluster.state, cluster.gang(5), 0), std::nullopt);
  cluster.apply(GpuHeld{.node = NodeId{0}, .gpu = 2});
  EXPECT_EQ(reservations.choose(cluster.state, cluster.gang(3), 0)->gpus, (Gpus{0, 1, 3}));
  EXPECT_EQ(reservations.choose(cluster.state, cluster.gang(4), 0)->node, NodeId{1});
  cluster.apply(HealthChanged{.node = NodeId{1}, .health = NodeHealth::down});
  EXPECT_EQ(reservations.choose(cluster.state, cluster.gang(4), 0), std::nullopt);
}

TEST(GpuReservationsTest, IsReadyWhenAllItsGpusAreEmpty) {
  Cluster cluster;
  GpuReservations reservations(0, 2);
  reservations.give({.unit = 1, .node = NodeId{0}, .gpus = {0, 1}});
  reservations.give({.unit = 2, .node = NodeId{1}, .gpus = {2, 3}});
  cluster.run(0, 1, JobClass::batch);
  EXPECT_EQ(reservations.first_ready(cluster.state), 2U);
  EXPECT_EQ(reservations.units_on(NodeId{0}), std::vector<std::uint32_t>{1});
  reservations.leave(2);
  EXPECT_EQ(reservations.first_ready(cluster.state), std::nullopt);
  cluster.apply(PodFinished{.pod = PodId{0}, .version = 0});
  EXPECT_EQ(reservations.first_ready(cluster.state), 1U);
}

}  // namespace
}  // namespace gpusched::sim
