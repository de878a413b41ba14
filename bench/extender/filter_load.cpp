// Asks a running extender's filter over keep-alive connections, as kube-scheduler does, and prints how long it took.
//
//   filter_load --port P [--names 500] [--nodes 5000] [--connections 1] [--seconds 5] [--verb filter] [--full-kb 0]
//
// Each connection has one call in flight and a pod of its own; names are `gpu-node-00000` and on, the window moves with
// every call as kube-scheduler's does. --full-kb N sends whole Nodes of about N kB instead of names.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  int port = 8888, names = 500, nodes = 5000, connections = 1, seconds = 5, full_kb = 0;
  std::string verb = "filter";
};

std::string node_name(int i) {
  std::string digits = std::to_string(i);
  return "gpu-node-" + std::string(5 - std::min<std::size_t>(5, digits.size()), '0') + digits;
}

std::string node_json(int i, int kb) {
  return R"({"metadata":{"name":")" + node_name(i) + R"(","annotations":{"filler":")" +
         std::string(static_cast<std::size_t>(kb) * 1000, 'x') + R"("}},"spec":{},"status":{}})";
}

std::string request_text(const Options& options, int connection, int first) {
  std::string body = R"({"Pod":{"metadata":{"name":"load-)" + std::to_string(connection) +
                     R"(","namespace":"bench","uid":"load-)" + std::to_string(connection) +
                     R"("},"spec":{"containers":[{"name":"a","resources":{"limits":{"nvidia.com/gpu":"1"}}}]}},)";
  body += options.full_kb > 0 ? R"("NodeNames":null,"Nodes":{"items":[)" : R"("Nodes":null,"NodeNames":[)";
  for (int i = 0; i < options.names; ++i) {
    const int node = (first + i) % options.nodes;
    body += i > 0 ? "," : "";
    body += options.full_kb > 0 ? node_json(node, options.full_kb) : '"' + node_name(node) + '"';
  }
  body += options.full_kb > 0 ? "]}}" : "]}";
  return "POST /" + options.verb + " HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

int connect_to(int port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    std::perror("filter_load: connect");
    std::exit(1);
  }
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

/// Sends and reads a whole reply; false: the connection broke or the status is not 200.
bool exchange(int socket, const std::string& request, std::string& reply) {
  for (std::size_t sent = 0; sent < request.size();) {
    const ssize_t n = ::send(socket, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) {
      return false;
    }
    sent += static_cast<std::size_t>(n);
  }
  reply.clear();
  char buffer[65536];
  std::size_t wanted = std::string::npos;
  while (reply.size() < wanted) {
    const ssize_t n = ::recv(socket, buffer, sizeof buffer, 0);
    if (n <= 0) {
      return false;
    }
    reply.append(buffer, static_cast<std::size_t>(n));
    const std::size_t end = reply.find("\r\n\r\n");
    if (wanted == std::string::npos && end != std::string::npos) {
      const std::size_t length = reply.find("Content-Length: ");
      wanted = end + 4 + static_cast<std::size_t>(std::strtoul(reply.c_str() + length + 16, nullptr, 10));
    }
  }
  return reply.compare(0, 12, "HTTP/1.1 200") == 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  std::map<std::string, int*> numbers = {{"--port", &options.port},       {"--names", &options.names},
                                         {"--nodes", &options.nodes},     {"--connections", &options.connections},
                                         {"--seconds", &options.seconds}, {"--full-kb", &options.full_kb}};
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::string(argv[i]) == "--verb") {
      options.verb = argv[i + 1];
    } else if (const auto found = numbers.find(argv[i]); found != numbers.end()) {
      *found->second = std::atoi(argv[i + 1]);
    } else {
      std::fprintf(stderr, "filter_load: unknown option %s; see the head of bench/extender/filter_load.cpp\n", argv[i]);
      return 2;
    }
  }
  std::vector<std::vector<double>> times_us(static_cast<std::size_t>(options.connections));
  std::vector<std::thread> threads;
  const auto end = Clock::now() + std::chrono::seconds(options.seconds);
  for (int connection = 0; connection < options.connections; ++connection) {
    threads.emplace_back([&, connection] {
      // A few windows made in advance: making them must not be measured.
      std::vector<std::string> requests;
      for (int window = 0; window < (options.full_kb > 0 ? 2 : 16); ++window) {
        requests.push_back(request_text(options, connection, window * options.names));
      }
      const int socket = connect_to(options.port);
      std::string reply;
      for (std::size_t call = 0; Clock::now() < end; ++call) {
        const auto start = Clock::now();
        if (!exchange(socket, requests[call % requests.size()], reply)) {
          std::fprintf(stderr, "filter_load: no 200: %s\n", reply.substr(0, 200).c_str());
          std::exit(1);
        }
        times_us[static_cast<std::size_t>(connection)].push_back(
            std::chrono::duration<double, std::micro>(Clock::now() - start).count());
      }
      ::close(socket);
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  std::vector<double> all;
  for (const auto& part : times_us) {
    all.insert(all.end(), part.begin(), part.end());
  }
  std::sort(all.begin(), all.end());
  const auto at = [&](double share) {
    return all[static_cast<std::size_t>(share * static_cast<double>(all.size() - 1))];
  };
  std::printf("%s, %d %s, %d connections: %.0f calls/s, p50 %.0f us, p99 %.0f us, largest %.0f us\n",
              options.verb.c_str(), options.names, options.full_kb > 0 ? "whole nodes" : "names", options.connections,
              static_cast<double>(all.size()) / options.seconds, at(0.5), at(0.99), all.back());
  return 0;
}
