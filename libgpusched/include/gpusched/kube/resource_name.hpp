#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gpusched/base/result.hpp"

namespace gpusched {

/// What one unit of an NVIDIA extended resource stands for.
enum class GpuResourceKind {
  device,  ///< nvidia.com/gpu: a whole GPU, or a replica of one where the node shares without renaming
  mig,     ///< nvidia.com/mig-<profile>: a MIG instance
};

/// A resource name of the NVIDIA device plugin, taken apart.
struct GpuResource {
  GpuResourceKind kind = GpuResourceKind::device;
  bool shared = false;      ///< `.shared`: a replica of a device or instance that several pods share
  std::string mig_profile;  ///< NVIDIA's name, "1g.10gb+me"; empty for devices

  friend bool operator==(const GpuResource&, const GpuResource&) = default;
};

/// Takes a resource name apart: `nvidia.com/gpu`, `nvidia.com/gpu.shared`, `nvidia.com/mig-<G>g.<M>gb` with `.me`,
/// `.me.all`, `.gfx` or `-me` and perhaps `.shared`. nullopt for names of another vendor ("cpu", "amd.com/gpu").
/// unsupported for compute instances (`mig-1c.3g.40gb`), which share one GPU instance's memory;
/// invalid_argument for anything else under nvidia.com/, with the known forms.
/// Source: NVIDIA k8s-device-plugin, internal/rm and README ("+" of a profile becomes "." in a resource name).
Result<std::optional<GpuResource>> parse_resource_name(std::string_view name);

/// The name that parse_resource_name() takes apart.
std::string resource_name(const GpuResource& resource);

/// The same for what the cluster keeps of a name: its MIG profile, empty for devices, and whether it ends in .shared.
std::string resource_name(const std::string& mig_profile, bool shared);

/// "1g.10gb.me" to "1g.10gb+me"; the other spelling is returned as it is. Errors as parse_resource_name().
Result<std::string> parse_mig_profile(std::string_view profile);

}  // namespace gpusched
