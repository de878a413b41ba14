// Any text as an event log: an error or a replay, never a crash.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gpusched/io/event_log.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)gpusched::replay_event_log(text, "log.jsonl");
  return 0;
}
