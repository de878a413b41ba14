# Finds nvcc where `tools/setup cuda` and users leave it: CUDACXX, the PATH, its usual folder, the packages of Python's
# index. Sets GPUSCHED_NVCC and gpusched_cuda_default; enabling the language is left to the folder that has CUDA sources.

file(GLOB gpusched_cuda_wheels
  "$ENV{XDG_CACHE_HOME}/gpusched-cuda/venv/lib/python3*/site-packages/nvidia/cu13/bin"
  "$ENV{HOME}/.cache/gpusched-cuda/venv/lib/python3*/site-packages/nvidia/cu13/bin")
if(DEFINED ENV{CUDACXX} AND EXISTS "$ENV{CUDACXX}")
  set(GPUSCHED_NVCC "$ENV{CUDACXX}" CACHE FILEPATH "CUDA compiler")
endif()
find_program(GPUSCHED_NVCC nvcc PATHS /usr/local/cuda/bin ${gpusched_cuda_wheels} DOC "CUDA compiler")
mark_as_advanced(GPUSCHED_NVCC)

set(gpusched_cuda_default OFF)
# Sanitizers and the CUDA driver fight over the address space.
if(GPUSCHED_NVCC AND PROJECT_IS_TOP_LEVEL AND NOT SKBUILD AND NOT GPUSCHED_SANITIZE AND NOT GPUSCHED_BUILD_FUZZ)
  set(gpusched_cuda_default ON)
endif()

# Called by the folder with CUDA sources.
macro(gpusched_enable_cuda)
  if(NOT GPUSCHED_NVCC)
    message(FATAL_ERROR "GPUSCHED_WITH_CUDA needs nvcc and finds none: `tools/setup cuda` installs one, CUDACXX names one, "
                        "-DGPUSCHED_WITH_CUDA=OFF builds without.")
  endif()
  set(CMAKE_CUDA_COMPILER ${GPUSCHED_NVCC})
  # Not "native": the machine that builds need not have the GPU that measures.
  set(CMAKE_CUDA_ARCHITECTURES ${GPUSCHED_CUDA_ARCHITECTURES})
  if(GPUSCHED_CCACHE AND NOT CMAKE_CUDA_COMPILER_LAUNCHER)
    set(CMAKE_CUDA_COMPILER_LAUNCHER ${GPUSCHED_CCACHE})
  endif()
  enable_language(CUDA)
endmacro()
