#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "gpusched/extender/object_watch.hpp"

namespace gpusched::test {

/// Writes down what a watch tells it.
class RecordingSink : public extender::WatchSink {
 public:
  void list_begins() override { add("begin"); }
  void list_object(std::string_view json) override { add("list " + std::string(json)); }
  void list_ends() override { add("end"); }
  void list_fails() override { add("fail"); }
  void object(std::string_view type, std::string_view json) override {
    add(std::string(type) + " " + std::string(json));
  }
  void trouble(const std::string& message) override {
    const std::lock_guard lock(mutex_);
    troubles_.push_back(message);
  }

  std::vector<std::string> calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  std::vector<std::string> troubles() const {
    const std::lock_guard lock(mutex_);
    return troubles_;
  }
  bool has_trouble(const std::string& part) const {
    for (const std::string& trouble : troubles()) {
      if (trouble.find(part) != std::string::npos) {
        return true;
      }
    }
    return false;
  }

 private:
  void add(std::string call) {
    const std::lock_guard lock(mutex_);
    calls_.push_back(std::move(call));
  }

  mutable std::mutex mutex_;
  std::vector<std::string> calls_, troubles_;
};

}  // namespace gpusched::test
