#pragma once

#include <functional>
#include <memory>
#include <string>

#include "gpusched/extender/api_client.hpp"

namespace gpusched::extender {

struct LeaderElectionOptions {
  std::string lease_namespace, lease_name;
  std::string identity;  ///< unique to this process: host name and a random part
  // kube-scheduler's numbers.
  int lease_ms = 15'000, renew_deadline_ms = 10'000, retry_ms = 2'000;
};

/// Leader election by a Lease of coordination.k8s.io/v1, after client-go's algorithm: a lease is taken over only when
/// its record has not changed for its whole duration by our own clock; a leader that cannot renew in time stops acting
/// before its lease ends. Own thread.
class LeaderElection {
 public:
  LeaderElection(ApiClient& client, LeaderElectionOptions options, std::function<void(const std::string&)> trouble);
  ~LeaderElection();  ///< gives the lease back
  void start();
  void stop();
  bool is_leader() const;
  std::string leader() const;  ///< identity of the holder as last seen; empty = not known

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace gpusched::extender
