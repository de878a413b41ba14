#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

#include <cuda_runtime.h>

#include "gpusched/profiler/suite/flat_object.hpp"

namespace gpusched::suite {

/// A call of CUDA that failed: names call, value and what CUDA says. main() prints it and exits with 1.
class DeviceError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

void require(cudaError_t outcome, const char* call, const std::string& value = {});

/// Device memory of one type.
template <typename T>
class DeviceBuffer {
 public:
  explicit DeviceBuffer(std::size_t count) : count_(count) {
    require(cudaMalloc(&data_, count * sizeof(T)), "cudaMalloc", std::to_string(count * sizeof(T)) + " bytes");
  }
  ~DeviceBuffer() { cudaFree(data_); }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  T* data() const { return data_; }
  std::size_t count() const { return count_; }
  /// Copies one element to the host. Contract: the stream that wrote it is done.
  T at(std::size_t index) const {
    T value;
    require(cudaMemcpy(&value, data_ + index, sizeof(T), cudaMemcpyDeviceToHost), "cudaMemcpy to the host",
            "element " + std::to_string(index));
    return value;
  }

 private:
  T* data_ = nullptr;
  std::size_t count_;
};

/// Where a job runs: GPU 0, all of it or a green context, and the stream for its kernels.
class Device {
 public:
  /// `sms` > 0: a green context of that many SMs, rounded up to what the device can part.
  explicit Device(int sms);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  cudaStream_t stream() const { return stream_; }
  /// Name, driver, memory, SMs and how they are parted: fields of the ready line.
  FlatObject description() const;

 private:
  void enter_green_context(int sms);

  cudaStream_t stream_ = nullptr;
  void* green_context_ = nullptr;
  int sms_ = 0;
  std::size_t free_bytes_ = 0;  // once the context was there
};

}  // namespace gpusched::suite
