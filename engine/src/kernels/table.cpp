// SPDX-License-Identifier: BSD-3-Clause
// Compiled once for each instruction set.
#include "kernels/linear.hpp"

namespace xgrad::inline XGRAD_ISA {
#include "kernels/isa_tables.hpp"

template <class T>
const detail::Kernels<T>& kernel_table() {
  static constexpr detail::Kernels<T> table = {
      .add_in_place = simd::add_in_place<T>,
      .bias_activation = simd::bias_activation<T>,
      .bias_activation_backward = simd::bias_activation_backward<T>,
      .transpose = simd::transpose<T>,
  };
  return table;
}

template const detail::Kernels<float>& kernel_table();
template const detail::Kernels<double>& kernel_table();

}  // namespace xgrad::inline XGRAD_ISA
