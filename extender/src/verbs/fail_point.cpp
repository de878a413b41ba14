#include "verbs/fail_point.hpp"

#include <atomic>
#include <charconv>
#include <cstdlib>
#include <string>

#include <signal.h>

namespace gpusched::extender {

namespace {

struct Trap {
  std::string name;
  std::atomic<long> passes_left{0};

  Trap() {
    const char* const setting = std::getenv("GPUSCHED_FAILPOINT");
    const std::string_view text = setting == nullptr ? "" : setting;
    const std::size_t colon = text.find(':');
    long passes = 1;
    if (colon != std::string_view::npos) {
      std::from_chars(text.data() + colon + 1, text.data() + text.size(), passes);
    }
    name = text.substr(0, colon);
    passes_left = passes;
  }
};

}  // namespace

void fail_point(std::string_view name) {
  static Trap trap;
  if (!trap.name.empty() && trap.name == name && trap.passes_left.fetch_sub(1) == 1) {
    ::raise(SIGKILL);
  }
}

}  // namespace gpusched::extender
