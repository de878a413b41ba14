#include "gpusched/sim/readers/gtf.hpp"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace gpusched::sim {
namespace {

constexpr const char* job_head = "id,kind,submit_s,num_gpu,gpu_milli,cpu_milli,memory_mib,gpu_models\n";

ReadOutcome read_ok(const std::string& text, const std::string& file) {
  ReadOutcome outcome;
  const Status status = read_gtf_csv(text, file, outcome);
  EXPECT_TRUE(status.ok()) << (status.ok() ? "" : status.error().to_string());
  finish_gtf(outcome);
  return outcome;
}

Error read_error(const std::string& text, const std::string& file) {
  ReadOutcome outcome;
  const Status status = read_gtf_csv(text, file, outcome);
  EXPECT_FALSE(status.ok()) << text;
  return status.ok() ? Error{} : status.error();
}

void expect_sums_up(const ReadReport& report) {
  std::int64_t dropped = 0;
  for (const auto& [reason, count] : report.dropped) {
    dropped += count;
  }
  EXPECT_EQ(report.read, report.kept + dropped);
}

/// Reads one bad job row between two good ones and expects its reason.
void expect_dropped(const std::string& row, const std::string& reason) {
  const ReadOutcome outcome =
      read_ok(job_head + std::string("a,pod,0,1,,,,\n") + row + "\nz,pod,5,0,,,,\n", "jobs.csv");
  EXPECT_EQ(outcome.trace.jobs.size(), 2U) << row;
  EXPECT_EQ(outcome.report.dropped, (std::map<std::string, std::int64_t>{{reason, 1}})) << row;
  ASSERT_EQ(outcome.report.examples.size(), 1U) << row;
  EXPECT_EQ(outcome.report.examples[0].rfind("jobs.csv:3: ", 0), 0U) << outcome.report.examples[0];
  expect_sums_up(outcome.report);
}

TEST(GtfReaderTest, BadRowsAreDroppedByReason) {
  expect_dropped(",pod,0,1,,,,", "id_missing");
  expect_dropped("b,,0,1,,,,", "kind_missing");
  expect_dropped("b,cron,0,1,,,,", "unknown_kind");
  expect_dropped("b,pod,,1,,,,", "submit_s_missing");
  expect_dropped("b,pod,-1,1,,,,", "submit_s_negative");
  expect_dropped("b,pod,soon,1,,,,", "submit_s_not_a_number");
  expect_dropped("b,pod,1e12,1,,,,", "submit_s_out_of_range");
  expect_dropped("b,pod,0.0000000001,1,,,,", "submit_s_too_precise");
  expect_dropped("b,pod,0,,,,,", "num_gpu_missing");
  expect_dropped("b,pod,0,-1,,,,", "num_gpu_negative");
  expect_dropped("b,pod,0,4097,,,,", "num_gpu_out_of_range");
  expect_dropped("b,pod,0,1.5,,,,", "num_gpu_not_a_number");
  expect_dropped("b,pod,0,99999999999999999999,,,,", "num_gpu_out_of_range");
  expect_dropped("b,pod,0,1,1001,,,", "gpu_milli_out_of_range");
  expect_dropped("b,pod,0,1,0,,,", "gpu_milli_out_of_range");
  expect_dropped("b,pod,0,0,500,,,", "gpu_share_without_gpu");
  expect_dropped("b,pod,0,1,,1000000001,,", "cpu_milli_out_of_range");
  expect_dropped("b,pod,0,1,,-5,,", "cpu_milli_negative");
  expect_dropped("b,pod,0,1,,,1125899906842625,", "memory_mib_out_of_range");
  expect_dropped("b,pod,0,1,,,,NoSuchGpu", "unknown_gpu_model");
  expect_dropped("a,pod,0,1,,,,", "duplicate_id");
  expect_dropped("b,pod,0,1", "field_count");
  expect_dropped("b,pod,0,1,,,,,", "field_count");
}

TEST(GtfReaderTest, OneKnownModelOfASetIsEnough) {
  const ReadOutcome outcome = read_ok(job_head + std::string("a,pod,0,1,,,,T4|NoSuchGpu\n"), "jobs.csv");
  ASSERT_EQ(outcome.trace.jobs.size(), 1U);
  EXPECT_EQ(outcome.trace.specs[0].request.gpu_models, (std::vector<std::string>{"T4", "NoSuchGpu"}));
}

TEST(GtfReaderTest, UnknownColumnIsAnErrorThatListsTheKnownOnes) {
  const Error error = read_error("#gtf_version: 1\nid,kind,submit_s,num_gpu,gpus\n", "dir/jobs.csv");
  EXPECT_EQ(error.code, ErrorCode::invalid_argument);
  EXPECT_EQ(error.file, "dir/jobs.csv");
  EXPECT_EQ(error.line, 2);
  EXPECT_NE(error.message.find("'gpus'"), std::string::npos);
  EXPECT_NE(error.remedy.find("gpu_milli"), std::string::npos);
}

TEST(GtfReaderTest, WholeFileErrors) {
  EXPECT_NE(read_error("id,kind,num_gpu\n", "jobs.csv").message.find("submit_s"), std::string::npos);
  EXPECT_EQ(read_error(job_head + std::string("a,pod,0,1,,,,\nb,pod,1"), "jobs.csv").code, ErrorCode::data_loss);
  EXPECT_EQ(read_error(job_head + std::string("a,pod,0,1,,,,\n\"b,pod,1"), "jobs.csv").code, ErrorCode::data_loss);
  EXPECT_EQ(read_error("", "jobs.csv").code, ErrorCode::data_loss);
  EXPECT_EQ(read_error("#gtf_version: 2\n" + std::string(job_head), "jobs.csv").code, ErrorCode::unsupported);
  for (const char* const word : {"type", "gtf"}) {  // a header in JSON lines could not carry them
    const Error error = read_error("#" + std::string(word) + ": seed\n" + std::string(job_head), "jobs.csv");
    EXPECT_EQ(error.code, ErrorCode::invalid_argument) << word;
  }
  const Error utf8 = read_error(job_head + std::string("a\xff,pod,0,1,,,,\n"), "jobs.csv");
  EXPECT_EQ(utf8.line, 2);
}

TEST(GtfReaderTest, UnknownModelOfANodeIsAnError) {
  const Error error =
      read_error("id,gpu_model,num_gpu,cpu_milli,memory_mib\nn0,T4,1,1,1\nn1,T5000,1,1,1\n", "nodes.csv");
  EXPECT_EQ(error.code, ErrorCode::not_found);
  EXPECT_EQ(error.file, "nodes.csv");
  EXPECT_EQ(error.line, 3);
  EXPECT_NE(error.to_string().find("T5000"), std::string::npos);
}

TEST(GtfReaderTest, BadNodesAreDroppedByReason) {
  const ReadOutcome outcome = read_ok(
      "id,gpu_model,num_gpu,cpu_milli,memory_mib,sharing,labels,zone,price_per_hour,available_from_s,available_to_s\n"
      "n0,T4,1,1,1,,,,,,\n"
      "n0,T4,1,1,1,,,,,,\n"
      "n1,,1,1,1,,,,,,\n"
      "n2,T4,1,1,1,halves,,,,,\n"
      "n3,T4,1,1,1,,novalue,,,,\n"
      "n4,T4,1,1,1,,zone=a,b,,,\n"
      "n5,T4,1,1,1,,,,2.95,,\n"
      "n6,T4,1,1,1,,,,,5,4\n"
      "n7,,0,,1,,,,,,\n",
      "nodes.csv");
  EXPECT_EQ(outcome.trace.nodes.size(), 1U);
  EXPECT_EQ(outcome.report.dropped, (std::map<std::string, std::int64_t>{{"duplicate_id", 1},
                                                                         {"gpu_model_missing", 1},
                                                                         {"unknown_sharing", 1},
                                                                         {"labels_malformed", 1},
                                                                         {"label_given_twice", 1},
                                                                         {"price_per_hour_not_a_number", 1},
                                                                         {"available_to_before_from", 1},
                                                                         {"cpu_milli_missing", 1}}));
  expect_sums_up(outcome.report);
}

TEST(GtfReaderTest, EventsAreCheckedAgainstNodes) {
  ReadOutcome outcome;
  ASSERT_TRUE(read_gtf_csv("id,gpu_model,num_gpu,cpu_milli,memory_mib\nn0,T4,1,1,1\n", "nodes.csv", outcome).ok());
  ASSERT_TRUE(read_gtf_csv("time_s,target,target_id,event,cause,duration_s\n"
                           "5,node,n0,down,xid79,60\n1,node,n0,drain,,\n2,node,n9,down,,\n3,gpu,n0/1,down,,\n"
                           "4,node,n0,explode,,\n4,node,n0,price,,\n4,shelf,n0,down,,\n",
                           "events.csv", outcome)
                  .ok());
  finish_gtf(outcome);
  ASSERT_EQ(outcome.trace.events.size(), 2U);
  EXPECT_EQ(outcome.trace.events[0].event, "drain");
  EXPECT_EQ(outcome.trace.events[1].duration_ns, 60 * ns_per_s);
  EXPECT_EQ(outcome.report.dropped, (std::map<std::string, std::int64_t>{{"unknown_node", 1},
                                                                         {"target_not_supported_gpu", 1},
                                                                         {"unknown_event", 1},
                                                                         {"event_not_supported_price", 1},
                                                                         {"unknown_target", 1}}));
}

TEST(GtfReaderTest, ColumnsMayComeInAnyOrderAndJobsAreSortedByTime) {
  const ReadOutcome outcome =
      read_ok("num_gpu,submit_s,x_note,kind,id\n1,7,late,pod,b\n0,3,,pod,z\n0,3,,pod,a\n", "other-name.csv");
  ASSERT_EQ(outcome.trace.jobs.size(), 3U);
  EXPECT_EQ(outcome.trace.jobs[0].id, "z");  // equal times keep the file's order
  EXPECT_EQ(outcome.trace.jobs[1].id, "a");
  EXPECT_EQ(outcome.trace.jobs[2].id, "b");
  EXPECT_EQ(outcome.trace.specs[outcome.trace.jobs[2].spec].request.gpu_milli, 1000);
  EXPECT_EQ(outcome.trace.job_extra_columns, (std::vector<std::string>{"x_note"}));
  EXPECT_EQ(outcome.trace.job_extra[outcome.trace.jobs[2].extra], (ExtraValues{"late"}));
  EXPECT_EQ(outcome.trace.jobs[0].extra, TraceJob::no_extra);
}

TEST(GtfReaderTest, TablesNotReadYetAreCounted) {
  const ReadOutcome outcome = read_ok("submit_s,service,service_s\n1,a,2\n2,a,2\n", "requests.csv");
  EXPECT_EQ(outcome.report.read, 2);
  EXPECT_EQ(outcome.report.dropped.at("requests_not_read"), 2);
  EXPECT_EQ(outcome.report.examples.size(), 1U);
}

/// A trace that uses every column there is.
ReadOutcome full_trace() {
  ReadOutcome outcome;
  EXPECT_TRUE(
      read_gtf_csv("#name: full\n#note: a, \"b\"\n"
                   "id,kind,class,submit_s,duration_s,walltime_s,num_gpu,gpu_milli,gpu_memory_mib,mode,"
                   "mig_profile,max_slowdown,job_profile,node_labels,gpu_models,replicas,gang_id,gang_min,"
                   "cpu_milli,memory_mib,priority,preemptible,qos,tenant,user,queue,deadline_s,max_wait_s,after,"
                   "think_s,checkpoint_s,ckpt_cost_s,restart_cost_s,elastic_min,elastic_max,isolation,affinity,"
                   "state,obs_start_s,obs_wait_s,censored,ref_gpu,perf,x_own,true_profile,trust_domain\n"
                   "j0,batch,burst,0.5,10.000000001,99,2,500,8192,time_slice,,1.25,prof,zone=a|disk=ssd,T4|P100,"
                   "4,g0,3,1500,2048,-7,0,Burstable,\"t,1\",u,q,100,60,j1|j2,1.50,300,2,30,1,8,none,spread:2,"
                   "completed,1,0.5,1,T4,A100=1|H100=1.9,\"own\nvalue\",real,team-a\n"
                   "j1,session,dev,1,,,1,,,mig,1g.10gb,,,,,,,,,,,,,,,,,,,,,,,,,memory,,,,,,,,007,,\n"
                   "j2,pod,,1,5,,0,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\n",
                   "jobs.csv", outcome)
          .ok());
  EXPECT_TRUE(
      read_gtf_csv("#name: full nodes\n"
                   "id,gpu_model,num_gpu,gpu_memory_mib,cpu_milli,memory_mib,mig_capable,mig_layout,sharing,"
                   "replicas,labels,zone,rack,link_domain,pool,price_per_hour,idle_w,active_w,available_from_s,"
                   "available_to_s,x_serial\n"
                   "n0,T4,8,16384,96000,393216,0,all-1g.10gb,time_slice,4,disk=ssd|arch=amd64,a,r1,d1,p1,2950000,"
                   "61.5,300,0,86400.5,S-1\n"
                   "n1,,0,,8000,1024,,,,,,,,,,,,,,,\n",
                   "nodes.csv", outcome)
          .ok());
  EXPECT_TRUE(read_gtf_csv("time_s,target,target_id,event,cause,duration_s,value,correlated_group,x_k\n"
                           "7.25,node,n0,down,xid79,3600,1,c1,v\n8,node,n1,up,,,,,\n",
                           "events.csv", outcome)
                  .ok());
  finish_gtf(outcome);
  EXPECT_EQ(outcome.report.kept, 7);
  EXPECT_TRUE(outcome.report.dropped.empty());
  return outcome;
}

TEST(GtfReaderTest, InterpretsTheColumnsOfAJob) {
  const Trace trace = full_trace().trace;
  const TraceJob& job = trace.jobs[0];
  EXPECT_EQ(job.submit_ns, 500'000'000);
  EXPECT_EQ(job.duration_ns, 10'000'000'001);
  EXPECT_EQ(job.max_wait_ns, 60 * ns_per_s);
  EXPECT_EQ(trace.gangs, (std::vector<std::string>{"g0"}));
  EXPECT_EQ(job.gang, 0);
  JobSpec expected;
  expected.kind = "batch";
  expected.replicas = 4;
  expected.gang_min = 3;
  expected.tenant = "t,1";
  expected.user = "u";
  expected.queue = "q";
  expected.qos = "Burstable";
  expected.request.cpu_milli = 1500;
  expected.request.memory_mib = 2048;
  expected.request.num_gpu = 2;
  expected.request.gpu_milli = 500;
  expected.request.gpu_memory_mib = 8192;
  expected.request.mode = SharingMode::time_slice;
  expected.request.gpu_models = {"T4", "P100"};
  expected.request.node_labels = {{"disk", "ssd"}, {"zone", "a"}};
  expected.request.priority = -7;
  expected.request.preemptible = false;
  expected.request.job_class = JobClass::burst;
  expected.request.max_slowdown = 1.25;
  expected.request.job_profile = "prof";
  expected.request.trust_domain = "team-a";
  expected.true_profile = "real";
  EXPECT_EQ(trace.specs[job.spec], expected);
  EXPECT_EQ(trace.jobs[1].duration_ns, -1);
  EXPECT_EQ(trace.specs[trace.jobs[1].spec].request.isolation, Isolation::memory);
}

TEST(GtfReaderTest, ARowThatContradictsItselfIsDroppedWithTheReason) {
  const ReadOutcome outcome = read_ok(
      "id,kind,submit_s,num_gpu,mode,isolation\n"
      "j0,batch,0,1,mps,fault\n"
      "j1,batch,1,1,mig,fault\n",
      "jobs.csv");
  EXPECT_EQ(outcome.report.kept, 1);
  EXPECT_EQ(outcome.report.dropped.at("contradictory_request"), 1);
  ASSERT_EQ(outcome.report.examples.size(), 1U);
  EXPECT_NE(outcome.report.examples[0].find("mode mps contradicts isolation fault"), std::string::npos);
}

TEST(GtfReaderTest, InterpretsTheColumnsOfANode) {
  const Trace trace = full_trace().trace;
  const TraceNode& node = trace.nodes[0];
  EXPECT_EQ(node.sharing, NodeSharing::time_slice);
  EXPECT_EQ(node.replicas, 4);
  EXPECT_EQ(node.price_per_hour, 2.95);
  EXPECT_EQ(node.available_to_ns, 86'400'500'000'000);
  const std::vector<std::pair<std::string, std::string>> labels = {
      {"arch", "amd64"}, {"disk", "ssd"}, {"link_domain", "d1"}, {"pool", "p1"}, {"rack", "r1"}, {"zone", "a"}};
  EXPECT_EQ(node.labels, labels);
  EXPECT_EQ(trace.metadata.at("name"), "full");
  EXPECT_EQ(trace.metadata.at("nodes.name"), "full nodes");
}

TEST(GtfWriterTest, CsvAndJsonLinesLoseNothing) {
  const Trace trace = full_trace().trace;
  const GtfCsvText csv = write_gtf_csv(trace);
  ReadOutcome from_csv;
  ASSERT_TRUE(read_gtf_csv(csv.jobs, "jobs.csv", from_csv).ok());
  ASSERT_TRUE(read_gtf_csv(csv.nodes, "nodes.csv", from_csv).ok());
  ASSERT_TRUE(read_gtf_csv(csv.events, "events.csv", from_csv).ok());
  finish_gtf(from_csv);
  const std::string lines = write_gtf_jsonl(trace);
  ReadOutcome from_lines;
  const Status status = read_gtf_jsonl(lines, "t.gtf.jsonl", from_lines);
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  finish_gtf(from_lines);
  // Columns may change places on the way; written again, both are the same.
  EXPECT_EQ(write_gtf_csv(from_csv.trace).jobs, csv.jobs);
  EXPECT_EQ(write_gtf_csv(from_csv.trace).nodes, csv.nodes);
  EXPECT_EQ(write_gtf_csv(from_csv.trace).events, csv.events);
  EXPECT_EQ(write_gtf_jsonl(from_csv.trace), lines);
  EXPECT_EQ(write_gtf_jsonl(from_lines.trace), lines);
  EXPECT_EQ(from_lines.trace.specs, trace.specs);
  EXPECT_EQ(from_lines.trace.metadata, trace.metadata);
  EXPECT_EQ(from_csv.trace.metadata, trace.metadata);
}

Error jsonl_error(const std::string& text) {
  ReadOutcome outcome;
  const Status status = read_gtf_jsonl(text, "t.gtf.jsonl", outcome);
  EXPECT_FALSE(status.ok()) << text;
  return status.ok() ? Error{} : status.error();
}

constexpr const char* jsonl_head = "{\"type\":\"header\",\"gtf\":1,\"name\":\"n\"}\n";

TEST(GtfJsonlReaderTest, ReadsNumbersExactlyAndNestedMaps) {
  ReadOutcome outcome;
  const Status status = read_gtf_jsonl(
      std::string(jsonl_head) +
          "{\"type\":\"job\",\"id\":\"a\",\"kind\":\"pod\",\"submit_s\":1700000000.123456789,\"num_gpu\":1,"
          "\"gpu_models\":[\"T4\",\"P100\"],\"node_labels\":{\"k\":\"v\"},\"preemptible\":false,"
          "\"perf\":{\"A100\":1,\"H100\":1.90},\"tenant\":null}\n",
      "t.gtf.jsonl", outcome);
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  ASSERT_EQ(outcome.trace.jobs.size(), 1U);
  EXPECT_EQ(outcome.trace.jobs[0].submit_ns, 1'700'000'000'123'456'789);
  const GpuRequest& request = outcome.trace.specs[0].request;
  EXPECT_EQ(request.gpu_models, (std::vector<std::string>{"T4", "P100"}));
  EXPECT_EQ(request.node_labels, (std::vector<std::pair<std::string, std::string>>{{"k", "v"}}));
  EXPECT_FALSE(request.preemptible);
  EXPECT_EQ(outcome.trace.job_extra[0], (ExtraValues{"A100=1|H100=1.90"}));
}

TEST(GtfJsonlReaderTest, ErrorsNameTheLine) {
  EXPECT_EQ(jsonl_error("").code, ErrorCode::data_loss);
  EXPECT_EQ(jsonl_error("{\"type\":\"job\"}\n").line, 1);
  EXPECT_EQ(jsonl_error("{\"type\":\"header\",\"gtf\":2}\n").code, ErrorCode::unsupported);
  EXPECT_EQ(jsonl_error("{\"type\":\"header\"}\n").code, ErrorCode::invalid_argument);
  EXPECT_EQ(jsonl_error(std::string(jsonl_head) + "\n{\"type\":\"job\",\n").line, 3);
  EXPECT_EQ(jsonl_error(std::string(jsonl_head) + "{\"type\":\"job\",\"id\":").code, ErrorCode::data_loss);
  EXPECT_EQ(jsonl_error(std::string(jsonl_head) + "[1]\n").line, 2);
  EXPECT_EQ(jsonl_error(std::string(jsonl_head) + "{\"type\":\"job\",\"perf\":{\"a\":{\"b\":1}}}\n").line, 2);
  const Error unknown = jsonl_error(std::string(jsonl_head) + "{\"type\":\"job\",\"gpus\":1}\n");
  EXPECT_EQ(unknown.code, ErrorCode::invalid_argument);
  EXPECT_NE(unknown.remedy.find("num_gpu"), std::string::npos);
}

TEST(GtfJsonlReaderTest, RowsWithoutRequiredFieldsAndOtherTypesAreCounted) {
  ReadOutcome outcome;
  const Status status = read_gtf_jsonl(std::string(jsonl_head) +
                                           "{\"type\":\"job\",\"id\":\"a\"}\n"
                                           "{\"type\":\"job\",\"id\":\"b\",\"id\":\"c\"}\n"
                                           "{\"type\":\"service\",\"id\":\"s\"}\n"
                                           "{\"type\":\"moon\"}\n{\"id\":1}\n",
                                       "t.gtf.jsonl", outcome);
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  EXPECT_EQ(outcome.report.dropped, (std::map<std::string, std::int64_t>{{"submit_s_missing", 1},
                                                                         {"key_given_twice", 1},
                                                                         {"services_not_read", 1},
                                                                         {"unknown_type", 1},
                                                                         {"type_missing", 1}}));
  expect_sums_up(outcome.report);
}

constexpr const char* training_profile =
    "{\"name\":\"train\",\"revision\":3,\"kind\":\"closed\",\"gpu_model\":\"A100-80GB\",\"engine_active\":{\"mean\":0."
    "9},"
    "\"sm_active\":{\"mean\":0.75,\"p50\":0.7},\"dram_active\":{\"mean\":0.1},\"memory_peak_mib\":20000,\"duty_cycle\":"
    "1.0,"
    "\"slice_speeds\":{\"1g.10gb\":0.2,\"3g.40gb\":0.55},\"source\":\"a \\\"quoted\\\" {note}, [1]\"}";
constexpr const char* service_profile =
    "{\"name\":\"serve\",\"revision\":1,\"kind\":\"service\",\"gpu_model\":\"A100-80GB\",\"engine_active\":{\"mean\":1."
    "0},"
    "\"dram_active\":{\"mean\":0.30000000000000004},\"memory_peak_mib\":4000,\"duty_cycle\":1.0,"
    "\"request_load\":{\"mean\":0.1,\"p95\":0.18},\"service_time_ms\":60.5}";

std::string profiles_text(const std::string& profiles) { return "{\"version\":1,\"profiles\":[" + profiles + "]}"; }

std::string profile_line(const std::string& profile) { return "{\"type\":\"profile\",\"profile\":" + profile + "}\n"; }

TEST(GtfProfilesTest, FileAndLinesCarryTheSameProfilesBothWays) {
  ReadOutcome from_file;
  const std::string both = std::string(training_profile) + "," + service_profile;
  const Status status = read_gtf_profiles(profiles_text(both), "profiles.json", from_file);
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  ASSERT_EQ(from_file.trace.profiles.size(), 2U);
  EXPECT_EQ(from_file.trace.profiles[0].revision, 3);
  EXPECT_EQ(from_file.trace.profiles[1].dram_active.mean, 0.30000000000000004);
  EXPECT_EQ(from_file.report.kept, 2);
  expect_sums_up(from_file.report);
  ReadOutcome from_lines;
  const std::string lines = jsonl_head + profile_line(training_profile) + profile_line(service_profile);
  ASSERT_TRUE(read_gtf_jsonl(lines, "t.gtf.jsonl", from_lines).ok());
  EXPECT_EQ(from_lines.trace.profiles, from_file.trace.profiles);
  EXPECT_EQ(from_lines.report.kept, 2);
  EXPECT_EQ(write_gtf_jsonl(from_lines.trace), lines);
  ReadOutcome again;
  ASSERT_TRUE(read_gtf_profiles(write_gtf_csv(from_lines.trace).profiles, "again", again).ok());
  EXPECT_EQ(again.trace.profiles, from_file.trace.profiles);
  EXPECT_EQ(write_gtf_csv(full_trace().trace).profiles, "");
}

TEST(GtfProfilesTest, BadProfilesAreErrorsThatNameFileAndProfile) {
  const auto refusal = [](const std::string& text) {
    ReadOutcome outcome;
    const Status status = read_gtf_profiles(text, "dir/profiles.json", outcome);
    EXPECT_FALSE(status.ok()) << text;
    EXPECT_TRUE(outcome.trace.profiles.empty());
    EXPECT_EQ(outcome.report.read, 0);
    return status.ok() ? Error{} : status.error();
  };
  EXPECT_EQ(refusal("{\"version\":1,\"profiles\":[").code, ErrorCode::data_loss);
  EXPECT_EQ(refusal("{\"version\":3,\"profiles\":[]}").code, ErrorCode::unsupported);
  const Error deep = refusal(profiles_text(std::string(1'000'000, '[') + std::string(1'000'000, ']')));
  EXPECT_NE(deep.message.find("levels deep"), std::string::npos) << deep.message;
  std::string above_one = service_profile;
  above_one.replace(above_one.find("0.18"), 4, "1.80");
  const Error error = refusal(profiles_text(std::string(training_profile) + "," + above_one));
  EXPECT_EQ(error.file, "dir/profiles.json");
  EXPECT_NE(error.message.find("'serve'"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("1.8"), std::string::npos) << error.message;
  EXPECT_EQ(refusal(profiles_text(std::string(service_profile) + "," + service_profile)).code,
            ErrorCode::already_exists);
}

TEST(GtfProfilesTest, BadLinesAreErrorsThatNameTheLine) {
  const auto refusal = [](const std::string& line) {
    const Error error = jsonl_error(jsonl_head + profile_line(training_profile) + line);
    EXPECT_EQ(error.line, 3) << line;
    EXPECT_EQ(error.file, "t.gtf.jsonl");
    return error.message;
  };
  EXPECT_NE(refusal(profile_line(training_profile)).find("'train' is in the trace already"), std::string::npos);
  EXPECT_NE(refusal("{\"type\":\"profile\"}\n").find("no profile"), std::string::npos);
  EXPECT_NE(refusal(profile_line("7")).find("not an object"), std::string::npos);
  EXPECT_NE(refusal(profile_line("null")).find("not an object"), std::string::npos);
  EXPECT_NE(refusal("{\"type\":\"profile\",\"name\":\"x\",\"profile\":{}}\n").find("'name'"), std::string::npos);
  EXPECT_NE(refusal("{\"type\":\"profile\",\"profile\":{},\"profile\":{}}\n").find("'profile'"), std::string::npos);
  std::string unknown_field = service_profile;
  unknown_field.insert(1, "\"colour\":null,");
  EXPECT_NE(refusal(profile_line(unknown_field)).find("colour"), std::string::npos);
  std::string repeated_field = service_profile;
  repeated_field.insert(1, "\"revision\":1,");
  EXPECT_NE(refusal(profile_line(repeated_field)).find("revision"), std::string::npos);
  EXPECT_NE(refusal(profile_line(std::string(100'000, '[') + std::string(100'000, ']'))).find("nested too deep"),
            std::string::npos);
}

TEST(GtfProfilesTest, JobsThatNameAnUnknownProfileAreKeptAndCounted) {
  ReadOutcome outcome;
  ASSERT_TRUE(read_gtf_csv("id,kind,submit_s,num_gpu,job_profile,true_profile\n"
                           "a,pod,0,1,train,\nb,pod,1,1,trian,\nc,pod,2,1,trian,serve\nd,pod,3,1,,\ne,pod,4,1,,lost\n",
                           "jobs.csv", outcome)
                  .ok());
  ASSERT_TRUE(
      read_gtf_profiles(profiles_text(std::string(training_profile) + "," + service_profile), "p", outcome).ok());
  finish_gtf(outcome);
  EXPECT_EQ(outcome.trace.jobs.size(), 5U);
  EXPECT_EQ(outcome.trace.specs[outcome.trace.jobs[1].spec].request.job_profile, "trian");
  EXPECT_EQ(outcome.report.kept, 7);
  EXPECT_EQ(outcome.report.doubtful,
            (std::map<std::string, std::int64_t>{{"job_profile_unknown", 2}, {"true_profile_unknown", 1}}));
  ASSERT_EQ(outcome.report.examples.size(), 2U);
  EXPECT_NE(outcome.report.examples[0].find("b names 'trian', c names 'trian'"), std::string::npos)
      << outcome.report.examples[0];
  expect_sums_up(outcome.report);
}

}  // namespace
}  // namespace gpusched::sim
