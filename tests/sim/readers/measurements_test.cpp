#include "gpusched/sim/readers/measurements.hpp"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched::sim {
namespace {

std::string_view profile_name(const Measurement& row) {
  return gpu_model(row.gpu_model).profiles[row.profile->value].name;
}

TEST(MeasurementsTest, ReadsOurForm) {
  const Result<MeasurementTable> table = parse_measurements(
      "job,group,set,kind,gpu_model,profile,sharing,copies,time_ms,engine_active,sm_active,dram_active,request_load,x_"
      "run\n"
      "bert/8,bert,,,A100-80GB,,,,120.5,0.9,0.7,0.4,,17\n"
      "bert/8,,pair,closed,A100-80GB,,time_slice,,240,0.9,,,,\n"
      "chat,,pair,service,A100-80GB,,time_slice,2,35,1,0.3,0.2,0.15,\n"
      "chat,,,service,A100-80GB,1g.10gb,exclusive,1,80,,,,,\n",
      "m.csv");
  ASSERT_TRUE(table.ok()) << table.error().to_string();
  ASSERT_EQ(table.value().rows.size(), 4U);
  const Measurement& alone = table.value().rows[0];
  EXPECT_EQ(alone.job, "bert/8");
  EXPECT_EQ(alone.group, "bert");
  EXPECT_EQ(alone.kind, JobKind::closed);
  EXPECT_EQ(alone.sharing, MeasuredSharing::exclusive);
  EXPECT_EQ(alone.profile, std::nullopt);
  EXPECT_EQ(alone.copies, 1);
  EXPECT_EQ(alone.time_ms, 120.5);
  EXPECT_EQ(alone.engine_active, 0.9);
  EXPECT_EQ(alone.sm_active, 0.7);
  EXPECT_EQ(alone.dram_active, 0.4);
  EXPECT_EQ(table.value().rows[1].group, "bert/8") << "a job is a group of its own";
  EXPECT_EQ(table.value().rows[1].dram_active, std::nullopt);
  const Measurement& shared = table.value().rows[2];
  EXPECT_EQ(shared.set, "pair");
  EXPECT_EQ(shared.kind, JobKind::service);
  EXPECT_EQ(shared.copies, 2);
  EXPECT_EQ(shared.request_load, 0.15);
  EXPECT_EQ(profile_name(table.value().rows[3]), "1g.10gb");
}

TEST(MeasurementsTest, ReadsMisosForm) {
  const Result<MeasurementTable> table = parse_measurements(
      "model,batch_size,gpu_instance_profile_slices,median_step_s,full_gpu_sm_util,full_gpu_mem_util,full_gpu_memory_"
      "mib\n"
      "bert,2,3,0.0753,0.6971,0.3394,6347.0\n",
      "miso.csv");
  ASSERT_TRUE(table.ok()) << table.error().to_string();
  const Measurement& row = table.value().rows.at(0);
  EXPECT_EQ(row.job, "bert/2");
  EXPECT_EQ(row.group, "bert");
  EXPECT_EQ(gpu_model(row.gpu_model).name, "A100-40GB");
  EXPECT_EQ(profile_name(row), "3g.20gb");
  EXPECT_DOUBLE_EQ(row.time_ms, 75.3);
  EXPECT_EQ(row.engine_active, 0.6971);
  EXPECT_EQ(row.dram_active, 0.3394);
}

TEST(MeasurementsTest, ReadsParvaGpusFormAndCountsWhatDidNotRun) {
  const Result<MeasurementTable> table = parse_measurements(
      "Mig instance,Batch size,Workload Number,Throughput,Latency\n1,4,1,95.2,0.042\n7,4,3,90.1,0.05\n1,4,5,0,0\n",
      "some/where/vgg16.csv");
  ASSERT_TRUE(table.ok()) << table.error().to_string();
  EXPECT_EQ(table.value().did_not_run, 1);
  ASSERT_EQ(table.value().rows.size(), 2U);
  EXPECT_EQ(table.value().rows[0].job, "vgg16/4");
  EXPECT_EQ(table.value().rows[0].group, "vgg16");
  EXPECT_EQ(table.value().rows[0].kind, JobKind::service);
  EXPECT_EQ(table.value().rows[0].sharing, MeasuredSharing::exclusive);
  EXPECT_EQ(table.value().rows[1].sharing, MeasuredSharing::mps);
  EXPECT_EQ(table.value().rows[1].copies, 3);
  EXPECT_EQ(profile_name(table.value().rows[1]), "7g.80gb");
  EXPECT_DOUBLE_EQ(table.value().rows[1].time_ms, 50);
}

TEST(MeasurementsTest, ErrorsNameFileLineAndValue) {
  const std::string head = "job,gpu_model,time_ms,kind,profile,sharing,copies,engine_active,request_load,set\n";
  const std::pair<std::string, const char*> cases[] = {
      {"a,b\n1,2\n", "m.csv:1: no table of measurements"},
      {"job,gpu_model,time_ms,watts\n", "m.csv:1: unknown column 'watts'"},
      {head + "a,A100-80GB,5\n", "m.csv:2: 3 values for 10 columns"},
      {head + "a,A100-80GB,,,,,,,,\n", "m.csv:2: time_ms is empty"},
      {head + "a,A100-80GB,0,,,,,,,\n", "m.csv:2: time_ms is '0'"},
      {head + "a,A100-80GB,-3,,,,,,,\n", "m.csv:2: time_ms is '-3'"},
      {head + "a,A100-80GB,nan,,,,,,,\n", "m.csv:2: time_ms is 'nan'"},
      {head + "a,A100-80GB,inf,,,,,,,\n", "m.csv:2: time_ms is 'inf'"},
      {head + "a,Voodoo-2,5,,,,,,,\n", "Voodoo-2"},
      {head + "a,A100-80GB,5,,9g.90gb,,,,,\n", "9g.90gb"},
      {head + "a,A100-80GB,5,open,,,,,,\n", "m.csv:2: kind is 'open'. Known: closed, service"},
      {head + "a,A100-80GB,5,,,timeslice,,,,\n", "Known: exclusive, time_slice, mps"},
      {head + "a,A100-80GB,5,,,mps,0,,,\n", "m.csv:2: copies is '0'"},
      {head + "a,A100-80GB,5,,,,2,,,\n", "an exclusive row has a neighbour"},
      {head + "a,A100-80GB,5,,,,,1.2,,\n", "m.csv:2: engine_active is '1.2'"},
      {head + "a,A100-80GB,5,,,,,,0.2,\n", "request_load is '0.2' for a closed job"},
      {head + "a,A100-80GB,5,service,,,,,0.2,\n", "request_load is '0.2' in an exclusive row"},
      {head + "a,A100-80GB,5,,,mps,,,,s\na,A100-40GB,5,,,mps,,,,s\n", "set 's' has rows of different"},
      {"Mig instance,Batch size,Workload Number,Latency\n5,1,1,0.1\n", "Mig instance is '5'"},
  };
  for (const auto& [text, expected] : cases) {
    const Result<MeasurementTable> table = parse_measurements(text, "m.csv");
    ASSERT_FALSE(table.ok()) << expected;
    EXPECT_NE(table.error().to_string().find(expected), std::string::npos) << table.error().to_string();
    EXPECT_EQ(table.error().file, "m.csv");
  }
}

TEST(MeasurementsTest, AFolderIsReadInTheOrderOfItsNames) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "measurements_test";
  std::filesystem::create_directories(folder);
  const auto write = [&](const char* name, const char* text) { std::ofstream(folder / name) << text; };
  write("b.csv", "Mig instance,Batch size,Workload Number,Latency\n1,4,1,0.04\n");
  write("a.csv", "Mig instance,Batch size,Workload Number,Latency\n1,4,1,0\n2,4,1,0.03\n");
  write("plan.csv", "what,else\n1,2\n");
  write("notes.txt", "no table\n");
  const Result<MeasurementTable> table = read_measurements(folder.string());
  std::filesystem::remove_all(folder);
  ASSERT_TRUE(table.ok()) << table.error().to_string();
  ASSERT_EQ(table.value().rows.size(), 2U);
  EXPECT_EQ(table.value().rows[0].job, "a/4");
  EXPECT_EQ(table.value().rows[1].job, "b/4");
  EXPECT_EQ(table.value().did_not_run, 1);
  EXPECT_EQ(table.value().other_files.size(), 1U);
  EXPECT_FALSE(read_measurements((folder / "nothing.csv").string()).ok());
}

}  // namespace
}  // namespace gpusched::sim
