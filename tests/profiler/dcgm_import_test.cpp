#include "gpusched/profiler/dcgm_import.hpp"

#include <gtest/gtest.h>

#include "gpusched/io/job_profile_json.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/profiler/profile_file.hpp"

namespace gpusched::profiler {
namespace {

constexpr const char* h100 = "UUID=\"GPU-1\",gpu=\"0\",modelName=\"NVIDIA H100 80GB HBM3\",Hostname=\"n1\"";

std::string line(const std::string& field, const std::string& labels, double value) {
  return field + "{" + labels + "} " + std::to_string(value) + "\n";
}

/// A scrape of dcgm-exporter, with the old names of fields or the new ones.
std::string scrape(const std::string& labels, double engine, double memory, bool renamed = false) {
  const auto name = [&](const char* old, const char* now) { return std::string(renamed ? now : old); };
  return "# HELP DCGM_FI_PROF_GR_ENGINE_ACTIVE Ratio of time the graphics engine is active.\n" +
         line(name("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO"), labels, engine) +
         line(name("DCGM_FI_PROF_DRAM_ACTIVE", "DCGM_FI_PROF_DRAM_UTIL_RATIO"), labels, engine / 2) +
         line(name("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", "DCGM_FI_PROF_TENSOR_UTIL_RATIO"), labels, engine / 4) +
         line(name("DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_BOARD_POWER_WATTS"), labels, 400) +
         line("DCGM_FI_DEV_FB_USED", labels, memory) + line("DCGM_FI_DEV_XID_ERRORS", labels, 0);
}

std::string scrapes(const std::string& labels, int count, bool renamed = false) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += scrape(labels, 0.8, 1000 + i, renamed);
  }
  return text;
}

std::vector<MeasuredJob> import_text(const std::string& text, DcgmFormat format = DcgmFormat::automatic,
                                     const JobDescription& job = {}) {
  DcgmImport import;
  const Status added = import.add(text, "file", format);
  EXPECT_TRUE(added.ok()) << (added.ok() ? "" : added.error().to_string());
  return import.finish(job, std::nullopt, {});
}

TEST(DcgmImportTest, ScrapesUnderOldAndNewNamesGiveTheSameProfile) {
  const auto old = import_text(scrapes(h100, 12));
  const auto now = import_text(scrapes(h100, 12, true));
  ASSERT_EQ(old.size(), 1U);
  ASSERT_EQ(now.size(), 1U);
  EXPECT_EQ(old[0].seen, now[0].seen);
  ASSERT_TRUE(old[0].missing.empty()) << old[0].missing[0].why;
  const JobProfile profile = to_profile(old[0]);
  EXPECT_EQ(profile.name, "gpu-GPU-1");
  EXPECT_NEAR(profile.engine_active.mean, 0.8, 1e-6);
  EXPECT_NEAR(profile.dram_active.mean, 0.4, 1e-6);
  EXPECT_NEAR(profile.tensor_active->mean, 0.2, 1e-6);
  EXPECT_EQ(profile.memory_peak_mib, 1011);
  EXPECT_EQ(old[0].seen.samples, 12);
}

TEST(DcgmImportTest, ScrapesMayLieInSeveralFiles) {
  DcgmImport import;
  for (int i = 0; i < 12; ++i) {
    ASSERT_TRUE(import.add(scrape(h100, 0.8, 2000), "file" + std::to_string(i), DcgmFormat::automatic).ok());
  }
  const auto jobs = import.finish({}, std::nullopt, {});
  ASSERT_EQ(jobs.size(), 1U);
  EXPECT_EQ(jobs[0].seen.samples, 12);
  EXPECT_EQ(import.report().lines, 72);
  EXPECT_EQ(import.report().used, 60);
  EXPECT_EQ(import.report().other, 12);
}

TEST(DcgmImportTest, InstancesStandForThemselvesAndNothingIsTakenFromTheirGpu) {
  const std::string instance = std::string(h100) + ",GPU_I_PROFILE=\"1g.10gb\",GPU_I_ID=\"7\"";
  std::string text;
  for (int i = 0; i < 12; ++i) {
    const std::string of_instance = scrape(instance, 0.5, 5000);
    text += scrape(h100, 0.9, 70000) + of_instance.substr(of_instance.find('\n') + 1);
  }
  const auto jobs = import_text(text);
  ASSERT_EQ(jobs.size(), 1U);
  EXPECT_EQ(jobs[0].provenance.instance, "1g.10gb");
  EXPECT_NEAR(jobs[0].seen.engine_active->mean, 0.5, 1e-6);
  EXPECT_EQ(jobs[0].seen.memory_peak_mib, 5000);
  EXPECT_FALSE(jobs[0].seen.power_w.has_value());
  EXPECT_EQ(jobs[0].missing[0].what, "whole_gpu");
}

