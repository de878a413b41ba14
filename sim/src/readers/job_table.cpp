#include <string>
#include <unordered_map>

#include "gpusched/cluster/request_check.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/sim/readers/gtf_names.hpp"

#include "readers/gtf_tables.hpp"
#include "readers/job_collector.hpp"
#include "readers/row_checker.hpp"

namespace gpusched::sim {

namespace {

/// Indices into job_columns() of the columns that are interpreted.
struct JobColumnIndex {
  std::size_t id, kind, job_class, submit_s, duration_s, num_gpu, gpu_milli, gpu_memory_mib, mode, mig_profile,
      max_slowdown, job_profile, true_profile, trust_domain, node_labels, gpu_models, replicas, gang_id, gang_min,
      cpu_milli, memory_mib, priority, preemptible, qos, tenant, user, queue, max_wait_s, isolation;
};

std::size_t index_of(std::string_view name) {
  const TableColumn* const column = find_column(job_columns(), name);
  GPUSCHED_CHECK(column != nullptr, std::string(name));
  return static_cast<std::size_t>(column - job_columns().data());
}

const JobColumnIndex& at() {
  static const JobColumnIndex index = {
      .id = index_of("id"),
      .kind = index_of("kind"),
      .job_class = index_of("class"),
      .submit_s = index_of("submit_s"),
      .duration_s = index_of("duration_s"),
      .num_gpu = index_of("num_gpu"),
      .gpu_milli = index_of("gpu_milli"),
      .gpu_memory_mib = index_of("gpu_memory_mib"),
      .mode = index_of("mode"),
      .mig_profile = index_of("mig_profile"),
      .max_slowdown = index_of("max_slowdown"),
      .job_profile = index_of("job_profile"),
      .true_profile = index_of("true_profile"),
      .trust_domain = index_of("trust_domain"),
      .node_labels = index_of("node_labels"),
      .gpu_models = index_of("gpu_models"),
      .replicas = index_of("replicas"),
      .gang_id = index_of("gang_id"),
      .gang_min = index_of("gang_min"),
      .cpu_milli = index_of("cpu_milli"),
      .memory_mib = index_of("memory_mib"),
      .priority = index_of("priority"),
      .preemptible = index_of("preemptible"),
      .qos = index_of("qos"),
      .tenant = index_of("tenant"),
      .user = index_of("user"),
      .queue = index_of("queue"),
      .max_wait_s = index_of("max_wait_s"),
      .isolation = index_of("isolation"),
  };
  return index;
}

class JobTable : public GtfTable {
 public:
  JobTable(ReadOutcome& outcome, std::string file)
      : checker_(outcome.report, std::move(file)),
        jobs_(outcome.trace),
        columns_("jobs", job_columns(), outcome.trace.job_extra_columns),
        values_(job_columns().size()) {
    for (std::size_t i = 0; i < job_columns().size(); ++i) {
      const bool of_row = i == at().id || i == at().submit_s || i == at().duration_s || i == at().max_wait_s ||
                          i == at().gang_id || job_columns()[i].use == ColumnUse::carried;
      if (!of_row) {
        spec_columns_.push_back(i);
      }
    }
  }

  ColumnMap& columns() override { return columns_; }

  void reject_row(int line, std::string_view reason, std::string_view message) override {
    checker_.begin_row(line);
    checker_.reject(reason, message);
  }

  Status add_row(std::span<const std::string_view> row, int line) override {
    checker_.begin_row(line);
    const bool any_extra = columns_.spread(row, values_, extra_);
    TraceJob job;
    if (!checker_.required("id", values_[at().id]) || !read_times(job) || !read_spec(job.spec)) {
      return {};
    }
    job.id = values_[at().id];
    if (!values_[at().gang_id].empty()) {
      job.gang = jobs_.intern_gang(values_[at().gang_id]);
    }
    if (any_extra) {
      job.extra = jobs_.add_extra(extra_);
    }
    if (!jobs_.add(std::move(job))) {
      checker_.reject("duplicate_id", "job id '" + std::string(values_[at().id]) + "' appears twice");
      return {};
    }
    checker_.keep_row();
    return {};
  }

 private:
  bool read_times(TraceJob& job) {
    return checker_.required("submit_s", values_[at().submit_s]) &&
           checker_.seconds("submit_s", values_[at().submit_s], job.submit_ns) &&
           checker_.seconds("duration_s", values_[at().duration_s], job.duration_ns) &&
           checker_.seconds("max_wait_s", values_[at().max_wait_s], job.max_wait_ns);
  }

  /// Rows that write the same texts ask for the same: their spec is parsed once.
  bool read_spec(std::uint32_t& number) {
    spec_key_.clear();
    for (const std::size_t column : spec_columns_) {
      spec_key_.append(values_[column]).push_back('\x1f');
    }
    const auto place = spec_of_text_.find(spec_key_);
    if (place != spec_of_text_.end()) {
      number = place->second;
      return true;
    }
    JobSpec spec;
    if (!parse_spec(spec)) {
      return false;
    }
    number = jobs_.intern_spec(spec);
    if (spec_of_text_.size() < max_remembered_specs) {
      spec_of_text_.emplace(spec_key_, number);
    }
    return true;
  }

  bool parse_spec(JobSpec& spec) {
    const std::string_view kind = values_[at().kind];
    if (!checker_.required("kind", kind)) {
      return false;
    }
    if (std::find(kind_names.begin(), kind_names.end(), kind) == kind_names.end()) {
      return checker_.reject("unknown_kind", "kind is '" + std::string(kind) + "', not pod, batch, service or session");
    }
    spec.kind = kind;
    spec.tenant = values_[at().tenant];
    spec.user = values_[at().user];
    spec.queue = values_[at().queue];
    spec.qos = values_[at().qos];
    spec.true_profile = values_[at().true_profile];
    return checker_.integer("replicas", values_[at().replicas], 1, max_replicas, spec.replicas) &&
           parse_gang_min(spec) && parse_amounts(spec.request) && parse_words(spec.request) &&
           parse_constraints(spec.request) && check_sense(spec.request);
  }

