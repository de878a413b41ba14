#include "gpusched/profiler/nvml_library.hpp"

#include <gtest/gtest.h>

namespace gpusched::nvml {
namespace {

TEST(NvmlLibraryTest, SaysWhatIsMissingWithoutADriver) {
  const auto library = Library::open("libnvidia-ml-of-nobody.so.1");
  ASSERT_FALSE(library.ok());
  EXPECT_EQ(library.error().code, ErrorCode::not_found);
  EXPECT_NE(library.error().message.find("libnvidia-ml-of-nobody.so.1"), std::string::npos);
  EXPECT_NE(library.error().remedy.find("driver"), std::string::npos);
}

}  // namespace
}  // namespace gpusched::nvml
