#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "gpusched/extender/cluster_view.hpp"
#include "gpusched/extender/verbs.hpp"
#include "gpusched/extender/wire.hpp"

namespace gpusched::extender {

struct AdmissionOptions {
  /// Empty while this process may answer; else why not. Asked only for pods whose answer depends on the cluster.
  std::function<std::string()> refusal = [] { return std::string(); };
  std::function<void(const VerbRecord&)> observer = [](const VerbRecord&) {};
};

/// The admission webhook: AdmissionReview in, AdmissionReview out. A new pod that only says what it needs gets the
/// resource that serves it best, and the reason as annotation; a pod that names a resource is left alone unless its
/// words contradict each other; what can never be is refused with the reason. Thread-safe, changes nothing.
/// docs/admission.md
class Admission {
 public:
  Admission(AdmissionOptions options, const ClusterView& view, std::mutex& view_mutex)
      : options_(std::move(options)), view_(view), mutex_(view_mutex) {}

  std::string admit(std::string_view padded_json) const;

 private:
  struct Answer;

  Answer judge(const AdmissionReview& review) const;
  Answer check_named(const PodRequest& request) const;
  Answer choose(const AdmissionReview& review, const PodRequest& request) const;

  AdmissionOptions options_;
  const ClusterView& view_;
  std::mutex& mutex_;
};

}  // namespace gpusched::extender
