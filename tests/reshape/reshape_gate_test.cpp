#include "gpusched/reshape/reshape_gate.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "gpusched/base/philox.hpp"

namespace gpusched {
namespace {

ReshapeGateOptions plain() {
  ReshapeGateOptions options;
  options.half_life_ns = 0;
  options.cool_down_ns = 0;
  return options;
}

TEST(ReshapeGateTest, OpensWhenTheLossReachesTheCost) {
  ReshapeGate gate(plain());
  EXPECT_FALSE(gate.opens(0, 0)) << "nothing was lost";
  gate.add_loss(1, 60);
  EXPECT_FALSE(gate.opens(1, 100));
  gate.add_loss(2, 39);
  EXPECT_FALSE(gate.opens(2, 100));
  gate.add_loss(3, 1);
  EXPECT_TRUE(gate.opens(3, 100));
  gate.reshaped(3);
  EXPECT_FALSE(gate.opens(3, 100));
  EXPECT_EQ(gate.loss_ns(), 0);
}

// Ski rental: whenever the losses end, online cost <= 2 x the cost of the better of "reshape at once" and "never",
// but for the size of one loss.
TEST(ReshapeGateTest, CostsAtMostTwiceTheBestInHindsight) {
  Philox random(5, StreamPurpose::request);
  for (int run = 0; run < 2000; ++run) {
    const TimeNs cost = 1 + random.next_below(10'000);
    ReshapeGate gate(plain());
    TimeNs online = 0, without = 0, largest = 0;
    bool has_reshaped = false;
    const std::uint32_t steps = random.next_below(200);
    for (std::uint32_t i = 0; i < steps; ++i) {
      const TimeNs loss = random.next_below(300);
      without += loss;
      largest = std::max(largest, loss);
      if (has_reshaped) {
        continue;
      }
      online += loss;
      gate.add_loss(i, loss);
      if (gate.opens(i, cost)) {
        gate.reshaped(i);
        online += cost;
        has_reshaped = true;
      }
    }
    ASSERT_LE(online, 2 * std::min(without, cost) + largest);
    ASSERT_TRUE(has_reshaped || without < cost) << "must not wait longer than the cost";
  }
}

TEST(ReshapeGateTest, StaysOpenWhileTheCostMovesALittle) {
  ReshapeGate gate(plain());
  gate.add_loss(0, 100);
  EXPECT_FALSE(gate.opens(0, 120));
  EXPECT_TRUE(gate.opens(1, 100));
  EXPECT_TRUE(gate.opens(2, 120));
  EXPECT_TRUE(gate.opens(3, 200));
  EXPECT_FALSE(gate.opens(4, 202)) << "below half of the cost";
  EXPECT_FALSE(gate.opens(5, 120)) << "it has to reach the cost again";
}

TEST(ReshapeGateTest, StaysShutDuringTheCoolDown) {
  ReshapeGateOptions options = plain();
  options.cool_down_ns = 1000;
  ReshapeGate gate(options);
  gate.add_loss(10, 500);
  ASSERT_TRUE(gate.opens(10, 100));
  gate.reshaped(10);
  gate.add_loss(20, 500);
  EXPECT_FALSE(gate.opens(20, 100));
  EXPECT_FALSE(gate.opens(1009, 100));
  EXPECT_TRUE(gate.opens(1010, 100)) << "the loss of the meantime counts";
}

TEST(ReshapeGateTest, OldLossesFade) {
  ReshapeGateOptions options = plain();
  options.half_life_ns = 100;
  ReshapeGate gate(options);
  gate.add_loss(50, 80);
  gate.add_loss(149, 20);
  EXPECT_EQ(gate.loss_ns(), 100);
  EXPECT_TRUE(gate.opens(149, 100));
  EXPECT_TRUE(gate.opens(150, 100)) << "halved, and above the lower threshold";
  EXPECT_FALSE(gate.opens(250, 100));
  EXPECT_EQ(gate.loss_ns(), 25);
  EXPECT_FALSE(gate.opens(1'000'000'000'000, 1));
  EXPECT_EQ(gate.loss_ns(), 0);
}

TEST(ReshapeGateTest, HugeCostsDoNotOverflow) {
  ReshapeGate gate(plain());
  constexpr TimeNs century = 100LL * 365 * 24 * 3600 * ns_per_s / 2;
  gate.add_loss(0, century - 1);
  EXPECT_FALSE(gate.opens(0, century));
  gate.add_loss(0, 1);
  EXPECT_TRUE(gate.opens(0, century));
}

}  // namespace
}  // namespace gpusched
