#include "../../../extender/src/api/list_page.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "gpusched/extender/wire.hpp"

#include "../../../extender/src/api/api_status.hpp"

namespace gpusched::extender {
namespace {

Result<WatchLine> read_line(std::string& line) {
  const std::size_t size = line.size();
  line.append(wire_padding, ' ');
  return read_watch_line({line.data(), size});
}

TEST(ListPageTest, HandsOutItemsByteForByte) {
  ListPage page;
  std::vector<std::string> items;
  const Status read = read_list_page(
      R"({"kind":"NodeList","metadata":{"remainingItemCount":3,"continue":"t","resourceVersion":"7"},"items":[ {"a": [1,"\u003c"]} ,{}]})",
      page, [&](std::string_view json) { items.emplace_back(json); });
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(items, (std::vector<std::string>{R"({"a": [1,"\u003c"]})", "{}"}));
  EXPECT_EQ(page.resource_version, "7");
  EXPECT_EQ(page.next, "t");
}

TEST(ListPageTest, RefusesWhatIsNoList) {
  for (const char* text :
       {"", "[]", "{}", "null", R"({"items":3})", R"({"items":[1]})", R"({"items":[{}], "metadata":)",
        R"({"metadata":[],"items":[]})", R"({"metadata":{"resourceVersion":7},"items":[]})"}) {
    ListPage page;
    EXPECT_FALSE(read_list_page(text, page, [](std::string_view) {}).ok()) << text;
  }
}

TEST(ListPageTest, ReadsEventsInAnyOrderOfKeys) {
  std::string line = R"({"object":{"code":"no number","metadata":{"resourceVersion":"9"},"x":1},"type":"ADDED"})";
  const auto event = read_line(line);
  ASSERT_TRUE(event.ok());
  EXPECT_EQ(event.value().type, "ADDED");
  EXPECT_EQ(event.value().object, R"({"code":"no number","metadata":{"resourceVersion":"9"},"x":1})");
  EXPECT_EQ(event.value().resource_version, "9");
}

TEST(ListPageTest, RefusesWhatIsNoEvent) {
  for (const char* text : {"{", "[]", "7", R"({"type":"ADDED"})", R"({"object":{}})", R"({"type":"ADDED","object":[]})",
                           R"({"type":7,"object":{}})", R"({"type":"ADDED","object":{"metadata":7}})"}) {
    std::string line = text;
    EXPECT_FALSE(read_line(line).ok()) << text;
  }
}

TEST(ListPageTest, VersionsCompareAsNumbersOrNotAtAll) {
  EXPECT_TRUE(is_older_version("9", "10"));
  EXPECT_TRUE(is_older_version("18446744073709551616", "18446744073709551617"));
  EXPECT_FALSE(is_older_version("10", "10"));
  EXPECT_FALSE(is_older_version("10", "9"));
  EXPECT_FALSE(is_older_version("a", "b"));
  EXPECT_FALSE(is_older_version("", "1"));
  EXPECT_FALSE(is_older_version("1", ""));
}

TEST(ListPageTest, ReadsAStatusAndAnyOtherText) {
  const ApiStatus status = read_status(
      R"({"code":504,"reason":"Timeout","message":"m","details":{"retryAfterSeconds":3,"causes":[{"reason":"ResourceVersionTooLarge"}]}})");
  EXPECT_EQ(status.code, 504);
  EXPECT_EQ(status.reason, "Timeout");
  EXPECT_EQ(status.message, "m");
  EXPECT_EQ(status.retry_after_s, 3);
  EXPECT_TRUE(status.version_too_large);
  EXPECT_EQ(read_status("<html>busy").message, "<html>busy");
  EXPECT_TRUE(read_status(R"({"message":"Too large resource version: 5, current: 3"})").version_too_large);
  for (const char* text : {"", "[]", R"({"code":"x","details":[],"message":7})", R"({"details":{"causes":7}})",
                           R"({"details":{"causes":[7,{}],"retryAfterSeconds":-1}})"}) {
    EXPECT_EQ(read_status(text).code, 0) << text;
    EXPECT_EQ(read_status(text).retry_after_s, 0) << text;
  }
}

}  // namespace
}  // namespace gpusched::extender
