// The admission webhook, body in, body out.
#include <array>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "gpusched/extender/admission.hpp"
#include "gpusched/io/job_profile_json.hpp"
#include "gpusched/kube/allocation_record.hpp"

#include "extender/wire/padded.hpp"

namespace gpusched::extender {
namespace {

using Json = nlohmann::json;

std::string from_base64(const std::string& text) {
  static constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const std::size_t digit = digits.find(c);
    if (digit == std::string_view::npos) {
      break;
    }
    bits = (bits << 6U) | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>((bits >> static_cast<unsigned>(count)) & 0xffU);
    }
  }
  return out;
}

class AdmitTest : public ::testing::Test {
 protected:
  AdmitTest() {
    view_ = ClusterView::create({.engine = {.policy = parse_policy("placeable_online").value(),
                                            .seed = 0,
                                            .target = {},
                                            .preemption = false},
                                 .log_sink = {}})
                .value();
  }

  void add_node(const std::string& name, const std::string& resource, const std::string& count, Json labels) {
    labels["nvidia.com/gpu.count"] = "4";
    labels["nvidia.com/gpu.memory"] = "81559";
    const Json node = {{"metadata", {{"name", name}, {"uid", name}, {"labels", labels}}},
                       {"status",
                        {{"allocatable", {{"cpu", "64"}, {"memory", "512Gi"}, {resource, count}}},
                         {"capacity", {{"cpu", "64"}, {"memory", "512Gi"}, {resource, count}}},
                         {"conditions", Json::array({{{"type", "Ready"}, {"status", "True"}}})}}}};
    const Padded text(node.dump());
    view_->update_node(decode_node(text.view()).value(), 0);
  }
  void add_nodes() {
    add_node("whole", "nvidia.com/gpu", "4",
             {{"nvidia.com/gpu.product", "NVIDIA-H100-80GB-HBM3"}, {"nvidia.com/gpu.replicas", "1"}});
    add_node("shared", "nvidia.com/gpu.shared", "16",
             {{"nvidia.com/gpu.product", "NVIDIA-A100-SXM4-80GB"},
              {"nvidia.com/gpu.replicas", "4"},
              {"nvidia.com/gpu.sharing-strategy", "time-slicing"}});
  }

  static Json pod(Json annotations, Json limits = Json::object()) {
    Json pod = {{"metadata", {{"name", "job"}}},
                {"spec", {{"containers", Json::array({{{"name", "main"}, {"resources", Json::object()}}})}}}};
    if (!annotations.empty()) {
      pod["metadata"]["annotations"] = std::move(annotations);
    }
    if (!limits.empty()) {
      pod["spec"]["containers"][0]["resources"] = {{"limits", limits}, {"requests", limits}};
    }
    return pod;
  }

  /// The response, with the patch decoded.
  Json review(const Json& object, const std::string& operation = "CREATE") {
    Json request = {{"uid", "u1"},
                    {"kind", {{"group", ""}, {"version", "v1"}, {"kind", "Pod"}}},
                    {"operation", operation},
                    {"namespace", "team"},
                    {"object", operation == "DELETE" ? Json() : object}};
    const Padded text(
        Json{{"apiVersion", "admission.k8s.io/v1"}, {"kind", "AdmissionReview"}, {"request", request}}.dump());
    const Admission admission({.refusal = [this] { return refusal_; },
                               .observer =
                                   [this](const VerbRecord& record) {
                                     result_ = record.result;
                                     reason_ = record.reason;
                                     EXPECT_EQ(record.verb, "admit");
                                   }},
                              *view_, mutex_);
    Json response = Json::parse(admission.admit(text.view()))["response"];
    EXPECT_EQ(response["uid"], "u1");
    if (response.contains("patch")) {
      response["patch"] = Json::parse(from_base64(response["patch"].get<std::string>()));
    }
    return response;
  }
  /// The pod after its patch.
  Json admitted(const Json& object) {
    const Json response = review(object);
    EXPECT_TRUE(response["allowed"].get<bool>()) << response.dump();
    return response.contains("patch") ? object.patch(response["patch"]) : object;
  }
  static std::string message(const Json& response) {
    return response["allowed"].get<bool>() ? "" : response["status"]["message"].get<std::string>();
  }

  std::unique_ptr<ClusterView> view_;
  std::mutex mutex_;
  std::string refusal_, result_, reason_;
};

