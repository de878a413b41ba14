#include "gpusched/extender/api_access.hpp"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include <yaml-cpp/yaml.h>

namespace gpusched::extender {

namespace {

// A kubeconfig of hundreds of clusters has about 1 MiB. yaml-cpp itself gives up at a depth of 500.
constexpr std::size_t most_bytes = std::size_t{4} << 20;
constexpr std::size_t most_token_bytes = std::size_t{1} << 20;

Error access_error(ErrorCode code, const std::string& file, std::string message, std::string remedy = {}) {
  return {.code = code, .message = std::move(message), .file = file, .line = 0, .remedy = std::move(remedy)};
}

/// The whole of a small file.
Result<std::string> read_small_file(const std::string& path, std::size_t most) {
  std::error_code problem;
  if (!std::filesystem::exists(path, problem)) {
    return access_error(ErrorCode::not_found, path, "there is no such file");
  }
  std::ifstream in(path, std::ios::binary);
  std::string text(most + 1, '\0');
  if (!in || std::filesystem::is_directory(path, problem) ||
      (!in.read(text.data(), static_cast<std::streamsize>(text.size())) && !in.eof())) {
    return access_error(ErrorCode::io, path, "cannot be read");
  }
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > most) {
    return access_error(ErrorCode::invalid_argument, path, "is longer than " + std::to_string(most) + " bytes");
  }
  return text;
}

void trim(std::string& text) {
  const auto is_space = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
  while (!text.empty() && is_space(text.back())) {
    text.pop_back();
  }
  std::size_t begin = 0;
  while (begin < text.size() && is_space(text[begin])) {
    ++begin;
  }
  text.erase(0, begin);
}

/// Standard base64; line ends between are left out, as Go does. nullopt: it is none.
std::optional<std::string> base64_decoded(std::string_view text) {
  static constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  std::uint32_t bits = 0;
  std::size_t digits = 0, padding = 0;
  for (const char c : text) {
    if (c == '\n' || c == '\r') {
      continue;
    }
    const std::size_t digit = alphabet.find(c);
    if (c == '=') {
      ++padding;
    } else if (digit == std::string_view::npos || padding > 0) {
      return std::nullopt;
    } else {
      bits = (bits << 6) | static_cast<std::uint32_t>(digit);
      if (++digits % 4 != 1) {
        out += static_cast<char>((bits >> (6 - 2 * ((digits - 1) % 4))) & 0xff);
      }
    }
  }
  const bool complete = (digits + padding) % 4 == 0 && padding <= 2;
  return complete ? std::optional(out) : std::nullopt;
}

/// One kubeconfig on the way to an access. Values are never part of an error: some are secrets.
class Kubeconfig {
 public:
  Kubeconfig(YAML::Node root, const std::string& file) : root_(std::move(root)), file_(file) {}

  Result<ApiAccess> access(const std::string& wanted) {
    if (!root_.IsMap()) {
      return bad("is no kubeconfig: no map of keys to values");
    }
    std::string context = wanted;
    if (context.empty()) {
      if (Status read = text(root_, "", "current-context", context); !read) {
        return read.error();
      }
    }
    if (context.empty()) {
      return access_error(ErrorCode::not_found, file_, "no context is named and current-context is empty",
                          "Set one by kubectl config use-context");
    }
    std::string cluster, user;
    for (const Status& step :
         {enter("contexts", "context", context), text(section_, at_, "cluster", cluster),
          text(section_, at_, "user", user), text(section_, at_, "namespace", access_.default_namespace)}) {
      if (!step) {
        return step.error();
      }
    }
    if (access_.default_namespace.empty()) {
      access_.default_namespace = "default";
    }
    if (Status read = enter("clusters", "cluster", cluster); !read) {
      return read.error();
    }
    if (Status read = read_cluster(); !read) {
      return read.error();
    }
    if (user.empty()) {
      return access_;  // an API server that asks nobody who he is
    }
    if (Status read = enter("users", "user", user); !read) {
      return read.error();
    }
    if (Status read = read_user(); !read) {
      return read.error();
    }
    return access_;
  }

 private:
  Error bad(std::string message, std::string remedy = {}) const {
    return access_error(ErrorCode::invalid_argument, file_, std::move(message), std::move(remedy));
  }

  static YAML::Node find(const YAML::Node& map, const char* key) {
    return map.IsMap() && map[key] ? map[key] : YAML::Node();
  }

