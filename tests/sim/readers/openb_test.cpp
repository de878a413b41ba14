#include "gpusched/sim/readers/openb.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "gpusched/sim/readers/gtf.hpp"

#include "data_dir.hpp"

namespace gpusched::sim {
namespace {

constexpr const char* pods_text =
    "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time\n"
    "p1,4000,512,1,460,V100M32|V100M16,LS,Running,200,500,250\n"
    "p0,4000,512,1,1000,,BE,Succeeded,100,180,110\n"
    "p2,8000,512,0,0,,Burstable,Pending,300,500,\n";

ReadOutcome read_ok(const std::string& text) {
  ReadOutcome outcome;
  const Status status = read_openb(text, "list.csv", outcome);
  EXPECT_TRUE(status.ok()) << (status.ok() ? "" : status.error().to_string());
  return outcome;
}

TEST(OpenbReaderTest, MapsPodsToJobs) {
  const Trace trace = read_ok(pods_text).trace;
  ASSERT_EQ(trace.jobs.size(), 3U);
  EXPECT_EQ(trace.jobs[0].id, "p0");
  EXPECT_EQ(trace.jobs[0].submit_ns, 0);
  EXPECT_EQ(trace.jobs[0].duration_ns, 70 * ns_per_s);
  EXPECT_EQ(trace.jobs[1].submit_ns, 100 * ns_per_s);
  EXPECT_EQ(trace.jobs[1].duration_ns, 250 * ns_per_s);
  EXPECT_EQ(trace.jobs[2].duration_ns, 200 * ns_per_s);  // never scheduled: from its creation
  const JobSpec& shared = trace.specs[trace.jobs[1].spec];
  EXPECT_EQ(shared.request.gpu_models, (std::vector<std::string>{"V100M32", "V100M16"}));
  EXPECT_EQ(shared.qos, "Guaranteed");
  // p1 and p2 end with the list: they were still there.
  EXPECT_EQ(trace.job_extra_columns.back(), "censored");
  EXPECT_EQ(trace.job_extra[trace.jobs[0].extra].size(), 7U);
  EXPECT_EQ(trace.job_extra[trace.jobs[1].extra].back(), "1");
}

TEST(OpenbReaderTest, ListsWithoutTimesArriveInTheirOrder) {
  const Trace trace = read_ok("name,cpu_milli,memory_mib,num_gpu,gpu_milli\nb,1,1,8,1000\na,1,1,1,500\n").trace;
  EXPECT_EQ(trace.metadata.at("arrival"), "order");
  EXPECT_EQ(trace.jobs[0].id, "b");
  EXPECT_EQ(trace.jobs[1].submit_ns, ns_per_s);
}

TEST(OpenbReaderTest, BadRowsAreDroppedAndBadFilesAreErrors) {
  const ReadOutcome outcome = read_ok(std::string(pods_text) +
                                      "p0,1,1,1,1000,,LS,Running,1,2,1\n"
                                      "p3,1,1,1,1001,,LS,Running,1,2,1\n"
                                      "p4,1,1,1,1000,X9,LS,Running,1,2,1\n"
                                      "p5,1,1,1,1000,,LS,Running,5,2,1\n"
                                      "p6,1,1,1\n"
                                      "p7,-1,1,1,1000,,LS,Running,1,2,1\n"
                                      "p8,1,1,0,5,,LS,Running,1,2,1\n");
  EXPECT_EQ(outcome.report.dropped, (std::map<std::string, std::int64_t>{{"duplicate_id", 1},
                                                                         {"gpu_milli_out_of_range", 1},
                                                                         {"unknown_gpu_model", 1},
                                                                         {"times_out_of_order", 1},
                                                                         {"field_count", 1},
                                                                         {"cpu_milli_negative", 1},
                                                                         {"gpu_share_without_gpu", 1}}));
  EXPECT_EQ(outcome.report.read, 10);
  EXPECT_EQ(outcome.report.kept, 3);
  ReadOutcome unused;
  EXPECT_EQ(read_openb("a,b\n", "f", unused).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(read_openb("sn,cpu_milli,memory_mib,gpu,model\nn,1,1,1,X9\n", "f", unused).error().line, 2);
  EXPECT_EQ(read_openb("sn,cpu_milli,memory_mib,gpu,model\nn,1,1", "f", unused).error().code, ErrorCode::data_loss);
}

TEST(OpenbWriterTest, SaysWhatOpenbCannotHold) {
  ReadOutcome outcome;
  ASSERT_TRUE(read_gtf_csv("id,kind,submit_s,num_gpu,mig_profile\na,pod,0,1,1g.10gb\n", "jobs.csv", outcome).ok());
  EXPECT_EQ(write_openb_pods(outcome.trace).error().code, ErrorCode::unsupported);
}

std::string file_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// openb -> GTF as CSV -> GTF as JSON lines -> openb.
Trace through_gtf(const Trace& trace) {
  const GtfCsvText csv = write_gtf_csv(trace);
  ReadOutcome from_csv;
  for (const auto& [text, file] : {std::pair(&csv.jobs, "jobs.csv"), std::pair(&csv.nodes, "nodes.csv")}) {
    if (!text->empty()) {
      EXPECT_TRUE(read_gtf_csv(*text, file, from_csv).ok());
    }
  }
  finish_gtf(from_csv);
  ReadOutcome from_lines;
  EXPECT_TRUE(read_gtf_jsonl(write_gtf_jsonl(from_csv.trace), "t.gtf.jsonl", from_lines).ok());
  finish_gtf(from_lines);
  return from_lines.trace;
}

TEST(OpenbWriterTest, SmallListComesBackByteForByte) {
  EXPECT_EQ(write_openb_pods(through_gtf(read_ok(pods_text).trace)).value(), pods_text);
}

class OpenbDataTest : public ::testing::TestWithParam<const char*> {};

TEST_P(OpenbDataTest, ComesBackByteForByte) {
  const std::string name = std::string("openb/") + GetParam();
  const auto data = test::find_data(name);
  GPUSCHED_NEED_DATA(data, name);
  const std::string text = file_text(*data);
  const ReadOutcome outcome = read_ok(text);
  EXPECT_TRUE(outcome.report.dropped.empty());
  EXPECT_EQ(outcome.report.kept, std::count(text.begin(), text.end(), '\n') - 1);
  const Trace trace = through_gtf(outcome.trace);
  const bool is_nodes = !trace.nodes.empty();
  EXPECT_TRUE((is_nodes ? write_openb_nodes(trace) : write_openb_pods(trace).value()) == text);
}

INSTANTIATE_TEST_SUITE_P(AllLists, OpenbDataTest,
                         ::testing::Values("openb_node_list_all_node.csv", "openb_node_list_gpu_node.csv",
                                           "openb_pod_list_cpu050.csv", "openb_pod_list_cpu100.csv",
                                           "openb_pod_list_cpu200.csv", "openb_pod_list_default.csv",
                                           "openb_pod_list_gpushare100.csv", "openb_pod_list_gpushare40.csv",
                                           "openb_pod_list_gpuspec10.csv", "openb_pod_list_gpuspec33.csv",
                                           "openb_pod_list_multigpu20.csv", "openb_pod_list_multigpu50.csv"),
                         [](const auto& parameter) {
                           std::string name(parameter.param);
                           name.resize(name.size() - 4);
                           return name.substr(6);
                         });

}  // namespace
}  // namespace gpusched::sim
