#include "gpusched/extender/wire.hpp"

#include <algorithm>

#include "wire/json_reader.hpp"
#include "wire/object_reader.hpp"

namespace gpusched::extender {

namespace {

/// As Go matches the fields of its structures, for the letters that our keys have.
bool same_key(std::string_view key, std::string_view name) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return key.size() == name.size() &&
         std::equal(key.begin(), key.end(), name.begin(), [&](char a, char b) { return lower(a) == lower(b); });
}

bool is_null(ondemand::value value) {
  ondemand::json_type type{};
  return value.type().get(type) == simdjson::SUCCESS && type == ondemand::json_type::null;
}

/// One Node of a list: its name, and where its text begins and ends.
bool read_raw_node(JsonReader& reader, ondemand::value value, FilterArgs& args) {
  const char* const begin = value.raw_json_token().data();
  std::string_view name;
  const bool ok = reader.object(value, [&](std::string_view key, ondemand::value item) {
    if (key != "metadata") {
      return true;
    }
    name = {};
    return reader.object(item, [&](std::string_view member, ondemand::value text) {
      return member == "name" ? reader.view(text, args.unescaped, name) : true;
    });
  });
  const char* end = nullptr;
  if (!ok) {
    return false;
  }
  if (name.empty()) {
    return reader.fail(ErrorCode::invalid_argument, "is a Node without a name");
  }
  if (reader.document().current_location().get(end) != simdjson::SUCCESS) {
    return reader.fail(ErrorCode::data_loss, "is no JSON: it is cut off");
  }
  std::string_view raw(begin, static_cast<std::size_t>(end - begin));
  raw = raw.substr(0, raw.find_last_of('}') + 1);
  args.nodes.emplace_back(name, raw);
  return true;
}

bool read_nodes(JsonReader& reader, ondemand::value value, FilterArgs& args) {
  args.nodes.clear();
  args.has_full_nodes = !is_null(value);
  return reader.object(value, [&](std::string_view key, ondemand::value item) {
    if (key != "items") {
      return true;
    }
    args.nodes.clear();
    return reader.array(item, reader.limits().max_nodes,
                        [&](ondemand::value node) { return read_raw_node(reader, node, args); });
  });
}

bool read_names(JsonReader& reader, ondemand::value value, FilterArgs& args) {
  args.node_names.clear();
  return reader.array(value, reader.limits().max_nodes, [&](ondemand::value element) {
    return reader.view(element, args.unescaped, args.node_names.emplace_back());
  });
}

bool read_victims(JsonReader& reader, ondemand::value value, bool is_meta, std::size_t& pods, NodeVictims& victims) {
  return reader.object(value, [&](std::string_view key, ondemand::value item) {
    if (same_key(key, "NumPDBViolations")) {
      return reader.integer(item, victims.pdb_violations);
    }
    if (!same_key(key, "Pods")) {
      return true;
    }
    victims.pod_uids.clear();
    return reader.array(item, reader.limits().max_pods, [&](ondemand::value pod) {
      if (++pods > reader.limits().max_pods) {
        return reader.fail(ErrorCode::data_loss,
                           "is one of more than " + std::to_string(reader.limits().max_pods) + " victims");
      }
      std::string& uid = victims.pod_uids.emplace_back();
      if (!is_meta) {
        return read_pod_uid(reader, pod, uid);
      }
      return reader.object(pod, [&](std::string_view member, ondemand::value text) {
        return same_key(member, "UID") ? reader.text(text, uid) : true;
      });
    });
  });
}

/// Candidates by name; of a repeated name the last one counts.
bool read_candidates(JsonReader& reader, ondemand::value value, bool is_meta, std::vector<NodeVictims>& candidates) {
  candidates.clear();
  std::size_t pods = 0;
  const bool ok = reader.object(value, [&](std::string_view key, ondemand::value item) {
    if (candidates.size() == reader.limits().max_nodes) {
      return reader.fail(ErrorCode::data_loss,
                         "is one of more than " + std::to_string(reader.limits().max_nodes) + " nodes");
    }
    candidates.emplace_back().node = key;
    return read_victims(reader, item, is_meta, pods, candidates.back());
  });
  std::stable_sort(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) { return a.node < b.node; });
  // Backwards, the last of each name comes first.
  const auto rest = std::unique(candidates.rbegin(), candidates.rend(),
                                [](const auto& a, const auto& b) { return a.node == b.node; });
  candidates.erase(candidates.begin(), rest.base());
  return ok;
}

struct ReviewRequest {
  bool is_present = false;
  std::string kind;
};

bool read_review_request(JsonReader& reader, ondemand::value value, AdmissionReview& review, ReviewRequest& request) {
  PodShape shape;
  review = {};
  request = {.is_present = !is_null(value), .kind = {}};
  const bool ok = reader.object(value, [&](std::string_view key, ondemand::value item) {
    for (const auto& [name, field] :
         {std::pair("uid", &review.uid), std::pair("namespace", &review.ns), std::pair("operation", &review.operation),
          std::pair("subResource", &review.sub_resource)}) {
      if (key == name) {
        return reader.text(item, *field);
      }
    }
    if (key == "dryRun") {
      return reader.flag(item, review.dry_run);
    }
    if (key == "kind") {
      request.kind.clear();
      return reader.object(item, [&](std::string_view member, ondemand::value text) {
        return member == "kind" ? reader.text(text, request.kind) : true;
      });
    }
    return key == "object" ? read_pod(reader, item, review.pod, &shape) : true;
  });
  review.pod_has_annotations = shape.has_annotations;
  review.containers = std::move(shape.containers);
  if (review.pod.ns.empty()) {
    review.pod.ns = review.ns;
  }
  return ok;
}

