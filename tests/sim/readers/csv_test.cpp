#include "gpusched/sim/readers/csv.hpp"

#include <gtest/gtest.h>

namespace gpusched::sim {
namespace {

std::vector<std::string> next_row(CsvReader& csv) {
  EXPECT_TRUE(csv.next());
  return {csv.fields().begin(), csv.fields().end()};
}

using Row = std::vector<std::string>;

TEST(CsvReaderTest, ReadsQuotedFieldsWithCommasQuotesAndNewlines) {
  CsvReader csv("a,b\n\"x,y\",\"say \"\"hi\"\"\"\n\"two\nlines\",2\nlast,3\n", "f.csv");
  ASSERT_TRUE(csv.read_header().ok());
  EXPECT_EQ(next_row(csv), (Row{"x,y", "say \"hi\""}));
  EXPECT_EQ(next_row(csv), (Row{"two\nlines", "2"}));
  EXPECT_EQ(csv.line(), 3);
  EXPECT_EQ(next_row(csv), (Row{"last", "3"}));
  EXPECT_EQ(csv.line(), 5);
  EXPECT_FALSE(csv.next());
  EXPECT_TRUE(csv.status().ok());
}

TEST(CsvReaderTest, ReadsMetadataByteOrderMarkAndCrLf) {
  CsvReader csv("\xef\xbb\xbf#name: day one\r\n# a remark\r\n#k:v\r\n\r\nid,n\r\n1,\"2\"\r\n\r\n3,\r\n", "f.csv");
  ASSERT_TRUE(csv.read_header().ok());
  ASSERT_EQ(csv.metadata().size(), 2U);
  EXPECT_EQ(csv.metadata()[0], (std::pair<std::string, std::string>("name", "day one")));
  EXPECT_EQ(csv.columns(), (Row{"id", "n"}));
  EXPECT_EQ(csv.header_line(), 5);
  EXPECT_EQ(next_row(csv), (Row{"1", "2"}));
  EXPECT_EQ(next_row(csv), (Row{"3", ""}));
  EXPECT_FALSE(csv.next());
}

TEST(CsvReaderTest, LastLineMayLackItsEnd) {
  CsvReader csv("a,b\n1,2\n3", "f.csv");
  ASSERT_TRUE(csv.read_header().ok());
  next_row(csv);
  EXPECT_FALSE(csv.at_unterminated_line());
  EXPECT_EQ(next_row(csv), (Row{"3"}));
  EXPECT_TRUE(csv.at_unterminated_line());
}

void expect_error(std::string_view text, ErrorCode code, int line) {
  CsvReader csv(text, "f.csv", {.field_bytes = 8, .record_bytes = 20, .columns = 4});
  Status status = csv.read_header();
  while (status.ok() && csv.next()) {
  }
  status = status.ok() ? csv.status() : status;
  ASSERT_FALSE(status.ok()) << text;
  EXPECT_EQ(status.error().code, code) << text;
  EXPECT_EQ(status.error().file, "f.csv");
  EXPECT_EQ(status.error().line, line) << text;
}

TEST(CsvReaderTest, ErrorsNameFileAndLine) {
  expect_error("", ErrorCode::data_loss, 1);
  expect_error("#only: metadata\n", ErrorCode::data_loss, 2);
  expect_error("a,b\n1,\"cut off\n", ErrorCode::data_loss, 2);
  expect_error("a,b\n1,\"x\"y\n", ErrorCode::invalid_argument, 2);
  expect_error("a,b\n1,x\"y\n", ErrorCode::invalid_argument, 2);
  expect_error("a,a\n", ErrorCode::already_exists, 1);
  expect_error("a,,b\n", ErrorCode::invalid_argument, 1);
  expect_error("a\n123456789\n", ErrorCode::invalid_argument, 2);
  expect_error("a\n\"123456789\"\n", ErrorCode::invalid_argument, 2);
  expect_error("a,b,c,d\n1,2,3,4\n12345678,12345678,12345678\n", ErrorCode::invalid_argument, 3);
  expect_error("a,b,c,d,e\n", ErrorCode::invalid_argument, 1);
}

TEST(CsvWriterTest, WhatIsWrittenReadsBack) {
  const std::vector<std::string> values = {"", "plain", "a,b", "\"", "line\nbreak", "cr\r", "\r\n", "ä|=#"};
  std::string text;
  CsvWriter writer(text);
  writer.row(std::vector<std::string_view>{"a", "b", "c", "d", "e", "f", "g", "h"});
  writer.row(std::vector<std::string_view>(values.begin(), values.end()));
  CsvReader csv(text, "f.csv");
  ASSERT_TRUE(csv.read_header().ok());
  EXPECT_EQ(next_row(csv), values);
}

TEST(CsvWriterTest, QuotesOnlyWhereNeeded) {
  std::string text;
  CsvWriter writer(text);
  writer.row(std::vector<std::string_view>{"a b", "x\"y", ""});
  EXPECT_EQ(text, "a b,\"x\"\"y\",\n");
}

}  // namespace
}  // namespace gpusched::sim
