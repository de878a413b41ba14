#include "gpusched/profiler/process_tree.hpp"

#include <thread>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace gpusched::profiler {
namespace {

TEST(ProcessTreeTest, AProcessThatEndsWhileItIsLookedAtIsNone) {
  for (int round = 0; round < 300; ++round) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      usleep(200);
      _exit(0);
    }
    std::thread reaper([child] { waitpid(child, nullptr, 0); });
    while (process_stat(child)) {
    }
    reaper.join();
  }
}

TEST(ProcessTreeTest, ReadsThisProcess) {
  const auto own = process_stat(getpid());
  ASSERT_TRUE(own);
  EXPECT_EQ(own->parent, getppid());
  EXPECT_GT(own->started, 0U);
  EXPECT_FALSE(own->ended);
  EXPECT_FALSE(process_text(getpid(), "cmdline").empty());
  EXPECT_EQ(process_text(getpid(), "no-such-file"), "");
}

}  // namespace
}  // namespace gpusched::profiler
