#include "kube/request_dialects.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <tuple>
#include <utility>

#include "gpusched/base/units.hpp"
#include "gpusched/kube/allocation_record.hpp"
#include "gpusched/kube/gpu_layout_annotation.hpp"
#include "gpusched/kube/quantity.hpp"
#include "gpusched/kube/resource_name.hpp"

namespace gpusched {

namespace {

constexpr std::string_view our_prefix = "gpusched.io/";
constexpr std::string_view kai_fraction = "gpu-fraction";
constexpr std::string_view kai_memory = "gpu-memory";
constexpr std::string_view kai_devices = "gpu-fraction-num-devices";
constexpr std::string_view kai_container = "gpu-fraction-container-name";
constexpr std::string_view hami_mode = "nvidia.com/vgpu-mode";
constexpr std::array<std::string_view, 4> hami_device_picks = {"nvidia.com/use-gputype", "nvidia.com/nouse-gputype",
                                                               "nvidia.com/use-gpuuuid", "nvidia.com/nouse-gpuuuid"};
constexpr std::array<std::string_view, 6> intents = {"class",        "isolation",   "memory",
                                                     "max-slowdown", "job-profile", "mode"};
constexpr std::int64_t max_memory_mib = std::int64_t{1} << 30;
constexpr std::int64_t max_devices = 4096;
constexpr std::int64_t max_gang_pods = 100'000;
constexpr std::string_view min_available = "pod-group.scheduling.sigs.k8s.io/min-available";

template <std::size_t Count>
bool is_one_of(std::string_view name, const std::array<std::string_view, Count>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const std::string* find_annotation(const PodSpec& pod, std::string_view key) {
  const auto place = std::find_if(pod.annotations.begin(), pod.annotations.end(),
                                  [&](const auto& entry) { return entry.first == key; });
  return place == pod.annotations.end() ? nullptr : &place->second;
}

bool is_kai_key(std::string_view key) {
  return key == kai_fraction || key == kai_memory || key == kai_devices || key == kai_container;
}

/// Keys that only a container's resources may have, wherever else somebody writes them.
bool is_resource_key(std::string_view key) {
  return is_hami_share(key) || key == gpushare_memory ||
         (key.starts_with("nvidia.com/mig-") && parse_resource_name(key).ok());
}

Error wrong_place(std::string_view key, std::string_view is, std::string_view right) {
  return request_error(ErrorCode::invalid_argument,
                       "'" + std::string(key.substr(0, 100)) + "' is written as " + std::string(is),
                       "It belongs " + std::string(right));
}

constexpr std::string_view in_limits = "in resources.limits of a container";
constexpr std::string_view in_annotations = "in metadata.annotations of the pod";
constexpr std::string_view on_node = "in metadata.annotations of a node";

Error bad_annotation(std::string_view key, const std::string& value, std::string_view why, std::string remedy = {}) {
  return request_error(ErrorCode::invalid_argument,
                       "annotation " + std::string(key) + " is '" + value.substr(0, 100) + "', " + std::string(why),
                       std::move(remedy));
}

/// A whole number in [1, most].
std::optional<std::int64_t> read_number(std::string_view text, std::int64_t most) {
  std::int64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool ok = problem == std::errc() && end == text.data() + text.size() && number >= 1 && number <= most;
  return ok ? std::optional(number) : std::nullopt;
}

Status set_number(std::string_view key, const std::string& text, std::int64_t most, std::int64_t& number) {
  const std::optional<std::int64_t> read = read_number(text, most);
  number = read.value_or(number);
  return read ? Status() : bad_annotation(key, text, "not a whole number from 1 to " + std::to_string(most));
}

/// An absent one leaves `number` alone.
Status set_number(const PodSpec& pod, std::string_view key, std::int64_t most, std::int64_t& number) {
  const std::string* const text = find_annotation(pod, key);
  return text == nullptr ? Status() : set_number(key, *text, most, number);
}

/// Amounts of HAMi's keys in one container.
struct HamiAmounts {
  std::int64_t memory_mib = 0, memory_percent = 0, cores = 0, devices = 0;

  bool has_share() const { return memory_mib > 0 || memory_percent > 0 || cores > 0; }
  bool same_share(const HamiAmounts& other) const {
    return memory_mib == other.memory_mib && memory_percent == other.memory_percent && cores == other.cores;
  }
};

Result<HamiAmounts> hami_amounts(const ContainerSpec& container) {
  HamiAmounts amounts;
  for (const ResourceList* list : {&container.requests, &container.limits}) {
    for (const auto& [name, quantity] : *list) {
      for (const auto& [key, most, amount] :
           {std::tuple(hami_memory, max_memory_mib, &amounts.memory_mib),
            std::tuple(hami_memory_percent, std::int64_t{100}, &amounts.memory_percent),
            std::tuple(hami_cores, std::int64_t{100}, &amounts.cores),
            std::tuple(std::string_view("nvidia.com/gpu"), std::int64_t{1} << 53, &amounts.devices)}) {
        if (name != key) {
          continue;
        }
        const Result<std::int64_t> value = parse_count(quantity);
        if (!value || value.value() > most) {
          return request_error(ErrorCode::invalid_argument,
                               "container '" + container.name + "': " + name + " is '" + quantity +
                                   "', not a whole number up to " + std::to_string(most),
                               key == hami_memory ? "Its unit is MiB" : "");
        }
        *amount = value.value();
      }
    }
  }
  return amounts;
}

Status check_hami(const ContainerSpec& container, const HamiAmounts& amounts) {
  if (!amounts.has_share()) {
    return {};
  }
  if (amounts.devices == 0) {
    return request_error(ErrorCode::invalid_argument,
                         "container '" + container.name + "' asks for a share of a GPU, but for no nvidia.com/gpu",
                         "Add nvidia.com/gpu: 1 to its limits; HAMi's webhook would");
  }
  if (amounts.memory_mib > 0 && amounts.memory_percent > 0) {
    return request_error(ErrorCode::invalid_argument,
                         "container '" + container.name + "' has both " + std::string(hami_memory) + " and " +
                             std::string(hami_memory_percent),
                         "Leave out one of the two");
  }
  return {};
}

template <typename Value, std::size_t Count>
Status set_word(const std::string& key, const std::string& word,
                const std::array<std::pair<std::string_view, Value>, Count>& names, Value& value) {
  std::string known;
  for (const auto& [name, meaning] : names) {
    if (name == word) {
      value = meaning;
      return {};
    }
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  return request_error(ErrorCode::invalid_argument, "annotation " + key + " is '" + word + "'",
                       "Known values: " + known);
}

Result<SharingMode> hami_mode_of(const PodSpec& pod) {
  static constexpr std::array<std::pair<std::string_view, SharingMode>, 3> modes = {
      {{"hami-core", SharingMode::time_slice}, {"mps", SharingMode::mps}, {"mig", SharingMode::mig}}};
  SharingMode mode = SharingMode::unstated;
  if (const std::string* const word = find_annotation(pod, hami_mode)) {
    if (Status status = set_word(std::string(hami_mode), *word, modes, mode); !status) {
      return status.error();
    }
  }
  return mode;
}

GpuShare share_of(const HamiAmounts& amounts, SharingMode mode) {
  GpuShare share;
  share.memory_mib = amounts.memory_mib;
  // A part of the memory without a size is a part of the device: nobody else can have it.
  share.milli = static_cast<std::int32_t>(std::max(amounts.cores, amounts.memory_percent) * 10);
  share.mode = mode;
  if (mode == SharingMode::unstated && amounts.has_share()) {
    share.mode = share.milli == milli_per_unit ? SharingMode::whole : SharingMode::time_slice;
  }
  return share;
}

Status set_memory(const std::string& key, const std::string& value, GpuRequest& request) {
  const Result<std::int64_t> memory = parse_memory_mib(value);
  if (!memory.ok()) {
    return request_error(ErrorCode::invalid_argument, "annotation " + key + ": " + memory.error().message);
  }
  if (request.gpu_memory_mib > 0 && request.gpu_memory_mib != memory.value()) {
    return request_error(ErrorCode::invalid_argument,
                         "annotation " + key + " is '" + value + "', but the pod also asks for " +
                             std::to_string(request.gpu_memory_mib) + " MiB in other words",
                         "Leave out one of the two");
  }
  request.gpu_memory_mib = memory.value();
  return {};
}

Status set_annotation(const std::string& key, const std::string& value, GpuRequest& request) {
  static constexpr std::array<std::pair<std::string_view, JobClass>, 4> classes = {{{"always-on", JobClass::always_on},
                                                                                    {"burst", JobClass::burst},
                                                                                    {"batch", JobClass::batch},
                                                                                    {"dev", JobClass::dev}}};
  static constexpr std::array<std::pair<std::string_view, Isolation>, 3> isolations = {
      {{"none", Isolation::none}, {"memory", Isolation::memory}, {"fault", Isolation::fault}}};
  static constexpr std::array<std::pair<std::string_view, SharingMode>, 4> modes = {
      {{"whole", SharingMode::whole},
       {"mig", SharingMode::mig},
       {"time-slice", SharingMode::time_slice},
       {"mps", SharingMode::mps}}};
  const std::string_view name = std::string_view(key).substr(our_prefix.size());
  if (name == "class") {
    return set_word(key, value, classes, request.job_class);
  }
  if (name == "isolation") {
    return set_word(key, value, isolations, request.isolation);
  }
  if (name == "mode") {
    return set_word(key, value, modes, request.mode);
  }
  if (name == "job-profile") {
    request.job_profile = value;
    return {};
  }
  if (name == "memory") {
    return set_memory(key, value, request);
  }
  if (name == "max-slowdown") {
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), request.max_slowdown);
    const bool is_number = error == std::errc() && end == value.data() + value.size();
    return is_number && request.max_slowdown >= 1 && request.max_slowdown < 1e6
               ? Status()
               : bad_annotation(key, value, "not a number from 1");
  }
  if (key == gang_size_annotation) {
    std::int64_t pods = 0;
    return set_number(key, value, max_gang_pods, pods);  // gang_size() reads it
  }
  if (key == allocation_annotation || key == decision_annotation) {
    return {};  // what we wrote
  }
  return request_error(
      ErrorCode::invalid_argument, "unknown annotation " + key,
      "Known: class, isolation, memory, max-slowdown, job-profile, mode, gang-size under gpusched.io/");
}

}  // namespace

Error request_error(ErrorCode code, std::string message, std::string remedy) {
  return {.code = code, .message = std::move(message), .file = "", .line = 0, .remedy = std::move(remedy)};
}

bool is_hami_share(std::string_view resource) {
  return resource == hami_memory || resource == hami_memory_percent || resource == hami_cores;
}

Status check_resource_place(std::string_view name) {
  if (is_kai_key(name) || name == hami_mode || is_one_of(name, hami_device_picks) || name.starts_with(our_prefix)) {
    return wrong_place(name, "a resource", name == gpu_layout_annotation ? on_node : in_annotations);
  }
  if (name == "aliyun.com/gpu-count") {
    return request_error(ErrorCode::invalid_argument, "'aliyun.com/gpu-count' is what nodes report, not pods",
                         "Ask for aliyun.com/gpu-mem, or for nvidia.com/gpu");
  }
  if (name == "nvidia.com/priority") {
    return request_error(ErrorCode::unsupported, "'nvidia.com/priority': priorities inside one GPU are not kept",
                         "Leave it out; who is placed first is the PriorityClass's choice");
  }
  return {};
}

Status check_key_places(const PodSpec& pod) {
  for (const auto& [key, value] : pod.annotations) {
    // A number only: some mark pods and nodes with nvidia.com/gpu: "true".
    const bool is_count = key == "nvidia.com/gpu" && parse_count(value).ok();
    if (is_resource_key(key) || is_count) {
      return wrong_place(key, "an annotation", in_limits);
    }
    if (key == gpu_layout_annotation) {
      return wrong_place(key, "an annotation of a pod", on_node);
    }
    if (is_one_of(key, hami_device_picks)) {
      return request_error(ErrorCode::unsupported, "annotation " + key + ": devices are not picked by type or UUID",
                           "Select nodes by the label nvidia.com/gpu.product");
    }
  }
  for (const auto& [key, value] : pod.labels) {
    if (is_resource_key(key)) {
      return wrong_place(key, "a label", in_limits);
    }
    const bool is_intent =
        key.starts_with(our_prefix) && is_one_of(std::string_view(key).substr(our_prefix.size()), intents);
    if (is_kai_key(key) || key == hami_mode || is_one_of(key, hami_device_picks) || is_intent) {
      return wrong_place(key, "a label", in_annotations);
    }
  }
  return {};
}

Result<std::optional<GpuShare>> hami_share(const PodSpec& pod) {
  std::optional<HamiAmounts> first;
  bool has_share = false;
  for (const std::vector<ContainerSpec>* list : {&pod.containers, &pod.init_containers}) {
    for (const ContainerSpec& container : *list) {
      const Result<HamiAmounts> amounts = hami_amounts(container);
      if (!amounts) {
        return amounts.error();
      }
      if (Status status = check_hami(container, amounts.value()); !status) {
        return status.error();
      }
      if (amounts.value().devices == 0) {
        continue;
      }
      has_share = has_share || amounts.value().has_share();
      if (!first) {
        first = amounts.value();
      } else if (has_share && !first->same_share(amounts.value())) {
        return request_error(
            ErrorCode::unsupported,
            "container '" + container.name + "' asks for another share of its GPUs than the one before",
            "Give all containers the same share; split the pod");
      }
    }
  }
  const Result<SharingMode> mode = hami_mode_of(pod);
  if (!mode) {
    return mode.error();
  }
  if (!first || (!has_share && mode.value() == SharingMode::unstated)) {
    return std::optional<GpuShare>();
  }
  return std::optional(share_of(*first, mode.value()));
}

Result<std::optional<GpuShare>> kai_share(const PodSpec& pod) {
  const std::string* const fraction = find_annotation(pod, kai_fraction);
  const std::string* const memory = find_annotation(pod, kai_memory);
  if (fraction == nullptr && memory == nullptr) {
    for (const std::string_view key : {kai_devices, kai_container}) {
      if (find_annotation(pod, key) != nullptr) {
        return request_error(ErrorCode::invalid_argument, "annotation " + std::string(key) + " without gpu-fraction",
                             "Add gpu-fraction or gpu-memory");
      }
    }
    return std::optional<GpuShare>();
  }
  if (fraction != nullptr && memory != nullptr) {
    return request_error(ErrorCode::invalid_argument, "annotations gpu-fraction and gpu-memory contradict each other",
                         "Leave out one of the two");
  }
  GpuShare share;
  if (fraction != nullptr) {
    double value = 0;
    const auto [end, problem] = std::from_chars(fraction->data(), fraction->data() + fraction->size(), value);
    if (problem != std::errc() || end != fraction->data() + fraction->size() || !(value > 0 && value < 1)) {
      return bad_annotation(kai_fraction, *fraction, "not a number between 0 and 1",
                            "Ask for whole GPUs by nvidia.com/gpu in resources.limits");
    }
    share.milli = static_cast<std::int32_t>(std::clamp<std::int64_t>(to_milli(value), 1, milli_per_unit - 1));
  }
  std::int64_t devices = 1;
  if (Status status = set_number(pod, kai_memory, max_memory_mib, share.memory_mib); !status) {
    return status.error();
  }
  if (Status status = set_number(pod, kai_devices, max_devices, devices); !status) {
    return status.error();
  }
  share.devices = static_cast<std::int32_t>(devices);
  const std::string* const container = find_annotation(pod, kai_container);
  const auto is_named = [&](const ContainerSpec& spec) { return container != nullptr && spec.name == *container; };
  if (container != nullptr && std::none_of(pod.containers.begin(), pod.containers.end(), is_named) &&
      std::none_of(pod.init_containers.begin(), pod.init_containers.end(), is_named)) {
    return bad_annotation(kai_container, *container, "which is no container of the pod");
  }
  return std::optional(share);
}

Status set_intent(const PodSpec& pod, GpuRequest& request) {
  const SharingMode mode_of_resource = request.mode;
  for (const auto& [key, value] : pod.annotations) {
    if (!key.starts_with(our_prefix)) {
      continue;
    }
    if (Status status = set_annotation(key, value, request); !status.ok()) {
      return status;
    }
  }
  // Replicas are called .shared under time slicing and MPS alike.
  const bool is_mps_replica = mode_of_resource == SharingMode::time_slice && request.mode == SharingMode::mps;
  if (mode_of_resource != SharingMode::unstated && request.mode != mode_of_resource && !is_mps_replica) {
    return request_error(ErrorCode::invalid_argument,
                         "annotation gpusched.io/mode contradicts the resource the pod asks for");
  }
  return {};
}

bool asks_by_intent(const PodSpec& pod) {
  return std::any_of(pod.annotations.begin(), pod.annotations.end(), [](const auto& entry) {
    const std::string_view key = entry.first;
    return key.starts_with(our_prefix) && key != "gpusched.io/class" && key != allocation_annotation &&
           key != decision_annotation;
  });
}

bool names_gpu(const PodSpec& pod) {
  for (const std::vector<ContainerSpec>* list : {&pod.containers, &pod.init_containers}) {
    for (const ContainerSpec& container : *list) {
      for (const ResourceList* resources : {&container.requests, &container.limits}) {
        for (const auto& [name, quantity] : *resources) {
          if (name.starts_with("nvidia.com/") || name.starts_with("aliyun.com/gpu-") || !check_resource_place(name)) {
            return true;
          }
        }
      }
    }
  }
  const bool by_annotation = std::any_of(pod.annotations.begin(), pod.annotations.end(),
                                         [](const auto& entry) { return is_kai_key(entry.first); });
  return by_annotation || asks_by_intent(pod) || !check_key_places(pod);
}

std::string_view gang_name(const PodSpec& pod) {
  for (const auto& [key, value] : pod.labels) {
    if (key == "scheduling.x-k8s.io/pod-group") {
      return value;
    }
  }
  const std::string* const volcano = find_annotation(pod, "scheduling.k8s.io/group-name");
  return volcano == nullptr ? std::string_view() : std::string_view(*volcano);
}

std::int64_t gang_size(const PodSpec& pod) {
  const std::string* size = find_annotation(pod, gang_size_annotation);
  for (const auto& [key, value] : pod.labels) {
    size = size == nullptr && key == min_available ? &value : size;
  }
  return size == nullptr ? 0 : read_number(*size, max_gang_pods).value_or(0);
}

}  // namespace gpusched
