#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/sim/readers/trace_formats.hpp"

namespace gpusched::sim {

/// Adds a node list or a pod list of Alibaba's 2023 GPU trace ("openb") to `outcome`; its header says which.
/// Everything the lists hold and GTF has no place for is kept in x_ columns, row order included, so that writing gives
/// the same bytes back.
Status read_openb(std::string_view text, const std::string& file, ReadOutcome& outcome);

/// Index into `jobs` of each row of the file that the trace was read from: what orders that count rows refer to.
std::vector<std::uint32_t> jobs_in_file_order(const Trace& trace);

/// True when the first line is the header of one of the lists.
bool is_openb_header(std::string_view text);

/// The node list of a trace: `sn,cpu_milli,memory_mib,gpu,model`.
std::string write_openb_nodes(const Trace& trace);

/// The pod list of a trace. With times: eleven columns; without (metadata `arrival: order`): five. A trace that does
/// not come from openb gets times in whole seconds; unsupported for what openb cannot say (MIG profiles, several
/// replicas).
Result<std::string> write_openb_pods(const Trace& trace);

}  // namespace gpusched::sim
