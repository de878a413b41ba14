#pragma once

#include <optional>
#include <string>

#include "gpusched/base/result.hpp"
#include "gpusched/extender/wire.hpp"
#include "gpusched/extender/wire_replies.hpp"

namespace gpusched::extender {

/// What became of a binding.
enum class BindingFate : std::uint8_t {
  written,   ///< the API server took it
  conflict,  ///< it refused: another uid, bound already, being deleted, gated
  refused,   ///< it refused for another reason: nothing was written
  unknown,   ///< no answer, or a server error: it may have been written
};

struct BindingReply {
  BindingFate fate = BindingFate::unknown;
  std::string message;
};

/// The few things that verbs ask of the API server. Called without any lock held, from several threads.
class PodApi {
 public:
  virtual ~PodApi() = default;
  virtual BindingReply bind(const BindingWrite& binding) = 0;
  /// The pod as it is now; nullopt: there is none of that name.
  virtual Result<std::optional<PodObject>> read_pod(const std::string& ns, const std::string& name) = 0;
};

}  // namespace gpusched::extender
