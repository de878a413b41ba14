#pragma once

#include <string>
#include <string_view>

#include "gpusched/base/result.hpp"
#include "gpusched/sim/readers/trace_formats.hpp"

#include "readers/id_index.hpp"

namespace gpusched::sim {

/// Adds job profiles to a trace: names stay unique.
class ProfileCollector {
 public:
  explicit ProfileCollector(ReadOutcome& outcome);

  /// The profiles of a text as docs/formats/job-profile.md defines it; nothing is added when there is an error.
  Status add(std::string_view text, const std::string& file);

  bool has(std::string_view name) const;

 private:
  ReadOutcome& outcome_;
  IdIndex names_;
};

}  // namespace gpusched::sim
