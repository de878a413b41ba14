#include "gpusched/sim/readers/kubectl.hpp"

#include <gtest/gtest.h>

namespace gpusched::sim {
namespace {

std::string node(const std::string& name, const std::string& labels, const std::string& resources,
                 const std::string& more = "") {
  return R"({"kind":"Node","metadata":{"name":")" + name + R"(","labels":{)" + labels + R"(}},"spec":{)" + more +
         R"(},"status":{"allocatable":{"cpu":"63500m","memory":"263856000Ki",)" + resources +
         R"("pods":"110"},"conditions":[{"type":"Ready","status":"True"}]}})";
}

std::string pod(const std::string& name, const std::string& phase, const std::string& more,
                const std::string& resources) {
  return R"({"kind":"Pod","metadata":{"namespace":"team","name":")" + name +
         R"(","creationTimestamp":"2026-05-01T00:00:)" + (name == "late" ? "30" : "10") + R"(Z"},"spec":{)" + more +
         R"("containers":[{"name":"main","resources":{"limits":{)" + resources + R"(}}}]},"status":{"phase":")" +
         phase + R"(","qosClass":"Burstable"}})";
}

std::string list(std::initializer_list<std::string> items) {
  std::string text = R"({"apiVersion":"v1","kind":"List","items":[)";
  for (const std::string& item : items) {
    text += (text.back() == '[' ? "" : ",") + item;
  }
  return text + "]}";
}

ReadOutcome read_ok(const std::string& text) {
  ReadOutcome outcome;
  const Status status = read_kubectl(text, "cluster.json", outcome);
  EXPECT_TRUE(status.ok()) << (status.ok() ? "" : status.error().to_string());
  return outcome;
}

TraceNode one_node(const std::string& labels, const std::string& resources) {
  const ReadOutcome outcome = read_ok(list({node("n0", labels, resources)}));
  EXPECT_EQ(outcome.trace.nodes.size(), 1U) << (outcome.report.examples.empty() ? "" : outcome.report.examples[0]);
  return outcome.trace.nodes.empty() ? TraceNode{} : outcome.trace.nodes[0];
}

TEST(KubectlReaderTest, ReadsUnsharedGpus) {
  const TraceNode read = one_node(R"("nvidia.com/gpu.product":"NVIDIA-A100-SXM4-80GB","nvidia.com/gpu.count":"8",
      "nvidia.com/gpu.memory":"81920","nvidia.com/gpu.replicas":"1","nvidia.com/gpu.sharing-strategy":"none")",
                                  R"("nvidia.com/gpu":"8",)");
  EXPECT_EQ(read.gpu_model, "NVIDIA-A100-SXM4-80GB");
  EXPECT_EQ(read.num_gpu, 8);
  EXPECT_EQ(read.gpu_memory_mib, 81920);
  EXPECT_EQ(read.cpu_milli, 63500);
  EXPECT_EQ(read.memory_mib, 257672);  // 257671.875 rounded up
  EXPECT_EQ(read.sharing, NodeSharing::exclusive);
  EXPECT_EQ(read.labels.size(), 5U);
}

TEST(KubectlReaderTest, ReadsSharedGpus) {
  const TraceNode read = one_node(R"("nvidia.com/gpu.product":"Tesla-T4-SHARED","nvidia.com/gpu.replicas":"4",
      "nvidia.com/gpu.sharing-strategy":"time-slicing")",
                                  R"("nvidia.com/gpu":"8",)");
  EXPECT_EQ(read.num_gpu, 2);
  EXPECT_EQ(read.replicas, 4);
  EXPECT_EQ(read.sharing, NodeSharing::time_slice);
  const TraceNode renamed = one_node(R"("nvidia.com/gpu.product":"Tesla-T4","nvidia.com/gpu.replicas":"10",
      "nvidia.com/gpu.sharing-strategy":"mps")",
                                     R"("nvidia.com/gpu.shared":"10",)");
  EXPECT_EQ(renamed.num_gpu, 1);
  EXPECT_EQ(renamed.sharing, NodeSharing::mps);
}

TEST(KubectlReaderTest, ReadsMigNodes) {
  const TraceNode mixed =
      one_node(R"("nvidia.com/gpu.product":"NVIDIA-A100-SXM4-80GB","nvidia.com/gpu.count":"2",
      "nvidia.com/mig.strategy":"mixed")",
               R"("nvidia.com/mig-1g.10gb":"7","nvidia.com/mig-3g.40gb":"2","nvidia.com/gpu":"0",)");
  EXPECT_EQ(mixed.num_gpu, 2);
  EXPECT_EQ(mixed.sharing, NodeSharing::mig);
  const TraceNode single =
      one_node(R"("nvidia.com/gpu.product":"NVIDIA-A100-SXM4-80GB-MIG-1g.10gb","nvidia.com/gpu.count":"14",
      "nvidia.com/mig.strategy":"single")",
               R"("nvidia.com/gpu":"14",)");
  EXPECT_EQ(single.gpu_model, "NVIDIA-A100-SXM4-80GB");
  EXPECT_EQ(single.num_gpu, 2);
  EXPECT_EQ(single.sharing, NodeSharing::mig);
}

