// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/nn/embedding.hpp"

#include <algorithm>
#include <cmath>

#include "xgrad/autograd.hpp"
#include "xgrad/nn/init.hpp"

namespace xgrad::nn {
namespace {

/// Whole numbers as indices.
template <class T> Indices indices_of(const char* layer, const Tensor<T>& x) {
  Indices indices(x.shape());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const T value = x.data()[i];
    XGRAD_CHECK(value == std::floor(value) && std::abs(value) < T{1 << 24}, layer, ": ", value, " at position ", i,
                " is no index; expected whole numbers below 16777216 (pass Indices for more)");
    indices.data()[i] = static_cast<std::int64_t>(value);
  }
  return indices;
}

/// A table that begins as PyTorch's: normal, the padding row 0.
template <class T>
Tensor<T> new_table(const char* layer, std::int64_t count, std::int64_t dimension, const EmbeddingOptions& options) {
  XGRAD_CHECK(count > 0 && dimension > 0, layer, ": ", count, " rows of ", dimension, "; expected positive sizes");
  XGRAD_CHECK(options.padding_idx >= -1 && options.padding_idx < count, layer, ": padding_idx is ", options.padding_idx,
              "; expected one of ", count, " rows, or -1 for none");
  Tensor<T> table = Tensor<T>::empty({count, dimension});
  initialize(table, Init::normal, next_init_key());
  if (options.padding_idx >= 0) std::fill_n(table.mutable_data() + options.padding_idx * dimension, dimension, T{0});
  return table;
}

}  // namespace

template <class T>
Embedding<T>::Embedding(std::int64_t count, std::int64_t dimension, EmbeddingOptions options) : options_(options) {
  weight = this->register_parameter("weight", new_table<T>("Embedding", count, dimension, options));
}
template <class T> Tensor<T> Embedding<T>::forward(const Tensor<T>& x) {
  return embedding(weight, indices_of("Embedding", x), options_);
}
template <class T> Tensor<T> Embedding<T>::operator()(const Indices& indices) {
  const Scope scope(this->name());
  return embedding(weight, indices, options_);
}

template <class T>
EmbeddingBag<T>::EmbeddingBag(std::int64_t count, std::int64_t dimension, BagOptions options) : options_(options) {
  weight = this->register_parameter("weight", new_table<T>("EmbeddingBag", count, dimension, options.rows));
}
template <class T> Tensor<T> EmbeddingBag<T>::forward(const Tensor<T>& x) {
  return embedding_bag<T>(weight, indices_of("EmbeddingBag", x), {.mode = options_.mode, .rows = options_.rows});
}
template <class T> Tensor<T> EmbeddingBag<T>::operator()(const Indices& indices) {
  const Scope scope(this->name());
  return embedding_bag<T>(weight, indices, {.mode = options_.mode, .rows = options_.rows});
}
template <class T> Tensor<T> EmbeddingBag<T>::operator()(const Indices& indices, const Indices& offsets) {
  const Scope scope(this->name());
  return embedding_bag<T>(weight, indices, offsets, {.mode = options_.mode, .rows = options_.rows});
}

template class Embedding<float>;
template class Embedding<double>;
template class EmbeddingBag<float>;
template class EmbeddingBag<double>;

}  // namespace xgrad::nn
