#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "gpusched/base/check.hpp"
#include "gpusched/profiler/suite/flat_object.hpp"

namespace gpusched::suite {
namespace {

TEST(SuiteFlatObjectTest, ALineIsReadBackAsItWasSet) {
  FlatObject line;
  line.set("text", "a \"quoted\" \\ word\n\x01")
      .set("half", 0.5)
      .set("many", 1e300)
      .set("count", 17)
      .set("yes", true)
      .set("no", false);
  const Result<FlatObject> read = FlatObject::parse(line.line());
  ASSERT_TRUE(read.ok()) << read.error().to_string();
  EXPECT_EQ(read.value(), line);
  EXPECT_EQ(line.line().find('\n'), std::string::npos);
}

TEST(SuiteFlatObjectTest, NumbersKeepTheirFractions) {
  const double third = 1.0 / 3;
  FlatObject line;
  line.set("third", third);
  EXPECT_EQ(FlatObject::parse(line.line()).value().number("third"), third);
}

TEST(SuiteFlatObjectTest, ReadsWhatOthersWrite) {
  const FlatObject line = FlatObject::parse(R"( {"a":1e3 , "b" : "\u00e9\/\t", "c":-0.5,"d":true} )").value();
  EXPECT_EQ(line.number("a"), 1000);
  EXPECT_EQ(line.text("b"), "\xC3\xA9/\t");
  EXPECT_EQ(line.number("c"), -0.5);
  EXPECT_EQ(line.flag("d"), true);
  EXPECT_EQ(line.text("a"), std::nullopt) << "a number is no text";
  EXPECT_EQ(line.number("missing"), std::nullopt);
  EXPECT_TRUE(FlatObject::parse("{}").ok());
}

TEST(SuiteFlatObjectTest, EverythingElseIsRefusedWithItsPlace) {
  for (const char* text : {"",
                           "x",
                           "{",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":null}",
                           "{\"a\":[1]}",
                           "{\"a\":{}}",
                           "{\"a\":inf}",
                           "{\"a\":nan}",
                           "{\"a\":1e999}",
                           "{\"a\":1,\"a\":2}",
                           "{\"a\":1,}",
                           "{\"a\":1} {",
                           "{\"a\":\"x",
                           "{\"a\":\"\\x\"}",
                           "{\"a\":\"\\ud800\"}",
                           "{\"a\":\"\\u12\"}",
                           "{\"a\":\"\x01\"}",
                           "{a:1}",
                           "{\"a\":+1}",
                           "{\"a\":tru}"}) {
    const Result<FlatObject> read = FlatObject::parse(text);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_NE(read.error().message.find("at character"), std::string::npos) << text;
  }
}

TEST(SuiteFlatObjectTest, ANumberThatIsNoneIsABug) {
  FlatObject line;
  line.set("a", std::nan(""));
  EXPECT_THROW(static_cast<void>(line.line()), InvariantError);
}

}  // namespace
}  // namespace gpusched::suite
