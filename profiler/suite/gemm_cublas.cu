// Matrix products by cuBLAS, loaded where the machine has it: what the best library makes of the sizes of our own
// kernels. The least times are theirs (gemm_bf16.cu, gemm_fp32.cu); measured ones show how far those are from it.

#include <dlfcn.h>

#include "product_buffers.cuh"

namespace gpusched::suite {

namespace {

// Declared here, for the library need not be there where this is built: cublas_api.h of CUDA 12 and 13.
constexpr int status_success = 0;
constexpr int operation_none = 0;   // CUBLAS_OP_N
constexpr int compute_32f = 68;     // CUBLAS_COMPUTE_32F: fp32 sums, no TF32
constexpr int algorithm_best = -1;  // CUBLAS_GEMM_DEFAULT
using Handle = struct cublasContext*;
using Create = int(Handle*);
using Destroy = int(Handle);
using SetStream = int(Handle, cudaStream_t);
using GetProperty = int(libraryPropertyType, int*);
using GemmEx = int(Handle, int, int, int, int, int, const void*, const void*, cudaDataType, int, const void*,
                   cudaDataType, int, const void*, void*, cudaDataType, int, int, int);

/// The library, open as long as the process lives.
struct Cublas {
  Create* create = nullptr;
  Destroy* destroy = nullptr;
  SetStream* set_stream = nullptr;
  GetProperty* get_property = nullptr;
  GemmEx* gemm = nullptr;
  std::string problem;  // why it is not there

  static const Cublas& get() {
    static const Cublas library;
    return library;
  }

 private:
  Cublas() {
    void* handle = nullptr;
    for (const char* name : {"libcublas.so.13", "libcublas.so.12", "libcublas.so"}) {
      handle = handle == nullptr ? dlopen(name, RTLD_NOW | RTLD_LOCAL) : handle;
    }
    if (handle == nullptr) {
      const char* const said = dlerror();
      problem = said == nullptr ? "not found" : said;
      return;
    }
    load(handle, create, "cublasCreate_v2");
    load(handle, destroy, "cublasDestroy_v2");
    load(handle, set_stream, "cublasSetStream_v2");
    load(handle, get_property, "cublasGetProperty");
    load(handle, gemm, "cublasGemmEx");
  }
  template <typename Function>
  void load(void* handle, Function*& function, const char* name) {
    function = reinterpret_cast<Function*>(dlsym(handle, name));
    if (function == nullptr) {
      problem = std::string("the library has no ") + name;
    }
  }
};

void require_cublas(int status, const char* call) {
  if (status != status_success) {
    throw DeviceError(std::string(call) + ": cuBLAS status " + std::to_string(status));
  }
}

template <typename T>
class GemmCublas final : public SuiteJob {
 public:
  GemmCublas(const JobShape& shape, cudaStream_t stream) : product_(shape, 0, stream) {
    require_cublas(Cublas::get().create(&handle_), "cublasCreate");
    require_cublas(Cublas::get().set_stream(handle_, stream), "cublasSetStream");
  }
  ~GemmCublas() override { Cublas::get().destroy(handle_); }

  void enqueue(cudaStream_t) override {
    constexpr cudaDataType type = sizeof(T) == sizeof(float) ? CUDA_R_32F : CUDA_R_16BF;
    constexpr float one = 1;
    constexpr float zero = 0;
    const JobShape& shape = product_.shape();
    for (int i = 0; i < shape.repeats; ++i) {
      // It stores by columns: the transposed product is ours by rows.
      require_cublas(Cublas::get().gemm(handle_, operation_none, operation_none, shape.n, shape.m, shape.k, &one,
                                        product_.b(), type, shape.n, product_.a(), type, shape.k, &zero, product_.c(),
                                        CUDA_R_32F, shape.n, compute_32f, algorithm_best),
                     "cublasGemmEx");
    }
  }

  CheckOutcome check() override {
    CheckOutcome outcome;
    product_.check(outcome);
    return outcome;
  }

 private:
  ProductBuffers<T> product_;
  Handle handle_ = nullptr;
};

}  // namespace

std::optional<std::string> cublas_version() {
  const Cublas& library = Cublas::get();
  if (!library.problem.empty()) {
    return std::nullopt;
  }
  std::string text;
  for (const libraryPropertyType part : {MAJOR_VERSION, MINOR_VERSION, PATCH_LEVEL}) {
    int value = 0;
    require_cublas(library.get_property(part, &value), "cublasGetProperty");
    text += (text.empty() ? "" : ".") + std::to_string(value);
  }
  return text;
}

std::unique_ptr<SuiteJob> make_gemm_cublas(const JobKindInfo& kind, cudaStream_t stream) {
  if (const std::string& problem = Cublas::get().problem; !problem.empty()) {
    throw DeviceError("no cuBLAS: " + problem +
                      ". It comes with the CUDA toolkit; its folder has to be in LD_LIBRARY_PATH");
  }
  if (kind.pipe == Pipe::fp32) {
    return std::make_unique<GemmCublas<float>>(kind.shape, stream);
  }
  return std::make_unique<GemmCublas<std::uint16_t>>(kind.shape, stream);
}

}  // namespace gpusched::suite