TEST_F(AdmitTest, IntentGetsResourceAndReason) {
  add_nodes();
  const Json after = admitted(pod({{"gpusched.io/class", "dev"}, {"gpusched.io/memory", "8Gi"}}));
  const Json& resources = after["spec"]["containers"][0]["resources"];
  EXPECT_EQ(resources["limits"]["nvidia.com/gpu.shared"], "1");
  EXPECT_EQ(resources["requests"]["nvidia.com/gpu.shared"], "1");
  const auto note = parse_decision(after["metadata"]["annotations"]["gpusched.io/decision"].get<std::string>());
  ASSERT_TRUE(note.ok() && note.value());
  EXPECT_EQ(note.value()->mode, "time-slice");
  EXPECT_EQ(note.value()->resource, "nvidia.com/gpu.shared");
  EXPECT_NE(note.value()->reason.find("predicted slowdown"), std::string::npos) << note.value()->reason;
  EXPECT_EQ(result_, "chosen");
  // Once more, as a second webhook or a controller's copy would: nothing changes.
  EXPECT_FALSE(review(after).contains("patch"));
}

TEST_F(AdmitTest, TheViewKeepsTheReasonAndFindsTheIntentBack) {
  add_nodes();
  Json after = admitted(pod({{"gpusched.io/class", "dev"}, {"gpusched.io/memory", "8Gi"}}));
  after["metadata"]["uid"] = "p1";
  after["metadata"]["namespace"] = "team";
  const Padded text(after.dump());
  const LivePod& live = view_->submit(decode_pod(text.view()).value(), 0);
  EXPECT_EQ(live.problem, "");
  EXPECT_EQ(live.resource, "nvidia.com/gpu.shared");
  EXPECT_FALSE(live.states_intent_only);
  EXPECT_NE(live.note.find("1 of 4 shares"), std::string::npos) << live.note;
  ASSERT_NE(live.intent, nullptr);
  EXPECT_EQ(live.intent->gpu_memory_mib, 8192);
  EXPECT_EQ(live.intent->mode, SharingMode::time_slice);
}

TEST_F(AdmitTest, PodsThatNameAResourceAreLeftAlone) {
  add_nodes();
  for (const Json& object : {pod({}, {{"nvidia.com/gpu", "1"}}), pod({{"gpusched.io/class", "dev"}}),
                             pod({{"gpusched.io/mode", "whole"}}, {{"nvidia.com/gpu", "1"}}), pod({}),
                             pod({}, {{"nvidia.com/gpu", "1"}, {"nvidia.com/gpumem", "4000"}})}) {
    const Json response = review(object);
    EXPECT_TRUE(response["allowed"].get<bool>()) << response.dump();
    EXPECT_FALSE(response.contains("patch")) << response.dump();
    EXPECT_EQ(result_, "untouched");
  }
  const Json other = pod({{"gpusched.io/memory", "8Gi"}});
  for (const char* operation : {"UPDATE", "DELETE"}) {
    EXPECT_FALSE(review(other, operation).contains("patch"));
  }
}

TEST_F(AdmitTest, ContradictionsAreRefusedWithTheirKey) {
  add_nodes();
  EXPECT_NE(message(review(pod({{"gpusched.io/mode", "mig"}}, {{"nvidia.com/gpu", "1"}}))).find("gpusched.io/mode"),
            std::string::npos);
  EXPECT_EQ(reason_, "contradiction");
  EXPECT_NE(message(review(pod({{"gpu-fraction", "0.5"}, {"gpu-memory", "100"}}))).find("gpu-fraction"),
            std::string::npos);
  EXPECT_NE(message(review(pod({{"nvidia.com/gpumem", "100"}}))).find("resources.limits"), std::string::npos);
}

TEST_F(AdmitTest, TheSameModeIsNoContradictionWhereANodeOffersIt) {
  add_node("not-renamed", "nvidia.com/gpu", "16",
           {{"nvidia.com/gpu.product", "NVIDIA-A100-SXM4-80GB-SHARED"}, {"nvidia.com/gpu.replicas", "4"}});
  EXPECT_EQ(message(review(pod({{"gpusched.io/mode", "time-slice"}}, {{"nvidia.com/gpu", "1"}}))), "");
}

