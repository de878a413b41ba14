#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gpusched/extender/wire.hpp"

/// JSON that goes out: compact, no trailing newline, strings as append_json_string().
namespace gpusched::extender {

using NameAndReason = std::pair<std::string_view, std::string_view>;

/// ExtenderFilterResult. Of `names` and `raw_nodes` the one that the caller's form asks for is used.
struct FilterReply {
  bool full_nodes = false;                        ///< answer with Nodes; kube-scheduler has nodeCacheCapable: false
  std::span<const std::string_view> names{};      ///< that passed, in order
  std::span<const std::string_view> raw_nodes{};  ///< JSON of those that passed, echoed byte for byte
  std::span<const NameAndReason> failed{};        ///< preemption may help
  std::span<const NameAndReason> unresolvable{};  ///< nothing helps there
  std::string_view error{};                       ///< not empty: the whole attempt fails
};
std::string encode_filter_result(const FilterReply& reply);

/// HostPriorityList. Contract: scores 0 to 10.
struct HostScore {
  std::string_view host;
  std::int64_t score = 0;
};
std::string encode_priorities(std::span<const HostScore> scores);

/// ExtenderBindingResult; empty error = bound.
std::string encode_bind_result(std::string_view error);

/// ExtenderPreemptionResult, always in the meta form.
std::string encode_preempt_result(std::span<const NodeVictims> candidates);

/// One operation of a JSON patch (RFC 6902).
struct PatchOperation {
  std::string_view op;  ///< add, remove, replace, test
  std::string path;     ///< JSON pointer; put keys in by append_pointer()
  std::string value{};  ///< JSON; empty for remove
};

/// Appends "/" and the key, with ~ and / escaped (RFC 6901).
void append_pointer(std::string& path, std::string_view key);

/// AdmissionReview with the response.
struct AdmissionReply {
  std::string_view uid;
  bool allowed = true;
  std::string_view message{};  ///< of a refusal
  std::int32_t code = 403;     ///< HTTP status of a refusal
  std::span<const PatchOperation> patch{};
  std::span<const std::string> warnings{};  ///< shown by kubectl
};
std::string encode_admission_response(const AdmissionReply& reply);

/// Binding of v1: the API server refuses (409) where the uid is another one, and merges the annotations into the pod.
struct BindingWrite {
  std::string_view ns, name, uid, node;
  std::span<const std::pair<std::string, std::string>> annotations{};
};
std::string encode_binding(const BindingWrite& binding);

}  // namespace gpusched::extender
