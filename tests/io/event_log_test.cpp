#include "gpusched/io/event_log.hpp"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/base/philox.hpp"

#include "cluster_builders.hpp"

namespace gpusched {
namespace {

using namespace test;

/// Drives an engine by hand and writes down what happens.
class Recorder {
 public:
  explicit Recorder(EngineOptions options)
      : engine_(Engine::create(options).value()),
        writer_([this](std::string_view line) { text += line; },
                [](PodId pod) { return "job-" + std::to_string(pod.value); }) {
    writer_.header(options);
  }
  void observe(const Event& event) {
    const Status status = engine_.observe(event);
    ASSERT_TRUE(status.ok()) << status.error().to_string();
    writer_.event(engine_, event);
  }
  PodId submit(TimeNs now, const GpuRequest& request) {
    const PodId pod{next_pod_++};
    observe({now, PodSubmitted{pod, engine_.intern(request), 0}});
    return pod;
  }
  /// One decision for the pods together; binds them where there is a place.
  void place(TimeNs now, const std::vector<PodId>& pods) {
    std::vector<Decision> decisions;
    if (pods.size() == 1) {
      decisions.push_back(engine_.decide(engine_.state().pod(pods[0])->request, now));
    } else {
      decisions = engine_.decide_gang(pods, now);
    }
    writer_.decision(engine_, now, pods, decisions);
    if (decisions.size() != pods.size() || candidate_of(decisions[0]) == nullptr) {
      return;
    }
    for (std::size_t i = 0; i < pods.size(); ++i) {
      if (const auto* preempt = std::get_if<PreemptThenBind>(&decisions[i])) {
        for (const PodId victim : preempt->victims) {
          observe({now, PodEvicted{victim, 0}});
        }
      }
      observe({now, PodBound{pods[i], *candidate_of(decisions[i]), 0}});
      observe({now, PodStarted{pods[i], 0}});
    }
  }
  const Engine& engine() const { return engine_; }

  std::string text;

 private:
  Engine engine_;
  EventLogWriter writer_;
  std::uint32_t next_pod_ = 0;
};

/// A short history with every kind of decision in it.
std::string recorded(const std::string& policy = "best_fit") {
  EngineOptions options{.policy = parse_policy(policy).value(), .seed = 11, .target = {}, .preemption = true};
  GpuRequest labelled = whole_request(1);
  labelled.node_labels = {{"zone", "a"}};
  labelled.gpu_models = {"T4"};
  labelled.job_class = JobClass::batch;
  labelled.max_slowdown = 1.5;
  options.target.classes = {{.request = share_request(250), .count = 5}, {.request = labelled, .count = 2}};
  Recorder log(std::move(options));
  NodeSpec labelled_node = gpu_node("a", "T4", 2);
  labelled_node.labels = {{"zone", "a"}};
  log.observe({0, NodeAdded{labelled_node}});
  log.observe({0, NodeAdded{gpu_node("b", "A100-80GB", 1)}});
  GpuRequest share = share_request(250, 1000);
  share.gpu_models = {"T4"};
  log.place(1, {log.submit(1, share)});
  log.place(2, {log.submit(2, mig_request("3g.40gb"))});
  log.place(3, {log.submit(3, labelled)});
  log.place(4, {log.submit(4, whole_request(2))});
  log.place(5, {log.submit(5, whole_request(9))});
  log.place(6, {log.submit(6, with_priority(whole_request(1), 7))});
  const PodId left = log.submit(7, share_request(400));
  const PodId right = log.submit(7, share_request(300));
  log.place(7, {left, right});
  log.observe({8, PodFinished{PodId{1}, 0}});
  log.observe({8, HealthChanged{log.engine().state().find_node("a"), NodeHealth::draining}});
  log.place(9, {log.submit(9, mig_request("1g.10gb", 2))});
  log.observe({9, Tick{}});
  log.observe({10, HealthChanged{log.engine().state().find_node("a"), NodeHealth::ready}});
  log.place(10, {log.submit(10, cpu_request(100, 5))});
  return log.text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = text.find('\n', from);
    lines.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  return lines;
}

std::string text_of_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    text += line + "\n";
  }
  return text;
}

