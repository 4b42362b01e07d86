// SPDX-License-Identifier: BSD-3-Clause
// Compiled once for each instruction set.
#include "kernels/kernels.hpp"
#include "xgrad/map_kernel.hpp"

namespace xgrad::inline XGRAD_ISA {
#include "kernels/isa_tables.hpp"

template <class T> const MapKernel<T>* arithmetic_kernels() {
  static constexpr MapKernel<T> kernels[] = {
#include "kernels/define_kernels.inc"
#include "xgrad/functions/arithmetic.inc"
#include "xgrad/functions/undefine.inc"
  };
  return kernels;
}

template const MapKernel<float>* arithmetic_kernels();
template const MapKernel<double>* arithmetic_kernels();

}  // namespace xgrad::inline XGRAD_ISA
