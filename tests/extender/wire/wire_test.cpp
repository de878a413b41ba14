#include "gpusched/extender/wire.hpp"

#include <gtest/gtest.h>

#include "extender/wire/padded.hpp"

namespace gpusched::extender {
namespace {

constexpr const char* pod_json = R"({"metadata":{"name":"p","namespace":"team","uid":"u1","resourceVersion":"7",
  "creationTimestamp":"2026-05-01T00:00:10Z","managedFields":[{"a":[1,{"b":null}]}],
  "labels":{"scheduling.x-k8s.io/pod-group":"gang","a":"\u003cx\u003e"},"annotations":{"gpusched.io/mode":"mig"}},
  "spec":{"nodeName":"n0","schedulerName":"gpu","priority":-5,"nodeSelector":{"z":"1","a":"2"},
  "schedulingGates":[{"name":"g"}],"overhead":{"cpu":"250m"},
  "initContainers":[{"name":"i","restartPolicy":"Always","resources":{"requests":{"cpu":1}}}],
  "containers":[{"name":"c","image":"x","resources":{"limits":{"nvidia.com/gpu":"2"}}},{"name":"d"}]},
  "status":{"phase":"Pending","nominatedNodeName":"n9","conditions":[{}]}})";

template <typename Value>
Error error_of(const Result<Value>& result) {
  EXPECT_FALSE(result.ok());
  return result.ok() ? Error{} : result.error();
}

TEST(WireTest, DecodesAPod) {
  const Padded text(pod_json);
  const Result<PodObject> decoded = decode_pod(text.view());
  ASSERT_TRUE(decoded.ok()) << decoded.error().to_string();
  const PodObject& pod = decoded.value();
  EXPECT_EQ(pod.ns, "team");
  EXPECT_EQ(pod.name, "p");
  EXPECT_EQ(pod.uid, "u1");
  EXPECT_EQ(pod.resource_version, "7");
  EXPECT_EQ(pod.creation_s, 1777593610);
  EXPECT_EQ(pod.node_name, "n0");
  EXPECT_EQ(pod.nominated_node_name, "n9");
  EXPECT_EQ(pod.scheduler_name, "gpu");
  EXPECT_EQ(pod.phase, "Pending");
  EXPECT_FALSE(pod.terminating);
  EXPECT_TRUE(pod.has_scheduling_gates);
  EXPECT_TRUE(pod.names_gpu);
  EXPECT_EQ(pod.pod_group, "gang");
  EXPECT_FALSE(pod.has_scheduling_group);
  EXPECT_EQ(pod.spec.name, "p");
  EXPECT_EQ(pod.spec.priority, -5);
  EXPECT_EQ(pod.spec.labels.front().second, "<x>");
  EXPECT_EQ(pod.spec.node_selector.front().first, "a");
  ASSERT_EQ(pod.spec.containers.size(), 2U);
  EXPECT_EQ(pod.spec.containers[0].limits, (ResourceList{{"nvidia.com/gpu", "2"}}));
  ASSERT_EQ(pod.spec.init_containers.size(), 1U);
  EXPECT_TRUE(pod.spec.init_containers[0].is_sidecar);
  EXPECT_EQ(pod.spec.init_containers[0].requests, (ResourceList{{"cpu", "1"}}));
  EXPECT_EQ(pod.spec.overhead, (ResourceList{{"cpu", "250m"}}));
}

TEST(WireTest, SchedulingGroupWinsOverLabels) {
  const Padded text(
      R"({"metadata":{"labels":{"scheduling.x-k8s.io/pod-group":"old"},"deletionTimestamp":"2026-05-01T00:00:10Z"},
      "spec":{"schedulingGroup":{"podGroupName":"new"}}})");
  const Result<PodObject> pod = decode_pod(text.view());
  ASSERT_TRUE(pod.ok());
  EXPECT_EQ(pod.value().pod_group, "new");
  EXPECT_TRUE(pod.value().has_scheduling_group);
  EXPECT_TRUE(pod.value().terminating);
  EXPECT_FALSE(pod.value().names_gpu);
}

