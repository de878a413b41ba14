#include "gpusched/kube/pod_request.hpp"

#include <gtest/gtest.h>

namespace gpusched {
namespace {

ContainerSpec container(ResourceList requests, bool is_sidecar = false) {
  return {.name = "c", .requests = std::move(requests), .limits = {}, .is_sidecar = is_sidecar};
}

GpuRequest request_of(const PodSpec& pod) {
  const auto request = make_gpu_request(pod);
  EXPECT_TRUE(request.ok()) << (request.ok() ? "" : request.error().to_string());
  return request.ok() ? request.value() : GpuRequest{};
}

PodSpec gpu_pod(const std::string& resource, const std::string& count) {
  PodSpec pod;
  pod.containers = {container({{resource, count}})};
  return pod;
}

TEST(PodRequestTest, SumsContainersAndAddsOverhead) {
  PodSpec pod;
  pod.containers = {container({{"cpu", "1500m"}, {"memory", "1Gi"}, {"nvidia.com/gpu", "1"}}),
                    container({{"cpu", "1"}, {"memory", "512Ki"}, {"nvidia.com/gpu", "2"}, {"amd.com/gpu", "x"}})};
  pod.overhead = {{"cpu", "250m"}, {"memory", "512Ki"}};
  pod.priority = 7;
  pod.node_selector = {{"z", "1"}, {"a", "2"}};
  const GpuRequest request = request_of(pod);
  EXPECT_EQ(request.cpu_milli, 2750);
  EXPECT_EQ(request.memory_mib, 1025);  // bytes are added before they are rounded
  EXPECT_EQ(request.num_gpu, 3);
  EXPECT_EQ(request.gpu_milli, 1000);
  EXPECT_EQ(request.priority, 7);
  EXPECT_EQ(request.node_labels.front().first, "a");
}

TEST(PodRequestTest, InitContainersRunOneAfterTheOther) {
  PodSpec pod;
  pod.containers = {container({{"cpu", "1"}, {"nvidia.com/gpu", "1"}})};
  pod.init_containers = {container({{"cpu", "3"}}), container({{"cpu", "2"}, {"nvidia.com/gpu", "2"}})};
  const GpuRequest request = request_of(pod);
  EXPECT_EQ(request.cpu_milli, 3000);
  EXPECT_EQ(request.num_gpu, 2);
}

TEST(PodRequestTest, SidecarsRunBesideWhatStartsAfterThem) {
  PodSpec pod;
  pod.containers = {container({{"cpu", "1"}})};
  pod.init_containers = {container({{"cpu", "5"}}), container({{"cpu", "2"}}, true), container({{"cpu", "4"}}),
                         container({{"cpu", "1"}}, true)};
  // init 5; sidecar 2 + init 4 = 6; containers 1 + sidecars 3 = 4
  EXPECT_EQ(request_of(pod).cpu_milli, 6000);
  pod.containers = {container({{"cpu", "4"}})};
  EXPECT_EQ(request_of(pod).cpu_milli, 7000);
}

TEST(PodRequestTest, LimitsAloneCountAsRequests) {
  PodSpec pod;
  pod.containers = {
      {.name = "c", .requests = {{"cpu", "1"}}, .limits = {{"cpu", "4"}, {"memory", "1Mi"}, {"nvidia.com/gpu", "1"}}}};
  const GpuRequest request = request_of(pod);
  EXPECT_EQ(request.cpu_milli, 1000);
  EXPECT_EQ(request.memory_mib, 1);
  EXPECT_EQ(request.num_gpu, 1);
  pod.containers[0].requests.emplace_back("nvidia.com/gpu", "2");
  EXPECT_EQ(make_gpu_request(pod).error().code, ErrorCode::invalid_argument);
}

TEST(PodRequestTest, MigAndSharedResources) {
  const GpuRequest mig = request_of(gpu_pod("nvidia.com/mig-1g.10gb.me", "2"));
  EXPECT_EQ(mig.mig_profile, "1g.10gb+me");
  EXPECT_EQ(mig.num_gpu, 2);
  EXPECT_EQ(mig.mode, SharingMode::mig);
  const GpuRequest shared = request_of(gpu_pod("nvidia.com/gpu.shared", "1"));
  EXPECT_EQ(shared.mode, SharingMode::time_slice);
  EXPECT_EQ(shared.gpu_milli, 1);
  EXPECT_EQ(request_of(gpu_pod("nvidia.com/gpu", "0")).num_gpu, 0);
}

TEST(PodRequestTest, RefusesWhatCannotBePlaced) {
  PodSpec both = gpu_pod("nvidia.com/gpu", "1");
  both.containers.push_back(container({{"nvidia.com/mig-1g.10gb", "1"}}));
  EXPECT_EQ(make_gpu_request(both).error().code, ErrorCode::unsupported);
  EXPECT_EQ(make_gpu_request(gpu_pod("nvidia.com/mig-1g.10gb.shared", "1")).error().code, ErrorCode::unsupported);
  EXPECT_EQ(make_gpu_request(gpu_pod("nvidia.com/mig-1c.3g.40gb", "1")).error().code, ErrorCode::unsupported);
  EXPECT_EQ(make_gpu_request(gpu_pod("nvidia.com/gpumem", "1")).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(make_gpu_request(gpu_pod("nvidia.com/gpu", "1.5")).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(make_gpu_request(gpu_pod("nvidia.com/gpu", "5000")).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(make_gpu_request(gpu_pod("cpu", "7Ei")).error().code, ErrorCode::invalid_argument);
  const Error error = make_gpu_request(gpu_pod("memory", "1gb")).error();
  EXPECT_NE(error.message.find("container 'c': memory"), std::string::npos) << error.message;
}

TEST(PodRequestTest, RefusesIntentsThatContradictEachOther) {
  using Annotations = std::vector<std::pair<std::string, std::string>>;
  const std::vector<std::pair<Annotations, std::string>> cases = {
      {{{"gpusched.io/mode", "mps"}, {"gpusched.io/isolation", "fault"}}, "mode mps contradicts isolation fault"},
      {{{"gpusched.io/memory", "9Ti"}}, "gpu_memory_mib is 9437184"},
      {{{"gpusched.io/max-slowdown", "0.5"}}, "'0.5', not a number from 1"},
      {{{"gpusched.io/max-slowdown", "nan"}}, "'nan', not a number from 1"},
  };
  for (const auto& [annotations, words] : cases) {
    PodSpec pod;
    pod.containers = {{.name = "main", .requests = {}, .limits = {{"nvidia.com/gpu", "1"}}}};
    pod.annotations = annotations;
    const Result<GpuRequest> request = make_gpu_request(pod);
    ASSERT_FALSE(request.ok()) << words;
    EXPECT_NE(request.error().to_string().find(words), std::string::npos) << request.error().to_string();
  }
}

TEST(PodRequestTest, ReadsOurAnnotations) {
  PodSpec pod = gpu_pod("nvidia.com/gpu", "1");
  pod.annotations = {{"gpusched.io/class", "burst"},      {"gpusched.io/isolation", "fault"},
                     {"gpusched.io/memory", "20Gi"},      {"gpusched.io/max-slowdown", "1.5"},
                     {"gpusched.io/job-profile", "bert"}, {"gpusched.io/mode", "mig"},
                     {"example.com/other", "kept out"}};
  const GpuRequest request = request_of(pod);
  EXPECT_EQ(request.job_class, JobClass::burst);
  EXPECT_EQ(request.isolation, Isolation::fault);
  EXPECT_EQ(request.gpu_memory_mib, 20480);
  EXPECT_EQ(request.max_slowdown, 1.5);
  EXPECT_EQ(request.job_profile, "bert");
  EXPECT_EQ(request.mode, SharingMode::mig);
  for (const auto& bad : {std::pair("gpusched.io/clas", "burst"), std::pair("gpusched.io/class", "bursty"),
                          std::pair("gpusched.io/memory", "much"), std::pair("gpusched.io/max-slowdown", "0.5")}) {
    pod.annotations = {bad};
    EXPECT_EQ(make_gpu_request(pod).error().code, ErrorCode::invalid_argument) << bad.first << " " << bad.second;
  }
  PodSpec mig = gpu_pod("nvidia.com/mig-1g.10gb", "1");
  mig.annotations = {{"gpusched.io/mode", "whole"}};
  EXPECT_EQ(make_gpu_request(mig).error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace gpusched
