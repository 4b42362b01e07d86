// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/nn/layers.hpp"
#include "xgrad/nn/normalization.hpp"
#include "xgrad/ops/attention.hpp"

namespace xgrad::nn {

struct MultiheadAttentionOptions {
  double dropout = 0;  ///< of the probabilities, while training
  bool bias = true;
  bool is_causal = false;  ///< where no mask is given: query i sees the keys j <= i
};

/// num_heads attentions on slices of size E / num_heads of three linear maps of the input, put side by side and mapped
/// once more; batch first. Parameters in_proj_weight (3 E, E), for q, k and v, in_proj_bias (3 E), out_proj.weight (E,
/// E) and out_proj.bias (E), which begin as PyTorch's. Vaswani et al. 2017, arXiv:1706.03762. Throws Error unless both
/// sizes are positive, num_heads divides embed_dim, and dropout is in [0, 1].
template <class T> class MultiheadAttention : public Module<T> {
 public:
  MultiheadAttention(std::int64_t embed_dim, std::int64_t num_heads, MultiheadAttentionOptions options = {});
  /// Self-attention, (N, L, E) -> (N, L, E).
  Tensor<T> forward(const Tensor<T>& x) override { return forward(x, {}); }
  /// Self-attention with a mask or bias that broadcasts to (N, num_heads, L, L).
  Tensor<T> forward(const Tensor<T>& x, const AttentionOptions<T>& options);
  /// query (N, L, E), key and value (N, S, E) -> (N, L, E); masks broadcast to (N, num_heads, L, S).
  Tensor<T> forward(const Tensor<T>& query, const Tensor<T>& key, const Tensor<T>& value,
                    const AttentionOptions<T>& options = {});

  Tensor<T> in_proj_weight, in_proj_bias;  ///< handles on the parameters; the bias is undefined without one
  Linear<T> out_proj;

 private:
  AttentionOptions<T> complete(AttentionOptions<T> options) const;

  std::int64_t heads_;
  MultiheadAttentionOptions options_;
};

struct TransformerEncoderLayerOptions {
  std::int64_t dim_feedforward = 2048;
  double dropout = 0.1;  ///< of the probabilities, of both halves' results and inside the feed-forward half
  bool gelu = false;     ///< between the feed-forward maps, instead of relu
  double layer_norm_eps = 1e-5;
  bool norm_first = false;  ///< normalise what enters a half (Xiong et al. 2020, arXiv:2002.04745), not what leaves it
  bool bias = true;         ///< of the linear maps
  bool is_causal = false;   ///< a decoder-only language model's block
};

/// Self-attention, then two linear maps of each position, each added to what entered it: (N, L, d_model) -> the same.
/// Modules self_attn, linear1, linear2, norm1, norm2. Vaswani et al. 2017, arXiv:1706.03762.
template <class T> class TransformerEncoderLayer : public Module<T> {
 public:
  TransformerEncoderLayer(std::int64_t d_model, std::int64_t nhead, TransformerEncoderLayerOptions options = {});
  Tensor<T> forward(const Tensor<T>& x) override { return forward(x, {}); }
  /// With a mask or bias that broadcasts to (N, nhead, L, L).
  Tensor<T> forward(const Tensor<T>& x, const AttentionOptions<T>& mask);

  MultiheadAttention<T> self_attn;
  Linear<T> linear1, linear2;
  LayerNorm<T> norm1, norm2;

 private:
  Tensor<T> feed_forward(const Tensor<T>& x);
  Tensor<T> dropped(const Tensor<T>& x) const { return dropout(x, options_.dropout, this->is_training()); }

  TransformerEncoderLayerOptions options_;
};

extern template class TransformerEncoderLayer<float>;
extern template class TransformerEncoderLayer<double>;
extern template class MultiheadAttention<float>;
extern template class MultiheadAttention<double>;

}  // namespace xgrad::nn