TEST(DcgmImportTest, PodsAreJobsAndThoseOnOneGpuAtATimeAreNotAlone) {
  const std::string a = std::string(h100) + ",namespace=\"ml\",pod=\"a\"";
  const std::string b = std::string(h100) + ",exported_namespace=\"ml\",exported_pod=\"b\",pod=\"exporter\"";
  const auto after = import_text(scrape(h100, 0.1, 10) + scrapes(a, 12) + scrapes(b, 12));
  ASSERT_EQ(after.size(), 2U) << "and not the GPU beside them";
  EXPECT_EQ(after[0].job.name, "ml/a");
  EXPECT_EQ(after[1].job.name, "ml/b");
  EXPECT_TRUE(after[0].missing.empty());
  std::string together;
  for (int i = 0; i < 12; ++i) {
    const std::string second = scrape(b, 0.8, 100);
    together += scrape(a, 0.8, 100) + second.substr(second.find('\n') + 1);  // a scrape has one head of each metric
  }
  const auto beside = import_text(together);
  ASSERT_EQ(beside.size(), 2U);
  EXPECT_EQ(beside[0].missing.at(0).what, "alone");
  EXPECT_EQ(beside[1].missing.at(0).what, "alone");
}

TEST(DcgmImportTest, BadLinesAreCountedByReasonWithTheirPlace) {
  DcgmImport import;
  const std::string text = scrapes(h100, 12) +
                           "DCGM_FI_PROF_SM_ACTIVE{gpu=\"0\"} NaN\n"
                           "DCGM_FI_PROF_SM_ACTIVE{gpu=\"0\"} 40.5\n"
                           "DCGM_FI_PROF_SM_ACTIVE{gpu=0} 0.4\n"
                           "DCGM_FI_PROF_SM_ACTIVE{gpu=\"0\" 0.4\n"
                           "DCGM_FI_DEV_FB_USED{gpu=\"0\"} 2147483634\n"
                           "{}\n"
                           "DCGM_FI_DEV_FB_USED{gpu=\"0\"} 1 later\n" +
                           std::string(70'000, 'x') + "\n";
  ASSERT_TRUE(import.add(text, "day.prom", DcgmFormat::automatic).ok());
  const ImportReport& report = import.report();
  std::int64_t bad = 0;
  for (const auto& [reason, entry] : report.bad) {
    bad += entry.count;
    EXPECT_EQ(entry.file, "day.prom");
  }
  EXPECT_EQ(bad, 7) << "the blank value is none, and no mistake";
  EXPECT_EQ(report.used + report.other + bad, report.lines);
  EXPECT_EQ(report.bad.at("a value of DCGM_FI_PROF_SM_ACTIVE is out of range").line, 86);
  EXPECT_EQ(report.bad.at("longer than 64 KiB").count, 1);
}

TEST(DcgmImportTest, ReadsWideTables) {
  std::string text =
      "timestamp,gpu,modelName,DCGM_FI_PROF_GR_ENGINE_ACTIVE,DCGM_FI_PROF_DRAM_UTIL_RATIO,DCGM_FI_DEV_FB_USED\n";
  for (int i = 0; i < 20; ++i) {
    text += "2026-01-01T00:00:" + std::to_string(10 + i) + ".500Z,3,\"NVIDIA A100-SXM4-80GB\",0.7,0.3,9000\n";
  }
  text += "2026-01-01T00:01:00+01:00,3,x,0.7,0.3,9000\n2026-01-01T00:01:00Z,3,x,0.7\n1767225700,3,x,N/A,N/A,\n";
  DcgmImport import;
  ASSERT_TRUE(import.add(text, "wide.csv", DcgmFormat::automatic).ok());
  EXPECT_EQ(import.report().bad.at("the time is neither a number nor ISO 8601, from 1970 to 2262").line, 22);
  EXPECT_EQ(import.report().bad.at("another number of cells than the head has").line, 23);
  EXPECT_EQ(import.report().other, 1);
  const auto jobs = import.finish({.name = "train"}, std::nullopt, {});
  ASSERT_EQ(jobs.size(), 1U);
  EXPECT_TRUE(jobs[0].missing.empty());
  EXPECT_EQ(jobs[0].seen.duration_s, 19);
  EXPECT_EQ(to_profile(jobs[0]).memory_peak_mib, 9000);
  EXPECT_EQ(to_profile(jobs[0]).name, "train");
}

TEST(DcgmImportTest, TimesThatNoClockShowsAreRefused) {
  const std::string head = "timestamp,gpu,DCGM_FI_PROF_GR_ENGINE_ACTIVE\n2026-01-01T00:00:00Z,0,0.5\n";
  for (const char* time : {"5850-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "1e13", "-1"}) {
    DcgmImport table;
    ASSERT_TRUE(table.add(head + time + ",0,0.5\n", "t.csv", DcgmFormat::automatic).ok());
    EXPECT_EQ(table.report().bad.at("the time is neither a number nor ISO 8601, from 1970 to 2262").line, 3) << time;
    EXPECT_EQ(table.finish({.name = "job"}, std::nullopt, {}).size(), 1U);
  }
  DcgmImport scrapes;
  ASSERT_TRUE(scrapes
                  .add("DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu=\"0\"} 0.5 1767225600000\n"
                       "DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu=\"0\"} 0.5 10000000000000\n",
                       "t.prom", DcgmFormat::automatic)
                  .ok());
  EXPECT_EQ(scrapes.report().bad.at("the time is no number of milliseconds from 1970 to 2262").line, 2);
}

TEST(DcgmImportTest, ReadsLongTables) {
  std::string text = "time,metric,value,UUID,modelName\n";
  for (int i = 0; i < 12; ++i) {
    const std::string at = std::to_string(1'767'225'600'000 + i * 100);
    for (const char* field : {"DCGM_FI_PROF_GR_ENGINE_ACTIVE,0.5", "DCGM_FI_PROF_DRAM_ACTIVE,0.25",
                              "DCGM_FI_DEV_FB_USED,700", "DCGM_FI_DEV_FB_FREE,1"}) {
      text += at + "," + field + ",GPU-9,NVIDIA A100-SXM4-80GB\n";
    }
  }
  const auto jobs = import_text(text);
  ASSERT_EQ(jobs.size(), 1U);
  EXPECT_TRUE(jobs[0].missing.empty());
  EXPECT_NEAR(jobs[0].seen.duration_s, 1.1, 1e-9);
}

TEST(DcgmImportTest, ReadsWhatDmonPrints) {
  std::string text;
  for (int i = 0; i < 12; ++i) {
    if (i % 5 == 0) {
      text += "#Entity   GRACT        SMACT        DRAMA        FBUSD        POWER\nID\n";
    }
    text +=
        "GPU 0     0.912        0.456        0.512        12345        388.120\n"
        "GPU 1     0.000        0.000        N/A          3            70.000\n";
  }
  DcgmImport import;
  ASSERT_TRUE(import.add(text, "dmon.txt", DcgmFormat::automatic).ok());
  const auto jobs = import.finish({}, find_gpu_model("H100-80GB-SXM5").value(), {});
  ASSERT_EQ(jobs.size(), 1U) << "nothing ran on the other GPU";
  ASSERT_TRUE(jobs[0].missing.empty()) << jobs[0].missing[0].why;
  EXPECT_EQ(jobs[0].job.name, "gpu-0");
  EXPECT_EQ(jobs[0].seen.samples, 12);
  EXPECT_NEAR(to_profile(jobs[0]).sm_active->mean, 0.5, 1e-9);
  EXPECT_NEAR(*to_profile(jobs[0]).power_w, 388.12, 1e-9);
}

TEST(DcgmImportTest, SaysWhatItCannotRead) {
  DcgmImport import;
  const Status status = import.add("a,b\n1,2\n", "x.csv", DcgmFormat::automatic);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().line, 1);
  EXPECT_NE(status.error().remedy.find("DCGM_FI_PROF_GR_ENGINE_ACTIVE"), std::string::npos);
  EXPECT_TRUE(import.add("", "empty", DcgmFormat::automatic).ok());
}

TEST(DcgmImportTest, NamesTheCountersThatAreMissing) {
  const auto jobs = import_text(line("DCGM_FI_DEV_GPU_UTIL", h100, 95));
  ASSERT_EQ(jobs.size(), 1U);
  std::string why;
  for (const Missing& entry : jobs[0].missing) {
    why += entry.what + ": " + entry.why + "\n";
  }
  EXPECT_NE(why.find("engine_active: DCGM_FI_PROF_GR_ENGINE_ACTIVE"), std::string::npos) << why;
  EXPECT_NE(why.find("memory_peak_mib: DCGM_FI_DEV_FB_USED"), std::string::npos) << why;
  EXPECT_TRUE(read_job_profiles(write_profile_file(jobs), "file").value().empty());
}

}  // namespace
}  // namespace gpusched::profiler
