#include "gpusched/extender/wire_replies.hpp"

#include <array>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "gpusched/extender/json_text.hpp"

namespace gpusched::extender {
namespace {

using Json = nlohmann::json;

TEST(WireRepliesTest, StringsAreEscapedAndAlwaysUtf8) {
  const std::string text = std::string("a\"\\\n\t\r\x01\x1f\x7f/<>&\xc3\xa4\xe2\x80\xa8\xf0\x9f\x98\x80") + '\0' + "z";
  EXPECT_EQ(Json::parse(json_string(text)).get<std::string>(), text);
  EXPECT_EQ(json_string("\xe2\x80\xa8\xe2\x80\xa9"), R"("\u2028\u2029")");
  for (const std::string& bad :
       {std::string("\xff"), std::string("\xc3"), std::string("\xc0\x80"), std::string("\xed\xa0\x80"),
        std::string("\xf4\x90\x80\x80"), std::string("\xe2\x80"), std::string("\xf0\x82\x82\xac")}) {
    std::string expected = "a";
    for (std::size_t i = 0; i < bad.size(); ++i) {
      expected += "\xef\xbf\xbd";
    }
    EXPECT_EQ(Json::parse(json_string("a" + bad + "b")).get<std::string>(), expected + "b");
  }
}

TEST(WireRepliesTest, Base64) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xff\xfe"), "//4=");
}

TEST(WireRepliesTest, FilterResultByNames) {
  const std::array<std::string_view, 2> names = {"n1", "n\"2"};
  const std::array<NameAndReason, 1> failed = {{{"n3", "no free GPU"}}};
  const std::array<NameAndReason, 1> never = {{{"n4", "no GPU"}}};
  const std::string text = encode_filter_result(
      {.full_nodes = false, .names = names, .raw_nodes = {}, .failed = failed, .unresolvable = never, .error = {}});
  EXPECT_EQ(text, R"({"Nodes":null,"NodeNames":["n1","n\"2"],"FailedNodes":{"n3":"no free GPU"},)"
                  R"("FailedAndUnresolvableNodes":{"n4":"no GPU"},"Error":""})");
  // No node passes: an empty list, which kube-scheduler reads as such, not null.
  const Json none = Json::parse(encode_filter_result({}));
  EXPECT_EQ(none["NodeNames"], Json::array());
  const Json error = Json::parse(encode_filter_result(
      {.full_nodes = false, .names = names, .raw_nodes = {}, .failed = {}, .unresolvable = {}, .error = "not ready"}));
  EXPECT_TRUE(error["NodeNames"].is_null());
  EXPECT_EQ(error["Error"], "not ready");
}

TEST(WireRepliesTest, FilterResultEchoesNodes) {
  const std::array<std::string_view, 2> nodes = {R"({ "a" : 1.0 })", R"({"b":"\u003c"})"};
  const std::string text = encode_filter_result(
      {.full_nodes = true, .names = {}, .raw_nodes = nodes, .failed = {}, .unresolvable = {}, .error = {}});
  EXPECT_NE(text.find(R"("items":[{ "a" : 1.0 },{"b":"\u003c"}]})"), std::string::npos) << text;
  const Json parsed = Json::parse(text);
  EXPECT_TRUE(parsed["NodeNames"].is_null());
  EXPECT_EQ(parsed["Nodes"]["items"].size(), 2U);
}

TEST(WireRepliesTest, PrioritiesAndBindResult) {
  const std::array<HostScore, 2> scores = {{{"n1", 10}, {"n2", 0}}};
  EXPECT_EQ(encode_priorities(scores), R"([{"Host":"n1","Score":10},{"Host":"n2","Score":0}])");
  EXPECT_EQ(encode_priorities({}), "[]");
  EXPECT_EQ(encode_bind_result(""), R"({"Error":""})");
  EXPECT_EQ(encode_bind_result("a\nb"), R"({"Error":"a\nb"})");
}

TEST(WireRepliesTest, PreemptResultIsAlwaysMeta) {
  const std::vector<NodeVictims> candidates = {{.node = "n1", .pod_uids = {"u1", "u2"}, .pdb_violations = 1},
                                               {.node = "n2", .pod_uids = {}, .pdb_violations = 0}};
  EXPECT_EQ(encode_preempt_result(candidates),
            R"({"NodeNameToMetaVictims":{"n1":{"Pods":[{"UID":"u1"},{"UID":"u2"}],"NumPDBViolations":1},)"
            R"("n2":{"Pods":[],"NumPDBViolations":0}}})");
  EXPECT_EQ(encode_preempt_result({}), R"({"NodeNameToMetaVictims":{}})");
}

std::string from_base64(std::string_view text) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text.substr(0, text.find('='))) {
    bits = bits << 6U | static_cast<std::uint32_t>(digits.find(c));
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes += static_cast<char>(bits >> static_cast<unsigned>(held) & 255U);
    }
  }
  return bytes;
}

TEST(WireRepliesTest, AdmissionResponses) {
  std::string path = "/metadata/annotations";
  append_pointer(path, "gpusched.io/a~b");
  EXPECT_EQ(path, "/metadata/annotations/gpusched.io~1a~0b");
  const std::vector<PatchOperation> patch = {{.op = "add", .path = path, .value = json_string("x")},
                                             {.op = "remove", .path = "/spec/x", .value = {}}};
  const std::vector<std::string> warnings = {"careful"};
  const Json allowed = Json::parse(encode_admission_response(
      {.uid = "r1", .allowed = true, .message = {}, .code = 403, .patch = patch, .warnings = warnings}));
  EXPECT_EQ(allowed["apiVersion"], "admission.k8s.io/v1");
  EXPECT_EQ(allowed["kind"], "AdmissionReview");
  EXPECT_EQ(allowed["response"]["uid"], "r1");
  EXPECT_EQ(allowed["response"]["allowed"], true);
  EXPECT_EQ(allowed["response"]["patchType"], "JSONPatch");
  EXPECT_EQ(allowed["response"]["warnings"], Json::array({"careful"}));
  const Json operations = Json::parse(from_base64(allowed["response"]["patch"].get<std::string>()));
  EXPECT_EQ(operations, Json::parse(R"([{"op":"add","path":"/metadata/annotations/gpusched.io~1a~0b","value":"x"},
                                        {"op":"remove","path":"/spec/x"}])"));
  const Json refused = Json::parse(encode_admission_response(
      {.uid = "r2", .allowed = false, .message = "no", .code = 422, .patch = patch, .warnings = {}}));
  EXPECT_EQ(refused["response"], Json::parse(R"({"uid":"r2","allowed":false,"status":{"code":422,"message":"no"}})"));
}

TEST(WireRepliesTest, Binding) {
  const std::vector<std::pair<std::string, std::string>> annotations = {{"gpusched.io/allocation", "v1;node=n"}};
  EXPECT_EQ(
      encode_binding({.ns = "ns", .name = "p", .uid = "u", .node = "n", .annotations = annotations}),
      R"({"apiVersion":"v1","kind":"Binding","metadata":{"name":"p","namespace":"ns","uid":"u",)"
      R"("annotations":{"gpusched.io/allocation":"v1;node=n"}},"target":{"apiVersion":"v1","kind":"Node","name":"n"}})");
}

}  // namespace
}  // namespace gpusched::extender