Error wrong(ErrorCode code, std::string message) {
  return {.code = code, .message = std::move(message), .file = {}, .line = 0, .remedy = {}};
}

}  // namespace

Result<PodObject> decode_pod(std::string_view padded_json, const WireLimits& limits) {
  JsonReader reader(limits);
  PodObject pod;
  if (!reader.root(padded_json, [&](std::string_view key, ondemand::value value) {
        return read_pod_field(reader, key, value, pod, nullptr);
      })) {
    return reader.error();
  }
  finish_pod(pod);
  return pod;
}

Result<NodeUpdate> decode_node(std::string_view padded_json, const WireLimits& limits) {
  JsonReader reader(limits);
  NodeUpdate update;
  if (!reader.root(padded_json, [&](std::string_view key, ondemand::value value) {
        return read_node_field(reader, key, value, update);
      })) {
    return reader.error();
  }
  return update;
}

Result<FilterArgs> decode_filter_args(std::string_view padded_json, const WireLimits& limits) {
  JsonReader reader(limits);
  FilterArgs args;
  bool has_pod = false;
  if (!reader.root(padded_json, [&](std::string_view key, ondemand::value value) {
        if (same_key(key, "Pod")) {
          has_pod = !is_null(value);
          return read_pod(reader, value, args.pod, nullptr);
        }
        if (same_key(key, "Nodes")) {
          return read_nodes(reader, value, args);
        }
        return same_key(key, "NodeNames") ? read_names(reader, value, args) : true;
      })) {
    return reader.error();
  }
  if (!has_pod) {
    return wrong(ErrorCode::invalid_argument, "Pod is missing");
  }
  if (args.has_full_nodes) {
    args.node_names.clear();
    for (const auto& [name, raw] : args.nodes) {
      args.node_names.push_back(name);
    }
  }
  return args;
}

Result<BindArgs> decode_bind_args(std::string_view padded_json, const WireLimits& limits) {
  JsonReader reader(limits);
  BindArgs args;
  const auto fields = {std::pair("PodName", &args.pod_name), std::pair("PodNamespace", &args.pod_ns),
                       std::pair("PodUID", &args.pod_uid), std::pair("Node", &args.node)};
  if (!reader.root(padded_json, [&](std::string_view key, ondemand::value value) {
        for (const auto& [name, field] : fields) {
          if (same_key(key, name)) {
            return reader.text(value, *field);
          }
        }
        return true;
      })) {
    return reader.error();
  }
  for (const auto& [name, field] : fields) {
    if (field->empty()) {
      return wrong(ErrorCode::invalid_argument, std::string(name) + " is missing or empty");
    }
  }
  return args;
}

Result<PreemptArgs> decode_preempt_args(std::string_view padded_json, const WireLimits& limits) {
  JsonReader reader(limits);
  PreemptArgs args;
  bool has_pod = false;
  bool has_meta = false;
  std::vector<NodeVictims> meta;
  if (!reader.root(padded_json, [&](std::string_view key, ondemand::value value) {
        if (same_key(key, "Pod")) {
          has_pod = !is_null(value);
          return read_pod(reader, value, args.pod, nullptr);
        }
        if (same_key(key, "NodeNameToVictims")) {
          return read_candidates(reader, value, /*is_meta=*/false, args.candidates);
        }
        if (same_key(key, "NodeNameToMetaVictims")) {
          has_meta = !is_null(value);
          return read_candidates(reader, value, /*is_meta=*/true, meta);
        }
        return true;
      })) {
    return reader.error();
  }
  if (!has_pod) {
    return wrong(ErrorCode::invalid_argument, "Pod is missing");
  }
  if (has_meta) {
    args.candidates = std::move(meta);
  }
  return args;
}

Result<AdmissionReview> decode_admission_review(std::string_view padded_json, const WireLimits& limits) {
  JsonReader reader(limits);
  AdmissionReview review;
  ReviewRequest request;
  std::string version;
  if (!reader.root(padded_json, [&](std::string_view key, ondemand::value value) {
        if (key == "apiVersion") {
          return reader.text(value, version);
        }
        return key == "request" ? read_review_request(reader, value, review, request) : true;
      })) {
    return reader.error();
  }
  if (version != "admission.k8s.io/v1") {
    return wrong(ErrorCode::invalid_argument,
                 "apiVersion is '" + version.substr(0, 100) + "', not admission.k8s.io/v1");
  }
  if (!request.is_present || review.uid.empty()) {
    return wrong(ErrorCode::invalid_argument, request.is_present ? "request.uid is missing" : "request is missing");
  }
  if (request.kind != "Pod") {
    return wrong(ErrorCode::unsupported, "request.kind is '" + request.kind.substr(0, 100) + "', not Pod");
  }
  return review;
}

}  // namespace gpusched::extender
