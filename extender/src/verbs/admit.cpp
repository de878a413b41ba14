#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "gpusched/extender/admission.hpp"
#include "gpusched/extender/json_text.hpp"
#include "gpusched/extender/wire_replies.hpp"
#include "gpusched/kube/allocation_record.hpp"
#include "gpusched/kube/pod_request.hpp"
#include "gpusched/kube/resource_name.hpp"
#include "gpusched/model/gpu_catalog.hpp"

#include "verbs/stopwatch.hpp"

namespace gpusched::extender {

/// What is said to the API server.
struct Admission::Answer {
  std::string_view result = "untouched";  ///< for metrics
  std::string_view reason{};              ///< constant text
  std::string message{};                  ///< not empty: refused
  std::int32_t code = 403;
  std::vector<PatchOperation> patch{};
};

namespace {

constexpr std::string_view gpushare_memory = "aliyun.com/gpu-mem";
constexpr std::string_view memory_annotation = "gpusched.io/memory";
constexpr std::string_view kai_container = "gpu-fraction-container-name";

const std::string* find_text(const std::vector<std::pair<std::string, std::string>>& list, std::string_view key) {
  const auto place = std::find_if(list.begin(), list.end(), [&](const auto& entry) { return entry.first == key; });
  return place == list.end() ? nullptr : &place->second;
}

/// As the annotation gpusched.io/mode spells it.
std::string_view mode_word(ModeKind mode) { return mode == ModeKind::time_slice ? "time-slice" : to_string(mode); }

std::string name_of(const ResourceOption& option) { return resource_name(option.mig_profile, option.shared); }

std::string describe(const ResourceOption& option) {
  std::string text = name_of(option) + " (";
  if (option.replicas > 1) {
    text += "1 of " + std::to_string(option.replicas) + " shares of ";
  } else if (option.shared) {
    text += "a share of ";
  }
  text += option.unit_profile.empty() ? "a whole GPU" : "an instance " + option.unit_profile;
  return text + (option.model.valid() ? " of " + std::string(gpu_model(option.model).name) : "") + ")";
}

std::string two_digits(double value) {
  const auto hundredths = static_cast<std::int64_t>(std::llround(std::min(value, 1e6) * 100));
  const std::string rest = std::to_string(hundredths % 100);
  return std::to_string(hundredths / 100) + "." + (rest.size() < 2 ? "0" : "") + rest;
}

/// Why this resource: one sentence for the annotation.
std::string reason_for(const ResourceChoice& choice, const GpuRequest& request) {
  const ResourceOption& best = choice.fit.front();
  std::string text = describe(best) + " takes " + std::to_string(best.share_milli) + "/1000 of a GPU";
  if (best.memory_mib > 0) {
    text += " with " + std::to_string(best.memory_mib) + " MiB";
  }
  text += ", predicted slowdown " + two_digits(best.slowdown);
  text += request.mode != SharingMode::unstated ? ", mode as asked for" : "";
  if (!choice.profile_known) {
    text += request.job_profile.empty() ? "" : ", job profile '" + request.job_profile + "' is not known";
    text += ", predicted from the fallback of the job's class";
  }
  text += best.free_now ? "" : ", no unit is free now";
  if (const ResourceOption* other = choice.runner_up()) {
    text += ", next best " + describe(*other) + " at " + std::to_string(other->share_milli) + "/1000, slowdown " +
            two_digits(other->slowdown) + (best.free_now && !other->free_now ? ", none free" : "");
  }
  return text;
}

/// Why an option does not do, in words of the pod's keys.
std::string explain_bar(const ResourceOption& option, const GpuRequest& request) {
  switch (option.bar) {
    case UnitBar::none:
      return "does";
    case UnitBar::mode:
      return "is mode " + std::string(mode_word(option.mode)) + ", not that of gpusched.io/mode";
    case UnitBar::isolation:
      return "is shared, gpusched.io/isolation forbids it";
    case UnitBar::trust:
      return "is shared under MPS, which only gpusched.io/mode: mps allows";
    case UnitBar::several_units:
      return "is shared, and several shares may be of one device";
    case UnitBar::model_not_known:
      return "has an unknown amount of memory";
    case UnitBar::memory_not_stated:
      return "is a part of a GPU, for which gpusched.io/memory must say how much is needed";
    case UnitBar::memory:
      return "has " + std::to_string(option.memory_mib) + " MiB" +
             (request.gpu_memory_mib > 0 ? " of " + std::to_string(request.gpu_memory_mib) + " needed"
                                         : ", less than the job profile needs");
    case UnitBar::share:
      return "is a smaller part of the GPU's memory than gpu-fraction";
    case UnitBar::slowdown:
      return "has a predicted slowdown of " + two_digits(option.slowdown) +
             (request.max_slowdown > 0 ? ", above gpusched.io/max-slowdown" : "");
    case UnitBar::too_few:
      return "has no node with " + std::to_string(request.num_gpu) + " units";
  }
  return {};
}

std::string refusal_for(const ResourceChoice& choice, const GpuRequest& request) {
  if (choice.refused.empty()) {
    return "no node of the cluster offers a GPU resource";
  }
  std::string text = "no GPU resource of the cluster does for the pod";
  std::set<std::string> said;
  constexpr std::size_t most_said = 8;
  for (const ResourceOption& option : choice.refused) {
    std::string line = describe(option) + " " + explain_bar(option, request);
    if (said.size() < most_said && said.insert(line).second) {
      text += (said.size() == 1 ? ": " : "; ") + line;
    }
  }
  return text;
}

std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

/// Writes the patch that puts a resource into one container and the reason onto the pod.
class PatchWriter {
 public:
  explicit PatchWriter(const AdmissionReview& review) : review_(review) {}

