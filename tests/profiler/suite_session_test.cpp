// The runner with a stand-in for the job program: nothing here measures anything.

#include "gpusched/profiler/suite/suite_session.hpp"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gpusched/profiler/suite/measurement_runner.hpp"
#include "gpusched/profiler/suite/result_log.hpp"

#include "temporary_folder.hpp"

namespace gpusched::suite {
namespace {

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class SuiteSessionTest : public testing::Test {
 protected:
  SuiteSessionTest() {
    std::filesystem::create_directory(folder_ / "meet");
    std::filesystem::create_directory(folder_ / "out");
    setenv("STAND_IN_DIR", (folder_ / "meet").c_str(), 1);
    setenv("STAND_IN_PACE", "0", 1);
    unsetenv("STAND_IN_FAULT");
    unsetenv("STAND_IN_LAW");
    std::signal(SIGPIPE, SIG_IGN);
  }

  void plan(const std::string& text) { std::ofstream(folder_ / "plan.txt") << text; }

  SuiteOptions options() const {
    SuiteOptions options;
    options.out = (folder_ / "out").string();
    options.plan_file = (folder_ / "plan.txt").string();
    options.job_program = GPUSCHED_STAND_IN_JOB;
    return options;
  }
  RunnerSettings settings() const {
    RunnerSettings settings;
    settings.job_program = GPUSCHED_STAND_IN_JOB;
    settings.folder = folder_ / "out";
    return settings;
  }
  std::vector<FlatObject> results() const { return read_result_log(folder_ / "out" / "results.jsonl").value(); }

  test::TemporaryFolder folder_;
  std::ostringstream progress_;
};

TEST_F(SuiteSessionTest, EveryProcessReports) {
  const PlannedMeasurement measurement = parse_measurement("time_slice 2*conv decode-8@0.5").value();
  const MeasurementOutcome outcome = run_measurement(measurement, settings());
  ASSERT_TRUE(outcome.ok()) << outcome.problem;
  ASSERT_EQ(outcome.processes.size(), 3U);
  EXPECT_EQ(outcome.processes[0].result.text("job"), "conv");
  EXPECT_EQ(outcome.processes[2].result.text("job"), "decode-8");
  EXPECT_EQ(outcome.processes[2].job, 1U);
  EXPECT_GT(outcome.processes[2].ready.number("item_ms"), 0);
  // Two copies and a neighbour saw each other: slower than alone (0.7 ms).
  EXPECT_LT(*outcome.processes[0].result.number("items_per_s"), 0.7 * 1000 / 0.7);
}

TEST_F(SuiteSessionTest, AProcessThatMisbehavesSpoilsItsMeasurementAlone) {
  RunnerSettings limits = settings();
  limits.ready_limit_s = 2;
  limits.end_limit_s = 0.5;
  const PlannedMeasurement measurement = parse_measurement("time_slice conv stream seconds=0.05").value();
  for (const auto& [fault, said] :
       std::vector<std::pair<std::string, std::string>>{{"stream:crash", "killed by signal 6"},
                                                        {"stream:hang", "no result line in time"},
                                                        {"stream:garbage", "printed '?[2J{"},
                                                        {"stream:wrong", "element 3: 1 instead of 2"},
                                                        {"stream:silent", "no ready line in time"},
                                                        {"no_gpu", "no GPU: there is none"}}) {
    setenv("STAND_IN_FAULT", fault.c_str(), 1);
    const auto begin = std::chrono::steady_clock::now();
    const MeasurementOutcome outcome = run_measurement(measurement, limits);
    EXPECT_FALSE(outcome.ok()) << fault;
    EXPECT_NE(outcome.problem.find(said), std::string::npos) << fault << ": " << outcome.problem;
    EXPECT_TRUE(outcome.processes.empty()) << "no numbers of a measurement that failed";
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20)) << fault;
  }
}

TEST_F(SuiteSessionTest, AProgramThatIsNotThereIsNamed) {
  RunnerSettings missing = settings();
  missing.job_program = "/nowhere/gpusched-suite-job";
  const MeasurementOutcome outcome = run_measurement(parse_measurement("alone conv").value(), missing);
  EXPECT_NE(outcome.problem.find("/nowhere/gpusched-suite-job"), std::string::npos) << outcome.problem;
}

TEST_F(SuiteSessionTest, AMigMeasurementWithoutItsInstanceIsRefused) {
  const MeasurementOutcome outcome = run_measurement(parse_measurement("mig:1g.10gb conv").value(), settings());
  EXPECT_NE(outcome.problem.find("no MIG instance of profile 1g.10gb"), std::string::npos) << outcome.problem;
}

