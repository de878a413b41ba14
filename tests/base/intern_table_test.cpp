#include "gpusched/base/intern_table.hpp"

#include <string>

#include <gtest/gtest.h>

#include "cluster_builders.hpp"

namespace gpusched {
namespace {

struct Word {
  std::string text;
  friend bool operator==(const Word&, const Word&) = default;
};
std::uint64_t hash_value(const Word& word) { return mix_bits(word.text.size()); }  // many collide

TEST(InternTableTest, NumbersValuesInOrderOfFirstAppearance) {
  InternTable<Word> table;
  EXPECT_EQ(table.intern({"b"}), 0U);
  EXPECT_EQ(table.intern({"a"}), 1U);
  EXPECT_EQ(table.intern({"b"}), 0U);
  EXPECT_EQ(table.size(), 2U);
  EXPECT_EQ(table[1].text, "a");
}

TEST(InternTableTest, FindsOnlyWhatWasInterned) {
  InternTable<Word> table;
  EXPECT_EQ(table.find({"a"}), InternTable<Word>::none);
  table.intern({"a"});
  EXPECT_EQ(table.find({"a"}), 0U);
  EXPECT_EQ(table.find({"b"}), InternTable<Word>::none) << "same hash, another value";
  EXPECT_EQ(table.size(), 1U) << "looking does not add";
}

TEST(InternTableTest, NumbersSurviveGrowthAndCollisions) {
  InternTable<Word> table;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(table.intern({std::to_string(i)}), static_cast<std::uint32_t>(i));
  }
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(table.find({std::to_string(i)}), static_cast<std::uint32_t>(i));
    ASSERT_EQ(table.intern({std::to_string(i)}), static_cast<std::uint32_t>(i));
  }
  EXPECT_EQ(table.size(), 1000U);
}

TEST(InternTableTest, ClearForgetsEverything) {
  InternTable<Word> table;
  table.intern({"a"});
  table.clear();
  EXPECT_EQ(table.size(), 0U);
  EXPECT_EQ(table.find({"a"}), InternTable<Word>::none);
  EXPECT_EQ(table.intern({"z"}), 0U);
}

TEST(InternTableTest, RequestsThatDifferAnywhereAreDifferentClasses) {
  RequestClassTable table;
  GpuRequest request = test::share_request(500);
  table.intern(request);
  request.priority = 1;
  table.intern(request);
  request.preemptible = false;
  table.intern(request);
  request.job_class = JobClass::batch;
  table.intern(request);
  request.max_slowdown = 1.5;
  table.intern(request);
  request.node_labels = {{"zone", "a"}};
  table.intern(request);
  EXPECT_EQ(table.size(), 6U);
  EXPECT_EQ(table.intern(test::share_request(500)), 0U);
}

}  // namespace
}  // namespace gpusched
