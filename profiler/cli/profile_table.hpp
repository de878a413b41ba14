#pragma once

#include <iosfwd>
#include <vector>

#include "gpusched/profiler/profile_file.hpp"

namespace gpusched::profiler::cli {

/// Profiles as a table for people; below it, what partial ones lack and what is to be known of the numbers.
void print_profiles(std::ostream& out, const std::vector<ProfileRow>& rows);

}  // namespace gpusched::profiler::cli