TEST_F(SuiteSessionTest, WithMigOnAnInstanceIsNotTakenForTheGpu) {
  RunnerSettings with_mig = settings();
  with_mig.sampling.machine.set("mig_enabled", true);
  const MeasurementOutcome outcome = run_measurement(parse_measurement("alone conv").value(), with_mig);
  EXPECT_FALSE(outcome.ok());
  EXPECT_NE(outcome.problem.find("no whole GPU"), std::string::npos) << outcome.problem;
}

TEST_F(SuiteSessionTest, ResultsAreOnTheDiskAndNotMeasuredAgain) {
  plan("alone conv\nslice:16 conv\ntime_slice conv stream\n");
  const Result<SuiteSummary> first = run_suite(options(), {}, progress_);
  ASSERT_TRUE(first.ok()) << first.error().to_string();
  EXPECT_EQ(first.value().measured, 3);
  const std::vector<FlatObject> lines = results();
  ASSERT_EQ(lines.size(), 1U + 2 + 2 + 3);
  EXPECT_EQ(lines[0].text("line"), "suite");
  EXPECT_EQ(lines[1].text("line"), "job");
  EXPECT_EQ(lines[3].number("sms"), 16);
  EXPECT_EQ(lines[7].text("status"), "ok");
  EXPECT_GT(*lines[7].number("wall_s"), 0);

  plan("alone conv\nslice:16 conv\ntime_slice conv stream\nalone stream\n");
  const Result<SuiteSummary> second = run_suite(options(), {}, progress_);
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second.value().measured, 1);
  EXPECT_EQ(second.value().done_earlier, 3);
}

TEST_F(SuiteSessionTest, AFailedMeasurementIsRecordedAndTriedAgain) {
  plan("alone conv\nalone stream\n");
  setenv("STAND_IN_FAULT", "conv:wrong", 1);
  const Result<SuiteSummary> first = run_suite(options(), {}, progress_);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first.value().measured, 1);
  EXPECT_EQ(first.value().failed, 1);
  EXPECT_NE(text_of(folder_ / "out" / "results.jsonl").find("element 3: 1 instead of 2"), std::string::npos);
  unsetenv("STAND_IN_FAULT");
  const Result<SuiteSummary> second = run_suite(options(), {}, progress_);
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second.value().measured, 1);
  EXPECT_EQ(second.value().done_earlier, 1);
}

TEST_F(SuiteSessionTest, AKilledRunGoesOnWhereItStopped) {
  std::string text;
  for (int repetition = 1; repetition <= 12; ++repetition) {
    text += "alone conv" + (repetition > 1 ? " repetition=" + std::to_string(repetition) : "") + "\n";
  }
  plan(text);
  const std::filesystem::path file = folder_ / "out" / "results.jsonl";
  const pid_t child = fork();
  if (child == 0) {
    std::ostringstream ignored;
    static_cast<void>(run_suite(options(), {}, ignored));
    _exit(0);
  }
  const auto ends = [&] {
    const std::string all = text_of(file);
    int count = 0;
    for (std::size_t at = all.find("\"end\""); at != std::string::npos; at = all.find("\"end\"", at + 1)) {
      ++count;
    }
    return count;
  };
  for (int i = 0; i < 3000 && ends() < 3; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  const int before = ends();
  ASSERT_GE(before, 3);
  // What a kill in the middle of a write leaves.
  std::ofstream(file, std::ios::app) << "{\"line\": \"job\", \"id\": \"alone co";
  const Result<SuiteSummary> second = run_suite(options(), {}, progress_);
  ASSERT_TRUE(second.ok()) << second.error().to_string();
  EXPECT_EQ(second.value().done_earlier, before);
  EXPECT_EQ(second.value().measured, 12 - before);
  EXPECT_EQ(ends(), 12);
}

TEST_F(SuiteSessionTest, NothingBeginsThatWouldEndTooLate) {
  plan("alone conv seconds=600\nalone conv\nalone stream\n");
  SuiteOptions short_run = options();
  short_run.minutes = 1;
  const Result<SuiteSummary> run = run_suite(short_run, {}, progress_);
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run.value().left_out, 1);
  EXPECT_EQ(run.value().measured, 2) << "what is shorter still fits";
}