TEST_F(AdmitTest, TheImpossibleIsRefusedWithReasons) {
  EXPECT_EQ(message(review(pod({{"gpusched.io/memory", "8Gi"}}))), "no node of the cluster offers a GPU resource");
  add_nodes();
  const std::string text = message(review(pod({{"gpusched.io/memory", "85Gi"}})));
  EXPECT_NE(text.find("81559 MiB of 87040 needed"), std::string::npos) << text;
  EXPECT_EQ(result_, "refused");
}

TEST_F(AdmitTest, NotReadyRefusesOnlyWhatDependsOnTheCluster) {
  add_nodes();
  refusal_ = "the first full list is not in yet";
  const Json response = review(pod({{"gpusched.io/memory", "8Gi"}}));
  EXPECT_EQ(message(response), "gpusched is not ready: the first full list is not in yet");
  EXPECT_EQ(response["status"]["code"], 503);
  EXPECT_TRUE(review(pod({}))["allowed"].get<bool>());
  EXPECT_TRUE(review(pod({}, {{"nvidia.com/gpu", "1"}}))["allowed"].get<bool>());
}

TEST_F(AdmitTest, GpushareMemoryBecomesAResource) {
  add_nodes();
  Json object = pod({}, {{"aliyun.com/gpu-mem", "8"}});
  object["spec"]["containers"].insert(object["spec"]["containers"].begin(), Json{{"name", "proxy"}});
  const Json after = admitted(object);
  EXPECT_FALSE(after["spec"]["containers"][0].contains("resources"));
  const Json& resources = after["spec"]["containers"][1]["resources"];
  EXPECT_FALSE(resources["limits"].contains("aliyun.com/gpu-mem"));
  EXPECT_FALSE(resources["requests"].contains("aliyun.com/gpu-mem"));
  EXPECT_EQ(resources["limits"].size(), 1U);
  EXPECT_EQ(after["metadata"]["annotations"]["gpusched.io/memory"], "8192Mi");
  EXPECT_FALSE(review(after).contains("patch"));
}

TEST_F(AdmitTest, AMeasuredJobIsPredictedFromItsProfile) {
  add_nodes();
  const Json job = pod({{"gpusched.io/job-profile", "quiet"}, {"gpusched.io/class", "dev"}});
  const Json unknown = admitted(job);
  EXPECT_TRUE(unknown["spec"]["containers"][0]["resources"]["limits"].contains("nvidia.com/gpu"))
      << "without a profile its memory is not known, so it gets a whole GPU";
  const auto profiles = read_job_profiles(
      R"({"version": 1, "profiles": [{"name": "quiet", "revision": 1, "kind": "closed", "gpu_model": "A100-80GB",
          "engine_active": {"mean": 0.05}, "sm_active": {"mean": 0.04}, "dram_active": {"mean": 0.02},
          "memory_peak_mib": 2000, "duty_cycle": 1.0, "source": "test"}]})",
      "test.json");
  ASSERT_TRUE(profiles.ok()) << profiles.error().to_string();
  ASSERT_TRUE(view_->load_profile(profiles.value()[0], 0).ok());
  const Json known = admitted(job);
  EXPECT_TRUE(known["spec"]["containers"][0]["resources"]["limits"].contains("nvidia.com/gpu.shared"));
}

TEST_F(AdmitTest, KaiNamesItsContainer) {
  add_nodes();
  Json object = pod({{"gpu-fraction", "0.2"}, {"gpu-fraction-container-name", "worker"}, {"gpusched.io/class", "dev"}});
  object["spec"]["containers"].push_back({{"name", "worker"}});
  const Json after = admitted(object);
  EXPECT_TRUE(after["spec"]["containers"][0]["resources"].empty());
  EXPECT_EQ(after["spec"]["containers"][1]["resources"]["limits"]["nvidia.com/gpu.shared"], "1");
}

TEST_F(AdmitTest, MalformedBodiesAreRefused) {
  const Admission admission({}, *view_, mutex_);
  for (const char* body : {"", "{", "[]", R"({"apiVersion":"admission.k8s.io/v1beta1","request":{"uid":"x"}})"}) {
    const Padded text{std::string(body)};
    EXPECT_FALSE(Json::parse(admission.admit(text.view()))["response"]["allowed"].get<bool>()) << body;
  }
}

}  // namespace
}  // namespace gpusched::extender
