#include "gpusched/kube/pod_request.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <string_view>

#include "gpusched/base/units.hpp"
#include "gpusched/cluster/request_check.hpp"
#include "gpusched/kube/quantity.hpp"
#include "gpusched/kube/resource_name.hpp"

namespace gpusched {

namespace {

constexpr std::string_view annotation_prefix = "gpusched.io/";
/// 8 PiB, or as many devices or milli-CPUs: so far no sum over a pod's containers can overflow.
constexpr std::int64_t max_amount = std::int64_t{1} << 53;
constexpr std::size_t max_containers = 1000;
constexpr std::int64_t max_num_gpu = 4096;

/// Amounts by resource name: milli-CPU, bytes, counts. Resources that are not ours to place are left out.
using Amounts = std::map<std::string, std::int64_t>;

Error pod_error(ErrorCode code, std::string message, std::string remedy = {}) {
  return {.code = code, .message = std::move(message), .file = "", .line = 0, .remedy = std::move(remedy)};
}

Error in_container(Error error, const std::string& container) {
  error.message = "container '" + container + "': " + error.message;
  return error;
}

/// One entry of a resource list; no value for resources of other vendors.
Result<std::optional<std::int64_t>> parse_amount(const std::string& name, const std::string& quantity) {
  Result<std::int64_t> amount = std::int64_t{0};
  if (name == "cpu") {
    amount = parse_cpu_milli(quantity);
  } else if (name == "memory") {
    amount = parse_bytes(quantity);
  } else {
    const Result<std::optional<GpuResource>> resource = parse_resource_name(name);
    if (!resource.ok()) {
      return resource.error();
    }
    if (!resource.value().has_value()) {
      return std::optional<std::int64_t>();
    }
    amount = parse_count(quantity);
  }
  if (amount.ok() && amount.value() > max_amount) {
    return pod_error(ErrorCode::invalid_argument, name + " " + quantity + " is more than any node has");
  }
  if (!amount.ok()) {
    return pod_error(amount.error().code, name + ": " + amount.error().message);
  }
  return std::optional(amount.value());
}

Result<Amounts> parse_list(const ResourceList& list) {
  Amounts amounts;
  for (const auto& [name, quantity] : list) {
    const Result<std::optional<std::int64_t>> amount = parse_amount(name, quantity);
    if (!amount.ok()) {
      return amount.error();
    }
    if (amount.value().has_value()) {
      amounts[name] = *amount.value();
    }
  }
  return amounts;
}

/// What a container asks for: requests, and limits where there is no request.
Result<Amounts> amounts_of(const ContainerSpec& container) {
  Result<Amounts> requests = parse_list(container.requests);
  const Result<Amounts> limits = parse_list(container.limits);
  if (!requests.ok() || !limits.ok()) {
    return in_container(requests.ok() ? limits.error() : requests.error(), container.name);
  }
  for (const auto& [name, limit] : limits.value()) {
    const auto [place, is_new] = requests.value().try_emplace(name, limit);
    const bool is_gpu = name != "cpu" && name != "memory";
    if (is_gpu && place->second != limit) {
      return in_container(pod_error(ErrorCode::invalid_argument,
                                    name + " has the request " + std::to_string(place->second) + " and the limit " +
                                        std::to_string(limit),
                                    "Kubernetes wants both to be the same for extended resources"),
                          container.name);
    }
  }
  return requests;
}

void add_to(Amounts& sum, const Amounts& more) {
  for (const auto& [name, amount] : more) {
    sum[name] += amount;
  }
}

void raise_to(Amounts& most, const Amounts& other) {
  for (const auto& [name, amount] : other) {
    most[name] = std::max(most[name], amount);
  }
}

Result<Amounts> total_amounts(const PodSpec& pod) {
  if (pod.containers.size() + pod.init_containers.size() > max_containers) {
    return pod_error(ErrorCode::invalid_argument, "more than " + std::to_string(max_containers) + " containers");
  }
  Amounts sidecars;
  Amounts peak;  // while init containers run, one after the other
  for (const ContainerSpec& container : pod.init_containers) {
    const Result<Amounts> amounts = amounts_of(container);
    if (!amounts.ok()) {
      return amounts;
    }
    if (container.is_sidecar) {
      add_to(sidecars, amounts.value());
      raise_to(peak, sidecars);
      continue;
    }
    Amounts together = sidecars;
    add_to(together, amounts.value());
    raise_to(peak, together);
  }
  Amounts total = sidecars;
  for (const ContainerSpec& container : pod.containers) {
    const Result<Amounts> amounts = amounts_of(container);
    if (!amounts.ok()) {
      return amounts;
    }
    add_to(total, amounts.value());
  }
  raise_to(total, peak);
  const Result<Amounts> overhead = parse_list(pod.overhead);
  if (!overhead.ok()) {
    return in_container(overhead.error(), "(overhead)");
  }
  add_to(total, overhead.value());
  return total;
}

Status set_gpu(const std::string& name, std::int64_t count, GpuRequest& request) {
  const Result<std::optional<GpuResource>> parsed = parse_resource_name(name);
  GPUSCHED_CHECK(parsed.ok() && parsed.value().has_value(), name);
  const GpuResource& resource = *parsed.value();
  if (resource.shared && resource.kind == GpuResourceKind::mig) {
    return pod_error(ErrorCode::unsupported, "'" + name + "': time-sliced MIG instances are not placed yet");
  }
  if (count > max_num_gpu) {
    return pod_error(ErrorCode::invalid_argument, name + " " + std::to_string(count) + " is more than any node has");
  }
  request.num_gpu = static_cast<std::int32_t>(count);
  request.mig_profile = resource.mig_profile;
  request.gpu_milli = resource.shared ? 1 : static_cast<std::int32_t>(milli_per_unit);
  if (resource.kind == GpuResourceKind::mig) {
    request.mode = SharingMode::mig;
  } else if (resource.shared) {
    request.mode = SharingMode::time_slice;
  }
  return {};
}

Status set_amounts(const Amounts& amounts, GpuRequest& request) {
  std::string gpu_resource;
  for (const auto& [name, amount] : amounts) {
    if (name == "cpu") {
      request.cpu_milli = amount;
    } else if (name == "memory") {
      request.memory_mib = mib_of_bytes(amount);
    } else if (amount > 0) {
      if (!gpu_resource.empty()) {
        return pod_error(ErrorCode::unsupported, "the pod asks for both '" + gpu_resource + "' and '" + name + "'",
                         "One pod may ask for one GPU resource; split the pod");
      }
      gpu_resource = name;
      if (Status status = set_gpu(name, amount, request); !status.ok()) {
        return status;
      }
    }
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
  return pod_error(ErrorCode::invalid_argument, "annotation " + key + " is '" + word + "'", "Known values: " + known);
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
  const std::string_view name = std::string_view(key).substr(annotation_prefix.size());
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
    const Result<std::int64_t> memory = parse_memory_mib(value);
    if (!memory.ok()) {
      return pod_error(ErrorCode::invalid_argument, "annotation " + key + ": " + memory.error().message);
    }
    request.gpu_memory_mib = memory.value();
    return {};
  }
  if (name == "max-slowdown") {
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), request.max_slowdown);
    const bool is_number = error == std::errc() && end == value.data() + value.size();
    return is_number && request.max_slowdown >= 1 && request.max_slowdown < 1e6
               ? Status()
               : pod_error(ErrorCode::invalid_argument,
                           "annotation " + key + " is '" + value + "', not a number from 1");
  }
  return pod_error(ErrorCode::invalid_argument, "unknown annotation " + key,
                   "Known: class, isolation, memory, max-slowdown, job-profile, mode under gpusched.io/");
}

