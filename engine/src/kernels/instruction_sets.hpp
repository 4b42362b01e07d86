// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What was compiled once for each instruction set, and the choice among it for this machine. XGRAD_HAVE_ISA_* say which
// sets were built.
#include <cstddef>
#include <initializer_list>

#include "xgrad/isa.hpp"

#ifdef __clang__  // one of the namespaces v1, v3 and v4 is inline here, the others are not: all are opened alike
#pragma clang diagnostic ignored "-Winline-namespace-reopened-noninline"
#endif

#ifdef XGRAD_HAVE_ISA_v1
#define XGRAD_FROM_V1(function) v1::function,
#else
#define XGRAD_FROM_V1(function)
#endif
#ifdef XGRAD_HAVE_ISA_v3
#define XGRAD_FROM_V3(function) v3::function,
#else
#define XGRAD_FROM_V3(function)
#endif
#ifdef XGRAD_HAVE_ISA_v4
#define XGRAD_FROM_V4(function) v4::function,
#else
#define XGRAD_FROM_V4(function)
#endif
/// What `Result function()` of this machine's instruction set returns.
#define XGRAD_OF_THIS_MACHINE(Result, function) \
  xgrad::detail::of_this_machine<Result>({XGRAD_FROM_V1(function) XGRAD_FROM_V3(function) XGRAD_FROM_V4(function)})

namespace xgrad::detail {

/// The place of this machine's instruction set among those built, in the order v1, v3, v4.
std::size_t instruction_set_index();

template <class Result> Result of_this_machine(std::initializer_list<Result (*)()> built) {
  return built.begin()[instruction_set_index()]();
}

}  // namespace xgrad::detail