TEST_F(SuiteSessionTest, ResultsOfAnotherGpuAreNotMixed) {
  plan("alone conv\n");
  std::ofstream(folder_ / "out" / "results.jsonl") << R"({"line": "suite", "uuid": "another", "gpu": "NVIDIA A100"})"
                                                   << "\n";
  const Result<SuiteSummary> run = run_suite(options(), {}, progress_);
  ASSERT_FALSE(run.ok());
  EXPECT_NE(run.error().to_string().find("another GPU, NVIDIA A100"), std::string::npos) << run.error().to_string();
}

TEST_F(SuiteSessionTest, WithoutAGpuItSaysSo) {
  plan("alone conv\n");
  setenv("STAND_IN_FAULT", "no_gpu", 1);
  const Result<SuiteSummary> run = run_suite(options(), {}, progress_);
  ASSERT_FALSE(run.ok());
  EXPECT_NE(run.error().to_string().find("no GPU: there is none"), std::string::npos) << run.error().to_string();
  EXPECT_EQ(text_of(folder_ / "out" / "results.jsonl"), "") << "nothing that looks like a result";
}

TEST_F(SuiteSessionTest, SamplesAreTakenWhileTheJobsWork) {
  int begun = 0;
  int ended = 0;
  RunnerSettings sampled = settings();
  sampled.sampling.begin = [&](const std::string& mig_profile) {
    EXPECT_EQ(mig_profile, "");
    ++begun;
  };
  sampled.sampling.end = [&] {
    EXPECT_EQ(++ended, begun);
    return FlatObject().set("engine_active", 0.75);
  };
  const MeasurementOutcome outcome = run_measurement(parse_measurement("time_slice conv stream").value(), sampled);
  ASSERT_TRUE(outcome.ok()) << outcome.problem;
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(outcome.samples.number("engine_active"), 0.75);
}

TEST_F(SuiteSessionTest, WithoutMpsItsMeasurementsFailWithTheReasonAndOthersGoOn) {
  plan("mps 2*conv\nalone conv\n");
  const std::string path = std::getenv("PATH");
  setenv("PATH", "/usr/bin:/bin", 1);
  const Result<SuiteSummary> run = run_suite(options(), {}, progress_);
  setenv("PATH", path.c_str(), 1);
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run.value().measured, 1);
  EXPECT_EQ(run.value().failed, 1);
  EXPECT_NE(progress_.str().find("MPS does not start here"), std::string::npos) << progress_.str();
}

TEST_F(SuiteSessionTest, TheMpsDaemonIsStartedOnceAndStopped) {
  plan("mps 2*conv\nmps conv stream\nalone conv\n");
  std::filesystem::create_directory(folder_ / "bin");
  const std::filesystem::path control = folder_ / "bin" / "nvidia-cuda-mps-control";
  std::ofstream(control) << "#!/bin/sh\nif [ \"$1\" = -d ]; then echo start >>" << (folder_ / "mps.log").string()
                         << "; else cat >>" << (folder_ / "mps.log").string() << "; fi\n";
  std::filesystem::permissions(control, std::filesystem::perms::owner_all);
  const std::string path = std::getenv("PATH");
  setenv("PATH", ((folder_ / "bin").string() + ":" + path).c_str(), 1);
  const Result<SuiteSummary> run = run_suite(options(), {}, progress_);
  setenv("PATH", path.c_str(), 1);
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run.value().measured, 3) << progress_.str();
  EXPECT_EQ(text_of(folder_ / "mps.log"), "start\nquit\n");
}

TEST_F(SuiteSessionTest, ALineThatIsNoResultStopsTheReadingWithItsNumber) {
  std::ofstream(folder_ / "out" / "results.jsonl") << "{\"line\": \"suite\"}\nnonsense\n";
  const auto read = read_result_log(folder_ / "out" / "results.jsonl");
  ASSERT_FALSE(read.ok());
  EXPECT_NE(read.error().to_string().find("results.jsonl:2: "), std::string::npos) << read.error().to_string();
}

TEST_F(SuiteSessionTest, ListingMeasuresNothing) {
  SuiteOptions list;
  list.list = true;
  std::ostringstream out;
  const Result<int> code = run_suite_command(list, {}, out, progress_);
  ASSERT_TRUE(code.ok());
  EXPECT_NE(out.str().find("slice:16 stream\n"), std::string::npos);
  EXPECT_NE(out.str().find(" measurements, about "), std::string::npos);
  EXPECT_FALSE(run_suite_command({}, {}, out, progress_).ok()) << "without --out there is nowhere to write";
}

}  // namespace
}  // namespace gpusched::suite
