# SPDX-License-Identifier: BSD-3-Clause

# Compiles kernel sources once for each instruction set in XGRAD_ISAS and adds the objects to `target`, which is told by
# XGRAD_HAVE_ISA_<isa> which of them exist. In those files everything lives in a namespace named after the instruction set.
function(xgrad_kernels target)
  foreach(isa IN LISTS XGRAD_ISAS)
    set(objects ${target}_${isa})
    add_library(${objects} OBJECT ${ARGN})
    target_link_libraries(${objects} PRIVATE xgrad_private xsimd)
    target_include_directories(${objects} PRIVATE $<TARGET_PROPERTY:${target},INCLUDE_DIRECTORIES>)
    # Neither flag changes a value; without them captured doubles are converted in every iteration and sqrt is a call.
    target_compile_options(${objects} PRIVATE -O3 -fno-math-errno -fno-trapping-math)
    # Debug: inline functions must not stay behind as weak symbols that another instruction set's file would share.
    target_compile_options(${objects} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-uninitialized>)
    if(NOT isa STREQUAL "v1")
      target_compile_options(${objects} PRIVATE -march=x86-64-${isa})
    endif()
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${objects}>)
    target_compile_definitions(${target} PRIVATE XGRAD_HAVE_ISA_${isa})
  endforeach()
endfunction()
