#include "gpusched/kube/pod_request.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>

#include "gpusched/base/units.hpp"
#include "gpusched/cluster/request_check.hpp"
#include "gpusched/kube/allocation_record.hpp"
#include "gpusched/kube/quantity.hpp"
#include "gpusched/kube/resource_name.hpp"

#include "kube/request_dialects.hpp"

namespace gpusched {

namespace {

/// 8 PiB, or as many devices or milli-CPUs: so far no sum over a pod's containers can overflow.
constexpr std::int64_t max_amount = std::int64_t{1} << 53;
constexpr std::size_t max_containers = 1000;
constexpr std::int64_t max_num_gpu = 4096;
/// HAMi counts in hundredths of a GPU.
constexpr std::int32_t hami_smallest_milli = 10;

/// Amounts by resource name: milli-CPU, bytes, counts. Resources that are not ours to place are left out.
using Amounts = std::map<std::string, std::int64_t>;

Error in_container(Error error, const std::string& container) {
  error.message = "container '" + container + "': " + error.message;
  return error;
}

/// One entry of a resource list; no value for resources of other vendors.
Result<std::optional<std::int64_t>> parse_amount(const std::string& name, const std::string& quantity) {
  Result<std::int64_t> amount = std::int64_t{0};
  if (Status place = check_resource_place(name); !place) {
    return place.error();
  }
  if (is_hami_share(name)) {
    return std::optional<std::int64_t>();  // says how much of each device
  }
  if (name == "cpu") {
    amount = parse_cpu_milli(quantity);
  } else if (name == "memory") {
    amount = parse_bytes(quantity);
  } else if (name == gpushare_memory) {
    amount = parse_count(quantity);
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
    return request_error(ErrorCode::invalid_argument, name + " " + quantity + " is more than any node has");
  }
  if (!amount.ok()) {
    return request_error(amount.error().code, name + ": " + amount.error().message);
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
      return in_container(request_error(ErrorCode::invalid_argument,
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
    return request_error(ErrorCode::invalid_argument, "more than " + std::to_string(max_containers) + " containers");
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
  if (count > max_num_gpu) {
    return request_error(ErrorCode::invalid_argument,
                         name + " " + std::to_string(count) + " is more than any node has");
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

/// The one counted name with an amount, or empty. cpu and memory go into the request on the way.
Result<std::string> take_amounts(const Amounts& amounts, GpuRequest& request) {
  std::string resource;
  for (const auto& [name, amount] : amounts) {
    if (name == "cpu") {
      request.cpu_milli = amount;
    } else if (name == "memory") {
      request.memory_mib = mib_of_bytes(amount);
    } else if (amount > 0 && name != gpushare_memory) {
      if (!resource.empty()) {
        return request_error(ErrorCode::unsupported, "the pod asks for both '" + resource + "' and '" + name + "'",
                             "One pod may ask for one GPU resource; split the pod");
      }
      resource = name;
    }
  }
  return resource;
}

/// The share that gpushare's memory stands for: all containers of a pod share one device.
Result<std::optional<GpuShare>> gpushare_share(const Amounts& amounts) {
  constexpr std::int64_t max_gib = std::int64_t{1} << 20;
  const auto place = amounts.find(std::string(gpushare_memory));
  if (place == amounts.end() || place->second == 0) {
    return std::optional<GpuShare>();
  }
  if (place->second > max_gib) {
    return request_error(ErrorCode::invalid_argument,
                         place->first + " " + std::to_string(place->second) + " is more than any device has",
                         "Its unit is GiB");
  }
  GpuShare share;
  share.memory_mib = place->second * 1024;
  return std::optional(share);
}

/// `smallest_milli` stands for a part of the device that is not stated: its memory bounds the tenants.
void set_share(const GpuShare& share, std::int32_t smallest_milli, GpuRequest& request) {
  request.num_gpu = std::max(request.num_gpu, share.devices);
  request.gpu_memory_mib = share.memory_mib;
  if (share.milli > 0) {
    request.gpu_milli = share.milli;
  } else if (share.memory_mib > 0) {
    request.gpu_milli = smallest_milli;
  }
  if (share.mode != SharingMode::unstated) {
    request.mode = share.mode;
  }
}

/// What the pod asks for beside counted resources: at most one dialect, unless our webhook wrote the resource.
Status set_dialect(const PodSpec& pod, const Amounts& amounts, PodRequest& result) {
  GpuRequest& request = result.request;
  const bool has_resource = !result.resource.empty();
  result.dialect = has_resource ? RequestDialect::nvidia : RequestDialect::none;
  std::string_view in_words_of = result.resource;
  for (const auto& [dialect, words, parsed] :
       {std::tuple(RequestDialect::hami, std::string_view("HAMi's keys"), hami_share(pod)),
        std::tuple(RequestDialect::kai, std::string_view("annotation gpu-fraction or gpu-memory"), kai_share(pod)),
        std::tuple(RequestDialect::gpushare, gpushare_memory, gpushare_share(amounts))}) {
    if (!parsed) {
      return parsed.error();
    }
    if (!parsed.value()) {
      continue;
    }
    const bool goes_with_resource = dialect == RequestDialect::hami || result.admitted;
    if (result.dialect > RequestDialect::nvidia || (has_resource && !goes_with_resource)) {
      return request_error(ErrorCode::invalid_argument,
                           "the pod asks for a GPU by " + std::string(in_words_of) + " and by " + std::string(words),
                           "Leave out one of the two");
    }
    result.dialect = dialect;
    in_words_of = words;
    if (dialect == RequestDialect::hami) {
      set_share(*parsed.value(), hami_smallest_milli, request);
    } else if (!result.admitted) {
      set_share(*parsed.value(), 1, request);
    } else {
      // The resource that admission chose says which part of a GPU it is.
      request.gpu_memory_mib = parsed.value()->memory_mib;
      result.stated_milli = parsed.value()->milli;
    }
  }
  if (result.dialect == RequestDialect::none && asks_by_intent(pod)) {
    result.dialect = RequestDialect::intent;
    request.num_gpu = 1;
    request.gpu_milli = static_cast<std::int32_t>(milli_per_unit);
  }
  return {};
}

Result<PodRequest> parse_pod(const PodSpec& pod) {
  const Result<Amounts> amounts = total_amounts(pod);
  if (!amounts.ok()) {
    return amounts.error();
  }
  if (Status places = check_key_places(pod); !places) {
    return places.error();
  }
  PodRequest result;
  Result<std::string> resource = take_amounts(amounts.value(), result.request);
  if (!resource) {
    return resource.error();
  }
  result.resource = std::move(resource).value();
  const bool is_decided = std::any_of(pod.annotations.begin(), pod.annotations.end(),
                                      [](const auto& entry) { return entry.first == decision_annotation; });
  result.admitted = is_decided && !result.resource.empty();
  if (!result.resource.empty()) {
    if (Status set = set_gpu(result.resource, amounts.value().at(result.resource), result.request); !set) {
      return set.error();
    }
  }
  if (Status set = set_dialect(pod, amounts.value(), result); !set) {
    return set.error();
  }
  if (Status set = set_intent(pod, result.request); !set) {
    return set.error();
  }
  return result;
}

}  // namespace

Result<PodRequest> read_pod_request(const PodSpec& pod) {
  Result<PodRequest> result = parse_pod(pod);
  if (!result) {
    return result;
  }
  GpuRequest& request = result.value().request;
  request.node_labels = pod.node_selector;
  std::sort(request.node_labels.begin(), request.node_labels.end());
  request.priority = pod.priority;
  if (Status sensible = check_gpu_request(request); !sensible) {
    return sensible.error();
  }
  return result;
}

Result<GpuRequest> make_gpu_request(const PodSpec& pod) {
  Result<PodRequest> result = read_pod_request(pod);
  if (!result) {
    return result.error();
  }
  return std::move(result).value().request;
}

}  // namespace gpusched
