#include "gpusched/sim/report/report_data.hpp"

#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "gpusched/sim/generators/trace_generators.hpp"
#include "gpusched/sim/result_files.hpp"

#include "temporary_folder.hpp"

namespace gpusched::sim {
namespace {

/// Results of the trace `tiny` in a folder of the test's own.
class ReportDataTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const Trace trace = generate_trace("tiny", {}, 1).value();
    SimulationOptions options;
    options.policy.name = "best_fit";
    result_ = simulate(trace, options).value();
    ASSERT_TRUE(write_results(path(""), trace, result_, {.policy = "best_fit"}).ok());
  }

  std::string path(const char* name) const { return (folder_ / name).string(); }
  std::string read(const char* name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(const char* name, const std::string& text) const { ASSERT_TRUE(write_text(path(name), text).ok()); }
  void replace(const char* name, const std::string& from, const std::string& to) const {
    std::string text = read(name);
    ASSERT_NE(text.find(from), std::string::npos) << name << " has no " << from;
    write(name, text.replace(text.find(from), from.size(), to));
  }
  /// Reads the folder, which must fail, and returns the message.
  std::string problem(const ReportOptions& options = {}) const {
    const Result<ReportData> data = read_report(path(""), options);
    EXPECT_FALSE(data.ok());
    return data ? "" : data.error().to_string();
  }

  test::TemporaryFolder folder_;
  SimulationResult result_;
};

void expect_words(const std::string& text, std::initializer_list<const char*> words) {
  for (const char* word : words) {
    EXPECT_NE(text.find(word), std::string::npos) << "no '" << word << "' in: " << text;
  }
}

TEST_F(ReportDataTest, HoldsWhatTheRunWas) {
  const ReportData data = read_report(path("")).value();
  EXPECT_EQ(data.about[0], (std::pair<std::string, std::string>("policy", "best_fit")));
  EXPECT_FALSE(data.given_order);
  EXPECT_EQ(nlohmann::json::parse(data.summary_json).at("jobs"), result_.summary.jobs);
  EXPECT_EQ(data.timeline.time_s.size(), result_.timeline.size());
  EXPECT_EQ(data.timeline.running.back(), static_cast<double>(result_.timeline.back().running));
  EXPECT_EQ(data.timeline.arrived_gpus.size(), data.timeline.time_s.size());
  ASSERT_FALSE(data.waiting.curves.empty());
  EXPECT_EQ(data.waiting.curves[0].jobs, result_.summary.accepted);
  EXPECT_FALSE(data.map.parts.empty());
  EXPECT_EQ(data.map.all_gpus, data.gpus_by_model[0].second + data.gpus_by_model[1].second);
  std::int64_t started = 0, without_place = 0;
  for (const ReasonRow& row : data.reasons) {
    started += row.started;
    without_place += row.without_place;
  }
  EXPECT_EQ(without_place, result_.summary.abandoned + result_.summary.waiting);
  EXPECT_GT(started, 0);
}

TEST_F(ReportDataTest, TheTitleIsTheFolderUnlessOneIsGiven) {
  EXPECT_EQ(read_report(path("")).value().title, folder_.path().filename().string());
  EXPECT_EQ(read_report(path(""), {.title = "x", .comparison = "", .limits = {}}).value().title, "x");
}

TEST_F(ReportDataTest, ALongTimelineIsThinnedOutAndKeepsItsEnd) {
  const ReportData all = read_report(path("")).value();
  const ReportData few = read_report(path(""), {.title = "", .comparison = "", .limits = {.timeline_rows = 5}}).value();
  EXPECT_LE(few.timeline.time_s.size(), 6U);
  EXPECT_EQ(few.timeline.queued.size(), few.timeline.time_s.size());
  EXPECT_EQ(few.timeline.time_s.back(), all.timeline.time_s.back());
}

TEST_F(ReportDataTest, AMissingFileIsNamedWithWhatWritesIt) {
  for (const char* name : {"jobs.csv", "waits.csv", "demand.csv", "timeline.csv", "nodes.csv", "summary.json"}) {
    std::filesystem::remove(path(name));
    expect_words(problem(), {name, "gpusched-sim run --out DIR"});
  }
  expect_words(read_report(path("nowhere")).error().to_string(), {"nowhere/summary.json", "run --out DIR"});
}

TEST_F(ReportDataTest, AFileThatIsCutOffIsNamedWithTheLine) {
  for (const char* name : {"jobs.csv", "waits.csv", "demand.csv", "timeline.csv", "nodes.csv", "summary.json"}) {
    const std::string whole = read(name);
    write(name, whole.substr(0, whole.size() - 2));
    const std::string lines = std::to_string(std::count(whole.begin(), whole.end(), '\n'));
    expect_words(problem(), {name, (":" + lines + ":").c_str(), "cut off", "gpusched-sim run --out DIR"});
    write(name, "");
    expect_words(problem(), {name});
    write(name, whole);
  }
}

TEST_F(ReportDataTest, ASummaryBeyondNumbersAndDepthIsRefused) {
  const std::string whole = read("summary.json");
  const std::string head = whole.substr(0, whole.find('{') + 1);
  write("summary.json", head + "\"x\": 1e999," + whole.substr(head.size()));
  expect_words(problem(), {"summary.json", "out of range"});
  write("summary.json",
        head + "\"x\": " + std::string(100'000, '[') + std::string(100'000, ']') + "," + whole.substr(head.size()));
  expect_words(problem(), {"summary.json", "nested deeper"});
}

TEST_F(ReportDataTest, ALineThatIsMissingAtTheEndIsFound) {
  for (const char* name : {"jobs.csv", "demand.csv", "timeline.csv"}) {
    const std::string whole = read(name);
    write(name, whole.substr(0, whole.rfind('\n', whole.size() - 2) + 1));
    expect_words(problem(), {"gpusched-sim run --out DIR"});
    write(name, whole);
  }
  write("nodes.csv", "id,gpu_model,num_gpu\n");
  expect_words(problem(), {"jobs.csv:2:", "nodes.csv has no node"});
}

TEST_F(ReportDataTest, ValuesThatCannotBeAreNamedWithFileAndLine) {
  const std::string jobs = read("jobs.csv");
  for (const auto& [from, to, word] :
       {std::tuple{"whole-1,0,0,0,600", "whole-1,0,0,0,x", "end_s is 'x'"},
        std::tuple{"whole-1,0,0,0,600", "whole-1,0,0,700,600", "end_s is before"},
        std::tuple{"whole-1,0,0,0,600", "whole-1,9,0,0,600", "first_start_s is before"},
        std::tuple{"whole-1,0,0,0,600", "whole-1,0,,0,600", "first_start_s is empty"},
        std::tuple{",0:1000,0,\n", ",0:1001,0,\n", "0:1001"}, std::tuple{",0:1000,0,\n", ",77:1000,0,\n", "77:1000"},
        std::tuple{",0:1000,0,\n", ",0@7+2,0,\n", "0@7+2"}, std::tuple{",0:1000,0,\n", ",abc,0,\n", "abc"},
        std::tuple{",0:1000,0,\n", ",0:1000,0,,\n", "11 values for 10 columns"}}) {
    replace("jobs.csv", from, to);
    expect_words(problem(), {"jobs.csv:2:", word});
    write("jobs.csv", jobs);
  }
  replace("waits.csv", "insufficient", "x_insufficient");
  expect_words(problem(), {"waits.csv:", "unknown reason 'x_insufficient"});
}

TEST_F(ReportDataTest, TimelineAndDemandTellOfTheSameTimes) {
  const std::string demand = read("demand.csv");
  write("demand.csv", demand + "999999,1,1\n");
  expect_words(problem(), {"demand.csv", "other rows than timeline.csv"});
  const std::size_t second = demand.find('\n') + 1;
  write("demand.csv", demand.substr(0, second) + "0.5" + demand.substr(demand.find(',', second)));
  expect_words(problem(), {"demand.csv:2:", "'0.5'"});
  write("timeline.csv", read("timeline.csv") + "1,0,0,0,0,0,0,0\n");
  write("demand.csv", demand + "1,0,0\n");
  expect_words(problem(), {"timeline.csv:", "time_s goes back to 1"});
}

TEST_F(ReportDataTest, ASummaryWithoutItsNumbersIsRefused) {
  replace("summary.json", "\"span_s\"", "\"span\"");
  expect_words(problem(), {"summary.json", "span_s"});
  write("summary.json", "{\"jobs\": \"1\"}");
  expect_words(problem(), {"'jobs'"});
  write("summary.json", "[]");
  expect_words(problem(), {"'jobs'"});
  write("summary.json", "{\n\"jobs\": <script>");
  expect_words(problem(), {"summary.json:2:"});
}

TEST_F(ReportDataTest, AComparisonHasMeansAndIntervals) {
  write("runs.csv",
        "policy,seed,acceptance,wait_s_p99\n\"fgd:a=1,b=2\",1,0.5,10\n\"fgd:a=1,b=2\",2,0.7,10\n\"buddy\",1,1,0\n"
        "\"buddy\",2,1,0\n");
  const ReportData data = read_report(path(""), {.title = "", .comparison = path("runs.csv"), .limits = {}}).value();
  ASSERT_TRUE(data.comparison.has_value());
  EXPECT_EQ(data.comparison->metrics, (std::vector<std::string>{"acceptance", "wait_s_p99"}));
  EXPECT_EQ(data.comparison->policies, (std::vector<std::string>{"fgd:a=1,b=2", "buddy"}));
  EXPECT_EQ(data.comparison->seeds, 2);
  EXPECT_DOUBLE_EQ(data.comparison->cells[0][0].mean, 0.6);
  EXPECT_NEAR(data.comparison->cells[0][0].half_width, 12.706 * 0.1, 1e-9);
  EXPECT_EQ(data.comparison->cells[1][0].half_width, 0);
}

TEST_F(ReportDataTest, AComparisonThatIsNoneIsNamed) {
  const ReportOptions options{.title = "", .comparison = path("runs.csv"), .limits = {}};
  expect_words(problem(options), {"runs.csv", "compare --out FILE"});
  write("runs.csv", "name,seed\n");
  expect_words(problem(options), {"runs.csv:1:", "'policy'", "compare --out FILE"});
  write("runs.csv", "policy,seed,acceptance\nfgd,1,good\n");
  expect_words(problem(options), {"runs.csv:2:", "'good'"});
}

TEST_F(ReportDataTest, JobsInAGivenOrderDoNotWait) {
  replace("nodes.csv", "#policy", "#arrivals: given order\n#policy");
  const ReportData data = read_report(path("")).value();
  EXPECT_TRUE(data.given_order);
  EXPECT_TRUE(data.waiting.curves.empty());
}

}  // namespace
}  // namespace gpusched::sim
