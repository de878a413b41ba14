#include <limits>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "gpusched/sim/generators/trace_generators.hpp"
#include "gpusched/sim/report/report_data.hpp"
#include "gpusched/sim/result_files.hpp"

#include "temporary_folder.hpp"

namespace gpusched::sim {
namespace {

constexpr const char* hostile = "</script><img src=x onerror=\"alert(1)\"><!-- \\ \n\x01";

ReportData hostile_data() {
  ReportData data;
  data.title = hostile;
  data.about = {{hostile, hostile}};
  data.currency = hostile;
  data.summary_json = nlohmann::json{{"acceptance_by_kind", {{hostile, {{"arrived", 1}}}}}}.dump();
  data.gpus_by_model = {{hostile, 1}};
  data.map.nodes = {{.name = hostile, .model = hostile, .gpus = 1, .units = 0}};
  data.map.parts.resize(1);
  data.map.parts[0].job = hostile;
  data.comparison =
      PolicyComparison{.metrics = {hostile}, .policies = {hostile}, .cells = {{Estimate{1, 2}}}, .seeds = 2};
  return data;
}

TEST(ReportJsonTest, NoNameCanEndTheElementThatHoldsIt) {
  const std::string text = report_json(hostile_data());
  EXPECT_EQ(text.find('<'), std::string::npos) << text;
  const nlohmann::json json = nlohmann::json::parse(text);
  EXPECT_EQ(json.at("title"), hostile);
  EXPECT_EQ(json.at("about").at(0).at(1), hostile);
  EXPECT_EQ(json.at("map").at("job").at(0), hostile);
  EXPECT_EQ(json.at("map").at("nodes").at(0).at(0), hostile);
  EXPECT_EQ(json.at("comparison").at("policies").at(0).at("name"), hostile);
  EXPECT_TRUE(json.at("summary").at("acceptance_by_kind").contains(hostile));
}

TEST(ReportJsonTest, NamesThatAreNotUtf8AreWritten) {
  ReportData data = hostile_data();
  data.map.parts[0].job = "a\xff\xfe";
  EXPECT_EQ(nlohmann::json::parse(report_json(data)).at("map").at("job").at(0), "a\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(ReportJsonTest, NumbersAreShort) {
  ReportData data = hostile_data();
  data.timeline.gpu_allocated = {0.123456789, 1, 0, 0.1};
  data.map.parts[0].end_s = std::numeric_limits<double>::infinity();
  const std::string text = report_json(data);
  EXPECT_NE(text.find("\"allocated\":[0.12346,1,0,0.1]"), std::string::npos) << text;
  EXPECT_NE(text.find("\"long_s\":[-1]"), std::string::npos) << "runs at the end";
}

TEST(ReportJsonTest, FirstStepsAreDifferences) {
  ReportData data = hostile_data();
  data.map.parts.assign(3, {});
  data.map.parts[0].first_step = 4;
  data.map.parts[1].first_step = 4;
  data.map.parts[2].first_step = 9;
  for (GpuMap::Part& part : data.map.parts) {
    part.end_step = 10;
  }
  const nlohmann::json map = nlohmann::json::parse(report_json(data)).at("map");
  EXPECT_EQ(map.at("step"), (std::vector<int>{4, 0, 5}));
  EXPECT_EQ(map.at("steps_long"), (std::vector<int>{6, 6, 1}));
}

TEST(ReportPageTest, TheDataTakesThePlaceOfItsMark) {
  const std::string page = report_page("<a>@DATA@</a>", hostile_data()).value();
  EXPECT_TRUE(page.starts_with("<a>{\"title\":"));
  EXPECT_TRUE(page.ends_with("}</a>"));
  EXPECT_EQ(page.find('<', 1), page.size() - 4);
  EXPECT_FALSE(report_page("<a></a>", hostile_data()).ok());
}

/// A page of this size opens at once on a phone; it does not grow with the run.
TEST(ReportPageTest, ManyJobsWithLongNamesMakeASmallPage) {
  Trace trace = generate_trace("mig-mix",
                               {{"gpus", "2000"}, {"jobs", "100000"}, {"load", "1.2"}, {"mean_lifetime_s", "40000"}}, 1)
                    .value();
  for (TraceJob& job : trace.jobs) {
    job.id += std::string(200, '\x01');  // six bytes each in JSON
  }
  SimulationOptions options;
  options.policy.name = "buddy";
  const SimulationResult result = simulate(trace, options).value();
  const test::TemporaryFolder folder;
  ASSERT_TRUE(write_results(folder.path().string(), trace, result).ok());
  const ReportData data = read_report(folder.path().string()).value();
  EXPECT_LE(data.map.parts.size(), ReportLimits{}.map_parts);
  EXPECT_GT(data.map.parts.size(), 1000U);
  EXPECT_LT(report_json(data).size(), 4'000'000U);
}

}  // namespace
}  // namespace gpusched::sim
