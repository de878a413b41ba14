#include "gpusched/sim/readers/trace_formats.hpp"

#include <filesystem>
#include <fstream>
#include <set>

#include <gtest/gtest.h>
#include <unistd.h>

namespace gpusched::sim {
namespace {

namespace fs = std::filesystem;

class TraceFormatsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::temp_directory_path() / ("gpusched-formats-" + std::to_string(::getpid()));
    fs::create_directories(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }

  std::string write(const std::string& name, const std::string& text) const {
    fs::create_directories((dir_ / name).parent_path());
    std::ofstream(dir_ / name, std::ios::binary) << text;
    return (dir_ / name).string();
  }
  std::string path(const std::string& name) const { return (dir_ / name).string(); }

  fs::path dir_;
};

constexpr const char* nodes_text = "id,gpu_model,num_gpu,cpu_milli,memory_mib\nn0,T4,2,8000,1024\n";
constexpr const char* jobs_text = "id,kind,submit_s,num_gpu\na,pod,0,1\nb,pod,1,1\n";

std::string message_of(const Result<ReadOutcome>& result) { return result.ok() ? "" : result.error().to_string(); }

TEST_F(TraceFormatsTest, NamesAreUniqueAndEveryRowHasAReader) {
  std::set<std::string_view> names;
  for (const TraceFormat& format : trace_formats()) {
    EXPECT_TRUE(names.insert(format.name).second);
    EXPECT_NE(format.read, nullptr);
    EXPECT_FALSE(format.description.empty());
    EXPECT_FALSE(format.path_meaning.empty());
  }
  EXPECT_EQ(names, (std::set<std::string_view>{"gtf", "gtf-jsonl", "openb", "kubectl"}));
}

TEST_F(TraceFormatsTest, RecognisesEachFormat) {
  write("dir/nodes.csv", nodes_text);
  write("dir/jobs.csv", jobs_text);
  const auto directory = read_trace(path("dir"));
  ASSERT_TRUE(directory.ok()) << message_of(directory);
  EXPECT_EQ(directory.value().report.kept, 3);
  EXPECT_TRUE(read_nodes(path("dir/nodes.csv")).ok());
  EXPECT_TRUE(read_jobs(write("day.csv", jobs_text)).ok());
  EXPECT_TRUE(read_trace(write("t.gtf.jsonl", "{\"type\":\"header\",\"gtf\":1}\n")).ok());
  EXPECT_TRUE(read_jobs(write("pods.csv", "name,cpu_milli,memory_mib,num_gpu,gpu_milli\np,1,1,1,1000\n")).ok());
  EXPECT_TRUE(read_nodes(write("list.csv", "sn,cpu_milli,memory_mib,gpu,model\nn,1,1,1,T4\n")).ok());
  EXPECT_TRUE(read_trace(write("cluster.json", "{\"kind\":\"List\",\"items\":[]}\n")).ok());
  EXPECT_TRUE(read_nodes("gtf:" + path("dir/nodes.csv")).ok());
  const auto both = read_trace("openb:" + path("list.csv") + "," + path("pods.csv"));
  ASSERT_TRUE(both.ok()) << message_of(both);
  EXPECT_EQ(both.value().report.kept, 2);
}

TEST_F(TraceFormatsTest, ErrorsNameWhatIsWrong) {
  EXPECT_EQ(read_trace(path("absent.csv")).error().code, ErrorCode::not_found);
  EXPECT_EQ(read_trace("gtf:" + path("absent.csv")).error().code, ErrorCode::not_found);
  const Error unknown = read_trace("swf:x").error();
  EXPECT_NE(unknown.to_string().find("gtf-jsonl, openb, kubectl, gtf"), std::string::npos);
  EXPECT_EQ(read_trace(write("noise.txt", "hello\n")).error().code, ErrorCode::invalid_argument);
  fs::create_directories(dir_ / "empty");
  EXPECT_EQ(read_trace(path("empty")).error().code, ErrorCode::not_found);
  EXPECT_EQ(read_jobs("gtf:" + write("nodes.csv", nodes_text)).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(read_nodes("gtf:" + write("jobs.csv", jobs_text)).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(write_trace("kubectl", Trace(), path("x")).error().code, ErrorCode::unsupported);
  EXPECT_EQ(write_trace("swf", Trace(), path("x")).error().code, ErrorCode::invalid_argument);
}

TEST_F(TraceFormatsTest, CompressedFilesReadLikePlainOnesAndDamagedOnesAreErrors) {
  const Trace trace = read_trace(write("t/jobs.csv", jobs_text)).value().trace;
  const std::string compressed = path("t.gtf.jsonl.gz");
  ASSERT_TRUE(write_trace("gtf-jsonl", trace, compressed).ok());
  const auto again = read_trace(compressed);
  ASSERT_TRUE(again.ok()) << message_of(again);
  EXPECT_EQ(again.value().trace.jobs, trace.jobs);
  fs::resize_file(compressed, fs::file_size(compressed) - 12);
  EXPECT_EQ(read_trace("gtf-jsonl:" + compressed).error().code, ErrorCode::data_loss);
}

TEST_F(TraceFormatsTest, WritesADirectoryAndForgetsAnOlderTrace) {
  write("out/events.csv", "old");
  const Trace trace = read_trace(write("jobs.csv", jobs_text)).value().trace;
  ASSERT_TRUE(write_trace("gtf", trace, path("out")).ok());
  const auto again = read_trace(path("out"));
  ASSERT_TRUE(again.ok()) << message_of(again);
  EXPECT_EQ(again.value().trace, trace);
}

TEST_F(TraceFormatsTest, ProfilesLieBesideTheTables) {
  const std::string profiles =
      "{\"version\":1,\"profiles\":[{\"name\":\"p\",\"kind\":\"closed\",\"gpu_model\":\"T4\",\"engine_active\":{"
      "\"mean\":1},"
      "\"dram_active\":{\"mean\":0.5},\"memory_peak_mib\":100}]}";
  write("d/jobs.csv", "id,kind,submit_s,num_gpu,job_profile\na,pod,0,1,p\nb,pod,1,1,q\n");
  write("d/profiles.json", profiles);
  const auto outcome = read_trace(path("d"));
  ASSERT_TRUE(outcome.ok()) << message_of(outcome);
  EXPECT_EQ(outcome.value().trace.profiles.size(), 1U);
  EXPECT_EQ(outcome.value().report.read, 3);
  EXPECT_EQ(outcome.value().report.doubtful.at("job_profile_unknown"), 1);
  EXPECT_EQ(read_jobs(path("d")).value().trace.profiles, outcome.value().trace.profiles);
  // Written, read as lines, written again: nothing changes; a trace without profiles takes the file away.
  ASSERT_TRUE(write_trace("gtf-jsonl", outcome.value().trace, path("t.gtf.jsonl.gz")).ok());
  const auto lines = read_trace(path("t.gtf.jsonl.gz"));
  ASSERT_TRUE(lines.ok()) << message_of(lines);
  ASSERT_TRUE(write_trace("gtf", lines.value().trace, path("out")).ok());
  EXPECT_EQ(read_trace(path("out")).value().trace, outcome.value().trace);
  ASSERT_TRUE(write_trace("gtf", read_trace(write("jobs.csv", jobs_text)).value().trace, path("out")).ok());
  EXPECT_FALSE(fs::exists(path("out") + "/profiles.json"));
  write("d/profiles.json", "{\"version\":1,\"profiles\":[{}]}");
  EXPECT_EQ(read_trace(path("d")).error().file, path("d") + "/profiles.json");
}

TEST_F(TraceFormatsTest, TablesNotReadYetAreCounted) {
  write("d/jobs.csv", jobs_text);
  write("d/services.csv", "id,class\ns0,burst\n");
  write("d/sessions.csv", "id,service\n");
  const auto outcome = read_trace(path("d"));
  ASSERT_TRUE(outcome.ok()) << message_of(outcome);
  EXPECT_EQ(outcome.value().report.dropped.at("services_not_read"), 1);
  EXPECT_EQ(outcome.value().report.dropped.at("sessions_not_read"), 0);
  EXPECT_EQ(outcome.value().report.read, 3);
  EXPECT_EQ(outcome.value().report.examples.size(), 2U);
}

}  // namespace
}  // namespace gpusched::sim
