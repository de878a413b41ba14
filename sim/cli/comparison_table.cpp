#include "comparison_table.hpp"

#include <algorithm>
#include <array>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <numeric>
#include <span>
#include <sstream>

#include <nlohmann/json.hpp>

namespace gpusched::cli {

namespace {

/// One column of the table: what it shows and how large it prints.
struct Column {
  const char* name;
  const char* key;
  double (*value)(const sim::Summary&);
  double scale;
  int digits;
  bool (*shown)(const Runs&);
};

bool always(const Runs&) { return true; }
bool any(const Runs& runs, double (*value)(const sim::Summary&)) {
  return std::any_of(runs.begin(), runs.end(), [&](const sim::ComparedRun& run) { return value(run.summary) > 0; });
}

std::span<const Column> placement_columns() {
  using S = sim::Summary;
  static const std::array<Column, 9> table = {{
      {"accepted %", "acceptance", [](const S& s) { return s.acceptance; }, 100, 2, always},
      {"by size %", "acceptance_by_size", [](const S& s) { return s.acceptance_by_size; }, 100, 2, always},
      {"GPU alloc %", "gpu_allocation", [](const S& s) { return s.gpu_allocation; }, 100, 2, always},
      {"frag GPUs", "fragment_gpus", [](const S& s) { return s.fragment_gpus; }, 1, 1,
       [](const Runs& r) { return any(r, [](const S& s) { return s.fragment_gpus; }); }},
      {"unus. slices", "unusable_slices", [](const S& s) { return s.unusable_slices; }, 1, 1,
       [](const Runs& r) { return any(r, [](const S& s) { return s.unusable_slices; }); }},
      {"active GPUs", "active_gpus", [](const S& s) { return s.active_gpus; }, 1, 1, always},
      {"wait p50 s", "wait_s_p50", [](const S& s) { return s.wait_s_p50; }, 1, 0,
       [](const Runs& r) { return any(r, [](const S& s) { return s.wait_s_p99; }); }},
      {"wait p99 s", "wait_s_p99", [](const S& s) { return s.wait_s_p99; }, 1, 0,
       [](const Runs& r) { return any(r, [](const S& s) { return s.wait_s_p99; }); }},
      {"evictions", "evictions", [](const S& s) { return static_cast<double>(s.evictions); }, 1, 1,
       [](const Runs& r) { return any(r, [](const S& s) { return static_cast<double>(s.evictions); }); }},
  }};
  return table;
}

using sim::GoodputClass;
using sim::StartMode;

double served(const sim::Summary& s, GoodputClass row) { return s.execution->served[static_cast<std::size_t>(row)]; }

double start_share(const sim::Summary& s, StartMode mode) {
  const auto& starts = s.execution->starts;
  const auto all = static_cast<double>(std::accumulate(starts.begin(), starts.end(), std::int64_t{0}));
  return all > 0 ? static_cast<double>(starts[static_cast<std::size_t>(mode)]) / all : 0;
}

bool offered(const Runs& runs, GoodputClass row) {
  return std::any_of(runs.begin(), runs.end(), [&](const sim::ComparedRun& run) {
    return run.summary.execution->offered[static_cast<std::size_t>(row)] > 0;
  });
}

/// What jobs got out of their GPUs.
std::span<const Column> goodput_columns() {
  using S = sim::Summary;
  static const std::array<Column, 10> table = {{
      {"goodput", "goodput", [](const S& s) { return s.execution->goodput; }, 1, 3, always},
      {"balanced", "balanced_goodput", [](const S& s) { return s.execution->balanced_goodput; }, 1, 3, always},
      {"SLO %", "slo_attainment", [](const S& s) { return s.execution->slo_attainment; }, 100, 1, always},
      {"svc %", "served_service", [](const S& s) { return served(s, GoodputClass::service); }, 100, 0,
       [](const Runs& r) { return offered(r, GoodputClass::service); }},
      {"burst %", "served_burst", [](const S& s) { return served(s, GoodputClass::burst); }, 100, 0,
       [](const Runs& r) { return offered(r, GoodputClass::burst); }},
      {"dev %", "served_dev", [](const S& s) { return served(s, GoodputClass::dev); }, 100, 0,
       [](const Runs& r) { return offered(r, GoodputClass::dev); }},
      {"train %", "served_training", [](const S& s) { return served(s, GoodputClass::training); }, 100, 0,
       [](const Runs& r) { return offered(r, GoodputClass::training); }},
      {"gang %", "served_gang", [](const S& s) { return served(s, GoodputClass::gang); }, 100, 0,
       [](const Runs& r) { return offered(r, GoodputClass::gang); }},
      {"unserved %", "unserved", [](const S& s) { return s.execution->unserved; }, 100, 1, always},
      {"wait p95 s", "window_wait_s_p95", [](const S& s) { return s.execution->wait_s_p95; }, 1, 0, always},
  }};
  return table;
}

double count(std::int64_t value) { return static_cast<double>(value); }

/// How jobs got their GPUs, and what went wrong there.
std::span<const Column> mode_columns() {
  using S = sim::Summary;
  static const std::array<Column, 10> table = {{
      {"whole %", "starts_whole", [](const S& s) { return start_share(s, StartMode::whole); }, 100, 1, always},
      {"MIG %", "starts_mig", [](const S& s) { return start_share(s, StartMode::mig); }, 100, 1, always},
      {"TS %", "starts_time_slice", [](const S& s) { return start_share(s, StartMode::time_slice); }, 100, 1, always},
      {"MPS %", "starts_mps", [](const S& s) { return start_share(s, StartMode::mps); }, 100, 1, always},
      {"TS in MIG %", "starts_time_sliced_mig", [](const S& s) { return start_share(s, StartMode::time_sliced_mig); },
       100, 1, always},
      {"partitions made", "openings", [](const S& s) { return count(s.execution->openings); }, 1, 1, always},
      {"OOM kills", "oom_kills", [](const S& s) { return count(s.execution->oom_kills); }, 1, 1, always},
      {"crashes", "crashes", [](const S& s) { return count(s.execution->crashes); }, 1, 1, always},
      {"isolation", "isolation_violations", [](const S& s) { return count(s.execution->isolation_violations); }, 1, 1,
       always},
      {"trust", "trust_violations", [](const S& s) { return count(s.execution->trust_violations); }, 1, 1, always},
  }};
  return table;
}

/// A block of the printed table.
struct Block {
  const char* title;  ///< nullptr: the first
  std::span<const Column> columns;
  int width;
};

/// Those on execution only where there was any.
std::vector<Block> blocks(const Runs& runs) {
  std::vector<Block> result = {{nullptr, placement_columns(), 17}};
  if (std::any_of(runs.begin(), runs.end(), [](const auto& run) { return run.summary.execution.has_value(); })) {
    result.push_back({"work within its SLO, per GPU; share of the offered work by class", goodput_columns(), 14});
    result.push_back({"starts by mode; what went wrong", mode_columns(), 14});
  }
  return result;
}

/// For files: all columns of the blocks, shown or not.
std::vector<Column> file_columns(const Runs& runs) {
  std::vector<Column> columns;
  for (const Block& block : blocks(runs)) {
    columns.insert(columns.end(), block.columns.begin(), block.columns.end());
  }
  return columns;
}

sim::Estimate estimate_of(const Column& column, const Runs& runs, std::size_t policy) {
  std::vector<double> values;
  for (const sim::ComparedRun& run : runs) {
    if (run.policy == policy) {
      values.push_back(column.scale * column.value(run.summary));
    }
  }
  return sim::estimate(values);
}

void print_block(const Block& block, const std::vector<std::string>& policies, const Runs& runs, int seeds) {
  std::vector<Column> columns;
  std::copy_if(block.columns.begin(), block.columns.end(), std::back_inserter(columns),
               [&](const Column& column) { return column.shown(runs); });
  std::size_t width = 16;
  for (const std::string& policy : policies) {
    width = std::max(width, policy.size() + 1);
  }
  if (block.title != nullptr) {
    std::cout << "\n" << block.title << "\n";
  }
  std::cout << std::left << std::setw(static_cast<int>(width)) << "policy" << std::right;
  for (const Column& column : columns) {
    std::cout << std::setw(block.width) << column.name;
  }
  std::cout << "\n";
  for (std::size_t i = 0; i < policies.size(); ++i) {
    std::cout << std::left << std::setw(static_cast<int>(width)) << policies[i] << std::right;
    for (const Column& column : columns) {
      const sim::Estimate estimate = estimate_of(column, runs, i);
      std::ostringstream cell;
      cell << std::fixed << std::setprecision(column.digits) << estimate.mean;
      if (seeds > 1) {
        cell << " +-" << estimate.half_width;
      }
      std::cout << std::setw(block.width) << cell.str();
    }
    std::cout << "\n";
  }
}

}  // namespace

void print_comparison(const std::vector<std::string>& policies, const Runs& runs, int seeds) {
  for (const Block& block : blocks(runs)) {
    print_block(block, policies, runs, seeds);
  }
  if (seeds > 1) {
    std::cout << "mean of " << seeds << " seeds, +- half width of the 95 % confidence interval\n";
  }
}

std::string comparison_json(const std::vector<std::string>& policies, const Runs& runs) {
  const std::vector<Column> columns = file_columns(runs);
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < policies.size(); ++i) {
    nlohmann::ordered_json row;
    row["policy"] = policies[i];
    for (const Column& column : columns) {
      const sim::Estimate estimate = estimate_of(column, runs, i);
      row[column.key] = {{"mean", estimate.mean / column.scale}, {"ci95", estimate.half_width / column.scale}};
    }
    json.push_back(std::move(row));
  }
  return json.dump(2) + "\n";
}

std::string comparison_csv(const std::vector<std::string>& policies, const Runs& runs) {
  const std::vector<Column> columns = file_columns(runs);
  std::ostringstream text;
  text << "policy,seed";
  for (const Column& column : columns) {
    text << "," << column.key;
  }
  text << "\n" << std::setprecision(10);
  for (const sim::ComparedRun& run : runs) {
    text << "\"" << policies[run.policy] << "\"," << run.seed;
    for (const Column& column : columns) {
      text << "," << column.value(run.summary);
    }
    text << "\n";
  }
  return text.str();
}

}  // namespace gpusched::cli