  bool check_sense(const GpuRequest& request) {
    const Status sensible = check_gpu_request(request);
    return sensible.ok() || checker_.reject("contradictory_request", sensible.error().to_string());
  }

  bool parse_gang_min(JobSpec& spec) {
    if (!checker_.integer("gang_min", values_[at().gang_min], 0, max_replicas, spec.gang_min)) {
      return false;
    }
    // With a gang_id the other rows of the gang count too.
    if (values_[at().gang_id].empty() && spec.gang_min > spec.replicas) {
      return checker_.reject("gang_min_above_replicas", "gang_min " + std::to_string(spec.gang_min) +
                                                            " is more than replicas " + std::to_string(spec.replicas));
    }
    return true;
  }

  bool parse_amounts(GpuRequest& request) {
    if (!checker_.required("num_gpu", values_[at().num_gpu]) ||
        !checker_.integer("num_gpu", values_[at().num_gpu], 0, max_num_gpu, request.num_gpu)) {
      return false;
    }
    const bool has_gpu = request.num_gpu > 0;
    request.gpu_milli = has_gpu ? static_cast<std::int32_t>(milli_per_unit) : 0;
    if (!checker_.integer("gpu_milli", values_[at().gpu_milli], has_gpu ? 1 : 0, milli_per_unit, request.gpu_milli)) {
      return false;
    }
    if (!has_gpu && (request.gpu_milli > 0 || !values_[at().mig_profile].empty())) {
      return checker_.reject("gpu_share_without_gpu", "num_gpu is 0, but gpu_milli or mig_profile asks for one");
    }
    double& slowdown = request.max_slowdown;
    return checker_.integer("gpu_memory_mib", values_[at().gpu_memory_mib], 0, max_memory_mib,
                            request.gpu_memory_mib) &&
           checker_.integer("cpu_milli", values_[at().cpu_milli], 0, max_cpu_milli, request.cpu_milli) &&
           checker_.integer("memory_mib", values_[at().memory_mib], 0, max_memory_mib, request.memory_mib) &&
           checker_.integer("priority", values_[at().priority], min_priority, max_priority, request.priority) &&
           checker_.flag("preemptible", values_[at().preemptible], request.preemptible) &&
           checker_.decimal("max_slowdown", values_[at().max_slowdown], 1, slowdown);
  }

  bool parse_words(GpuRequest& request) {
    request.mig_profile = values_[at().mig_profile];
    request.job_profile = values_[at().job_profile];
    request.trust_domain = values_[at().trust_domain];
    if (!find_value(mode_names, values_[at().mode], request.mode)) {
      return reject_word("mode", "whole, mig, time_slice or mps");
    }
    if (!find_value(class_names, values_[at().job_class], request.job_class)) {
      return reject_word("class", "always_on, burst, batch or dev");
    }
    if (!find_value(isolation_names, values_[at().isolation], request.isolation)) {
      return reject_word("isolation", "none, memory or fault");
    }
    const bool mode_is_mig = request.mode == SharingMode::unstated || request.mode == SharingMode::mig;
    if (!request.mig_profile.empty() && !mode_is_mig) {
      return checker_.reject("mode_contradicts_mig_profile", "mode is '" + std::string(values_[at().mode]) +
                                                                 "', but mig_profile is '" + request.mig_profile + "'");
    }
    return true;
  }

  bool reject_word(std::string_view column, std::string_view known) {
    return checker_.reject(
        "unknown_" + std::string(column),
        std::string(column) + " is '" + std::string(values_[index_of(column)]) + "', not " + std::string(known));
  }

  bool parse_constraints(GpuRequest& request) {
    auto labels = parse_map(values_[at().node_labels]);
    if (!labels) {
      return checker_.reject("node_labels_malformed", "node_labels is '" + std::string(values_[at().node_labels]) +
                                                          "', not KEY=VALUE|KEY=VALUE with different keys");
    }
    request.node_labels = std::move(*labels);
    request.gpu_models = parse_set(values_[at().gpu_models]);
    const auto known = [](const std::string& name) { return find_gpu_model(name).ok(); };
    if (!request.gpu_models.empty() && std::none_of(request.gpu_models.begin(), request.gpu_models.end(), known)) {
      return checker_.reject("unknown_gpu_model", find_gpu_model(request.gpu_models.front()).error().message);
    }
    return true;
  }

  /// Bounds the memory of a trace in which every row asks for something else.
  static constexpr std::size_t max_remembered_specs = 100'000;
  /// Kubernetes' own limits of a PriorityClass value; system classes lie above the user's 10^9.
  static constexpr std::int64_t min_priority = -2147483648LL;
  static constexpr std::int64_t max_priority = 2147483647LL;

  RowChecker checker_;
  JobCollector jobs_;
  ColumnMap columns_;
  std::vector<std::size_t> spec_columns_;
  std::vector<std::string_view> values_;
  std::vector<std::string_view> extra_;
  std::string spec_key_;
  std::unordered_map<std::string, std::uint32_t> spec_of_text_;
};

}  // namespace

std::unique_ptr<GtfTable> make_job_table(ReadOutcome& outcome, std::string file) {
  return std::make_unique<JobTable>(outcome, std::move(file));
}

}  // namespace gpusched::sim
