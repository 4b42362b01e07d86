// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Tables of vectors for numbered things: words, users, categories.
#include "xgrad/nn/module.hpp"
#include "xgrad/ops/embedding.hpp"

namespace xgrad::nn {

/// Rows of a table: indices of any shape -> (indices..., dimension). Parameter weight (count, dimension), begins normal
/// with deviation 1, its padding row as zeros, as PyTorch's. Throws Error unless both sizes are positive.
template <class T> class Embedding : public Module<T> {
 public:
  Embedding(std::int64_t count, std::int64_t dimension, EmbeddingOptions options = {});
  /// As in a Sequential: x holds the indices as whole numbers, else Error.
  Tensor<T> forward(const Tensor<T>& x) override;
  using Module<T>::operator();
  Tensor<T> operator()(const Indices& indices);

  Tensor<T> weight;  ///< a handle on the parameter

 private:
  EmbeddingOptions options_;
};

struct BagOptions {
  BagMode mode = BagMode::mean;
  EmbeddingOptions rows{};
};

/// The sum, mean or maximum of a table's rows: indices (B, n) -> (B, dimension). Parameter weight as Embedding's.
template <class T> class EmbeddingBag : public Module<T> {
 public:
  EmbeddingBag(std::int64_t count, std::int64_t dimension, BagOptions options = {});
  /// As in a Sequential: x (B, n) holds the indices as whole numbers, else Error.
  Tensor<T> forward(const Tensor<T>& x) override;
  using Module<T>::operator();
  Tensor<T> operator()(const Indices& indices);
  /// Bags of different sizes among indices (n): offsets (B) say where each begins.
  Tensor<T> operator()(const Indices& indices, const Indices& offsets);

  Tensor<T> weight;  ///< a handle on the parameter

 private:
  BagOptions options_;
};

extern template class Embedding<float>;
extern template class Embedding<double>;
extern template class EmbeddingBag<float>;
extern template class EmbeddingBag<double>;

}  // namespace xgrad::nn
