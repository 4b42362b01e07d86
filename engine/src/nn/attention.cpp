// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/nn/attention.hpp"

#include <algorithm>

namespace xgrad::nn {

template <class T>
MultiheadAttention<T>::MultiheadAttention(std::int64_t embed_dim, std::int64_t num_heads,
                                          MultiheadAttentionOptions options)
    : out_proj(std::max<std::int64_t>(embed_dim, 1), std::max<std::int64_t>(embed_dim, 1), {.bias = options.bias}),
      heads_(num_heads), options_(options) {
  XGRAD_CHECK(embed_dim > 0 && num_heads > 0 && embed_dim % num_heads == 0, "MultiheadAttention: embed_dim ", embed_dim,
              ", num_heads ", num_heads, "; expected positive sizes, the first a multiple of the second");
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

template <class T> Tensor<T> MultiheadAttention<T>::forward(const Tensor<T>& x, const AttentionOptions<T>& options) {
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
    return transpose(reshape(y, Shape{x.shape()[0], x.shape()[1], heads_, embedding / heads_}), 1, 2);
  };
  const Tensor<T> q = project("query", query), k = project("key", key), v = project("value", value);
  const Tensor<T> heads = transpose(scaled_dot_product_attention(q, k, v, complete(options)), 1, 2);
  return out_proj(reshape(heads, query.shape()));
}

template <class T>
TransformerEncoderLayer<T>::TransformerEncoderLayer(std::int64_t d_model, std::int64_t nhead,
                                                    TransformerEncoderLayerOptions options)
    : self_attn(d_model, nhead, {.dropout = options.dropout, .bias = options.bias, .is_causal = options.is_causal}),
      linear1(d_model, options.dim_feedforward, {.bias = options.bias}),
      linear2(options.dim_feedforward, d_model, {.bias = options.bias}),
      norm1(Shape{d_model}, {.eps = options.layer_norm_eps}), norm2(Shape{d_model}, {.eps = options.layer_norm_eps}),
      options_(options) {
  this->register_module("self_attn", self_attn);
  this->register_module("linear1", linear1);
  this->register_module("linear2", linear2);
  this->register_module("norm1", norm1);
  this->register_module("norm2", norm2);
}

template <class T> Tensor<T> TransformerEncoderLayer<T>::feed_forward(const Tensor<T>& x) {
  const Tensor<T> hidden = linear1.forward_with(x, options_.gelu ? Activation::gelu : Activation::relu);
  return dropped(linear2(dropped(hidden)));
}

template <class T> Tensor<T> TransformerEncoderLayer<T>::forward(const Tensor<T>& x, const AttentionOptions<T>& mask) {
  if (options_.norm_first) {
    const Tensor<T> attended = x + dropped(self_attn.forward(norm1(x), mask));
    return attended + feed_forward(norm2(attended));
  }
  const Tensor<T> attended = norm1(x + dropped(self_attn.forward(x, mask)));
  return norm2(attended + feed_forward(attended));
}

template class TransformerEncoderLayer<float>;
template class TransformerEncoderLayer<double>;
template class MultiheadAttention<float>;
template class MultiheadAttention<double>;

}  // namespace xgrad::nn
