# SPDX-License-Identifier: BSD-3-Clause
# Kernel sources are compiled once for each instruction set; the library chooses among the results when it starts.
#   v1  the compiler's baseline (on x86-64: SSE2)    v3  AVX2 and FMA    v4  AVX-512

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(XGRAD_ISAS "v1;v3;v4" CACHE STRING "Instruction sets to compile the kernels for")
else()
  set(XGRAD_ISAS "v1" CACHE STRING "Instruction sets to compile the kernels for")
endif()

if(XGRAD_NATIVE)  # one set: the highest of ours that this machine has, tuned for it
  include(CheckCXXSourceCompiles)
  set(CMAKE_REQUIRED_FLAGS -march=native)
  check_cxx_source_compiles("
    #if !(defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__))
    #error
    #endif
    int main() {}" XGRAD_NATIVE_IS_V4)
  check_cxx_source_compiles("
    #if !(defined(__AVX2__) && defined(__FMA__))
    #error
    #endif
    int main() {}" XGRAD_NATIVE_IS_V3)
  unset(CMAKE_REQUIRED_FLAGS)
  if(XGRAD_NATIVE_IS_V4)
    set(XGRAD_ISAS v4)
  elseif(XGRAD_NATIVE_IS_V3)
    set(XGRAD_ISAS v3)
  else()
    set(XGRAD_ISAS v1)
  endif()
endif()

# xgrad_kernels(<target> SOURCES file... [LINK library...])
# adds the sources, compiled for each of XGRAD_ISAS, to the target. Each object sees XGRAD_ISA (v1, v3 or v4: the name of
# its namespace and of its table); the target's other sources see XGRAD_HAVE_ISA_<isa> for the tables that exist.
function(xgrad_kernels target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  foreach(isa IN LISTS XGRAD_ISAS)
    if(XGRAD_NATIVE)
      set(march -march=native)
    elseif(isa STREQUAL "v3" OR isa STREQUAL "v4")
      set(march -march=x86-64-${isa})
    elseif(isa STREQUAL "v1")
      set(march)
    else()
      message(FATAL_ERROR "XGRAD_ISAS: \"${isa}\" is not an instruction set; expected v1, v3 or v4")
    endif()
    # Where there are wider sets, the baseline serves processors of before 2013: small is enough.
    set(level 3)
    if(isa STREQUAL "v1" AND XGRAD_ISAS MATCHES "v3|v4")
      set(level s)
    endif()
    set(objects ${target}_kernels_${isa})
    add_library(${objects} OBJECT ${arg_SOURCES})
    set_target_properties(${objects} PROPERTIES XGRAD_KERNELS ON)
    target_include_directories(${objects} PRIVATE $<TARGET_PROPERTY:${target},INCLUDE_DIRECTORIES>)
    target_link_libraries(${objects} PRIVATE xgrad_warnings ${arg_LINK})
    target_compile_definitions(${objects} PRIVATE XGRAD_ISA=${isa}
      # two functions of xsimd that are no templates over the instruction set: one copy for each set, not one for all
      __ieee754_rem_pio2=rem_pio2_${isa} __kernel_rem_pio2=kernel_rem_pio2_${isa})
    # Without optimisation small inline functions stay weak symbols, and the linker would keep one instruction set's copy
    # for all: hence at least -O1, and a test (kernel_symbols) that looks for such symbols.
    target_compile_options(${objects} PRIVATE ${march}
      $<IF:$<CONFIG:Debug>,-O1,-O${level}>
      -fno-math-errno -fno-trapping-math -ffp-contract=fast
      $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized;-Wno-uninitialized>)  # g++ 12's own avx512fintrin.h
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${objects}>)
    target_compile_definitions(${target} PRIVATE XGRAD_HAVE_ISA_${isa}=1)
  endforeach()
endfunction()