TEST(WireTest, DecodesANode) {
  const Padded text(R"({"kind":"Node","metadata":{"name":"n","uid":"u","resourceVersion":"9","labels":{"b":"2","a":"1"},
      "annotations":{"x":"y"}},"spec":{"unschedulable":true,"taints":[{}]},"status":{"images":[{"names":["q"]}],
      "allocatable":{"cpu":"8","nvidia.com/gpu":"8"},"capacity":{"nvidia.com/gpu":"9"},
      "conditions":[{"type":"MemoryPressure","status":"False"},{"type":"Ready","status":"Unknown"}]}})");
  const Result<NodeUpdate> update = decode_node(text.view());
  ASSERT_TRUE(update.ok()) << update.error().to_string();
  EXPECT_EQ(update.value().node.name, "n");
  EXPECT_EQ(update.value().node.labels.front().first, "a");
  EXPECT_EQ(update.value().node.allocatable.size(), 2U);
  EXPECT_EQ(update.value().node.capacity, (ResourceList{{"nvidia.com/gpu", "9"}}));
  EXPECT_TRUE(update.value().node.unschedulable);
  EXPECT_FALSE(update.value().node.ready);
  EXPECT_EQ(update.value().resource_version, "9");
}

TEST(WireTest, FilterArgsByNames) {
  const Padded text(R"({"Pod":)" + std::string(pod_json) + R"(,"Nodes":null,"NodeNames":["n1" ,"n\u0032","n1",""]})");
  const Result<FilterArgs> args = decode_filter_args(text.view());
  ASSERT_TRUE(args.ok()) << args.error().to_string();
  EXPECT_EQ(args.value().pod.name, "p");
  EXPECT_EQ(args.value().node_names, (std::vector<std::string_view>{"n1", "n2", "n1", ""}));
  EXPECT_FALSE(args.value().has_full_nodes);
  EXPECT_EQ(args.value().node_names[0].data(), text.view().data() + text.view().find("n1\" ,"));  // a view, no copy
}

TEST(WireTest, FilterArgsByFullNodesAreEchoedByteForByte) {
  const std::string first = R"({"spec":{"x":[1, 2,"}"]} , "metadata":{"labels":{},"name":"n1"}, "status":{} })";
  const std::string second = R"({"metadata":{"name":"n\u0032"}})";
  const Padded text(R"({"pod":{},"NODES":{"metadata":{},"items":[ )" + first + " , " + second +
                    R"( ]},"nodeNames":["ignored"]})");
  const Result<FilterArgs> args = decode_filter_args(text.view());
  ASSERT_TRUE(args.ok()) << args.error().to_string();
  EXPECT_TRUE(args.value().has_full_nodes);
  ASSERT_EQ(args.value().nodes.size(), 2U);
  EXPECT_EQ(args.value().nodes[0].first, "n1");
  EXPECT_EQ(args.value().nodes[0].second, first);
  EXPECT_EQ(args.value().nodes[1].first, "n2");
  EXPECT_EQ(args.value().nodes[1].second, second);
  EXPECT_EQ(args.value().node_names, (std::vector<std::string_view>{"n1", "n2"}));
  const Result<NodeUpdate> node = decode_node(args.value().nodes[0].second);  // the rest of the body is the padding
  ASSERT_TRUE(node.ok()) << node.error().to_string();
  EXPECT_EQ(node.value().node.name, "n1");
}

TEST(WireTest, MovedFilterArgsKeepTheirUnescapedNames) {
  const Padded text(R"({"Pod":{},"NodeNames":["\u0061","\u0062"]})");
  Result<FilterArgs> args = decode_filter_args(text.view());
  ASSERT_TRUE(args.ok());
  const FilterArgs moved = std::move(args).value();
  (void)decode_pod(Padded(pod_json).view());  // the parser is used again
  EXPECT_EQ(moved.node_names, (std::vector<std::string_view>{"a", "b"}));
}

