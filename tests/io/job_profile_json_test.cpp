#include "gpusched/io/job_profile_json.hpp"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "gpusched/base/check.hpp"
#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched {
namespace {

constexpr std::string_view two_profiles = R"({
  "version": 1,
  "profiles": [
    {
      "name": "bert-train",
      "kind": "closed",
      "gpu_model": "A100-40GB",
      "engine_active": {"mean": 0.8875, "p50": 0.9, "p95": 0.97},
      "dram_active": {"mean": 0.6765},
      "memory_peak_mib": 12800,
      "power_w": 240.5,
      "slice_speeds": {"4g.20gb": 0.574, "3g.20gb": 0.517},
      "source": "MISO, batch 8"
    },
    {
      "name": "chat",
      "revision": 3,
      "kind": "service",
      "gpu_model": "NVIDIA H100 80GB HBM3",
      "engine_active": {"mean": 1},
      "sm_active": {"mean": 0.4, "p99": 0.8},
      "dram_active": {"mean": 0.7},
      "tensor_active": {"mean": 0.2},
      "memory_peak_mib": 30000,
      "duty_cycle": 1,
      "request_load": {"mean": 0.2, "p90": 0.35},
      "service_time_ms": 60,
      "slice_speeds": {"1g.10gb": 0.3},
      "mps_demand": 0.41
    }
  ]
})";

std::string with(std::string_view what, std::string_view instead) {
  std::string text(two_profiles);
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), instead);
}

