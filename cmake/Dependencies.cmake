# SPDX-License-Identifier: BSD-3-Clause
find_package(xtensor REQUIRED)        # arrays at the boundary; public headers use it
find_package(xsimd REQUIRED)          # map.hpp's loops
find_package(nlohmann_json REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(ZLIB REQUIRED)

# The OpenMP build of OpenBLAS: beside OpenMP loops the pthread build makes a two-thread step up to five times slower.
find_library(XGRAD_BLAS openblas PATH_SUFFIXES openblas-openmp NO_CACHE)
find_path(XGRAD_BLAS_INCLUDE cblas.h PATH_SUFFIXES openblas-openmp openblas)
if(NOT XGRAD_BLAS)
  set(BLA_VENDOR OpenBLAS)
  find_package(BLAS REQUIRED)
  set(XGRAD_BLAS ${BLAS_LIBRARIES})
endif()
# oneDNN's own package file asks for OpenCL, which we do not use: take the library itself.
find_library(XGRAD_DNNL dnnl REQUIRED)
find_path(XGRAD_DNNL_INCLUDE dnnl.h REQUIRED)
find_path(XGRAD_RANDOM123_INCLUDE Random123/philox.h REQUIRED)