Status set_intent(const PodSpec& pod, GpuRequest& request) {
  const SharingMode mode_of_resource = request.mode;
  for (const auto& [key, value] : pod.annotations) {
    if (key.compare(0, annotation_prefix.size(), annotation_prefix) != 0) {
      continue;
    }
    if (Status status = set_annotation(key, value, request); !status.ok()) {
      return status;
    }
  }
  if (mode_of_resource != SharingMode::unstated && request.mode != mode_of_resource) {
    return pod_error(ErrorCode::invalid_argument,
                     "annotation gpusched.io/mode contradicts the resource the pod asks for");
  }
  return {};
}

}  // namespace

Result<GpuRequest> make_gpu_request(const PodSpec& pod) {
  const Result<Amounts> amounts = total_amounts(pod);
  if (!amounts.ok()) {
    return amounts.error();
  }
  GpuRequest request;
  if (Status status = set_amounts(amounts.value(), request); !status.ok()) {
    return status.error();
  }
  if (Status status = set_intent(pod, request); !status.ok()) {
    return status.error();
  }
  request.node_labels = pod.node_selector;
  std::sort(request.node_labels.begin(), request.node_labels.end());
  request.priority = pod.priority;
  if (Status sensible = check_gpu_request(request); !sensible) {
    return sensible.error();
  }
  return request;
}

}  // namespace gpusched
