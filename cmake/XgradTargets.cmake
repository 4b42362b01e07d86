# SPDX-License-Identifier: BSD-3-Clause
# What every target built here has in common, and how a library of ours is declared.

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(XGRAD_CCACHE ccache DOC "Compiler cache")
  if(XGRAD_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${XGRAD_CCACHE}")
    # g++ knows a header with #pragma once by its time stamp: a precompiled header out of the cache, older than the sources,
    # would define everything twice.
    set(CMAKE_DISABLE_PRECOMPILE_HEADERS ON)
  endif()
endif()

# Warnings and sanitizers: for our own targets only, never part of what a user's target inherits.
add_library(xgrad_warnings INTERFACE)
target_compile_options(xgrad_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow
                       $<$<BOOL:${XGRAD_WARNINGS_AS_ERRORS}>:-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # g++ 12 sees overlapping copies in std::string's operator+ where there are none
  target_compile_options(xgrad_warnings INTERFACE -Wno-restrict)
endif()
if(XGRAD_SANITIZE)
  # g++ 12's own <regex> and <functional>, when instrumented
  target_compile_options(xgrad_warnings INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  set(XGRAD_POOL_MALLOC ON)
  set(sanitize -fsanitize=${XGRAD_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  # An instrumented kernel, flattened into one function, takes g++ minutes to optimise.
  target_compile_options(xgrad_warnings INTERFACE ${sanitize} -g1 $<IF:$<BOOL:$<TARGET_PROPERTY:XGRAD_KERNELS>>,-O0,-O1>)
  target_link_options(xgrad_warnings INTERFACE ${sanitize})
endif()

# Every function in a section of its own: a program that links the libraries statically keeps what it calls.
target_compile_options(xgrad_warnings INTERFACE -ffunction-sections -fdata-sections)

# xgrad_optimize(<level> <file>...) compiles sources of the current folder at -O<level> instead of -O3: s for those that no
# training step runs, 2 for those that only call kernels. A third of the program's size, none of its speed.
function(xgrad_optimize level)
  set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS $<$<CONFIG:Release>:-O${level}>)
endfunction()

# xgrad_library(<room> SOURCES file... [PUBLIC library...] [PRIVATE library...])
# makes the target xgrad_<room>, its alias xgrad::<room>, and installs it and its headers (the folder include/).
function(xgrad_library room)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;PUBLIC;PRIVATE")
  set(target xgrad_${room})
  add_library(${target} ${arg_SOURCES})
  add_library(xgrad::${room} ALIAS ${target})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target}
    PUBLIC "$<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>" "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>"
    PRIVATE src)
  target_link_libraries(${target} PUBLIC ${arg_PUBLIC} PRIVATE $<BUILD_INTERFACE:xgrad_warnings> ${arg_PRIVATE})
  set_target_properties(${target} PROPERTIES
    EXPORT_NAME ${room}
    DEFINE_SYMBOL ""  # static and shared builds compile alike, so the compiler cache serves both
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  install(TARGETS ${target} EXPORT xgradTargets)
  install(DIRECTORY include/ DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
endfunction()
