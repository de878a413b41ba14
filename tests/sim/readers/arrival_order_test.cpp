#include "gpusched/sim/readers/arrival_order.hpp"

#include <gtest/gtest.h>

#include "data_dir.hpp"

namespace gpusched::sim {
namespace {

TEST(ArrivalOrderTest, ReadsArrivalsAndRanks) {
  const auto order = parse_order("# a remark\narrivals 2 0 2\n\nnode_rank 1 0\r\n", "o.txt", 3, 2);
  ASSERT_TRUE(order.ok()) << order.error().to_string();
  EXPECT_EQ(order.value().arrivals, (std::vector<std::uint32_t>{2, 0, 2}));
  EXPECT_EQ(order.value().node_rank, (std::vector<std::uint32_t>{1, 0}));
  EXPECT_TRUE(parse_order("arrivals 0", "o.txt", 1, 5).value().node_rank.empty());
}

TEST(ArrivalOrderTest, BadTextsAreErrors) {
  const auto code = [](const char* text) { return parse_order(text, "o.txt", 3, 2).error().code; };
  EXPECT_EQ(code(""), ErrorCode::data_loss);
  EXPECT_EQ(code("node_rank 0 1\n"), ErrorCode::data_loss);
  EXPECT_EQ(code("arrivals 3\n"), ErrorCode::invalid_argument);
  EXPECT_EQ(code("arrivals -1\n"), ErrorCode::invalid_argument);
  EXPECT_EQ(code("arrivals 1x\n"), ErrorCode::invalid_argument);
  EXPECT_EQ(code("arrivals 1\narrivals 2\n"), ErrorCode::already_exists);
  EXPECT_EQ(code("arrivals 1\nnode_rank 0 0\n"), ErrorCode::invalid_argument);
  EXPECT_EQ(code("arrivals 1\nnode_rank 0\n"), ErrorCode::invalid_argument);
  EXPECT_EQ(code("arrivals 1\nnode_rank 0 2\n"), ErrorCode::invalid_argument);
  EXPECT_EQ(code("pods 1\n"), ErrorCode::invalid_argument);
  EXPECT_EQ(parse_order("arrivals 1\nx\n", "o.txt", 3, 2).error().line, 2);
  EXPECT_EQ(read_order("no/such/file", 1, 1).error().code, ErrorCode::not_found);
}

TEST(ArrivalOrderTest, ReadsARecordedOrder) {
  const std::string name = "openb/arrivals/default_42.txt.gz";
  const auto data = test::find_data(name);
  GPUSCHED_NEED_DATA(data, name);
  const auto order = read_order(data->string(), 8152, 1213);
  ASSERT_TRUE(order.ok()) << order.error().to_string();
  EXPECT_EQ(order.value().arrivals.size(), 10866U);
  EXPECT_EQ(order.value().arrivals.front(), 255U);
  EXPECT_EQ(order.value().node_rank.size(), 1213U);
}

}  // namespace
}  // namespace gpusched::sim
