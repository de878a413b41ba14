#include "gpusched/kube/resource_name.hpp"

#include <array>
#include <utility>

namespace gpusched {

namespace {

constexpr std::string_view vendor = "nvidia.com/";
constexpr std::string_view shared_suffix = ".shared";
constexpr std::string_view mig_prefix = "mig-";

/// Attributes of a profile: NVIDIA's spelling and Kubernetes'. Longer ones first, as one begins with another.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> attributes = {
    {{"+me.all", ".me.all"}, {"+me", ".me"}, {"+gfx", ".gfx"}, {"-me", "-me"}}};

bool starts_with(std::string_view text, std::string_view beginning) {
  return text.substr(0, beginning.size()) == beginning;
}

/// Removes one to three digits and then `unit` from the front; false leaves `text` in any state.
bool take_count(std::string_view& text, std::string_view unit) {
  std::size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
    ++digits;
  }
  const bool well_formed = digits > 0 && digits <= 3 && text[0] != '0';
  text.remove_prefix(digits);
  if (!well_formed || !starts_with(text, unit)) {
    return false;
  }
  text.remove_prefix(unit.size());
  return true;
}

Error unknown_name(std::string_view name) {
  return {.code = ErrorCode::invalid_argument,
          .message = "'" + std::string(name.substr(0, 100)) + "' is no resource of the NVIDIA device plugin",
          .file = "",
          .line = 0,
          .remedy =
              "Known forms: nvidia.com/gpu, nvidia.com/gpu.shared, nvidia.com/mig-<G>g.<M>gb, with .me, .me.all, "
              ".gfx or -me behind the profile, and .shared behind that"};
}

bool is_compute_instance(std::string_view profile) {
  return take_count(profile, "c.") && take_count(profile, "g.") && take_count(profile, "gb");
}

}  // namespace

Result<std::string> parse_mig_profile(std::string_view profile) {
  std::string_view rest = profile;
  if (is_compute_instance(profile)) {
    return Error{.code = ErrorCode::unsupported,
                 .message = "'" + std::string(profile.substr(0, 100)) +
                            "' is a compute instance: it shares memory and faults with the others of its GPU instance",
                 .file = "",
                 .line = 0,
                 .remedy = "Ask for the GPU instance, without the part before the first dot"};
  }
  if (!take_count(rest, "g.") || !take_count(rest, "gb")) {
    return unknown_name("nvidia.com/mig-" + std::string(profile));
  }
  const std::string size(profile.substr(0, profile.size() - rest.size()));
  if (rest.empty()) {
    return size;
  }
  for (const auto& [nvidia, kubernetes] : attributes) {
    if (rest == nvidia || rest == kubernetes) {
      return size + std::string(nvidia);
    }
  }
  return unknown_name("nvidia.com/mig-" + std::string(profile));
}

Result<std::optional<GpuResource>> parse_resource_name(std::string_view name) {
  if (!starts_with(name, vendor)) {
    return std::optional<GpuResource>();
  }
  std::string_view rest = name.substr(vendor.size());
  GpuResource resource;
  if (rest.size() > shared_suffix.size() && rest.substr(rest.size() - shared_suffix.size()) == shared_suffix) {
    resource.shared = true;
    rest.remove_suffix(shared_suffix.size());
  }
  if (rest == "gpu") {
    return std::optional(resource);
  }
  // '+' may not stand in a resource name, although it may in a profile's.
  if (!starts_with(rest, mig_prefix) || rest.find('+') != std::string_view::npos) {
    return unknown_name(name);
  }
  Result<std::string> profile = parse_mig_profile(rest.substr(mig_prefix.size()));
  if (!profile.ok()) {
    return profile.error().code == ErrorCode::unsupported ? profile.error() : unknown_name(name);
  }
  resource.kind = GpuResourceKind::mig;
  resource.mig_profile = std::move(profile).value();
  return std::optional(resource);
}

std::string resource_name(const GpuResource& resource) {
  std::string name(vendor);
  if (resource.kind == GpuResourceKind::device) {
    name += "gpu";
  } else {
    std::string profile = resource.mig_profile;
    if (const std::size_t plus = profile.find('+'); plus != std::string::npos) {
      profile[plus] = '.';
    }
    name.append(mig_prefix).append(profile);
  }
  return resource.shared ? name.append(shared_suffix) : name;
}

std::string resource_name(const std::string& mig_profile, bool shared) {
  return resource_name({.kind = mig_profile.empty() ? GpuResourceKind::device : GpuResourceKind::mig,
                        .shared = shared,
                        .mig_profile = mig_profile});
}

}  // namespace gpusched
