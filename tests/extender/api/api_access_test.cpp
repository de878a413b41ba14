#include "gpusched/extender/api_access.hpp"

#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>

#include "extender/http/test_certificates.hpp"

namespace gpusched::extender {
namespace {

using test::TemporaryFolder;

void write_file(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

/// A kubeconfig of one context with these lines in cluster and user.
std::string kubeconfig(const std::string& cluster, const std::string& user) {
  return "current-context: main\n"
         "contexts:\n- name: main\n  context: {cluster: k, user: u, namespace: team}\n"
         "clusters:\n- name: k\n  cluster: {" +
         cluster + "}\nusers:\n- name: u\n  user: {" + user + "}\n";
}
const std::string server = "server: 'https://10.0.0.1:6443/'";
// "-----BEGIN X-----\n" and the same with letters that padding needs.
const std::string pem_base64 = "LS0tLS1CRUdJTiBYLS0tLS0K";

/// Refused with `code`; the message holds `part` and not the secret, and the file is named.
void expect_refused(const std::string& text, ErrorCode code, const std::string& part, const std::string& context = "") {
  const Result<ApiAccess> read = parse_kubeconfig(text, "/etc/k/config", context);
  ASSERT_FALSE(read.ok()) << text;
  EXPECT_EQ(read.error().code, code) << read.error().to_string();
  EXPECT_NE(read.error().message.find(part), std::string::npos) << read.error().to_string();
  EXPECT_EQ(read.error().to_string().find("s3cret"), std::string::npos) << read.error().to_string();
  EXPECT_EQ(read.error().file, "/etc/k/config");
}

TEST(KubeconfigTest, ReadsFilesRelativeToItself) {
  const auto read = parse_kubeconfig(kubeconfig(server + ", certificate-authority: ca.crt, tls-server-name: name",
                                                "client-certificate: ../u.crt, client-key: /keys/u.key, tokenFile: t"),
                                     "/etc/k/config");
  ASSERT_TRUE(read.ok()) << read.error().to_string();
  const ApiAccess& access = read.value();
  EXPECT_EQ(access.server_url, "https://10.0.0.1:6443");
  EXPECT_EQ(access.ca_file, "/etc/k/ca.crt");
  EXPECT_EQ(access.tls_server_name, "name");
  EXPECT_EQ(access.client_cert_file, "/etc/k/../u.crt");
  EXPECT_EQ(access.client_key_file, "/keys/u.key");
  EXPECT_EQ(access.token_file, "/etc/k/t");
  EXPECT_EQ(access.default_namespace, "team");
  EXPECT_FALSE(access.insecure);
}

TEST(KubeconfigTest, ReadsDataAndToken) {
  const auto read = parse_kubeconfig(
      kubeconfig(server + ", certificate-authority-data: " + pem_base64,
                 "client-certificate-data: " + pem_base64 + ", client-key-data: " + pem_base64 + ", token: ' s3cret '"),
      "config");
  ASSERT_TRUE(read.ok()) << read.error().to_string();
  EXPECT_EQ(read.value().ca_pem, "-----BEGIN X-----\n");
  EXPECT_EQ(read.value().client_cert_pem, "-----BEGIN X-----\n");
  EXPECT_EQ(read.value().client_key_pem, "-----BEGIN X-----\n");
  EXPECT_EQ(read.value().token, "s3cret");
}

TEST(KubeconfigTest, DecodesBase64OfEveryLength) {
  const std::pair<const char*, const char*> cases[] = {{"LS0tLS1CRUdJTg==", "-----BEGIN"},
                                                       {"LS0tLS1CRUdJTiE=", "-----BEGIN!"},
                                                       {"LS0tLS1CRUdJTiEh", "-----BEGIN!!"},
                                                       {"'LS0tLS1C\n\n  RUdJTiH/'", "-----BEGIN!\xff"}};
  for (const auto& [text, bytes] : cases) {
    std::string quoted = text;
    const auto read = parse_kubeconfig(kubeconfig(server + ", certificate-authority-data: " + quoted, ""), "config");
    ASSERT_TRUE(read.ok()) << text << ": " << read.error().to_string();
    EXPECT_EQ(read.value().ca_pem, bytes);
  }
  for (const char* bad :
       {"LS0tLS1CRUdJTg=", "LS0tLS1CRUdJTg", "LS0tLS1CRUdJTg===", "LS0t*S1CRUdJTg==", "LS0t=LS1CRUdJTg", "czNjcmV0"}) {
    expect_refused(kubeconfig(server + ", certificate-authority-data: " + bad, ""), ErrorCode::invalid_argument,
                   "clusters[k].cluster.certificate-authority-data");
  }
}

TEST(KubeconfigTest, TakesTheContextNamedAndEmptyKeysAsNone) {
  const std::string text =
      "current-context: ''\npreferences: {}\n"
      "contexts:\n- {name: a, context: {cluster: k, user: u}}\n- {name: b, context: {cluster: l}}\n"
      "clusters:\n- {name: k, cluster: {server: 'http://k'}}\n- {name: l, cluster: {server: 'https://l', "
      "insecure-skip-tls-verify: true}}\n"
      "users:\n- {name: u, user: {token: , exec: , client-certificate-data: ''}}\n";
  const auto a = parse_kubeconfig(text, "config", "a");
  ASSERT_TRUE(a.ok()) << a.error().to_string();
  EXPECT_EQ(a.value().server_url, "http://k");
  EXPECT_EQ(a.value().default_namespace, "default");
  const auto b = parse_kubeconfig(text, "config", "b");
  ASSERT_TRUE(b.ok()) << b.error().to_string();
  EXPECT_EQ(b.value().server_url, "https://l");
  EXPECT_TRUE(b.value().insecure);
  expect_refused(text, ErrorCode::not_found, "current-context");
  expect_refused(text, ErrorCode::not_found, "'c'", "c");
}

TEST(KubeconfigTest, RefusesWhatItCannotFollow) {
  const std::pair<const char*, const char*> user_cases[] = {
      {"exec: {command: s3cret}", "users[u].user.exec"},
      {"auth-provider: {name: s3cret}", "users[u].user.auth-provider"},
      {"username: me, password: s3cret", "users[u].user.username"},
      {"password: s3cret", "users[u].user.password"},
      {"as: s3cret, token: t", "users[u].user.as"}};
  for (const auto& [user, key] : user_cases) {
    expect_refused(kubeconfig(server, user), ErrorCode::unsupported, key);
    EXPECT_FALSE(parse_kubeconfig(kubeconfig(server, user), "config").error().remedy.empty());
  }
  expect_refused(kubeconfig(server + ", proxy-url: 'http://me:s3cret@p'", ""), ErrorCode::unsupported, "proxy-url");
}

TEST(KubeconfigTest, RefusesWhatCannotBe) {
  const auto bad = ErrorCode::invalid_argument;
  for (const char* url : {"", "10.0.0.1", "ftp://h", "https://", "https://me:s3cret@h", "https://h?token=s3cret",
                          "https://h\\nX: s3cret"}) {
    expect_refused(kubeconfig("server: \"" + std::string(url) + "\"", ""), bad, "clusters[k].cluster.server");
  }
  expect_refused(kubeconfig(server + ", certificate-authority: a, insecure-skip-tls-verify: true", ""), bad,
                 "insecure");
  expect_refused(kubeconfig(server + ", insecure-skip-tls-verify: s3cret", ""), bad, "insecure-skip-tls-verify");
  expect_refused(kubeconfig(server, "client-key: s3cret"), bad, "client certificate");
  expect_refused(kubeconfig(server, "client-certificate: s3cret"), bad, "client certificate");
  expect_refused(kubeconfig(server, "token: \"s3cret\\r\\nX: y\""), bad, "users[u].user.token");
  expect_refused(kubeconfig(server, "token: [s3cret]"), bad, "users[u].user.token");
  expect_refused(kubeconfig(server, "token: 's3cret"), bad, "YAML");
  expect_refused(kubeconfig(server, "token: *s3cret"), bad, "YAML");
  expect_refused(kubeconfig(server, "") + "- name: u\n  user: {token: s3cret}\n", bad, "twice");
  expect_refused("current-context: main\ncontexts: {main: 1}\n", ErrorCode::not_found, "contexts");
  for (const char* none : {"", "s3cret", "[1, 2]", "---\n---\n"}) {
    expect_refused(none, bad, "no kubeconfig");
  }
}

TEST(KubeconfigTest, IsBoundedInSizeAndDepth) {
  expect_refused(std::string((std::size_t{4} << 20) + 1, ' '), ErrorCode::invalid_argument, "longer");
  expect_refused(std::string(100'000, '['), ErrorCode::invalid_argument, "YAML");
  expect_refused("a: " + std::string(100'000, '{'), ErrorCode::invalid_argument, "YAML");
}

TEST(KubeconfigTest, NamesTheFileThatIsNotThere) {
  const TemporaryFolder folder;
  const std::string path = folder / "config";
  EXPECT_EQ(kubeconfig_access(path).error().code, ErrorCode::not_found);
  write_file(path, kubeconfig(server + ", certificate-authority: ca.crt", "tokenFile: token"));
  EXPECT_NE(kubeconfig_access(path).error().message.find("certificate-authority"), std::string::npos);
  write_file(folder / "ca.crt", "x");
  const auto without_token = kubeconfig_access(path);
  ASSERT_FALSE(without_token.ok());
  EXPECT_NE(without_token.error().message.find("tokenFile"), std::string::npos);
  EXPECT_EQ(without_token.error().file, path);
  write_file(folder / "token", "s3cret");
  const auto read = kubeconfig_access(path);
  ASSERT_TRUE(read.ok()) << read.error().to_string();
  EXPECT_EQ(read.value().token_file, (folder / "token").string());
  EXPECT_FALSE(kubeconfig_access(folder / "").ok()) << "a folder";
}

TEST(InClusterTest, ReadsEnvironmentAndMountedFiles) {
  const TemporaryFolder folder;
  const std::string mount = std::string(folder / "token").substr(0, std::string(folder / "token").rfind('/'));
  unsetenv("KUBERNETES_SERVICE_HOST");
  unsetenv("KUBERNETES_SERVICE_PORT");
  EXPECT_EQ(in_cluster_access(mount).error().code, ErrorCode::not_found);
  setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
  setenv("KUBERNETES_SERVICE_PORT", "443", 1);
  EXPECT_EQ(in_cluster_access(mount).error().file, mount + "/token");
  write_file(folder / "token", "s3cret");
  EXPECT_EQ(in_cluster_access(mount).error().file, mount + "/ca.crt");
  write_file(folder / "ca.crt", "x");
  EXPECT_EQ(in_cluster_access(mount).value().default_namespace, "default");
  write_file(folder / "namespace", "gpu-system\n");
  const auto access = in_cluster_access(mount);
  unsetenv("KUBERNETES_SERVICE_HOST");
  unsetenv("KUBERNETES_SERVICE_PORT");
  ASSERT_TRUE(access.ok()) << access.error().to_string();
  EXPECT_EQ(access.value().server_url, "https://[fd00::1]:443");
  EXPECT_EQ(access.value().token_file, mount + "/token");
  EXPECT_EQ(access.value().ca_file, mount + "/ca.crt");
  EXPECT_EQ(access.value().default_namespace, "gpu-system");
  EXPECT_TRUE(access.value().token.empty()) << "read anew by the client";
}

}  // namespace
}  // namespace gpusched::extender