  /// Finds the entry `name` of a list and makes its inner map the section that is read.
  Status enter(const std::string& list, const char* inner, const std::string& name) {
    const YAML::Node entries = find(root_, list.c_str());
    bool found = false;
    for (const auto& entry : entries.IsSequence() ? entries : YAML::Node(YAML::NodeType::Sequence)) {
      std::string entry_name;
      if (Status read = text(entry, list, "name", entry_name); !read) {
        return read;
      }
      if (entry_name != name) {
        continue;
      }
      if (found) {
        return bad(list + ": the name '" + name + "' is there twice");
      }
      found = true;
      section_.reset(find(entry, inner));
      at_ = list + "[" + name + "]." + inner;
      if (!section_.IsMap() && !section_.IsNull()) {
        return bad("key '" + at_ + "' is no map");
      }
    }
    if (!found) {
      return access_error(ErrorCode::not_found, file_, list + ": there is none of the name '" + name + "'");
    }
    return {};
  }

  /// A key's text; what is not there leaves `value` as it is.
  Status text(const YAML::Node& map, const std::string& at, const char* key, std::string& value) const {
    const YAML::Node node = find(map, key);
    if (node.IsScalar()) {
      value = node.Scalar();
      return {};
    }
    return node.IsNull() ? Status() : Status(bad("key '" + (at.empty() ? "" : at + ".") + key + "' is no text"));
  }

  Status read_bool(const char* key, bool& value) const {
    std::string word;
    if (Status read = text(section_, at_, key, word); !read) {
      return read;
    }
    if (word != "" && word != "true" && word != "false") {
      return bad("key '" + at_ + "." + key + "' is neither true nor false");
    }
    value = word == "true";
    return {};
  }

  /// A file's path: relative ones are relative to the kubeconfig.
  Status read_path(const char* key, std::string& path) const {
    if (Status read = text(section_, at_, key, path); !read) {
      return read;
    }
    if (path.find('\0') != std::string::npos) {
      return bad("key '" + at_ + "." + key + "' is no path");
    }
    if (!path.empty() && path.front() != '/') {
      path = (std::filesystem::path(file_).parent_path() / path).string();
    }
    return {};
  }

  Status read_pem(const char* key, std::string& pem) const {
    std::string data;
    if (Status read = text(section_, at_, key, data); !read || data.empty()) {
      return read;
    }
    const std::optional<std::string> decoded = base64_decoded(data);
    if (!decoded || decoded->find("-----BEGIN") == std::string::npos) {
      return bad("key '" + at_ + "." + key + "' is no PEM in base64");
    }
    pem = *decoded;
    return {};
  }

  Status unsupported(std::initializer_list<const char*> keys, const char* remedy) const {
    for (const char* key : keys) {
      if (const YAML::Node node = find(section_, key); !node.IsNull()) {
        return access_error(ErrorCode::unsupported, file_, "key '" + at_ + "." + key + "' is not supported", remedy);
      }
    }
    return {};
  }

  Status read_server() {
    std::string& url = access_.server_url;
    if (Status read = text(section_, at_, "server", url); !read) {
      return read;
    }
    while (!url.empty() && url.back() == '/') {
      url.pop_back();
    }
    const std::size_t host = url.rfind("https://", 0) == 0 ? 8 : url.rfind("http://", 0) == 0 ? 7 : 0;
    bool good = host > 0 && url.size() > host;
    for (const char c : url) {  // a name and password before the host would be a secret, in every message
      good = good && static_cast<unsigned char>(c) > ' ' && c != '@' && c != '?' && c != '#' && c != '\x7f';
    }
    return good ? Status() : Status(bad("key '" + at_ + ".server' is no URL like https://HOST:PORT"));
  }

  Status read_cluster() {
    for (const Status& step :
         {read_server(), unsupported({"proxy-url"}, "Name the API server itself, not by way of a proxy"),
          read_path("certificate-authority", access_.ca_file), read_pem("certificate-authority-data", access_.ca_pem),
          text(section_, at_, "tls-server-name", access_.tls_server_name),
          read_bool("insecure-skip-tls-verify", access_.insecure)}) {
      if (!step) {
        return step;
      }
    }
    if (access_.insecure && !(access_.ca_file.empty() && access_.ca_pem.empty())) {
      return bad("'" + at_ + "' names a certificate authority and says insecure-skip-tls-verify", "Drop one of them");
    }
    return {};
  }