TEST(WireTest, WrongTypesNameTheKey) {
  const auto message = [](const std::string& text) {
    return error_of(decode_filter_args(Padded(text).view())).message;
  };
  EXPECT_EQ(message(R"({"Pod":{"spec":{"containers":[{"name":"a"},{"name":7}]}}})"),
            "Pod.spec.containers[1].name is no string");
  EXPECT_EQ(message(R"({"Pod":{"spec":{"containers":[{"resources":{"limits":{"nvidia.com/gpu":[]}}}]}}})"),
            "Pod.spec.containers[0].resources.limits.nvidia.com/gpu is no string");
  EXPECT_EQ(message(R"({"Pod":{},"NodeNames":["a",{}]})"), "NodeNames[1] is no string");
  EXPECT_EQ(message(R"({"Pod":{},"NodeNames":{}})"), "NodeNames is no array");
  EXPECT_EQ(message(R"({"Pod":{},"Nodes":{"items":[{}]}})"), "Nodes.items[0] is a Node without a name");
  EXPECT_EQ(message(R"({"Pod":[]})"), "Pod is no object");
  EXPECT_EQ(message(R"({"NodeNames":[]})"), "Pod is missing");
  EXPECT_EQ(message(R"({"Pod":null})"), "Pod is missing");
  EXPECT_EQ(message("[]"), "the body is no object");
  EXPECT_EQ(message(R"({"Pod":{"spec":{"priority":1.5}}})"), "Pod.spec.priority is no whole number of 64 bits");
  EXPECT_EQ(message(R"({"Pod":{"spec":{"priority":2147483648}}})"), "Pod.spec.priority is no whole number of 32 bits");
  EXPECT_EQ(message(R"({"Pod":{"spec":{"priority":99999999999999999999}}})"),
            "Pod.spec.priority is no whole number of 64 bits");
}

TEST(WireTest, WhatIsNoJsonIsRefused) {
  const std::string good = R"({"Pod":)" + std::string(pod_json) + R"(,"NodeNames":["n1","n2"]})";
  ASSERT_TRUE(decode_filter_args(Padded(good).view()).ok());
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(decode_filter_args(Padded(good.substr(0, size)).view()).ok()) << size;
  }
  for (const std::string& text :
       {good + "}", good + good, good + " x", std::string(R"({"Pod":{"metadata":{"name":"a)") + '\xff' + R"("}}})",
        std::string(R"({"Pod":{"metadata":{"name":nulx}}})"), std::string(R"({"Pod":nil})"),
        std::string(R"({"Pod":{},"NodeNames":["a",]})"), std::string(R"({"Pod":{},"NodeNames":["a" "b"]})"),
        std::string(R"({"Pod":{"metadata":{"name":"\ud800"}}})")}) {
    EXPECT_EQ(error_of(decode_filter_args(Padded(text).view())).code, ErrorCode::data_loss) << text.substr(0, 80);
  }
}

TEST(WireTest, LimitsAreKept) {
  const std::string text = R"({"Pod":{"metadata":{"labels":{"a":"1","b":"2","c":"3"}}},"NodeNames":["a","b","c"]})";
  EXPECT_EQ(error_of(decode_filter_args(Padded(text).view(), {.max_bytes = text.size() - 1})).code,
            ErrorCode::data_loss);
  EXPECT_EQ(error_of(decode_filter_args(Padded(text).view(), {.max_nodes = 2})).message,
            "NodeNames has more than 2 elements");
  EXPECT_EQ(error_of(decode_filter_args(Padded(text).view(), {.max_entries = 2})).code, ErrorCode::data_loss);
  EXPECT_TRUE(
      decode_filter_args(Padded(text).view(), {.max_bytes = text.size(), .max_nodes = 3, .max_entries = 3}).ok());
}

TEST(WireTest, DepthOfSkippedValuesCostsNothing) {
  constexpr std::size_t depth = 200'000;
  const std::string deep = std::string(depth, '[') + std::string(depth, ']');
  EXPECT_TRUE(decode_pod(Padded(R"({"x":)" + deep + R"(,"metadata":{"name":"a"}})").view()).ok());
  EXPECT_FALSE(decode_pod(Padded(R"({"x":)" + std::string(depth, '[')).view()).ok());
}

TEST(WireTest, TheLastOfRepeatedKeysCounts) {
  const Padded text(
      R"({"metadata":{"name":"a","uid":"u"},"metadata":{"name":"b","name":"c","labels":{"k":"1","k":"2"}}})");
  const Result<PodObject> pod = decode_pod(text.view());
  ASSERT_TRUE(pod.ok());
  EXPECT_EQ(pod.value().name, "c");
  EXPECT_EQ(pod.value().uid, "");
  EXPECT_EQ(pod.value().spec.labels, (ResourceList{{"k", "2"}}));
}

