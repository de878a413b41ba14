#include "../../sim/src/loss_account.hpp"

#include <gtest/gtest.h>

namespace gpusched::sim {
namespace {

constexpr TimeNs s = ns_per_s;

ReshapeGateOptions without_fading() {
  ReshapeGateOptions options;
  options.half_life_ns = 0;
  options.cool_down_ns = 0;
  return options;
}

TEST(LossAccountTest, AUnitLosesItsPartOfAGpuWhileItIsBlocked) {
  LossAccount account(without_fading());
  account.block(1, 500, 10 * s);
  EXPECT_FALSE(account.opens(29 * s, 10 * s));
  EXPECT_TRUE(account.opens(30 * s, 10 * s)) << "20 s of half a GPU";
}

TEST(LossAccountTest, ABlockedUnitCountsOnce) {
  LossAccount account(without_fading());
  account.block(1, 500, 0);
  account.block(1, 500, 5 * s);
  EXPECT_FALSE(account.opens(19 * s, 10 * s));
  EXPECT_TRUE(account.opens(20 * s, 10 * s));
}

TEST(LossAccountTest, WhoIsBlockedNoLongerLosesNoMore) {
  LossAccount account(without_fading());
  account.block(1, 1000, 0);
  account.block(2, 1000, 2 * s);
  account.unblock(1, 4 * s);
  account.unblock(2, 5 * s);
  account.unblock(3, 5 * s);
  EXPECT_FALSE(account.opens(100 * s, 7 * s + 1));
  EXPECT_TRUE(account.opens(100 * s, 7 * s));
}

TEST(LossAccountTest, LossesAtOnceAddUp) {
  LossAccount account(without_fading());
  account.lose(1 * s, 3 * s);
  account.lose(2 * s, 3 * s);
  EXPECT_TRUE(account.opens(2 * s, 6 * s));
}

TEST(LossAccountTest, AfterAReshapeTheAccountStartsAnew) {
  LossAccount account(without_fading());
  account.block(1, 1000, 0);
  account.reshaped(100 * s);
  EXPECT_FALSE(account.opens(109 * s, 10 * s)) << "what was lost before is paid for";
  EXPECT_TRUE(account.opens(110 * s, 10 * s)) << "it is still blocked";
}

TEST(LossAccountTest, ManyShortSpansLoseNothingToRounding) {
  LossAccount account(without_fading());
  account.block(1, 125, 0);
  for (TimeNs now = 1; now < 80'001; now += 333) {
    account.block(1, 125, now);
  }
  EXPECT_TRUE(account.opens(80'001, 10'000));
}

}  // namespace
}  // namespace gpusched::sim
