#include "gpusched/extender/config.hpp"

#include <array>
#include <charconv>
#include <functional>

#include <yaml-cpp/yaml.h>

#include "gpusched/policy/registry.hpp"

namespace gpusched::extender {

namespace {

Error config_error(std::string message, std::string remedy = {}, const std::string& file = {}) {
  return {.code = ErrorCode::invalid_argument,
          .message = std::move(message),
          .file = file,
          .line = 0,
          .remedy = std::move(remedy)};
}

/// One key of the file and where it goes.
struct Key {
  const char* name;
  std::function<Status(ExtenderConfig&, const std::string&)> set;
};

Status set_text(std::string& target, const std::string& value) {
  target = value;
  return {};
}

Status set_bool(bool& target, const std::string& value) {
  if (value != "true" && value != "false") {
    return config_error("'" + value + "' is neither true nor false");
  }
  target = value == "true";
  return {};
}

template <typename Number>
Status set_number(Number& target, const std::string& value, Number least, Number most) {
  Number number{};
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || number < least || number > most) {
    return config_error("'" + value + "' is no number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  target = number;
  return {};
}

const std::array<Key, 16>& keys() {
  using Config = ExtenderConfig;
  using Text = const std::string&;
  static const std::array<Key, 16> table = {{
      {"listen", [](Config& c, Text v) { return set_text(c.listen, v); }},
      {"tls.certFile", [](Config& c, Text v) { return set_text(c.cert_file, v); }},
      {"tls.keyFile", [](Config& c, Text v) { return set_text(c.key_file, v); }},
      {"tls.clientCAFile", [](Config& c, Text v) { return set_text(c.client_ca_file, v); }},
      {"kubeconfig", [](Config& c, Text v) { return set_text(c.kubeconfig, v); }},
      {"state", [](Config& c, Text v) { return set_text(c.state_file, v); }},
      {"jobProfiles", [](Config& c, Text v) { return set_text(c.job_profiles_file, v); }},
      {"candidates",
       [](Config& c, Text v) {
         const Result<std::size_t> count = parse_candidates(v);
         c.candidates = count ? count.value() : c.candidates;
         return count ? Status() : Status(count.error());
       }},
      {"policy", [](Config& c, Text v) { return set_text(c.policy, v); }},
      {"holdSeconds", [](Config& c, Text v) { return set_number<std::int64_t>(c.hold_seconds, v, 1, 3600); }},
      {"eventLog", [](Config& c, Text v) { return set_text(c.event_log, v); }},
      {"logLevel", [](Config& c, Text v) { return set_text(c.log_level, v); }},
      {"leaderElection.enabled", [](Config& c, Text v) { return set_bool(c.leader_election, v); }},
      {"leaderElection.namespace", [](Config& c, Text v) { return set_text(c.lease_namespace, v); }},
      {"kubernetesEvents", [](Config& c, Text v) { return set_bool(c.kubernetes_events, v); }},
      {"bindThreads", [](Config& c, Text v) { return set_number<int>(c.bind_threads, v, 1, 256); }},
  }};
  return table;
}

Status set_key(ExtenderConfig& config, const std::string& name, const std::string& value) {
  std::string known;
  for (const Key& key : keys()) {
    if (name == key.name) {
      Status set = key.set(config, value);
      if (!set) {
        return config_error("key '" + name + "': " + set.error().message, set.error().remedy);
      }
      return set;
    }
    known += (known.empty() ? "" : ", ") + std::string(key.name);
  }
  return config_error("unknown key '" + name + "'", "Known keys: " + known);
}

Status read_map(ExtenderConfig& config, const YAML::Node& map, const std::string& prefix) {
  for (const auto& entry : map) {
    const std::string name = prefix + entry.first.as<std::string>();
    if (entry.second.IsMap() && prefix.empty()) {
      if (Status inner = read_map(config, entry.second, name + "."); !inner) {
        return inner;
      }
    } else if (entry.second.IsScalar()) {
      if (Status set = set_key(config, name, entry.second.as<std::string>()); !set) {
        return set;
      }
    } else {
      return config_error("key '" + name + "' is neither a value nor a section");
    }
  }
  return {};
}

}  // namespace

Result<std::size_t> parse_candidates(std::string_view text) {
  if (text == "all") {
    return std::size_t{0};
  }
  std::size_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || count == 0) {
    return config_error("candidates '" + std::string(text) + "' is neither a number from 1 nor 'all'",
                        "1 is fastest and follows the engine; more let kube-scheduler's score plugins choose");
  }
  return count;
}

Result<ListenAddress> parse_listen(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  ListenAddress listen;
  bool good = colon != std::string_view::npos;
  if (good) {
    std::string_view host = text.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
      host = host.substr(1, host.size() - 2);
    }
    listen.address = host.empty() ? "127.0.0.1" : std::string(host);
    const std::string_view port = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), listen.port);
    good = error == std::errc() && end == port.data() + port.size();
  }
  if (!good) {
    return config_error("listen address '" + std::string(text) + "' is no HOST:PORT", "For example 127.0.0.1:8888");
  }
  return listen;
}

Result<ExtenderConfig> read_config(const std::string& path) {
  ExtenderConfig config;
  try {
    const YAML::Node document = YAML::LoadFile(path);
    if (!document.IsMap()) {
      return config_error("is no map of keys to values", {}, path);
    }
    if (const Status read = read_map(config, document, ""); !read) {
      return config_error(read.error().message, read.error().remedy, path);
    }
  } catch (const YAML::Exception& problem) {  // the library's own errors become values here
    return Error{.code = ErrorCode::invalid_argument,
                 .message = std::string("cannot be read: ") + problem.msg,
                 .file = path,
                 .line = problem.mark.is_null() ? 0 : problem.mark.line + 1,
                 .remedy = {}};
  }
  return config;
}

Status check_config(const ExtenderConfig& config) {
  if (config.cert_file.empty() != config.key_file.empty()) {
    return config_error("TLS needs both a certificate and its key");
  }
  if (!config.client_ca_file.empty() && config.cert_file.empty()) {
    return config_error("client certificates can be asked for over TLS only", "Give tls.certFile and tls.keyFile too");
  }
  if (const Result<ListenAddress> listen = parse_listen(config.listen); !listen) {
    return listen.error();
  }
  const Result<PolicyChoice> policy = parse_policy(config.policy);
  if (!policy) {
    return config_error("policy: " + policy.error().message, policy.error().remedy);
  }
  if (const auto made = make_policy(policy.value(), 0); !made) {
    return config_error("policy: " + made.error().message, made.error().remedy);
  }
  if (!config.state_file.empty() && config.leader_election) {
    return config_error("a snapshot has no leader election", "Drop leaderElection, or --state");
  }
  return {};
}

}  // namespace gpusched::extender
