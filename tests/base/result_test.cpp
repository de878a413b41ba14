#include "gpusched/base/result.hpp"

#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace gpusched {
namespace {

Error sample_error() {
  Error error;
  error.code = ErrorCode::data_loss;
  error.message = "row has 3 fields instead of 5";
  error.file = "jobs.csv";
  error.line = 7;
  error.remedy = "Write the missing fields";
  return error;
}

TEST(ResultTest, HoldsAValue) {
  const Result<int> result = 5;
  EXPECT_TRUE(result.ok());
  EXPECT_TRUE(static_cast<bool>(result));
  EXPECT_EQ(result.value(), 5);
}

TEST(ResultTest, HoldsAnError) {
  const Result<int> result = sample_error();
  EXPECT_FALSE(result.ok());
  EXPECT_FALSE(static_cast<bool>(result));
  EXPECT_EQ(result.error().code, ErrorCode::data_loss);
  EXPECT_EQ(result.error().line, 7);
}

TEST(ResultTest, ReadingTheWrongAlternativeIsABug) {
  const Result<int> failed = sample_error();
  EXPECT_THROW(static_cast<void>(failed.value()), InvariantError);
  const Result<int> good = 5;
  EXPECT_THROW(static_cast<void>(good.error()), InvariantError);
}

TEST(ResultTest, MessageOfTheBugNamesTheError) {
  const Result<int> failed = sample_error();
  try {
    static_cast<void>(failed.value());
    FAIL() << "value() of an error must throw";
  } catch (const InvariantError& error) {
    EXPECT_NE(std::string(error.what()).find("row has 3 fields"), std::string::npos) << error.what();
  }
}

TEST(ResultTest, ValueCanBeMovedOutAndChanged) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(5);
  *result.value() = 6;
  const std::unique_ptr<int> taken = std::move(result).value();
  EXPECT_EQ(*taken, 6);
}

TEST(StatusTest, IsOkWithoutAnError) {
  const Status status;
  EXPECT_TRUE(status.ok());
  EXPECT_TRUE(static_cast<bool>(status));
  EXPECT_THROW(static_cast<void>(status.error()), InvariantError);
}

TEST(StatusTest, CarriesAnError) {
  const Status status = sample_error();
  EXPECT_FALSE(status.ok());
  EXPECT_FALSE(static_cast<bool>(status));
  EXPECT_EQ(status.error().file, "jobs.csv");
}

TEST(ErrorTest, TextNamesFileLineMessageAndRemedy) {
  EXPECT_EQ(sample_error().to_string(), "jobs.csv:7: row has 3 fields instead of 5. Write the missing fields");
}

TEST(ErrorTest, EmptyPartsAreLeftOut) {
  Error error;
  error.message = "no such policy";
  EXPECT_EQ(error.to_string(), "no such policy");
  error.file = "config.yaml";
  EXPECT_EQ(error.to_string(), "config.yaml: no such policy");
}

TEST(ErrorTest, EveryCodeHasAName) {
  EXPECT_STREQ(to_string(ErrorCode::invalid_argument), "invalid_argument");
  EXPECT_STREQ(to_string(ErrorCode::not_found), "not_found");
  EXPECT_STREQ(to_string(ErrorCode::already_exists), "already_exists");
  EXPECT_STREQ(to_string(ErrorCode::unsupported), "unsupported");
  EXPECT_STREQ(to_string(ErrorCode::data_loss), "data_loss");
  EXPECT_STREQ(to_string(ErrorCode::io), "io");
}

}  // namespace
}  // namespace gpusched
