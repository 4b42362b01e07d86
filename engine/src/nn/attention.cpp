// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/nn/attention.hpp"

#include <algorithm>

namespace xgrad::nn {

template <class T>
MultiheadAttention<T>::MultiheadAttention(std::int64_t embed_dim, std::int64_t num_heads,
                                          MultiheadAttentionOptions options)
    : out_proj(std::max<std::int64_t>(embed_dim, 1), std::max<std::int64_t>(embed_dim, 1), {.bias = options.bias}),
      heads_(num_heads), options_(options) {
  XGRAD_CHECK(embed_dim > 0 && num_heads > 0 && embed_dim % num_heads == 0, "MultiheadAttention: embed_dim ",
              embed_dim, ", num_heads ", num_heads, "; expected positive sizes, the first a multiple of the second");
  XGRAD_CHECK(options.dropout >= 0 && options.dropout <= 1, "MultiheadAttention: dropout is ", options.dropout,
              "; expected 0 to 1");
  in_proj_weight = this->register_parameter("in_proj_weight", Tensor<T>::empty({3 * embed_dim, embed_dim}));
  initialize(in_proj_weight, Init::xavier_uniform, next_init_key());
  if (options.bias) {
    in_proj_bias = this->register_parameter("in_proj_bias", Tensor<T>::zeros({3 * embed_dim}));
    initialize(out_proj.bias, Init::zeros, {});
  }
  this->register_module("out_proj", out_proj);
}

template <class T> AttentionOptions<T> MultiheadAttention<T>::complete(AttentionOptions<T> options) const {
  if (this->is_training() && options.dropout_p == 0) options.dropout_p = options_.dropout;
  if (!options.attn_mask && !options.attn_bias.defined()) options.is_causal |= options_.is_causal;
  return options;
}

template <class T>
Tensor<T> MultiheadAttention<T>::forward(const Tensor<T>& x, const AttentionOptions<T>& options) {
  XGRAD_CHECK(x.rank() == 3, "MultiheadAttention: x has shape ", x.shape(), "; expected (N, L, ",
              in_proj_weight.shape()[1], ")");
  return out_proj(packed_attention(linear(x, in_proj_weight, in_proj_bias), heads_, complete(options)));
}

template <class T>
Tensor<T> MultiheadAttention<T>::forward(const Tensor<T>& query, const Tensor<T>& key, const Tensor<T>& value,
                                         const AttentionOptions<T>& options) {
  const std::int64_t embedding = in_proj_weight.shape()[1];
  std::int64_t part = 0;
  const auto project = [&](const char* name, const Tensor<T>& x) {  // (N, L, E) -> (N, heads, L, E / heads)
    XGRAD_CHECK(x.rank() == 3, "MultiheadAttention: ", name, " has shape ", x.shape(), "; expected (N, L, ", embedding,
                ")");
    const std::int64_t start = part++ * embedding, stop = start + embedding;
    const Tensor<T> y = linear(x, slice(in_proj_weight, 0, start, stop),
                               in_proj_bias.defined() ? slice(in_proj_bias, 0, start, stop) : in_proj_bias);
    return permute(reshape(y, {x.shape()[0], x.shape()[1], heads_, embedding / heads_}), {0, 2, 1, 3});
  };
  const Tensor<T> q = project("query", query), k = project("key", key), v = project("value", value);
  const Tensor<T> heads = permute(scaled_dot_product_attention(q, k, v, complete(options)), {0, 2, 1, 3});
  return out_proj(reshape(heads, query.shape()));
}

template class MultiheadAttention<float>;
template class MultiheadAttention<double>;

}  // namespace xgrad::nn