/// Replays what must not pass, and returns the error.
Error error_of(const std::string& text) {
  const Result<LogReplay> replay = replay_event_log(text, "x.jsonl");
  EXPECT_FALSE(replay.ok()) << text.substr(0, 200);
  if (replay.ok()) {
    return {};
  }
  EXPECT_EQ(replay.error().file, "x.jsonl");
  EXPECT_GT(replay.error().line, 0);
  EXPECT_FALSE(replay.error().message.empty());
  return replay.error();
}

TEST(EventLogTest, AReplayFindsTheSameDecisions) {
  for (const char* policy : {"best_fit", "first_fit", "round_robin", "random", "fgd:resolution=100,tie=rank", "mfi"}) {
    const std::string text = recorded(policy);
    const Result<LogReplay> replay = replay_event_log(text, "x.jsonl");
    ASSERT_TRUE(replay.ok()) << policy << ": " << replay.error().to_string();
    EXPECT_EQ(replay.value().decisions, 9);
    EXPECT_GT(replay.value().events, 20);
  }
}

TEST(EventLogTest, HoldsTheTenantsOfATimeSlicedInstance) {
  const EngineOptions options{.policy = parse_policy("auto").value(), .seed = 1, .target = {}};
  Recorder log(options);
  log.observe({0, NodeAdded{gpu_node("n", "A100-80GB", 1)}});
  GpuRequest batch = whole_request(1);
  batch.job_class = JobClass::batch;
  batch.gpu_memory_mib = 3000;
  GpuAssignment part = instance_on(0, "A100-80GB", "2g.20gb", 2);
  part.sharing = PartitionSharing::time_slice;
  part.memory_mib = 3512;
  for (int i = 0; i < 2; ++i) {
    log.observe({1, PodBound{log.submit(1, batch), place_on(NodeId{0}, {part}), 0}});
  }
  log.place(2, {log.submit(2, batch)});
  EXPECT_NE(log.text.find(R"("start":2,"size":2,"memory_mib":3512,"sharing":"time_slice")"), std::string::npos);
  const Result<LogReplay> replay = replay_event_log(log.text, "x.jsonl");
  ASSERT_TRUE(replay.ok()) << replay.error().to_string();
  EXPECT_EQ(replay.value().decisions, 1);
}

TEST(EventLogTest, HoldsEveryKindOfOutcome) {
  const std::string text = recorded();
  for (const char* outcome : {"bind", "preempt", "wait", "infeasible"}) {
    EXPECT_NE(text.find("\"outcome\":\"" + std::string(outcome) + "\""), std::string::npos) << outcome;
  }
}

TEST(EventLogTest, TheBytesDependOnTheHistoryOnly) { EXPECT_EQ(recorded(), recorded()); }

TEST(EventLogTest, TheFirstLineIsAHeaderAndEveryLineHasAType) {
  const std::vector<std::string> lines = lines_of(recorded());
  EXPECT_EQ(lines[0].rfind(R"({"type":"header","version":1,)", 0), 0U) << lines[0];
  for (const std::string& line : lines) {
    EXPECT_EQ(line.rfind("{\"type\":\"", 0), 0U) << line;
  }
}

TEST(EventLogTest, EveryRequestIsDescribedOnceBeforeItsFirstPod) {
  const std::vector<std::string> lines = lines_of(recorded());
  int described = 0;
  for (const std::string& line : lines) {
    described += line.rfind(R"({"type":"request")", 0) == 0 ? 1 : 0;
  }
  EXPECT_EQ(described, 10);
}

TEST(EventLogTest, AChangedDigitOfADecisionIsFoundAndItsLineNamed) {
  const std::vector<std::string> lines = lines_of(recorded());
  int changed = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::size_t cost = lines[i].find("\"cost\":");
    if (lines[i].rfind(R"({"type":"decision")", 0) != 0 || cost == std::string::npos) {
      continue;
    }
    std::vector<std::string> forged = lines;
    char& digit = forged[i][lines[i].find_first_of("0123456789", cost)];
    digit = digit == '9' ? '8' : static_cast<char>(digit + 1);
    const Error error = error_of(text_of_lines(forged));
    EXPECT_EQ(error.code, ErrorCode::data_loss);
    EXPECT_EQ(error.line, static_cast<int>(i) + 1);
    ++changed;
  }
  EXPECT_GE(changed, 4);
}

