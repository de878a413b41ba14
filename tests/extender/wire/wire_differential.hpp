#pragma once

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "gpusched/base/check.hpp"
#include "gpusched/extender/wire.hpp"

#include "extender/wire/padded.hpp"
#include "extender/wire/wire_oracle.hpp"

/// Any text through both decoders. What is checked, by InvariantError:
/// - both accept: the same value;
/// - the oracle accepts: so does the product, unless a key is repeated (the product reads the earlier one too);
/// - the product refuses: with a message.
/// The product may accept what is malformed inside values that it skips.
namespace gpusched::extender {

/// Whether the text is no JSON, or an object of it has a key twice, without regard to case.
inline bool is_ambiguous(std::string_view text) {
  std::vector<std::set<std::string>> keys;
  bool repeated = false;
  using Event = nlohmann::json::parse_event_t;
  const nlohmann::json document = nlohmann::json::parse(
      text.begin(), text.end(),
      [&](int, Event event, nlohmann::json& parsed) {
        if (event == Event::object_start) {
          keys.emplace_back();
        } else if (event == Event::object_end) {
          keys.pop_back();
        } else if (event == Event::key) {
          std::string key = parsed.get<std::string>();
          std::transform(key.begin(), key.end(), key.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
          repeated = !keys.back().insert(key).second || repeated;
        }
        return true;
      },
      /*allow_exceptions=*/false);
  return repeated || document.is_discarded();
}

/// nlohmann takes a byte order mark and ends at NUL; neither is JSON.
inline bool is_comparable(std::string_view text) {
  return text.find('\0') == std::string_view::npos && !text.starts_with("\xef\xbb\xbf") && !is_ambiguous(text);
}

template <typename Value, typename Expected, typename Same>
bool check_against_oracle(std::string_view text, const Result<Value>& decoded, const std::optional<Expected>& expected,
                          Same same) {
  if (!decoded.ok()) {
    GPUSCHED_CHECK(!decoded.error().message.empty(), "an error that says nothing");
    GPUSCHED_CHECK(!expected || !is_comparable(text), "refused: " + decoded.error().message);
    return false;
  }
  if (expected && is_comparable(text)) {
    GPUSCHED_CHECK(same(decoded.value(), *expected), "another value than the oracle's");
    return true;
  }
  return false;
}

/// True where both accepted.
inline bool check_pod(std::string_view text) {
  const Padded padded{std::string(text)};
  return check_against_oracle(text, decode_pod(padded.view()),
                              oracle::run(text, [](const oracle::Json& json) { return oracle::pod_of(json); }),
                              [](const PodObject& a, const PodObject& b) { return a == b; });
}

inline bool check_node(std::string_view text) {
  const Padded padded{std::string(text)};
  return check_against_oracle(text, decode_node(padded.view()), oracle::run(text, oracle::node_of),
                              [](const NodeUpdate& a, const NodeUpdate& b) { return a == b; });
}

inline bool same_filter(const FilterArgs& args, const oracle::FilterResult& expected) {
  if (!(args.pod == expected.pod) || args.has_full_nodes != expected.has_full_nodes ||
      !std::equal(args.node_names.begin(), args.node_names.end(), expected.node_names.begin(),
                  expected.node_names.end()) ||
      args.nodes.size() != expected.nodes.size()) {
    return false;
  }
  for (std::size_t i = 0; i < args.nodes.size(); ++i) {
    const oracle::Json echoed = oracle::Json::parse(args.nodes[i].second, nullptr, /*allow_exceptions=*/false);
    if (args.nodes[i].first != expected.node_names[i] || echoed != expected.nodes[i]) {
      return false;
    }
  }
  return true;
}

inline bool check_filter(std::string_view text) {
  const Padded padded{std::string(text)};
  return check_against_oracle(text, decode_filter_args(padded.view()), oracle::run(text, oracle::filter_of),
                              same_filter);
}

inline bool check_bind(std::string_view text) {
  const Padded padded{std::string(text)};
  return check_against_oracle(text, decode_bind_args(padded.view()), oracle::run(text, oracle::bind_of),
                              [](const BindArgs& a, const BindArgs& b) { return a == b; });
}

inline bool check_preempt(std::string_view text) {
  const Padded padded{std::string(text)};
  return check_against_oracle(
      text, decode_preempt_args(padded.view()), oracle::run(text, oracle::preempt_of),
      [](const PreemptArgs& a, const PreemptArgs& b) { return a.pod == b.pod && a.candidates == b.candidates; });
}

}  // namespace gpusched::extender
