#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/base/result.hpp"

namespace gpusched {

/// Annotations of a pod that we write.
inline constexpr std::string_view allocation_annotation = "gpusched.io/allocation";
inline constexpr std::string_view decision_annotation = "gpusched.io/decision";

/// One GPU, share or instance of an allocation: belief, since the kubelet picks devices.
struct RecordedPart {
  std::int32_t gpu = 0;          ///< index within the node
  std::string mig_profile{};     ///< NVIDIA's name; empty = device or share of one
  std::int32_t start = -1;       ///< first placement unit of the instance; -1 = not known
  std::int32_t share_milli = 0;  ///< of the device or instance; 0 = not stated
  std::int64_t memory_mib = 0;   ///< of the share; 0 = not stated

  friend bool operator==(const RecordedPart&, const RecordedPart&) = default;
};

/// What bind promised a pod. Written in the same API call as the binding, so a bound pod has it or never will.
///
///     v1;node=NODE;resource=NAME;count=N;mode=MODE;parts=PART,PART
///     PART = GPU [ ":" PROFILE [ "@" START ] ] [ "*" MILLI ] [ "+" MIB "Mi" ]
///
/// `0:1g.10gb@4` an instance, `2` a whole GPU, `2*500+8192Mi` half of one with 8 GiB. Fields may stand in any order;
/// unknown ones are ignored, so that v1 can grow; `%XX` stands for a byte in values.
struct AllocationRecord {
  std::string node{};
  std::string resource{};  ///< name that is counted: "nvidia.com/mig-1g.10gb"
  std::int64_t count = 0;
  std::string mode{};  ///< whole, mig, time-slice, mps; empty = not stated
  std::vector<RecordedPart> parts{};

  friend bool operator==(const AllocationRecord&, const AllocationRecord&) = default;
};

std::string format_allocation(const AllocationRecord& record);

/// nullopt: a version other than ours: adopt the pod by the resources it requests. invalid_argument: text of no version
/// or of ours that does not parse; names the field.
Result<std::optional<AllocationRecord>> parse_allocation(std::string_view text);

/// Why a pod got what it got, as admission and bind write it: `v1;mode=mig;resource=NAME;reason=TEXT`. A pod that has
/// it may carry both the intent and the resource chosen for it.
struct DecisionNote {
  std::string mode{};      ///< as gpusched.io/mode; empty = not chosen by us
  std::string resource{};  ///< the resource chosen; empty = the pod's own
  std::string reason{};    ///< a sentence

  friend bool operator==(const DecisionNote&, const DecisionNote&) = default;
};

std::string format_decision(const DecisionNote& note);

/// As parse_allocation().
Result<std::optional<DecisionNote>> parse_decision(std::string_view text);

}  // namespace gpusched
