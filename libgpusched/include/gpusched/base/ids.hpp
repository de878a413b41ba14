#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace gpusched {

/// A dense index that cannot be mixed up with another kind of index. Values are given out from 0.
template <typename Tag>
struct Id {
  std::uint32_t value = invalid_value;

  static constexpr std::uint32_t invalid_value = 0xffffffffU;

  constexpr bool valid() const { return value != invalid_value; }
  friend constexpr auto operator<=>(Id, Id) = default;
};

using NodeId = Id<struct NodeTag>;                  ///< a node of the cluster, in the order of addition
using PodId = Id<struct PodTag>;                    ///< a pod known to the cluster state
using GpuModelId = Id<struct GpuModelTag>;          ///< a row of the GPU catalogue
using MigProfileId = Id<struct MigProfileTag>;      ///< a profile within one GPU model
using RequestClassId = Id<struct RequestClassTag>;  ///< requests that no policy can tell apart
using NodeClassId = Id<struct NodeClassTag>;        ///< nodes that no policy can tell apart
using GpuClassId = Id<struct GpuClassTag>;          ///< GPUs that no policy can tell apart

}  // namespace gpusched

template <typename Tag>
struct std::hash<gpusched::Id<Tag>> {
  std::size_t operator()(gpusched::Id<Tag> id) const noexcept { return id.value; }
};