  Status read_user() {
    const char* const instead =
        "Give the extender a service account: kubectl create token writes a token, tokenFile names its file; or use a "
        "client certificate";
    for (const Status& step :
         {unsupported({"exec", "auth-provider", "username", "password"}, instead),
          unsupported({"as", "as-uid", "as-groups", "as-user-extra"}, "Use that user's own credentials"),
          read_path("client-certificate", access_.client_cert_file),
          read_pem("client-certificate-data", access_.client_cert_pem),
          read_path("client-key", access_.client_key_file), read_pem("client-key-data", access_.client_key_pem),
          read_path("tokenFile", access_.token_file), text(section_, at_, "token", access_.token)}) {
      if (!step) {
        return step;
      }
    }
    trim(access_.token);
    for (const char c : access_.token) {
      if (static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) >= 0x7f) {
        return bad("key '" + at_ + ".token' has bytes that no token has");
      }
    }
    const bool has_cert = !access_.client_cert_file.empty() || !access_.client_cert_pem.empty();
    const bool has_key = !access_.client_key_file.empty() || !access_.client_key_pem.empty();
    if (has_cert != has_key) {
      return bad("'" + at_ + "' has a client certificate or its key, not both");
    }
    return {};
  }

  YAML::Node root_;
  const std::string& file_;
  YAML::Node section_;
  std::string at_;  // where the section is, for messages
  ApiAccess access_;
};

}  // namespace

Result<ApiAccess> in_cluster_access(const std::string& folder) {
  const char* const host = std::getenv("KUBERNETES_SERVICE_HOST");
  const char* const port = std::getenv("KUBERNETES_SERVICE_PORT");
  if (host == nullptr || *host == '\0' || port == nullptr || *port == '\0') {
    return access_error(ErrorCode::not_found, {},
                        "not in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set",
                        "Name a kubeconfig");
  }
  ApiAccess access;
  const std::string name = host;
  const bool is_ipv6 = name.find(':') != std::string::npos && name.front() != '[';
  access.server_url = "https://" + (is_ipv6 ? "[" + name + "]" : name) + ":" + port;
  access.token_file = folder + "/token";
  access.ca_file = folder + "/ca.crt";
  for (const std::string& file : {access.token_file, access.ca_file}) {
    const Result<std::string> content = read_small_file(file, most_token_bytes);
    if (!content) {
      Error error = content.error();
      error.remedy = "Set automountServiceAccountToken on the pod";
      return error;
    }
  }
  if (Result<std::string> content = read_small_file(folder + "/namespace", 1024)) {
    trim(content.value());
    access.default_namespace = content.value().empty() ? "default" : content.value();
  }
  return access;
}

Result<ApiAccess> parse_kubeconfig(const std::string& text, const std::string& file, const std::string& context) {
  if (text.size() > most_bytes) {
    return access_error(ErrorCode::invalid_argument, file, "is longer than " + std::to_string(most_bytes) + " bytes");
  }
  try {
    return Kubeconfig(YAML::Load(text), file).access(context);
  } catch (const YAML::Exception& problem) {  // the library's own errors become values here
    return Error{.code = ErrorCode::invalid_argument,
                 .message = "is no YAML: " + problem.msg.substr(0, problem.msg.find(':')),  // after it comes text
                 .file = file,
                 .line = problem.mark.is_null() ? 0 : problem.mark.line + 1,
                 .remedy = {}};
  }
}

Result<ApiAccess> kubeconfig_access(const std::string& path, const std::string& context) {
  const Result<std::string> text = read_small_file(path, most_bytes);
  if (!text) {
    return text.error();
  }
  Result<ApiAccess> access = parse_kubeconfig(text.value(), path, context);
  if (!access) {
    return access;
  }
  const ApiAccess& a = access.value();
  // Where the data is given too, the file is not used.
  const std::array<std::pair<const char*, const std::string>, 4> files = {
      {{"certificate-authority", a.ca_pem.empty() ? a.ca_file : ""},
       {"client-certificate", a.client_cert_pem.empty() ? a.client_cert_file : ""},
       {"client-key", a.client_key_pem.empty() ? a.client_key_file : ""},
       {"tokenFile", a.token_file}}};
  for (const auto& [key, named] : files) {
    if (named.empty()) {
      continue;
    }
    if (const Result<std::string> content = read_small_file(named, most_bytes); !content) {
      return access_error(content.error().code, path,
                          std::string("key '") + key + "': " + named + ": " + content.error().message);
    }
  }
  return access;
}

}  // namespace gpusched::extender
