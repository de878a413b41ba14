#include "../../../extender/src/api/watch_lines.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace gpusched::extender {
namespace {

std::vector<std::string> lines_of(WatchLines& lines, std::string_view bytes) {
  std::vector<std::string> found;
  EXPECT_TRUE(lines.feed(bytes, [&](std::string_view line) { found.emplace_back(line); }));
  return found;
}

TEST(WatchLinesTest, CutsTheSameWhereverTheBytesAreSplit) {
  const std::string text = "{\"a\":\"\xc3\xa4\xe2\x82\xac\"}\n\n{}\n[1,2]\n";
  WatchLines whole(100);
  const std::vector<std::string> expected = lines_of(whole, text);
  EXPECT_EQ(expected.size(), 3U);
  for (std::size_t i = 0; i <= text.size(); ++i) {
    for (std::size_t j = i; j <= text.size(); ++j) {
      WatchLines lines(100);
      std::vector<std::string> found;
      for (const auto& part : {text.substr(0, i), text.substr(i, j - i), text.substr(j)}) {
        for (std::string& line : lines_of(lines, part)) {
          found.push_back(std::move(line));
        }
      }
      ASSERT_EQ(found, expected) << i << " " << j;
    }
  }
}

TEST(WatchLinesTest, KeepsALineThatHasNotEnded) {
  WatchLines lines(100);
  EXPECT_TRUE(lines_of(lines, "{\"a\"").empty());
  EXPECT_EQ(lines_of(lines, ":1}\n"), std::vector<std::string>{"{\"a\":1}"});
}

TEST(WatchLinesTest, RefusesALineThatIsTooLong) {
  WatchLines lines(4);
  EXPECT_EQ(lines_of(lines, "1234\n"), std::vector<std::string>{"1234"});
  EXPECT_TRUE(lines.feed("123", [](std::string_view) {}));
  EXPECT_FALSE(lines.feed("45", [](std::string_view) {}));
}

}  // namespace
}  // namespace gpusched::extender