TEST(EventLogTest, AChangedEventIsFoundAtTheNextDecisionAtTheLatest) {
  std::vector<std::string> lines = lines_of(recorded());
  for (std::string& line : lines) {
    if (line.find("\"milli\":250") != std::string::npos && line.rfind(R"({"type":"pod_bound")", 0) == 0) {
      line.replace(line.find("\"milli\":250"), 11, "\"milli\":990");
    }
  }
  error_of(text_of_lines(lines));
}

TEST(EventLogTest, ADroppedLineIsFoundUnlessNothingDependedOnIt) {
  const std::vector<std::string> lines = lines_of(recorded());
  int found = 0;
  for (std::size_t dropped = 0; dropped < lines.size(); ++dropped) {
    std::vector<std::string> rest = lines;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(dropped));
    const Result<LogReplay> replay = replay_event_log(text_of_lines(rest), "x.jsonl");
    const bool matters = lines[dropped].find("header") != std::string::npos ||
                         lines[dropped].find("pod_submitted") != std::string::npos ||
                         lines[dropped].find("\"request\",") != std::string::npos ||
                         lines[dropped].find("node_added") != std::string::npos;
    EXPECT_TRUE(!replay.ok() || !matters) << lines[dropped];
    found += replay.ok() ? 0 : 1;
  }
  EXPECT_GT(found, 20);
}

TEST(EventLogTest, ATruncatedLogIsAnError) {
  const std::string text = recorded();
  for (const std::size_t cut : {std::size_t{1}, std::size_t{2}, std::size_t{40}}) {
    const Error error = error_of(text.substr(0, text.size() - cut));
    EXPECT_EQ(error.line, static_cast<int>(lines_of(text).size()));
    EXPECT_NE(error.message.find("cut off"), std::string::npos);
  }
}

TEST(EventLogTest, AnEmptyLogHasNothingInIt) {
  const Result<LogReplay> replay = replay_event_log("", "x.jsonl");
  ASSERT_TRUE(replay.ok());
  EXPECT_EQ(replay.value().events, 0);
}

TEST(EventLogTest, AnotherVersionIsRefused) {
  std::string text = recorded();
  text.replace(text.find("\"version\":1"), 11, "\"version\":2");
  const Error error = error_of(text);
  EXPECT_EQ(error.line, 1);
  EXPECT_NE(error.message.find("version 2"), std::string::npos) << error.message;
}

TEST(EventLogTest, AnUnknownPolicyIsRefused) {
  std::string text = recorded();
  text.replace(text.find("best_fit"), 8, "nonesuch");
  EXPECT_EQ(error_of(text).code, ErrorCode::not_found);
}

class BadLineTest : public ::testing::TestWithParam<const char*> {};

TEST_P(BadLineTest, IsAnErrorWithItsLine) {
  const std::vector<std::string> lines = lines_of(recorded());
  std::vector<std::string> with_header = {lines[0], GetParam()};
  EXPECT_EQ(error_of(text_of_lines(with_header)).line, 2);
  std::vector<std::string> at_end = lines;
  at_end.push_back(GetParam());
  EXPECT_EQ(error_of(text_of_lines(at_end)).line, static_cast<int>(lines.size()) + 1);
  error_of(std::string(GetParam()) + "\n");
}

