// Any text as our annotations: an error, another version, or a record that is written and read the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gpusched/base/check.hpp"
#include "gpusched/kube/allocation_record.hpp"
#include "gpusched/kube/gpu_layout_annotation.hpp"
#include "gpusched/model/gpu_catalog.hpp"

namespace {

using namespace gpusched;

void check_layout(std::string_view text) {
  static const GpuModelId model = find_gpu_model("A100-80GB").value();
  const auto layout = parse_gpu_layout_annotation(model, text);
  if (layout.ok()) {
    const auto again = parse_gpu_layout_annotation(model, format_gpu_layout_annotation(model, layout.value()));
    GPUSCHED_CHECK(again.ok() && again.value() == layout.value(), "a layout changed on its way");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_layout(text);
  const auto record = parse_allocation(text);
  if (record.ok() && record.value()) {
    const auto again = parse_allocation(format_allocation(*record.value()));
    GPUSCHED_CHECK(again.ok() && again.value() == record.value(), "a record changed on its way");
  }
  const auto note = parse_decision(text);
  if (note.ok() && note.value()) {
    const auto again = parse_decision(format_decision(*note.value()));
    GPUSCHED_CHECK(again.ok() && again.value() == note.value(), "a note changed on its way");
  }
  return 0;
}