  void annotate(std::string_view key, std::string_view value) {
    if (!review_.pod_has_annotations && !has_map_) {
      add("/metadata/annotations", "{}");
    }
    has_map_ = true;
    std::string path = "/metadata/annotations";
    append_pointer(path, key);
    add(std::move(path), quoted(value));
  }

  void remove_resource(std::size_t container, std::string_view name) {
    const ContainerSpec& spec = review_.pod.spec.containers[container];
    for (const auto& [list, entries] : {std::pair("/limits", &spec.limits), std::pair("/requests", &spec.requests)}) {
      if (find_text(*entries, name) != nullptr) {
        std::string path = resources_of(container) + list;
        append_pointer(path, name);
        patch_.push_back({.op = "remove", .path = std::move(path)});
      }
    }
  }

  void add_resource(std::size_t container, std::string_view name, std::int32_t units) {
    const ContainerShape shape =
        container < review_.containers.size() ? review_.containers[container] : ContainerShape{};
    const std::string resources = resources_of(container);
    if (!shape.has_resources) {
      add(resources, "{}");
    }
    for (const auto& [list, exists] :
         {std::pair("/limits", shape.has_limits), std::pair("/requests", shape.has_requests)}) {
      if (!exists) {
        add(resources + list, "{}");
      }
      std::string path = resources + list;
      append_pointer(path, name);
      add(std::move(path), quoted(std::to_string(units)));
    }
  }

  std::vector<PatchOperation> take() { return std::move(patch_); }

 private:
  static std::string resources_of(std::size_t container) {
    return "/spec/containers/" + std::to_string(container) + "/resources";
  }
  void add(std::string path, std::string value) {
    patch_.push_back({.op = "add", .path = std::move(path), .value = std::move(value)});
  }

