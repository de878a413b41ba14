#include "gpusched/kube/gpu_layout_annotation.hpp"

#include <algorithm>
#include <charconv>

#include "gpusched/kube/gpu_layout_text.hpp"
#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched {

namespace {

constexpr std::int32_t max_gpu = 1023;

Error bad(std::string message, std::string remedy = {}) {
  return {.code = ErrorCode::invalid_argument,
          .message = std::move(message),
          .file = {},
          .line = 0,
          .remedy = std::move(remedy)};
}

Result<AnnotatedGpu> parse_gpu(GpuModelId model, std::string_view part) {
  AnnotatedGpu gpu;
  const auto [end, problem] = std::from_chars(part.data(), part.data() + part.size(), gpu.gpu);
  const auto digits = static_cast<std::size_t>(end - part.data());
  if (problem != std::errc() || digits == part.size() || part[digits] != ':' || gpu.gpu < 0 || gpu.gpu > max_gpu) {
    return bad("'" + std::string(part.substr(0, 100)) + "' is no INDEX:INSTANCES",
               "Write GPUs as 0:1g.10gb@0,3g.40gb@4;1:off");
  }
  const std::string_view instances = part.substr(digits + 1);
  if (instances == "off") {
    gpu.mig_enabled = false;
    return gpu;
  }
  if (!gpu_model(model).has_lattice()) {
    return Error{.code = ErrorCode::unsupported,
                 .message = "'" + std::string(part.substr(0, 100)) + "': MIG on " + std::string(gpu_model(model).name) +
                            ": " + std::string(gpu_model(model).mig_refusal),
                 .file = {},
                 .line = 0,
                 .remedy = "Write off for its GPUs"};
  }
  Result<std::vector<PlacedPartition>> parsed = parse_instances(model, instances);
  if (!parsed) {
    return parsed.error();
  }
  gpu.instances = std::move(parsed).value();
  return gpu;
}

}  // namespace

Result<std::vector<AnnotatedGpu>> parse_gpu_layout_annotation(GpuModelId model, std::string_view text) {
  std::vector<AnnotatedGpu> gpus;
  while (!text.empty()) {
    const std::size_t semicolon = std::min(text.find(';'), text.size());
    Result<AnnotatedGpu> gpu = parse_gpu(model, text.substr(0, semicolon));
    if (!gpu) {
      return gpu.error();
    }
    gpus.push_back(std::move(gpu).value());
    text.remove_prefix(std::min(semicolon + 1, text.size()));
  }
  std::sort(gpus.begin(), gpus.end(), [](const auto& a, const auto& b) { return a.gpu < b.gpu; });
  const auto twice =
      std::adjacent_find(gpus.begin(), gpus.end(), [](const auto& a, const auto& b) { return a.gpu == b.gpu; });
  if (twice != gpus.end()) {
    return bad("GPU " + std::to_string(twice->gpu) + " is described twice");
  }
  return gpus;
}

std::string format_gpu_layout_annotation(GpuModelId model, const std::vector<AnnotatedGpu>& gpus) {
  std::string text;
  for (const AnnotatedGpu& gpu : gpus) {
    text += (text.empty() ? "" : ";") + std::to_string(gpu.gpu) + ":";
    if (!gpu.mig_enabled) {
      text += "off";
      continue;
    }
    std::string instances;
    for (const PlacedPartition& instance : gpu.instances) {
      instances += (instances.empty() ? "" : ",") + partition_name(model, instance.profile, instance.range);
    }
    text += instances;
  }
  return text;
}

}  // namespace gpusched
