#include "gpusched/kube/rfc3339.hpp"

#include <gtest/gtest.h>

namespace gpusched {
namespace {

TEST(Rfc3339Test, SecondsSince1970) {
  // date -u -d TEXT +%s
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_rfc3339("2026-05-01T00:00:10Z"), 1777593610);
  EXPECT_EQ(parse_rfc3339("2024-02-29T23:59:59.123456Z"), 1709251199);
  EXPECT_EQ(parse_rfc3339("2000-03-01T00:00:00+02:00"), 951861600);
  EXPECT_EQ(parse_rfc3339("2100-12-31T12:00:00-00:30"), 4133939400);
  EXPECT_EQ(parse_rfc3339("2199-03-01T00:00:00z"), 7231680000);
}

TEST(Rfc3339Test, AnythingElseIsNoTime) {
  for (const char* text :
       {"", "2026-05-01", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
        "2100-02-29T00:00:00Z", "2026-05-00T00:00:00Z", "2026-05-01T24:00:00Z", "1969-12-31T23:59:59Z",
        "2026-05-01T00:00:10", "2026-05-01T00:00:10+2:00", "2026-05-01 00:00:10Z"}) {
    EXPECT_FALSE(parse_rfc3339(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace gpusched
