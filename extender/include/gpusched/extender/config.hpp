#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "gpusched/base/result.hpp"

namespace gpusched::extender {

/// Everything that can be set. docs/extender.md has the file format.
struct ExtenderConfig {
  std::string listen = "127.0.0.1:8888";
  std::string cert_file, key_file, client_ca_file;  ///< HTTPS where both of the first are given; mTLS with the third
  std::string kubeconfig;                           ///< empty: the pod's own service account
  std::string state_file;                           ///< not empty: serve this snapshot, without an API server
  std::string job_profiles_file;                    ///< what jobs were measured to do; empty: none is known
  std::size_t candidates = 1;                       ///< 0 = all
  std::string policy = "placeable_online";
  std::int64_t hold_seconds = 30;
  std::string event_log;  ///< folder for event logs; empty = none
  std::string log_level = "info";
  bool leader_election = false;
  std::string lease_namespace = "kube-system", lease_name = "gpusched-extender";
  bool kubernetes_events = true;
  int bind_threads = 32;  ///< bindings that can wait for the API server at once
};

/// "1", "8" or "all".
Result<std::size_t> parse_candidates(std::string_view text);

/// Splits "HOST:PORT", "[::1]:PORT" or ":PORT" (loopback).
struct ListenAddress {
  std::string address;
  std::uint16_t port = 0;
};
Result<ListenAddress> parse_listen(std::string_view text);

/// Reads a YAML or JSON file over the defaults. Errors name the file, the key and the value; unknown keys are errors
/// that list the known ones.
Result<ExtenderConfig> read_config(const std::string& path);

/// Whether the settings fit together. Warnings are for what works but is unwise.
Status check_config(const ExtenderConfig& config);

}  // namespace gpusched::extender