TEST(JobProfileJsonTest, ReadsEveryField) {
  const Result<std::vector<JobProfile>> read = read_job_profiles(two_profiles, "profiles.json");
  ASSERT_TRUE(read.ok()) << read.error().to_string();
  ASSERT_EQ(read.value().size(), 2U);
  const JobProfile& training = read.value()[0];
  EXPECT_EQ(training.name, "bert-train");
  EXPECT_EQ(training.revision, 1);
  EXPECT_EQ(training.kind, JobKind::closed);
  EXPECT_EQ(gpu_model(training.gpu_model).name, "A100-40GB");
  EXPECT_EQ(training.engine_active, (Activity{.mean = 0.8875, .p50 = 0.9, .p95 = 0.97}));
  EXPECT_EQ(training.sm_active, std::nullopt);
  EXPECT_EQ(training.memory_peak_mib, 12'800);
  EXPECT_EQ(training.duty_cycle, 1);
  EXPECT_EQ(training.power_w, 240.5);
  EXPECT_EQ(training.slice_speeds, (std::vector<SliceSpeed>{{"3g.20gb", 0.517}, {"4g.20gb", 0.574}})) << "sorted";
  EXPECT_EQ(training.source, "MISO, batch 8");
  const JobProfile& service = read.value()[1];
  EXPECT_EQ(service.revision, 3);
  EXPECT_EQ(service.kind, JobKind::service);
  EXPECT_EQ(gpu_model(service.gpu_model).name, "H100-80GB-SXM5") << "an alias";
  EXPECT_EQ(service.sm_active, (Activity{.mean = 0.4, .p99 = 0.8}));
  EXPECT_EQ(service.tensor_active, (Activity{.mean = 0.2}));
  EXPECT_EQ(service.request_load, (Activity{.mean = 0.2, .p90 = 0.35}));
  EXPECT_EQ(service.service_time_ms, 60);
  EXPECT_EQ(service.mps_demand, 0.41);
}

TEST(JobProfileJsonTest, WhatIsWrittenIsReadTheSame) {
  const std::vector<JobProfile> profiles = read_job_profiles(two_profiles, "a").value();
  const std::string text = write_job_profiles(profiles);
  const Result<std::vector<JobProfile>> again = read_job_profiles(text, "b");
  ASSERT_TRUE(again.ok()) << again.error().to_string();
  EXPECT_EQ(again.value(), profiles);
  EXPECT_EQ(write_job_profiles(again.value()), text);
  EXPECT_TRUE(read_job_profiles(write_job_profiles({}), "empty").value().empty());
}

TEST(JobProfileJsonTest, WritingABadProfileIsABug) {
  std::vector<JobProfile> profiles = read_job_profiles(two_profiles, "a").value();
  profiles[0].engine_active.mean = 2;
  EXPECT_THROW(write_job_profiles(profiles), InvariantError);
}

struct BadText {
  std::string text;
  ErrorCode code;
  const char* expected;  // in "FILE:LINE: MESSAGE. REMEDY"
};

TEST(JobProfileJsonTest, ErrorsNameFileFieldValueAndRemedy) {
  const BadText cases[] = {
      {with("\"dram_active\": {\"mean\": 0.6765},", ""), ErrorCode::invalid_argument,
       "profiles[0] 'bert-train' has no field dram_active"},
      {with("\"mean\": 0.6765", "\"p50\": 0.6765"), ErrorCode::invalid_argument, "dram_active has no field mean"},
      {with("\"name\": \"chat\",", ""), ErrorCode::invalid_argument, "profiles[1] has no field name"},
      {with("0.8875", "1.8875"), ErrorCode::invalid_argument, "engine_active.mean is 1.8875, above 1"},
      {with("0.8875", "-0.1"), ErrorCode::invalid_argument, "engine_active.mean is -0.1, below 0"},
      {with("0.8875", "NaN"), ErrorCode::data_loss, "profiles.json:8: not JSON"},
      {with("0.8875", "1e999"), ErrorCode::data_loss, "1e999"},
      {with("0.8875", "\"NaN\""), ErrorCode::invalid_argument, "engine_active.mean is \"NaN\", not a number"},
      {with("0.8875", "null"), ErrorCode::invalid_argument, "engine_active.mean is null, not a number"},
      {with("12800", "12800.5"), ErrorCode::invalid_argument, "memory_peak_mib is 12800.5, not a whole number"},
      {with("12800", "99999999999999999999"), ErrorCode::invalid_argument, "memory_peak_mib is"},
      {with("12800", "18446744073709551615"), ErrorCode::invalid_argument, "memory_peak_mib is"},
      {with("12800", "-5"), ErrorCode::invalid_argument, "memory_peak_mib is -5"},
      {with("A100-40GB", "Voodoo-2"), ErrorCode::not_found, "Voodoo-2"},
      {with("3g.20gb", "3g.999gb"), ErrorCode::not_found, "3g.999gb"},
      {with("{\"4g.20gb\": 0.574, \"3g.20gb\": 0.517}", "[0.5]"), ErrorCode::invalid_argument,
       "slice_speeds is not an object"},
      {with("\"version\": 1", "\"version\": 3"), ErrorCode::unsupported,
       "version is 3. This program reads versions 1 to 2"},
      {with("\"source\"", "\"provenance\""), ErrorCode::invalid_argument, "unknown field \"provenance\""},
      {"{\"version\": 1, \"profiles\": [], \"partial\": []}", ErrorCode::invalid_argument, "unknown field \"partial\""},
      {with("\"version\": 1,", ""), ErrorCode::invalid_argument, "has no field version"},
      {with("\"closed\"", "\"open\""), ErrorCode::invalid_argument, "kind is 'open'. Known kinds: closed, service"},
      {with("\"bert-train\"", "\"chat\""), ErrorCode::already_exists, "profiles[1] 'chat' has the name of profiles[0]"},
      {with("power_w", "watts"), ErrorCode::invalid_argument, "unknown field \"watts\". Known fields: name"},
      {with("\"power_w\": 240.5", "\"kind\": \"service\""), ErrorCode::data_loss, "\"kind\" occurs twice"},
      {with("\"closed\"", "\"service\""), ErrorCode::invalid_argument, "request_load is missing"},
      {with("\"profiles\": [", "\"profiles\": 3, \"x\": ["), ErrorCode::invalid_argument, "unknown field \"x\""},
      {std::string(two_profiles.substr(0, 200)), ErrorCode::data_loss, "not JSON"},
      {"{\"version\": 1, \"profiles\": {}}", ErrorCode::invalid_argument, "profiles is not a list"},
      {"{\"version\": 1, \"profiles\": [7]}", ErrorCode::invalid_argument, "profiles[0] is 7, not an object"},
      {"[]", ErrorCode::invalid_argument, "not an object"},
      {"", ErrorCode::data_loss, "not JSON"},
  };
  for (const BadText& bad : cases) {
    SCOPED_TRACE(bad.expected);
    const Result<std::vector<JobProfile>> read = read_job_profiles(bad.text, "profiles.json");
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().code, bad.code) << read.error().to_string();
    const std::string message = read.error().to_string();
    EXPECT_NE(message.find(bad.expected), std::string::npos) << message;
    EXPECT_EQ(message.rfind("profiles.json:", 0), 0U) << message;
  }
}

TEST(JobProfileJsonTest, LeavesAsideWhatVersionTwoAddsForPeople) {
  std::string text = with("\"version\": 1", "\"version\": 2, \"partial\": [{\"any\": \"shape\"}]");
  const std::size_t at = text.find("\"source\"");
  text.insert(at, "\"provenance\": {\"driver\": [580, 1]}, ");
  const Result<std::vector<JobProfile>> read = read_job_profiles(text, "profiles.json");
  ASSERT_TRUE(read.ok()) << read.error().to_string();
  EXPECT_EQ(read.value(), read_job_profiles(two_profiles, "profiles.json").value());
}

}  // namespace
}  // namespace gpusched
