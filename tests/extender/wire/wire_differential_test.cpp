#include "extender/wire/wire_differential.hpp"

#include <cstdint>
#include <random>

#include <gtest/gtest.h>

namespace gpusched::extender {
namespace {

/// Bodies as the scheduler and the API server send them, and as nobody should: keys in any order, in any case, missing,
/// null, of another type, escaped.
class BodyGenerator {
 public:
  explicit BodyGenerator(std::uint32_t seed) : random_(seed) {}

  std::string pod() {
    return object({{"metadata", metadata()},
                   {"spec", object({{"containers", array(3, [this] { return container(); })},
                                    {"initContainers", array(2, [this] { return container(); })},
                                    {"nodeName", text("node")},
                                    {"schedulerName", text("gpu")},
                                    {"priority", number()},
                                    {"overhead", resources()},
                                    {"nodeSelector", texts()},
                                    {"schedulingGates", array(2, [] { return std::string("{}"); })},
                                    {"schedulingGroup", object({{"podGroupName", text("group")}})},
                                    {"tolerations", array(2, [this] { return metadata(); })}})},
                   {"status", object({{"phase", text("Pending")}, {"nominatedNodeName", text("node")}})}});
  }

  std::string node() {
    return object({{"metadata", metadata()},
                   {"spec", object({{"unschedulable", chance(2) ? "true" : "false"}, {"podCIDR", text("10.0.0.0")}})},
                   {"status", object({{"allocatable", resources()},
                                      {"capacity", resources()},
                                      {"conditions", array(3,
                                                           [this] {
                                                             return object(
                                                                 {{"type", chance(2) ? "\"Ready\"" : text("Disk")},
                                                                  {"status", chance(2) ? "\"True\"" : text("False")}});
                                                           })},
                                      {"images", array(3, [this] { return texts(); })}})}});
  }

  std::string filter() {
    return object({{key("Pod"), pod()},
                   {key("Nodes"), chance(2) ? "null" : object({{"items", array(3, [this] { return node(); })}})},
                   {key("NodeNames"), array(5, [this] { return text("node"); })}});
  }

  std::string bind() {
    return object({{key("PodName"), text("p")},
                   {key("PodNamespace"), text("ns")},
                   {key("PodUID"), text("u")},
                   {key("Node"), text("n")}});
  }

  std::string preempt() {
    const auto victims = [this](bool meta) {
      std::vector<Member> nodes;
      for (int i = 0; i < 3; ++i) {
        nodes.emplace_back("n" + std::to_string(i),
                           object({{key("Pods"), array(3,
                                                       [&] {
                                                         return meta ? object({{key("UID"), text("u")}}) : pod();
                                                       })},
                                   {key("NumPDBViolations"), number()}}));
      }
      return object(nodes);
    };
    return object({{key("Pod"), pod()},
                   {key("NodeNameToVictims"), victims(false)},
                   {key("NodeNameToMetaVictims"), victims(true)}});
  }

  std::string mutated(std::string body) {
    static constexpr std::string_view pieces[] = {"{",
                                                  "}",
                                                  "[",
                                                  "]",
                                                  ",",
                                                  ":",
                                                  "\"",
                                                  "\\",
                                                  "null",
                                                  "1",
                                                  "-",
                                                  ".5",
                                                  "\\u12",
                                                  "\xff",
                                                  " ",
                                                  "tru",
                                                  "\\ud83d\\ude00",
                                                  "\xc3\xa4",
                                                  "\n",
                                                  "9999999999999999999"};
    for (std::uint32_t left = pick(3); left + 1 > 0 && !body.empty(); --left) {
      const std::size_t at = pick(static_cast<std::uint32_t>(body.size()));
      const std::string_view piece = pieces[pick(std::size(pieces))];
      switch (pick(4)) {
        case 0:
          body.erase(at, 1 + pick(4));
          break;
        case 1:
          body.insert(at, piece);
          break;
        case 2:
          body.replace(at, 1, piece);
          break;
        default:
          body.resize(chance(10) ? at : body.size());
      }
      if (left == 0) {
        break;
      }
    }
    return body;
  }

 private:
  using Member = std::pair<std::string, std::string>;

  std::uint32_t pick(std::uint32_t count) { return random_() % count; }
  bool chance(std::uint32_t one_in) { return pick(one_in) == 0; }

