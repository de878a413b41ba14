#include <csignal>
#include <iostream>
#include <string>

#include <CLI/CLI.hpp>
#include <signal.h>

#include "gpusched/base/version.hpp"
#include "gpusched/extender/config.hpp"
#include "gpusched/extender/json_log.hpp"
#include "gpusched/extender/service.hpp"

namespace gpusched::extender {
namespace {

constexpr const char* examples = R"(Examples:
  gpusched-extender --kubeconfig ~/.kube/config --listen 127.0.0.1:8888
  gpusched-extender --config /etc/gpusched/extender.yaml
  kubectl get nodes,pods -A -o json > cluster.json && gpusched-extender --state cluster.json

  curl -s localhost:8888/readyz; curl -s localhost:8888/metrics; curl -s localhost:8888/v1/state
  curl -s 'localhost:8888/v1/explain?pod=default/train-0'

kube-scheduler calls it as an extender: docs/extender.md shows how.)";

/// What the command line says; empty values leave the file's.
struct Arguments {
  std::string config, kubeconfig, listen, candidates, log_level, state, event_log;
  bool leader_elect = false;
};

int report(const Error& error) {
  std::cerr << "gpusched-extender: " << error.to_string() << "\n";
  return error.code == ErrorCode::invalid_argument ? 2 : 1;
}

Result<ExtenderConfig> merged_config(const Arguments& arguments) {
  ExtenderConfig config;
  if (!arguments.config.empty()) {
    Result<ExtenderConfig> read = read_config(arguments.config);
    if (!read) {
      return read.error();
    }
    config = std::move(read).value();
  }
  const auto set = [](std::string& target, const std::string& value) {
    if (!value.empty()) {
      target = value;
    }
  };
  set(config.kubeconfig, arguments.kubeconfig);
  set(config.listen, arguments.listen);
  set(config.state_file, arguments.state);
  set(config.event_log, arguments.event_log);
  set(config.log_level, arguments.log_level);
  config.leader_election = config.leader_election || arguments.leader_elect;
  if (!arguments.candidates.empty()) {
    const Result<std::size_t> candidates = parse_candidates(arguments.candidates);
    if (!candidates) {
      return candidates.error();
    }
    config.candidates = candidates.value();
  }
  if (const Status good = check_config(config); !good) {
    return good.error();
  }
  return config;
}

int run(const Arguments& arguments) {
  const Result<ExtenderConfig> config = merged_config(arguments);
  if (!config) {
    return report(config.error());
  }
  const Result<LogLevel> level = parse_log_level(config.value().log_level);
  if (!level) {
    return report(level.error());
  }
  set_log_level(level.value());
  // Signals are taken here alone: every thread started from now on has them blocked.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    sigaddset(&signals, signal);
  }
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  auto service = Service::start(config.value());
  if (!service) {
    return report(service.error());
  }
  for (;;) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) {
      return 1;
    }
    if (signal == SIGHUP) {
      service.value()->reload();
      continue;
    }
    log(LogLevel::info, "stopping", {{"signal", std::to_string(signal)}});
    service.value()->stop();
    return 0;
  }
}

int main(int argc, char** argv) {
  CLI::App app{"Kubernetes scheduler extender: decides where GPU pods go, with the engine of gpusched-sim."};
  app.footer(examples);
  app.set_version_flag("--version",
                       "gpusched-extender " + std::string(version()) + " (" + std::string(git_commit()) + ")");
  Arguments arguments;
  app.add_option("--config", arguments.config, "YAML or JSON file; the options below override it")->type_name("FILE");
  app.add_option("--kubeconfig", arguments.kubeconfig, "API server to follow; default: the pod's service account")
      ->type_name("FILE");
  app.add_option("--listen", arguments.listen, "address to serve on (default 127.0.0.1:8888)")->type_name("HOST:PORT");
  app.add_option("--state", arguments.state, "serve a snapshot instead: kubectl get nodes,pods -A -o json")
      ->type_name("FILE");
  app.add_option("--candidates", arguments.candidates, "nodes that filter gives back: 1 (default), N or all");
  app.add_option("--event-log", arguments.event_log, "folder for a log that gpusched-sim replays")->type_name("DIR");
  app.add_flag("--leader-elect", arguments.leader_elect, "answer only while holding the Lease");
  app.add_option("--log-level", arguments.log_level, "debug, info (default), warning, error");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : 2;
  }
  return run(arguments);
}

}  // namespace
}  // namespace gpusched::extender

int main(int argc, char** argv) { return gpusched::extender::main(argc, argv); }
