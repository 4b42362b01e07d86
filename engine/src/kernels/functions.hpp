// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The compiled elementwise functions: function_kernel<T>() for each row of functions/*.inc and of selection.inc.
#include "kernels/instruction_sets.hpp"
#include "xgrad/map_loop.hpp"

namespace xgrad {

#define XGRAD_KERNEL(function, inputs) template <class T> MapKernel<T> function##_kernel();
namespace v1 {
#include "kernels/all_functions.inc"
}
namespace v3 {
#include "kernels/all_functions.inc"
}
namespace v4 {
#include "kernels/all_functions.inc"
}
#undef XGRAD_KERNEL

namespace detail {
#define XGRAD_KERNEL(function, inputs)                                \
  template <class T> MapKernel<T> function##_kernel() {               \
    return XGRAD_OF_THIS_MACHINE(MapKernel<T>, function##_kernel<T>); \
  }
#include "kernels/all_functions.inc"
#undef XGRAD_KERNEL
}  // namespace detail

}  // namespace xgrad
