#include "profile_table.hpp"

#include <algorithm>
#include <cstdio>
#include <iomanip>
#include <ostream>

namespace gpusched::profiler::cli {

namespace {

std::string text_of(const std::optional<double>& value, int decimals) {
  if (!value) {
    return "unknown";
  }
  char text[32];
  std::snprintf(text, sizeof(text), "%.*f", decimals, *value);
  return text;
}

}  // namespace

void print_profiles(std::ostream& out, const std::vector<ProfileRow>& rows) {
  const std::vector<std::string> heads = {"name",   "gpu",  "kind",       "engine",  "sm", "dram",
                                          "tensor", "duty", "memory MiB", "power W", ""};
  std::vector<std::vector<std::string>> table = {heads};
  for (const ProfileRow& row : rows) {
    table.push_back({row.name, row.gpu.empty() ? "unknown" : row.gpu, row.kind, text_of(row.engine_active, 3),
                     text_of(row.sm_active, 3), text_of(row.dram_active, 3), text_of(row.tensor_active, 3),
                     text_of(row.duty_cycle, 3), row.memory_peak_mib ? std::to_string(*row.memory_peak_mib) : "unknown",
                     text_of(row.power_w, 1), row.missing.empty() ? "complete" : "partial"});
  }
  std::vector<std::size_t> widths(heads.size());
  for (const auto& line : table) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      widths[i] = std::max(widths[i], line[i].size());
    }
  }
  for (const auto& line : table) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      const bool words = i < 3 || i + 1 == line.size();
      out << (i == 0 ? "" : "  ") << (words ? std::left : std::right);
      // Nothing stands behind the last column.
      out << std::setw(i + 1 == line.size() ? 0 : static_cast<int>(widths[i])) << line[i];
    }
    out << "\n";
  }
  for (const ProfileRow& row : rows) {
    for (const Missing& entry : row.missing) {
      out << "  " << row.name << " lacks " << entry.what << ": " << entry.why << "\n";
    }
    for (const std::string& note : row.notes) {
      out << "  " << row.name << ": " << note << "\n";
    }
  }
}

}  // namespace gpusched::profiler::cli
