#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "gpusched/base/result.hpp"
#include "gpusched/extender/config.hpp"

namespace gpusched::extender {

/// The whole program but its command line: server, watches, verbs, leader election, sweeper. Threads of its own.
class Service {
 public:
  /// Starts everything; it is ready once the first full lists are in. Errors name what cannot be read or bound.
  static Result<std::unique_ptr<Service>> start(const ExtenderConfig& config);
  ~Service();

  std::uint16_t port() const;
  /// Reads certificates anew.
  void reload();
  /// Stops accepting, finishes what is being answered, gives the lease back.
  void stop();

 private:
  struct Parts;
  explicit Service(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace gpusched::extender
