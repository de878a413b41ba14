#include "gpusched/extender/wire_replies.hpp"

#include <cstddef>

#include "gpusched/extender/json_text.hpp"

namespace gpusched::extender {

namespace {

void append_names(std::string& out, std::span<const std::string_view> names) {
  out += '[';
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) {
      out += ',';
    }
    append_json_string(out, names[i]);
  }
  out += ']';
}

void append_raw(std::string& out, std::span<const std::string_view> nodes) {
  std::size_t bytes = 0;
  for (const std::string_view node : nodes) {
    bytes += node.size() + 1;
  }
  out.reserve(out.size() + bytes + 1024);
  out += R"({"metadata":{},"items":[)";
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (i > 0) {
      out += ',';
    }
    out.append(nodes[i]);
  }
  out += "]}";
}

void append_reasons(std::string& out, std::span<const NameAndReason> reasons) {
  out += '{';
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    if (i > 0) {
      out += ',';
    }
    append_json_string(out, reasons[i].first);
    out += ':';
    append_json_string(out, reasons[i].second);
  }
  out += '}';
}

void append_member(std::string& out, std::string_view key, std::string_view value) {
  append_json_string(out, key);
  out += ':';
  append_json_string(out, value);
}

std::string patch_json(std::span<const PatchOperation> operations) {
  std::string patch = "[";
  for (const PatchOperation& operation : operations) {
    patch += patch.size() > 1 ? ",{" : "{";
    append_member(patch, "op", operation.op);
    patch += ',';
    append_member(patch, "path", operation.path);
    if (!operation.value.empty()) {
      patch.append(R"(,"value":)").append(operation.value);
    }
    patch += '}';
  }
  return patch + "]";
}

}  // namespace

std::string encode_filter_result(const FilterReply& reply) {
  std::string out;
  out.reserve(reply.names.size() * 48 + (reply.failed.size() + reply.unresolvable.size()) * 96 + 128);
  // null, not an empty list, on an error: nobody should read an answer out of it.
  out += R"({"Nodes":)";
  if (reply.full_nodes && reply.error.empty()) {
    append_raw(out, reply.raw_nodes);
  } else {
    out += "null";
  }
  out += R"(,"NodeNames":)";
  if (!reply.full_nodes && reply.error.empty()) {
    append_names(out, reply.names);
  } else {
    out += "null";
  }
  out += R"(,"FailedNodes":)";
  append_reasons(out, reply.failed);
  out += R"(,"FailedAndUnresolvableNodes":)";
  append_reasons(out, reply.unresolvable);
  out += ',';
  append_member(out, "Error", reply.error);
  return out + "}";
}

std::string encode_priorities(std::span<const HostScore> scores) {
  std::string out = "[";
  out.reserve(scores.size() * 64);
  for (const HostScore& score : scores) {
    out += out.size() > 1 ? ",{" : "{";
    append_member(out, "Host", score.host);
    out.append(R"(,"Score":)").append(std::to_string(score.score));
    out += '}';
  }
  return out + "]";
}

std::string encode_bind_result(std::string_view error) {
  std::string out = "{";
  append_member(out, "Error", error);
  return out + "}";
}

std::string encode_preempt_result(std::span<const NodeVictims> candidates) {
  std::string out = R"({"NodeNameToMetaVictims":{)";
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const NodeVictims& candidate = candidates[i];
    out += i > 0 ? "," : "";
    append_json_string(out, candidate.node);
    out += R"(:{"Pods":[)";
    for (std::size_t pod = 0; pod < candidate.pod_uids.size(); ++pod) {
      out += pod > 0 ? ",{" : "{";
      append_member(out, "UID", candidate.pod_uids[pod]);
      out += '}';
    }
    out.append(R"(],"NumPDBViolations":)").append(std::to_string(candidate.pdb_violations));
    out += '}';
  }
  return out + "}}";
}

void append_pointer(std::string& path, std::string_view key) {
  path += '/';
  for (const char c : key) {
    if (c == '~' || c == '/') {
      path += c == '~' ? "~0" : "~1";
    } else {
      path += c;
    }
  }
}

std::string encode_admission_response(const AdmissionReply& reply) {
  std::string out = R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{)";
  append_member(out, "uid", reply.uid);
  out += reply.allowed ? R"(,"allowed":true)" : R"(,"allowed":false)";
  if (!reply.allowed) {
    out.append(R"(,"status":{"code":)").append(std::to_string(reply.code)).append(",");
    append_member(out, "message", reply.message);
    out += '}';
  }
  if (reply.allowed && !reply.patch.empty()) {
    out += R"(,"patchType":"JSONPatch",)";
    append_member(out, "patch", base64(patch_json(reply.patch)));
  }
  if (!reply.warnings.empty()) {
    out += R"(,"warnings":[)";
    for (std::size_t i = 0; i < reply.warnings.size(); ++i) {
      out += i > 0 ? "," : "";
      append_json_string(out, reply.warnings[i]);
    }
    out += ']';
  }
  return out + "}}";
}

std::string encode_binding(const BindingWrite& binding) {
  std::string out = R"({"apiVersion":"v1","kind":"Binding","metadata":{)";
  append_member(out, "name", binding.name);
  out += ',';
  append_member(out, "namespace", binding.ns);
  out += ',';
  append_member(out, "uid", binding.uid);
  if (!binding.annotations.empty()) {
    out += R"(,"annotations":{)";
    for (std::size_t i = 0; i < binding.annotations.size(); ++i) {
      out += i > 0 ? "," : "";
      append_member(out, binding.annotations[i].first, binding.annotations[i].second);
    }
    out += '}';
  }
  out += R"(},"target":{"apiVersion":"v1","kind":"Node",)";
  append_member(out, "name", binding.node);
  return out + "}}";
}

}  // namespace gpusched::extender
