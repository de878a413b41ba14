#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/sim/generators/trace_generators.hpp"
#include "gpusched/sim/readers/trace_formats.hpp"

namespace gpusched::sim {
namespace {

// The folder traces/ of the checkout.
std::string trace_folder(const std::string& name) {
  const char* source = std::getenv("GPUSCHED_SOURCE_DIR");  // ctest sets it
  return (std::filesystem::path(source != nullptr ? source : ".") / "traces" / name).string();
}

TEST(ShippedTracesTest, AreWhatTheirGeneratorsGive) {
  struct Made {
    std::string name;
    std::uint64_t seed;
    std::map<std::string, std::string> parameters;
  };
  const std::vector<Made> made = {
      {"tiny", 1, {}},
      {"mixed-day", 1, {}},
      {"mode-mix", 19, {{"mix", "training"}, {"nodes", "1"}, {"hours", "6"}, {"load", "0.3"}, {"unknown", "0.1"}}},
      {"openb-like", 1, {}}};
  for (const auto& [name, seed, parameters] : made) {
    const Result<ReadOutcome> read = read_trace("gtf:" + trace_folder(name));
    ASSERT_TRUE(read.ok()) << read.error().to_string();
    EXPECT_EQ(read.value().report.read, read.value().report.kept) << name;
    EXPECT_TRUE(read.value().report.doubtful.empty()) << name;
    const Result<Trace> generated = generate_trace(name, parameters, seed);
    ASSERT_TRUE(generated.ok()) << generated.error().to_string();
    const Trace& shipped = read.value().trace;
    const Trace& trace = generated.value();
    EXPECT_EQ(shipped.metadata, trace.metadata) << name;
    EXPECT_EQ(shipped.nodes, trace.nodes) << name;
    EXPECT_EQ(shipped.gangs, trace.gangs) << name;
    EXPECT_EQ(shipped.profiles, trace.profiles) << name;
    EXPECT_EQ(shipped.events, trace.events) << name;
    ASSERT_EQ(shipped.jobs.size(), trace.jobs.size()) << name;
    for (std::size_t i = 0; i < trace.jobs.size(); ++i) {
      // Specs are numbered by first appearance, which sorting by time changes.
      TraceJob job = shipped.jobs[i];
      EXPECT_EQ(shipped.specs[job.spec], trace.specs[trace.jobs[i].spec]) << name << " " << job.id;
      job.spec = trace.jobs[i].spec;
      EXPECT_EQ(job, trace.jobs[i]) << name;
    }
  }
}

}  // namespace
}  // namespace gpusched::sim
