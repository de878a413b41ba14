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
  const GpuRequest replica = request_of(gpu_pod("nvidia.com/mig-1g.10gb.shared", "1"));
  EXPECT_EQ(replica.mig_profile, "1g.10gb");
  EXPECT_EQ(replica.mode, SharingMode::mig);
  EXPECT_EQ(replica.gpu_milli, 1);
  EXPECT_EQ(request_of(gpu_pod("nvidia.com/gpu", "0")).num_gpu, 0);
}

TEST(PodRequestTest, RefusesWhatCannotBePlaced) {
  PodSpec both = gpu_pod("nvidia.com/gpu", "1");
  both.containers.push_back(container({{"nvidia.com/mig-1g.10gb", "1"}}));
  EXPECT_EQ(make_gpu_request(both).error().code, ErrorCode::unsupported);
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

PodRequest read(const PodSpec& pod) {
  const auto result = read_pod_request(pod);
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().to_string());
  EXPECT_TRUE(!result.ok() || result.value().dialect == RequestDialect::none || names_gpu(pod));
  return result.ok() ? result.value() : PodRequest{};
}

std::string refusal(const PodSpec& pod) {
  const auto result = read_pod_request(pod);
  EXPECT_FALSE(result.ok());
  EXPECT_TRUE(names_gpu(pod));
  return result.ok() ? std::string() : result.error().to_string();
}

PodSpec pod_with(ResourceList limits, std::vector<std::pair<std::string, std::string>> annotations = {}) {
  PodSpec pod;
  pod.containers = {{.name = "main", .requests = {}, .limits = std::move(limits)}};
  pod.annotations = std::move(annotations);
  return pod;
}

TEST(PodRequestTest, SaysInWhichWordsAndByWhichResource) {
  const PodRequest whole = read(gpu_pod("nvidia.com/gpu", "2"));
  EXPECT_EQ(whole.dialect, RequestDialect::nvidia);
  EXPECT_EQ(whole.resource, "nvidia.com/gpu");
  EXPECT_FALSE(whole.admitted);
  const PodRequest none = read(pod_with({{"cpu", "1"}}, {{"gpusched.io/class", "batch"}}));
  EXPECT_EQ(none.dialect, RequestDialect::none);
  EXPECT_EQ(none.request.num_gpu, 0);
  EXPECT_FALSE(names_gpu(pod_with({{"cpu", "1"}, {"amd.com/gpu", "1"}}, {{"gpusched.io/class", "batch"}})));
}

TEST(PodRequestTest, AnnotationsAloneAskForOneDevice) {
  const PodRequest intent =
      read(pod_with({{"cpu", "1"}}, {{"gpusched.io/class", "burst"}, {"gpusched.io/max-slowdown", "2"}}));
  EXPECT_EQ(intent.dialect, RequestDialect::intent);
  EXPECT_EQ(intent.resource, "");
  EXPECT_EQ(intent.request.num_gpu, 1);
  EXPECT_EQ(intent.request.gpu_milli, 1000);
  EXPECT_TRUE(states_intent(intent.request));
}

TEST(PodRequestTest, HamiShares) {
  const PodRequest memory = read(pod_with({{"nvidia.com/gpu", "2"}, {"nvidia.com/gpumem", "3000"}}));
  EXPECT_EQ(memory.dialect, RequestDialect::hami);
  EXPECT_EQ(memory.resource, "nvidia.com/gpu");
  EXPECT_EQ(memory.request.num_gpu, 2);
  EXPECT_EQ(memory.request.gpu_memory_mib, 3000);
  EXPECT_EQ(memory.request.gpu_milli, 10);
  EXPECT_EQ(memory.request.mode, SharingMode::time_slice);
  const PodRequest cores =
      read(pod_with({{"nvidia.com/gpu", "1"}, {"nvidia.com/gpucores", "30"}, {"nvidia.com/gpumem-percentage", "50"}},
                    {{"nvidia.com/vgpu-mode", "mps"}}));
  EXPECT_EQ(cores.request.gpu_milli, 500);
  EXPECT_EQ(cores.request.mode, SharingMode::mps);
  EXPECT_EQ(read(pod_with({{"nvidia.com/gpu", "1"}, {"nvidia.com/gpucores", "100"}})).request.mode, SharingMode::whole);
  EXPECT_EQ(read(pod_with({{"nvidia.com/gpu", "1"}}, {{"nvidia.com/vgpu-mode", "mig"}})).request.mode,
            SharingMode::mig);
  EXPECT_EQ(read(pod_with({{"nvidia.com/gpu", "1"}, {"nvidia.com/gpumem", "0"}})).dialect, RequestDialect::nvidia);
}