INSTANTIATE_TEST_SUITE_P(
    Lines, BadLineTest,
    ::testing::Values(
        "", "garbage", "{", "[]", "null", "7", "\"text\"", "{}", R"({"type":7})",
        R"({"type":"nonsense","t":1,"pod":"x"})", R"({"type":"nonsense","t":1,"pod":"job-0"})", R"({"type":"request"})",
        R"({"type":"request","id":1,"request":{}})", R"({"type":"request","id":-1,"request":7})",
        R"({"type":"request","id":1,"request":{"cpu_milli":-1,"memory_mib":0,"num_gpu":0,"gpu_milli":0}})",
        R"({"type":"request","id":1,"request":{"cpu_milli":0,"memory_mib":0,"num_gpu":1,"gpu_milli":2000}})",
        R"({"type":"request","id":1,"request":{"cpu_milli":0,"memory_mib":0,"num_gpu":1,"gpu_milli":1,"mode":"x"}})",
        R"({"type":"node_added","t":0})",
        R"({"type":"node_added","t":0,"node":"n","cpu_milli":1,"memory_mib":1,"gpus":[{"model":"Voodoo2","memory_mib":1}],"sharing":"any"})",
        R"({"type":"node_added","t":0,"node":"n","cpu_milli":1,"memory_mib":1,"gpus":[],"sharing":"magic"})",
        R"({"type":"node_removed","t":0,"node":"nowhere"})",
        R"({"type":"health_changed","t":0,"node":"nowhere","health":"down"})",
        R"({"type":"health_changed","t":0,"node":"a","health":"ill"})",
        R"({"type":"pod_submitted","t":0,"pod":"p","request":99})",
        R"({"type":"pod_bound","t":0,"pod":"stranger","node":"a","gpus":[]})",
        R"({"type":"pod_bound","t":0,"pod":"job-0","node":"nowhere","gpus":[]})",
        R"({"type":"pod_bound","t":0,"pod":"job-3","node":"a","gpus":[{"gpu":99,"milli":1}]})",
        R"({"type":"pod_bound","t":0,"pod":"job-3","node":"a","gpus":[{"gpu":0,"profile":"1g.10gb","start":0,"size":1}]})",
        R"({"type":"pod_bound","t":0,"pod":"job-3","node":"b","gpus":[{"gpu":0,"profile":"1g.10gb","start":-1,"size":1}]})",
        R"({"type":"pod_bound","t":0,"pod":"job-3","node":"b","gpus":[{"gpu":0,"profile":"1g.10gb","start":8,"size":1}]})",
        R"({"type":"decision","t":0,"pods":[]})", R"({"type":"decision","t":0,"pods":["stranger"]})",
        R"({"type":"decision","t":0,"pods":["job-0"]})", R"({"type":"decision","t":0,"pods":"job-3"})",
        R"({"type":"decision","t":0,"pods":["job-3"]})", R"({"type":"tick"})", R"({"type":"tick","t":"noon"})",
        R"({"type":"tick","t":7.7e76})", R"({"type":"tick","t":0.5})",
        R"({"type":"request","id":1,"request":{"cpu_milli":0,"memory_mib":0,"num_gpu":1e30,"gpu_milli":1000}})",
        "{\"type\":\"\xff\xfe\",\"t\":0,\"pod\":\"\xff\"}"));

TEST(EventLogTest, AGangThatNamesAPodTwiceIsAnError) {
  std::string text = recorded();
  const int lines = static_cast<int>(lines_of(text).size());
  text += R"({"type":"decision","t":11,"pods":["job-3","job-3"]})"
          "\n";
  EXPECT_EQ(error_of(text).line, lines + 1);
}

TEST(EventLogTest, ASecondHeaderIsAnError) {
  const std::string text = recorded();
  const std::vector<std::string> lines = lines_of(text);
  EXPECT_EQ(error_of(text + lines[0] + "\n" +
                     R"({"type":"decision","t":0,"pods":["job-3"]})"
                     "\n")
                .line,
            static_cast<int>(lines.size()) + 1);
}

TEST(EventLogTest, DamagedBytesNeverCrash) {
  const std::string text = recorded();
  Philox draws(1, StreamPurpose::order);
  int refused = 0;
  for (int round = 0; round < 400; ++round) {
    std::string damaged = text;
    const std::uint32_t changes = 1 + draws.next_below(3);
    for (std::uint32_t i = 0; i < changes; ++i) {
      damaged[draws.next_below(static_cast<std::uint32_t>(text.size()))] =
          static_cast<char>(draws.next_below(2) == 0 ? '0' + draws.next_below(10) : draws.next_below(256));
    }
    refused += replay_event_log(damaged, "x.jsonl").ok() ? 0 : 1;
  }
  EXPECT_GT(refused, 200);
}

}  // namespace
}  // namespace gpusched