TEST(KubectlReaderTest, NodesThatCannotWorkBecomeEvents) {
  std::string down = node("down", "", "");
  down.replace(down.find(R"("status":"True")"), 15, R"("status":"Unknown")");
  const ReadOutcome outcome =
      read_ok(list({node("cordoned", "", "", R"("unschedulable":true)"), down, node("fine", "", "")}));
  ASSERT_EQ(outcome.trace.events.size(), 2U);
  EXPECT_EQ(outcome.trace.events[0].event, "drain");
  EXPECT_EQ(outcome.trace.events[0].target_id, "cordoned");
  EXPECT_EQ(outcome.trace.events[1].event, "down");
  EXPECT_EQ(outcome.trace.nodes.size(), 3U);
}

TEST(KubectlReaderTest, PodsBecomeJobs) {
  const ReadOutcome outcome = read_ok(
      list({pod("late", "Pending", "", R"("nvidia.com/gpu":1)"), pod("early", "Pending", "", R"("cpu":"1")"),
            pod("runs", "Running", R"("nodeName":"n0","priority":5,"affinity":{},)", R"("nvidia.com/mig-1g.10gb":"1")"),
            pod("done", "Succeeded", "", ""), pod("died", "Failed", "", ""),
            pod("odd", "Pending", "", R"("nvidia.com/gpucores":"30")"), R"({"kind":"Secret"})"}));
  ASSERT_EQ(outcome.trace.jobs.size(), 3U);
  EXPECT_EQ(outcome.trace.jobs[0].id, "team/early");
  EXPECT_EQ(outcome.trace.jobs[1].id, "team/runs");
  EXPECT_EQ(outcome.trace.jobs[1].submit_ns, 0);
  EXPECT_EQ(outcome.trace.job_extra[outcome.trace.jobs[1].extra], (ExtraValues{"n0", "affinity"}));
  EXPECT_EQ(outcome.trace.jobs[2].id, "team/late");
  EXPECT_EQ(outcome.trace.jobs[2].submit_ns, 20 * ns_per_s);
  EXPECT_EQ(outcome.trace.metadata.at("time_origin"), "2026-05-01T00:00:10Z");
  const JobSpec& runs = outcome.trace.specs[outcome.trace.jobs[1].spec];
  EXPECT_EQ(runs.request.mig_profile, "1g.10gb");
  EXPECT_EQ(runs.request.priority, 5);
  EXPECT_EQ(runs.tenant, "team");
  EXPECT_EQ(outcome.report.dropped,
            (std::map<std::string, std::int64_t>{
                {"finished_succeeded", 1}, {"finished_failed", 1}, {"request_malformed", 1}, {"other_kind", 1}}));
  EXPECT_EQ(outcome.report.read, 7);
}

TEST(KubectlReaderTest, NodesThatDoNotAddUpAreDropped) {
  const ReadOutcome outcome =
      read_ok(list({node("a", "", R"("nvidia.com/gpu":"8",)"),
                    node("b", R"("nvidia.com/gpu.product":"A100-MIG-INVALID")", R"("nvidia.com/gpu":"1",)"),
                    node("c", R"("nvidia.com/gpu.product":"Tesla-T4")", R"("nvidia.com/gpu":"0.5",)"),
                    node("d", "", ""), node("d", "", ""), node("e", R"("x":"a|b")", "")}));
  EXPECT_EQ(outcome.report.dropped, (std::map<std::string, std::int64_t>{{"gpu_product_missing", 1},
                                                                         {"mig_invalid", 1},
                                                                         {"quantity_malformed", 1},
                                                                         {"duplicate_id", 1},
                                                                         {"labels_malformed", 1}}));
}

TEST(KubectlReaderTest, BadDocumentsAreErrors) {
  const auto code = [](const std::string& text) {
    ReadOutcome outcome;
    const Status status = read_kubectl(text, "cluster.json", outcome);
    EXPECT_FALSE(status.ok()) << text.substr(0, 40);
    return status.ok() ? ErrorCode::io : status.error().code;
  };
  EXPECT_EQ(code(""), ErrorCode::data_loss);
  EXPECT_EQ(code(R"({"items":[)"), ErrorCode::data_loss);
  EXPECT_EQ(code("[]"), ErrorCode::invalid_argument);
  EXPECT_EQ(code("{}"), ErrorCode::invalid_argument);
  EXPECT_EQ(code(std::string(1000, '[')), ErrorCode::data_loss);
  EXPECT_EQ(code(R"({"a":)" + std::string(1000, '[') + std::string(1000, ']') + "}"), ErrorCode::data_loss);
  EXPECT_EQ(code(list({node("n", R"("nvidia.com/gpu.product":"NVIDIA-X9000")", R"("nvidia.com/gpu":"8",)")})),
            ErrorCode::not_found);
}

}  // namespace
}  // namespace gpusched::sim