  const AdmissionReview& review_;
  bool has_map_ = false;
  std::vector<PatchOperation> patch_;
};

bool has_gpushare(const ContainerSpec& container) {
  return find_text(container.limits, gpushare_memory) != nullptr ||
         find_text(container.requests, gpushare_memory) != nullptr;
}

/// The container that gets the resource; an error in words.
Result<std::size_t> target_container(const PodSpec& pod) {
  const auto refused = [](std::string message) {
    return Error{.code = ErrorCode::unsupported, .message = std::move(message), .file = {}, .line = 0, .remedy = {}};
  };
  if (pod.containers.empty()) {
    return refused("the pod has no containers");
  }
  if (const std::string* const wanted = find_text(pod.annotations, kai_container)) {
    for (std::size_t i = 0; i < pod.containers.size(); ++i) {
      if (pod.containers[i].name == *wanted) {
        return i;
      }
    }
    return refused("annotation " + std::string(kai_container) + " names '" + *wanted +
                   "', an init container: name one of spec.containers");
  }
  const auto sharers = std::count_if(pod.containers.begin(), pod.containers.end(), has_gpushare);
  const bool in_init = std::any_of(pod.init_containers.begin(), pod.init_containers.end(), has_gpushare);
  if (sharers > 1 || in_init) {
    return refused(std::string(gpushare_memory) + " in " + (in_init ? "an init container" : "several containers") +
                   ": a device is handed to one container, ask for it in one of spec.containers");
  }
  const auto first = std::find_if(pod.containers.begin(), pod.containers.end(), has_gpushare);
  return first == pod.containers.end() ? std::size_t{0} : static_cast<std::size_t>(first - pod.containers.begin());
}

}  // namespace

Admission::Answer Admission::check_named(const PodRequest& request) const {
  // Shares and instances say in their name what they are; what a device is, is decided per node.
  const bool may_contradict = request.dialect == RequestDialect::nvidia && request.resource == "nvidia.com/gpu" &&
                              request.request.mode != SharingMode::unstated &&
                              request.request.mode != SharingMode::whole;
  if (!may_contradict) {
    return {.reason = "names_resource"};
  }
  if (const std::string refusal = options_.refusal(); !refusal.empty()) {
    return {.result = "error", .reason = "not_ready", .message = "gpusched is not ready: " + refusal, .code = 503};
  }
  ResourceChoice choice;
  {
    const std::lock_guard lock(mutex_);
    choice = view_.engine().choose_resource(request.request);
  }
  const auto is_named = [](const ResourceOption& option) {
    return option.mig_profile.empty() && !option.shared && option.bar != UnitBar::mode;
  };
  if (std::any_of(choice.fit.begin(), choice.fit.end(), is_named) ||
      std::any_of(choice.refused.begin(), choice.refused.end(), is_named)) {
    return {.reason = "names_resource"};
  }
  constexpr std::array<std::string_view, 5> words = {"", "whole", "mig", "time-slice", "mps"};
  return {.result = "refused",
          .reason = "contradiction",
          .message = "annotation gpusched.io/mode is '" +
                     std::string(words[static_cast<std::size_t>(request.request.mode)]) +
                     "', but no node offers nvidia.com/gpu in that mode: leave out the annotation, or leave "
                     "nvidia.com/gpu out of resources.limits and the resource is chosen for the pod"};
}

Admission::Answer Admission::choose(const AdmissionReview& review, const PodRequest& request) const {
  const Result<std::size_t> container = target_container(review.pod.spec);
  if (!container) {
    return {.result = "refused", .reason = "container", .message = container.error().message};
  }
  if (const std::string refusal = options_.refusal(); !refusal.empty()) {
    return {.result = "error", .reason = "not_ready", .message = "gpusched is not ready: " + refusal, .code = 503};
  }
  ResourceChoice choice;
  {
    const std::lock_guard lock(mutex_);
    choice = view_.engine().choose_resource(request.request);
  }
  if (choice.fit.empty()) {
    return {.result = "refused",
            .reason = choice.refused.empty() ? "nothing_offered" : to_string(choice.refused.front().bar),
            .message = refusal_for(choice, request.request)};
  }
  const ResourceOption& best = choice.fit.front();
  const std::string resource = name_of(best);
  PatchWriter patch(review);
  if (request.dialect == RequestDialect::gpushare) {
    patch.remove_resource(container.value(), gpushare_memory);
    patch.annotate(memory_annotation, std::to_string(request.request.gpu_memory_mib) + "Mi");
  }
  patch.add_resource(container.value(), resource, choice.units);
  patch.annotate(decision_annotation, format_decision({.mode = std::string(mode_word(best.mode)),
                                                       .resource = resource,
                                                       .reason = reason_for(choice, request.request)}));
  return {.result = "chosen", .reason = mode_word(best.mode), .patch = patch.take()};
}

Admission::Answer Admission::judge(const AdmissionReview& review) const {
  if (review.operation != "CREATE" || !review.sub_resource.empty()) {
    return {.reason = "not_created"};
  }
  if (!names_gpu(review.pod.spec)) {
    return {.reason = "no_gpu"};
  }
  const Result<PodRequest> request = read_pod_request(review.pod.spec);
  if (!request) {
    const Error& error = request.error();
    return {.result = "refused",
            .reason = "contradiction",
            .message = error.message + (error.remedy.empty() ? "" : ". " + error.remedy)};
  }
  if (request.value().dialect == RequestDialect::none) {
    return {.reason = "no_gpu"};
  }
  return request.value().resource.empty() ? choose(review, request.value()) : check_named(request.value());
}

std::string Admission::admit(std::string_view padded_json) const {
  const Stopwatch watch;
  VerbRecord record{.verb = "admit", .result = "error", .reason = {}, .ns = {}, .pod = {}, .uid = {}, .node = {}};
  const Result<AdmissionReview> review = decode_admission_review(padded_json);
  Answer answer{.result = "error", .reason = "malformed"};
  if (review) {
    answer = judge(review.value());
    record.ns = review.value().ns;
    record.pod = review.value().pod.name;
  } else {
    answer.message = review.error().to_string();
    answer.code = 400;
  }
  std::string reply = encode_admission_response({.uid = review ? std::string_view(review.value().uid) : "",
                                                 .allowed = answer.message.empty(),
                                                 .message = answer.message,
                                                 .code = answer.code,
                                                 .patch = answer.patch});
  record.result = answer.result;
  record.reason = answer.reason;
  record.duration_ns = watch.elapsed_ns();
  options_.observer(record);
  return reply;
}

}  // namespace gpusched::extender
