// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Rows of a table, looked up by number.
#include "xgrad/tensor.hpp"

namespace xgrad {

struct EmbeddingOptions {
  std::int64_t padding_idx = -1;  ///< a row whose gradient stays 0; -1: none
  bool sparse = false;            ///< keep the gradient of a leaf weight as rows, see Tensor::sparse_grad()
};
/// The rows of weight (V, D...) that `indices` name: shape (indices..., D...). Backward touches only the rows used once
/// the weight has a gradient. Throws Error for an index outside [0, V), naming it and its position.
template <class T> Tensor<T> embedding(const Tensor<T>& weight, const Indices& indices, EmbeddingOptions options = {});

enum class BagMode { sum, mean, max };
template <class T> struct EmbeddingBagOptions {
  BagMode mode = BagMode::mean;
  Tensor<T> per_sample_weights{};  ///< one factor for each index; only with sum
  EmbeddingOptions rows{};         ///< padding_idx: left out of the bag, as if it were not there
};
/// The sum, mean or maximum of the rows of weight (V, D) of each bag: (B, D). An empty bag gives 0; the first largest
/// row alone receives max's gradient. Bags are the rows of `indices` (B, n) ...
template <class T>
Tensor<T> embedding_bag(const Tensor<T>& weight, const Indices& indices, const EmbeddingBagOptions<T>& options = {});
/// ... or `offsets` (B) says where each bag begins among `indices` (n). Throws Error unless the offsets begin with 0,
/// never decrease, and stay within n.
template <class T>
Tensor<T> embedding_bag(const Tensor<T>& weight, const Indices& indices, const Indices& offsets,
                        const EmbeddingBagOptions<T>& options = {});

}  // namespace xgrad
