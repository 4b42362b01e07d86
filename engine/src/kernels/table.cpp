// SPDX-License-Identifier: BSD-3-Clause
// Compiled once for each instruction set.
#include "kernels/attention.hpp"
#include "kernels/linear.hpp"
#include "kernels/reduce.hpp"

namespace xgrad::inline XGRAD_ISA {
#include "kernels/isa_tables.hpp"

template <class T> const detail::Kernels<T>& kernel_table() {
  static constexpr detail::Kernels<T> table = {
      .add_in_place = simd::add_in_place<T>,
      .bias_activation = simd::bias_activation<T>,
      .bias_activation_backward = simd::bias_activation_backward<T>,
      .maximum_rows = simd::maximum_rows<T>,
      .logsumexp_rows = simd::logsumexp_rows<T>,
      .softmax_rows = simd::softmax_rows<T>,
      .softmax_backward_rows = simd::softmax_backward_rows<T>,
      .log_softmax_rows = simd::log_softmax_rows<T>,
      .log_softmax_backward_rows = simd::log_softmax_backward_rows<T>,
      .attention_rows = simd::attention_rows<T>,
      .attention_again_rows = simd::attention_again_rows<T>,
      .rotate_rows = simd::rotate_rows<T>,
      .cross_entropy_gradient_row = simd::cross_entropy_gradient_row<T>,
      .squared_distance = simd::squared_distance<T>,
      .scaled_difference = simd::scaled_difference<T>,
  };
  return table;
}

template const detail::Kernels<float>& kernel_table();
template const detail::Kernels<double>& kernel_table();

}  // namespace xgrad::inline XGRAD_ISA