  std::string key(std::string name) {
    for (char& c : name) {
      if (chance(20)) {
        c = static_cast<char>(c ^ 0x20);
      }
    }
    return name;
  }

  std::string odd() {
    static constexpr std::string_view values[] = {
        "null", "[]", "{}", "7", "-0", "1.5", "1e3", "true", "\"\"", "[null]", "\"2026-05-01T00:00:10Z\""};
    return std::string(values[pick(std::size(values))]);
  }

  std::string object(std::vector<Member> members) {
    std::shuffle(members.begin(), members.end(), random_);
    std::string out = "{";
    for (const auto& [name, value] : members) {
      if (chance(8)) {
        continue;
      }
      out += (out.size() > 1 ? (chance(5) ? " ,\n" : ",") : "") + ("\"" + name + "\":") + (chance(120) ? odd() : value);
    }
    return out + "}";
  }

  template <typename Element>
  std::string array(std::uint32_t most, Element element) {
    std::string out = "[";
    for (std::uint32_t left = pick(most + 1); left > 0; --left) {
      out += (out.size() > 1 ? "," : "") + (chance(120) ? odd() : element());
    }
    return out + "]";
  }

  std::string text(const std::string& word) {
    if (chance(8)) {
      return "\"" + word + "\\u0041\\n\\\"\"";
    }
    return chance(8) ? "\"\xc3\xa4\"" : "\"" + word + std::to_string(pick(9)) + "\"";
  }

  std::string number() { return chance(20) ? "1.0" : std::to_string(static_cast<std::int32_t>(pick(2000)) - 1000); }

  std::string texts() {
    return object({{"b", text("x")}, {"a", text("y")}, {"gpusched.io/mode", "\"mig\""}, {"k\\u0031", text("z")}});
  }

  std::string resources() {
    return object(
        {{"cpu", chance(3) ? number() : "\"500m\""}, {"nvidia.com/gpu", "\"1\""}, {"nvidia.com/mig-1g.10gb", "2"}});
  }

  std::string container() {
    return object({{"name", text("c")},
                   {"restartPolicy", chance(2) ? "\"Always\"" : text("Never")},
                   {"resources", object({{"requests", resources()}, {"limits", resources()}})},
                   {"env", array(2, [this] { return texts(); })}});
  }

  std::string metadata() {
    return object({{"name", text("name")},
                   {"namespace", text("ns")},
                   {"uid", text("uid")},
                   {"resourceVersion", "\"12\""},
                   {"labels", texts()},
                   {"annotations", texts()},
                   {"creationTimestamp", "\"2026-05-01T00:00:10Z\""},
                   {"deletionTimestamp", chance(2) ? "null" : "\"2026-05-01T00:00:10Z\""},
                   {"managedFields", array(2, [this] { return texts(); })}});
  }

  std::mt19937 random_;
};

template <typename Make, typename Check>
void compare(Make make, Check check) {
  constexpr int bodies = 600;
  BodyGenerator generator(20261126);
  int accepted = 0;
  for (int i = 0; i < bodies; ++i) {
    const std::string body = make(generator);
    ASSERT_NO_THROW(accepted += check(body) ? 1 : 0) << body;
    for (int k = 0; k < 4; ++k) {
      const std::string mutant = generator.mutated(body);
      ASSERT_NO_THROW((void)check(mutant)) << mutant;
    }
  }
  EXPECT_GT(accepted, bodies / 5);  // not only refusals were compared
}

TEST(WireDifferentialTest, Pods) {
  compare([](BodyGenerator& generator) { return generator.pod(); }, check_pod);
}

TEST(WireDifferentialTest, Nodes) {
  compare([](BodyGenerator& generator) { return generator.node(); }, check_node);
}

TEST(WireDifferentialTest, FilterArgs) {
  compare([](BodyGenerator& generator) { return generator.filter(); }, check_filter);
}

TEST(WireDifferentialTest, BindArgs) {
  compare([](BodyGenerator& generator) { return generator.bind(); }, check_bind);
}

TEST(WireDifferentialTest, PreemptArgs) {
  compare([](BodyGenerator& generator) { return generator.preempt(); }, check_preempt);
}

}  // namespace
}  // namespace gpusched::extender