TEST(PodRequestTest, HamiSharesThatSayNothingClear) {
  EXPECT_NE(refusal(pod_with({{"nvidia.com/gpumem", "1"}})).find("Add nvidia.com/gpu: 1"), std::string::npos);
  EXPECT_NE(refusal(pod_with({{"nvidia.com/gpu", "1"}, {"nvidia.com/gpumem", "3Gi"}})).find("MiB"), std::string::npos);
  EXPECT_NE(refusal(pod_with({{"nvidia.com/gpu", "1"}, {"nvidia.com/gpucores", "101"}})).find("up to 100"),
            std::string::npos);
  EXPECT_NE(
      refusal(pod_with({{"nvidia.com/gpu", "1"}, {"nvidia.com/gpumem", "1"}, {"nvidia.com/gpumem-percentage", "1"}}))
          .find("Leave out one"),
      std::string::npos);
  EXPECT_NE(refusal(pod_with({{"nvidia.com/gpu", "1"}, {"nvidia.com/priority", "1"}})).find("PriorityClass"),
            std::string::npos);
  EXPECT_NE(refusal(pod_with({{"nvidia.com/gpu", "1"}}, {{"nvidia.com/vgpu-mode", "x"}})).find("hami-core, mps, mig"),
            std::string::npos);
  EXPECT_NE(refusal(pod_with({{"nvidia.com/gpu", "1"}}, {{"nvidia.com/use-gpuuuid", "GPU-1"}})).find("gpu.product"),
            std::string::npos);
  PodSpec two = pod_with({{"nvidia.com/gpu", "1"}, {"nvidia.com/gpumem", "1"}});
  two.containers.push_back({.name = "other", .requests = {}, .limits = {{"nvidia.com/gpu", "1"}}});
  EXPECT_NE(refusal(two).find("another share"), std::string::npos);
  two.containers[1].limits = two.containers[0].limits;
  EXPECT_EQ(read(two).request.num_gpu, 2);
}

TEST(PodRequestTest, KaiShares) {
  const PodRequest half = read(pod_with(
      {}, {{"gpu-fraction", "0.5"}, {"gpu-fraction-num-devices", "2"}, {"gpu-fraction-container-name", "main"}}));
  EXPECT_EQ(half.dialect, RequestDialect::kai);
  EXPECT_EQ(half.resource, "");
  EXPECT_EQ(half.request.num_gpu, 2);
  EXPECT_EQ(half.request.gpu_milli, 500);
  EXPECT_EQ(half.request.mode, SharingMode::unstated);
  const PodRequest memory = read(pod_with({}, {{"gpu-memory", "4096"}}));
  EXPECT_EQ(memory.request.gpu_memory_mib, 4096);
  EXPECT_EQ(memory.request.gpu_milli, 1);
  for (const std::string bad : {"0", "1", "1.5", "-0.5", "half", "", "nan", "0.5x"}) {
    EXPECT_NE(refusal(pod_with({}, {{"gpu-fraction", bad}})).find("between 0 and 1"), std::string::npos) << bad;
  }
  EXPECT_NE(refusal(pod_with({}, {{"gpu-fraction", "0.5"}, {"gpu-memory", "1"}})).find("contradict"),
            std::string::npos);
  EXPECT_NE(refusal(pod_with({}, {{"gpu-fraction-num-devices", "1"}})).find("without gpu-fraction"), std::string::npos);
  EXPECT_NE(refusal(pod_with({}, {{"gpu-memory", "0"}})).find("from 1"), std::string::npos);
  EXPECT_NE(refusal(pod_with({}, {{"gpu-fraction", "0.5"}, {"gpu-fraction-container-name", "x"}})).find("no container"),
            std::string::npos);
}

TEST(PodRequestTest, GpushareMemory) {
  PodSpec pod = pod_with({{"aliyun.com/gpu-mem", "3"}});
  pod.containers.push_back({.name = "other", .requests = {}, .limits = {{"aliyun.com/gpu-mem", "2"}}});
  const PodRequest request = read(pod);
  EXPECT_EQ(request.dialect, RequestDialect::gpushare);
  EXPECT_EQ(request.request.num_gpu, 1);
  EXPECT_EQ(request.request.gpu_memory_mib, 5120);
  EXPECT_NE(refusal(pod_with({{"aliyun.com/gpu-count", "1"}})).find("nodes report"), std::string::npos);
  EXPECT_NE(refusal(pod_with({{"aliyun.com/gpu-mem", "16Gi"}})).find("GiB"), std::string::npos);
}

