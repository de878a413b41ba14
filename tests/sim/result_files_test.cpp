#include "gpusched/sim/result_files.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace gpusched::sim {
namespace {

class ResultFilesTest : public ::testing::Test {
 protected:
  ResultFilesTest()
      : directory_(std::filesystem::path(::testing::TempDir()) /
                   (std::string("result_files_") + ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(directory_);
  }
  ~ResultFilesTest() override { std::filesystem::remove_all(directory_); }

  std::string read(const std::string& name) const {
    std::ifstream file(directory_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::filesystem::path directory_;
};

Trace sample_trace() {
  Trace trace;
  trace.nodes.resize(2);
  trace.nodes[0].id = "a";
  trace.nodes[1].id = "rack,1 \"b\"";
  trace.specs.resize(1);
  for (const char* id : {"plain", "with,comma", "never"}) {
    TraceJob job;
    job.id = id;
    job.submit_ns = 1'500'000'000;
    trace.jobs.push_back(job);
  }
  return trace;
}

SimulationResult sample_result() {
  SimulationResult result;
  result.jobs.resize(3);
  for (std::uint32_t i = 0; i < 3; ++i) {
    result.jobs[i].row = i;
  }
  JobResult& done = result.jobs[0];
  done.first_start_ns = 1'750'000'000;
  done.start_ns = 2 * ns_per_s;
  done.end_ns = 3'000'000'001;
  done.node = 0;
  done.outcome = JobOutcome::finished;
  GpuAssignment share;
  share.gpu = 3;
  share.share_milli = 460;
  done.gpus.push_back(share);
  JobResult& running = result.jobs[1];
  running.first_start_ns = 0;
  running.start_ns = 0;
  running.node = 1;
  running.evictions = 2;
  running.outcome = JobOutcome::running;
  for (const std::int16_t start : {std::int16_t{0}, std::int16_t{4}}) {
    GpuAssignment instance;
    instance.gpu = 1;
    instance.range = {start, 4};
    running.gpus.push_back(instance);
  }
  result.jobs[2].end_ns = 1'500'000'000;
  result.jobs[2].outcome = JobOutcome::rejected;
  result.jobs[2].reason = RejectReason::mig_fragmented;
  TimelineRow row;
  row.time_ns = 500'000'000;
  row.gpu_allocated = 0.25;
  row.queued = 4;
  row.running = 5;
  result.timeline.push_back(row);
  result.summary.jobs = 3;
  result.summary.acceptance = 2.0 / 3;
  result.summary.triggers.moved_pods = {2, 3, 4};
  result.summary.triggers.emptied_gpus = 5;
  result.summary.acceptance_by_kind = {{.kind = "share", .arrived = 3, .accepted = 2}};
  result.summary.rejected_by_reason[static_cast<std::size_t>(RejectReason::mig_fragmented)] = 1;
  return result;
}

TEST_F(ResultFilesTest, JobsAreOneRowEachWithExactTimesAndDevices) {
  ASSERT_TRUE(write_results(directory_.string(), sample_trace(), sample_result()).ok());
  EXPECT_EQ(read("jobs.csv"),
            "id,submit_s,first_start_s,start_s,end_s,outcome,node,gpus,evictions,reason\n"
            "plain,1.5,1.75,2,3.000000001,finished,a,3:460,0,\n"
            "\"with,comma\",1.5,0,0,,running,\"rack,1 \"\"b\"\"\",1@0+4|1@4+4,2,\n"
            "never,1.5,,,1.5,rejected,,,0,mig_fragmented\n");
}

TEST_F(ResultFilesTest, TheTimelineIsOneRowPerSample) {
  ASSERT_TRUE(write_results(directory_.string(), sample_trace(), sample_result()).ok());
  EXPECT_EQ(read("timeline.csv"),
            "time_s,gpu_allocated,mig_allocated,active_gpus,fragment_gpus,unusable_slices,queued,running\n"
            "0.5,0.25,0,0,0,0,4,5\n");
}

TEST_F(ResultFilesTest, TheSummaryIsOneJsonObject) {
  ASSERT_TRUE(write_results(directory_.string(), sample_trace(), sample_result()).ok());
  const auto json = nlohmann::json::parse(read("summary.json"));
  EXPECT_EQ(json.at("jobs"), 3);
  EXPECT_DOUBLE_EQ(json.at("acceptance").get<double>(), 2.0 / 3);
  EXPECT_EQ(json.at("acceptance_by_kind").at("share").at("accepted"), 2);
  EXPECT_EQ(json.at("rejected_by_reason").at("mig_fragmented"), 1);
  EXPECT_EQ(json.at("moved_pods").at("drift"), 4);
  EXPECT_EQ(json.at("emptied_gpus"), 5);
  EXPECT_EQ(json.at("rejected_by_reason").size(), 1U) << "reasons without jobs are left out";
  for (const char* key :
       {"finished", "waiting", "lost", "decisions", "wait_s", "span_s", "cluster_cost", "utilisation_active",
        "unusable_slices", "final_gpu_allocation", "compactions", "drifts", "gate_refusals"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
}

TEST_F(ResultFilesTest, MissingFoldersAreMade) {
  const std::string deep = (directory_ / "x" / "y").string();
  ASSERT_TRUE(write_results(deep, sample_trace(), sample_result()).ok());
  EXPECT_TRUE(std::filesystem::exists(deep + "/summary.json"));
}

TEST_F(ResultFilesTest, AnUnwritablePlaceIsAnErrorThatNamesIt) {
  std::filesystem::create_directories(directory_);
  const std::string file = (directory_ / "file").string();
  ASSERT_TRUE(write_text(file, "x").ok());
  EXPECT_EQ(read("file"), "x");
  const Status below = write_results(file + "/sub", sample_trace(), sample_result());
  ASSERT_FALSE(below.ok());
  EXPECT_EQ(below.error().code, ErrorCode::io);
  EXPECT_NE(below.error().message.find(file), std::string::npos);
  const Status text = write_text(file + "/sub/file", "x");
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.error().code, ErrorCode::io);
  EXPECT_TRUE(write_text((directory_ / "made" / "on the way").string(), "x").ok());
}

TEST_F(ResultFilesTest, JobsWithProfilesHaveAnAccount) {
  SimulationResult result = sample_result();
  result.accounts.resize(3);
  result.accounts[0] = {.goodput_class = GoodputClass::training,
                        .mode = StartMode::mps,
                        .work_s = 12.5,
                        .slowdown = 1.25,
                        .ok_share = 0,
                        .slo_met = true,
                        .oom_kills = 1};
  result.accounts[1] = {.goodput_class = GoodputClass::burst,
                        .mode = StartMode::mig,
                        .work_s = 3,
                        .slowdown = 0,
                        .ok_share = .5,
                        .slo_met = false,
                        .oom_kills = 0};
  result.accounts[2].goodput_class = GoodputClass::dev;
  ASSERT_TRUE(write_results(directory_.string(), sample_trace(), result).ok());
  const std::string jobs = read("jobs.csv");
  const std::string header = jobs.substr(0, jobs.find('\n'));
  EXPECT_TRUE(header.ends_with(",reason,class,mode,work_s,slowdown,ok_share,slo_met,oom_kills")) << header;
  EXPECT_NE(jobs.find(",training,mps,12.5,1.25,,1,1\n"), std::string::npos) << jobs;
  EXPECT_NE(jobs.find(",burst,mig,3,,0.5,0,0\n"), std::string::npos) << jobs;
  EXPECT_NE(jobs.find(",dev,,,,,,\n"), std::string::npos) << jobs;
  for (std::size_t begin = 0; begin < jobs.size(); begin = jobs.find('\n', begin) + 1) {
    const std::string line = jobs.substr(begin, jobs.find('\n', begin) - begin);
    if (line.find('"') == std::string::npos) {
      EXPECT_EQ(std::count(line.begin(), line.end(), ','), std::count(header.begin(), header.end(), ',')) << line;
    }
  }
}

TEST_F(ResultFilesTest, TheSummaryOfTracesWithProfilesTellsOfGoodput) {
  Summary summary;
  EXPECT_FALSE(nlohmann::json::parse(summary_json(summary)).contains("execution"));
  summary.execution.emplace();
  summary.execution->goodput = .5;
  summary.execution->served = {.1, .2, .3, .4, .5};
  summary.execution->starts = {1, 2, 3, 4};
  summary.execution->openings = 6;
  summary.execution->oom_kills = 7;
  const nlohmann::json json = nlohmann::json::parse(summary_json(summary)).at("execution");
  EXPECT_EQ(json.at("goodput"), .5);
  EXPECT_EQ(json.at("served").at("gang"), .5);
  EXPECT_EQ(json.at("starts").at("time_slice"), 3);
  EXPECT_EQ(json.at("openings"), 6);
  EXPECT_EQ(json.at("oom_kills"), 7);
}

}  // namespace
}  // namespace gpusched::sim
