// SPDX-License-Identifier: BSD-3-Clause
// Compiled once for each instruction set.
#include "kernels/attention.hpp"
#include "kernels/channels.hpp"
#include "kernels/linear.hpp"
#include "kernels/normalization.hpp"
#include "kernels/packed_product.hpp"
#include "kernels/pooling.hpp"
#include "kernels/recurrent.hpp"
#include "kernels/reduce.hpp"
#include "kernels/shifted_product.hpp"
#include "kernels/small_product.hpp"
#include "kernels/reducers.hpp"

namespace xgrad::inline XGRAD_ISA {

template <class T> const detail::Kernels<T>& kernel_table() {
  static constexpr detail::Kernels<T> table = {
      .add_in_place = simd::add_in_place<T>,
      .small_product = simd::small_product<T>,
      .own_products = simd::own_products<T>(),
      .bias_activation = simd::bias_activation<T>,
      .bias_gelu = simd::bias_gelu<T>,
      .bias_activation_backward = simd::bias_activation_backward<T>,
      .bias_rows = simd::bias_rows<T>,
      .masked_row_sums = simd::masked_row_sums<T>,
      .shifted_span = simd::shifted_span<T>,
      .shifted_product = simd::shifted_product<T>,
      .shifted_dot_products = simd::shifted_dot_products<T>,
      .largest_cells = simd::largest_cells<T>,
      .weigh_cells = simd::weigh_cells<T>,
      .spread_cells = simd::spread_cells<T>,
      .moments = simd::moments<T>,
      .normalize_segment = simd::normalize_segment<T>,
      .segment_gradient_sums = simd::segment_gradient_sums<T>,
      .normalize_segment_backward = simd::normalize_segment_backward<T>,
      .normalize_rows = simd::normalize_rows<T>,
      .normalize_rows_backward = simd::normalize_rows_backward<T>,
      .reduce_rows = simd::reduce_rows<T>,
      .reduce_columns = simd::reduce_columns<T>,
      .logsumexp_rows = simd::logsumexp_rows<T>,
      .softmax_rows = simd::softmax_rows<T>,
      .softmax_backward_rows = simd::softmax_backward_rows<T>,
      .log_softmax_rows = simd::log_softmax_rows<T>,
      .log_softmax_backward_rows = simd::log_softmax_backward_rows<T>,
      .attention_rows = simd::attention_rows<T>,
      .attention_again_rows = simd::attention_again_rows<T>,
      .rotate_rows = simd::rotate_rows<T>,
      .cell_rows = {simd::rnn_rows<simd::FusedActivation::tanh, T>, simd::rnn_rows<simd::FusedActivation::relu, T>,
                    simd::lstm_rows<T>, simd::gru_rows<T>},
      .cell_backward_rows = {simd::rnn_backward_rows<simd::FusedActivation::tanh, T>,
                             simd::rnn_backward_rows<simd::FusedActivation::relu, T>, simd::lstm_backward_rows<T>,
                             simd::gru_backward_rows<T>},
      .cross_entropy_gradient_row = simd::cross_entropy_gradient_row<T>,
      .squared_distance = simd::squared_distance<T>,
      .scaled_difference = simd::scaled_difference<T>,
  };
  return table;
}

template const detail::Kernels<float>& kernel_table();
template const detail::Kernels<double>& kernel_table();

}  // namespace xgrad::inline XGRAD_ISA