TEST(WireTest, BindArgs) {
  const Padded text(R"({"PodName":"p","podnamespace":"ns","PODUID":"u","Node":"n","More":[{}]})");
  const Result<BindArgs> args = decode_bind_args(text.view());
  ASSERT_TRUE(args.ok()) << args.error().to_string();
  EXPECT_EQ(args.value(), (BindArgs{.pod_name = "p", .pod_ns = "ns", .pod_uid = "u", .node = "n"}));
  EXPECT_EQ(error_of(decode_bind_args(Padded(R"({"PodName":"p","PodNamespace":"ns","PodUID":"","Node":"n"})").view()))
                .message,
            "PodUID is missing or empty");
  EXPECT_EQ(error_of(decode_bind_args(Padded(R"({"PodName":5})").view())).message, "PodName is no string");
}

TEST(WireTest, PreemptArgsInBothForms) {
  const Padded full(R"({"Pod":{},"NodeNameToVictims":{"n2":{"Pods":[{"metadata":{"uid":"u1","name":"x"},"spec":{}},
      {"metadata":{"uid":"u2"}}],"NumPDBViolations":3},"n1":{"Pods":[],"NumPDBViolations":0},"n0":{"Pods":null},"n3":null},
      "NodeNameToMetaVictims":null})");
  const Result<PreemptArgs> args = decode_preempt_args(full.view());
  ASSERT_TRUE(args.ok()) << args.error().to_string();
  const std::vector<NodeVictims> expected = {{.node = "n0", .pod_uids = {}, .pdb_violations = 0},
                                             {.node = "n1", .pod_uids = {}, .pdb_violations = 0},
                                             {.node = "n2", .pod_uids = {"u1", "u2"}, .pdb_violations = 3},
                                             {.node = "n3", .pod_uids = {}, .pdb_violations = 0}};
  EXPECT_EQ(args.value().candidates, expected);
  const Padded meta(R"({"pod":{},"nodeNameToMetaVictims":{"n1":{"pods":[{"UID":"a"},{"uid":"b"}],"numPDBViolations":1},
      "n1":{"Pods":[{"UID":"c"}]}}})");
  const Result<PreemptArgs> by_uid = decode_preempt_args(meta.view());
  ASSERT_TRUE(by_uid.ok()) << by_uid.error().to_string();
  EXPECT_EQ(by_uid.value().candidates,
            (std::vector<NodeVictims>{{.node = "n1", .pod_uids = {"c"}, .pdb_violations = 0}}));
  EXPECT_EQ(
      error_of(decode_preempt_args(Padded(R"({"Pod":{},"NodeNameToMetaVictims":{"n":{"Pods":[{"UID":1}]}}})").view()))
          .message,
      "NodeNameToMetaVictims.n.Pods[0].UID is no string");
}

TEST(WireTest, AdmissionReviews) {
  const Padded text(R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"r1",
      "kind":{"group":"","version":"v1","kind":"Pod"},"namespace":"team","operation":"CREATE","dryRun":true,
      "object":{"metadata":{"generateName":"x-","annotations":{}},"spec":{"containers":[{"name":"a"},
      {"name":"b","resources":{"limits":{"cpu":"1"}}},{"name":"c","resources":{}}]}},"oldObject":null}})");
  const Result<AdmissionReview> decoded = decode_admission_review(text.view());
  ASSERT_TRUE(decoded.ok()) << decoded.error().to_string();
  const AdmissionReview& review = decoded.value();
  EXPECT_EQ(review.uid, "r1");
  EXPECT_EQ(review.ns, "team");
  EXPECT_EQ(review.pod.ns, "team");
  EXPECT_EQ(review.operation, "CREATE");
  EXPECT_TRUE(review.dry_run);
  EXPECT_TRUE(review.pod_has_annotations);
  const std::vector<ContainerShape> shapes = {
      {}, {.has_resources = true, .has_requests = false, .has_limits = true}, {.has_resources = true}};
  EXPECT_EQ(review.containers, shapes);
  const auto error = [](const std::string& body) { return error_of(decode_admission_review(Padded(body).view())); };
  EXPECT_EQ(error(R"({"apiVersion":"admission.k8s.io/v1beta1","request":{"uid":"r"}})").code,
            ErrorCode::invalid_argument);
  EXPECT_EQ(error(R"({"apiVersion":"admission.k8s.io/v1"})").message, "request is missing");
  EXPECT_EQ(error(R"({"apiVersion":"admission.k8s.io/v1","request":{}})").message, "request.uid is missing");
  EXPECT_EQ(error(R"({"apiVersion":"admission.k8s.io/v1","request":{"uid":"r","kind":{"kind":"Node"}}})").code,
            ErrorCode::unsupported);
}

}  // namespace
}  // namespace gpusched::extender
