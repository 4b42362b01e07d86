# SPDX-License-Identifier: BSD-3-Clause
# Finds what the libraries and programs are made of. Nothing is downloaded.

# Public: a user's file sees their headers. xtensor's own use_xsimd and optimize targets stay unused: they change types
# and flags in a user's build.
find_package(xtl REQUIRED)
find_package(xtensor REQUIRED)
find_package(xsimd REQUIRED)
find_package(nlohmann_json REQUIRED)

# Private.
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(ZLIB REQUIRED)
find_path(XGRAD_RANDOM123_INCLUDE_DIR Random123/philox.h REQUIRED DOC "Folder that holds Random123/philox.h")

# OpenBLAS's OpenMP build keeps to the thread that calls it where we ask for that; the pthread build starts threads beside
# ours, which makes two-thread steps up to 4.7 times slower. Debian and Fedora keep it in a folder of its own.
set(openmp_folders "/usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp" /usr/lib64/openblas-openmp)
find_library(XGRAD_OPENBLAS_OPENMP NAMES openblas openblaso PATHS ${openmp_folders} NO_DEFAULT_PATH
             DOC "The OpenMP build of OpenBLAS")
if(XGRAD_OPENBLAS_OPENMP)
  set(XGRAD_BLAS_LIBRARY "${XGRAD_OPENBLAS_OPENMP}")
  set(XGRAD_BLAS_KIND "OpenBLAS, OpenMP threads")
else()
  set(BLA_VENDOR OpenBLAS)
  find_package(BLAS REQUIRED)
  set(XGRAD_BLAS_LIBRARY "${BLAS_LIBRARIES}")
  set(XGRAD_BLAS_KIND "OpenBLAS, default build: libopenblas-openmp-dev is faster with two threads and more")
endif()
find_path(XGRAD_CBLAS_INCLUDE_DIR cblas.h REQUIRED
          HINTS "/usr/include/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp" PATH_SUFFIXES openblas
          DOC "Folder that holds OpenBLAS's cblas.h")

# oneDNN's own package file asks for OpenCL, which we do not use: take the library itself.
find_library(XGRAD_DNNL_LIBRARY dnnl REQUIRED DOC "oneDNN")
find_path(XGRAD_DNNL_INCLUDE_DIR dnnl.h REQUIRED DOC "Folder that holds dnnl.h")

if(XGRAD_BUILD_PROGRAM)
  find_package(CLI11 REQUIRED)
endif()
if(XGRAD_BUILD_TESTS)
  find_package(doctest REQUIRED)
endif()