TEST(PodRequestTest, TwoDialectsInOnePodContradictEachOther) {
  const std::vector<PodSpec> pods = {
      pod_with({{"nvidia.com/gpu", "1"}}, {{"gpu-fraction", "0.5"}}),
      pod_with({{"nvidia.com/gpu", "1"}, {"aliyun.com/gpu-mem", "1"}}),
      pod_with({{"aliyun.com/gpu-mem", "1"}}, {{"gpu-memory", "1"}}),
      pod_with({{"nvidia.com/gpu", "1"}, {"nvidia.com/gpumem", "1"}}, {{"gpu-memory", "1"}})};
  for (const PodSpec& pod : pods) {
    EXPECT_NE(refusal(pod).find("asks for a GPU by"), std::string::npos) << refusal(pod);
  }
  EXPECT_NE(refusal(pod_with({}, {{"gpu-memory", "4096"}, {"gpusched.io/memory", "8Gi"}})).find("in other words"),
            std::string::npos);
}

TEST(PodRequestTest, AKnownKeyInTheWrongPlaceIsRefusedWithTheRightOne) {
  using Annotations = std::vector<std::pair<std::string, std::string>>;
  for (const auto& key :
       {"nvidia.com/gpumem", "nvidia.com/gpucores", "aliyun.com/gpu-mem", "nvidia.com/mig-1g.10gb", "nvidia.com/gpu"}) {
    EXPECT_NE(refusal(pod_with({}, Annotations{{key, "1"}})).find("in resources.limits of a container"),
              std::string::npos)
        << key;
  }
  for (const auto& key : {"gpu-fraction", "gpu-memory", "nvidia.com/vgpu-mode", "gpusched.io/class"}) {
    EXPECT_NE(refusal(pod_with({{key, "1"}})).find("in metadata.annotations of the pod"), std::string::npos) << key;
    PodSpec pod = pod_with({});
    pod.labels = {{key, "1"}};
    EXPECT_NE(refusal(pod).find("in metadata.annotations of the pod"), std::string::npos) << key;
  }
  EXPECT_NE(refusal(pod_with({}, Annotations{{"gpusched.io/gpu-layout", "0:off"}})).find("of a node"),
            std::string::npos);
  PodSpec marked = pod_with({{"cpu", "1"}}, Annotations{{"nvidia.com/gpu", "true"}});
  marked.labels = {{"nvidia.com/gpu", "1"}, {"gpusched.io/team", "x"}};
  EXPECT_EQ(read(marked).dialect, RequestDialect::none);
}

TEST(PodRequestTest, AdmittedPodsCarryIntentAndResource) {
  const std::pair<std::string, std::string> note = {"gpusched.io/decision", "v1;mode=time-slice;reason=r"};
  const PodRequest shared = read(
      pod_with({{"nvidia.com/gpu.shared", "1"}}, {{"gpu-fraction", "0.5"}, note, {"gpusched.io/mode", "time-slice"}}));
  EXPECT_TRUE(shared.admitted);
  EXPECT_EQ(shared.resource, "nvidia.com/gpu.shared");
  EXPECT_EQ(shared.request.gpu_milli, 1);
  const PodRequest mig = read(pod_with({{"nvidia.com/mig-1g.10gb", "1"}},
                                       {{"gpu-memory", "8000"}, note, {"gpusched.io/allocation", "v1;node=n"}}));
  EXPECT_EQ(mig.request.mig_profile, "1g.10gb");
  EXPECT_EQ(mig.request.gpu_milli, 1000);
  EXPECT_EQ(mig.request.gpu_memory_mib, 8000);
  EXPECT_EQ(read(pod_with({{"nvidia.com/gpu.shared", "1"}}, {{"gpusched.io/mode", "mps"}})).request.mode,
            SharingMode::mps);
}

TEST(PodRequestTest, GangsAreNamedByLabelOrAnnotation) {
  PodSpec pod;
  EXPECT_EQ(gang_name(pod), "");
  pod.annotations = {{"scheduling.k8s.io/group-name", "volcano"}};
  EXPECT_EQ(gang_name(pod), "volcano");
  pod.labels = {{"scheduling.x-k8s.io/pod-group", "coscheduling"}};
  EXPECT_EQ(gang_name(pod), "coscheduling");
}

}  // namespace
}  // namespace gpusched
