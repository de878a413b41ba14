#pragma once

#include <functional>
#include <memory>
#include <string>

#include "gpusched/extender/api_client.hpp"

namespace gpusched::extender {

struct LeaderElectionOptions {
  std::string lease_namespace, lease_name;
  std::string identity;  ///< unique to this process: host name and a random part
  // kube-scheduler's numbers. lease > renew deadline > 1.2 x retry; a Lease knows whole seconds, rounded up.
  int lease_ms = 15'000, renew_deadline_ms = 10'000, retry_ms = 2'000;
};

/// Leader election by a Lease of coordination.k8s.io/v1, after client-go's algorithm: a lease is taken over only when
/// its record has not changed for its whole duration by our own clock; a leader that cannot renew in time stops acting
/// before its lease ends. Own thread.
class LeaderElection {
 public:
  /// `client` should be the election's own, with a timeout of at most half the renew deadline: renewals must not wait
  /// behind other calls. `trouble` is told of calls that failed, on the election's thread. Both outlive the election.
  LeaderElection(ApiClient& client, LeaderElectionOptions options, std::function<void(const std::string&)> trouble);
  ~LeaderElection();  ///< stops
  void start();       ///< once
  void stop();        ///< gives the lease back where we hold it; waits for a call that runs
  /// Holds until the renew deadline after the last renewal that worked, whatever the election's thread is doing: ask
  /// anew before each act. From any thread.
  bool is_leader() const;
  std::string leader() const;  ///< identity of the holder as last seen; empty = not known, or given back

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace gpusched::extender
