// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <optional>

#include "xgrad/data.hpp"
#include "xgrad/random.hpp"
#include "xgrad/tensor.hpp"

namespace xgrad {

template <class T> struct AttentionOptions {
  /// True: the key counts. Broadcasts to (..., L, S).
  std::optional<Mask> attn_mask = std::nullopt;
  /// Added to the scaled scores; broadcasts to (..., L, S). -inf where a key does not count.
  Tensor<T> attn_bias = {};
  double dropout_p = 0;                         ///< of each probability
  bool is_causal = false;                       ///< query i sees the keys j <= i; not together with a mask or bias
  std::optional<double> scale = std::nullopt;   ///< of the scores; default 1 / sqrt(E)
  bool enable_gqa = false;                      ///< each head of k and v serves several consecutive heads of q
  std::optional<RandomKey> key = std::nullopt;  ///< of dropout; default: the next of this thread (see manual_seed)
};

/// softmax(scale q k^T + bias) v over the keys that count: q (..., L, E), k (..., S, E), v (..., S, Ev) -> (..., L,
/// Ev). Leading axes broadcast; with enable_gqa the axis before the last two, the heads, of k and v divides that of q.
/// A query for which no key counts gives zeros and has gradient 0.
/// Computed in blocks of queries: the (L, S) scores are never stored whole, backward computes them again from their
/// logsumexp (Dao et al. 2022, arXiv:2205.14135) - unless attn_bias requires a gradient, which is as large as they are.
/// Dropout acts on the probabilities, element i of their (..., L, S) by the key as in dropout().
/// Throws Error for shapes that do not fit, dropout_p outside [0, 1], is_causal together with attn_mask or attn_bias.
template <class T>
Tensor<T> scaled_dot_product_attention(const Tensor<T>& q, const Tensor<T>& k, const Tensor<T>& v,
                                       const AttentionOptions<T>& options = {});

/// Self-attention of `heads` heads on a stacked projection: x (N, L, 3 E) holds q, k and v side by side, heads one
/// after the other in each -> (N, L, E), the heads side by side. Equal to scaled_dot_product_attention on (N, heads, L,
/// E / heads), without taking x apart. Throws Error unless x has rank 3 and 3 heads divides its last axis, and as
/// above.
template <class T>
Tensor<T> packed_attention(const Tensor<T>& x, std::int64_t heads, const AttentionOptions<T>& options = {});

/// Rotates pairs of elements of each row by its position: x (..., L, d), d even. Pair i turns by the angle p base^(-2 i
/// / d), p = positions[l], 0 ... L-1 if `positions` is empty; pairs are (i, i + d / 2), or (2 i, 2 i + 1) if
/// interleaved. Su et al. 2021, arXiv:2104.09864. Throws Error for an odd d, other than L positions, a negative one, or
/// base <= 0.
template <class T>
Tensor<T> rotary_embedding(const Tensor<T>& x, const Indices& positions = {}, double base = 10000,
                           bool interleaved = false);

/// (length, d), d even: sin(p / 10000^(2 i / d)) at (p, 2 i), the cosine at (p, 2 i + 1).
/// Vaswani et al. 2017, arXiv:1706.03762. Throws Error for an odd d.
template <class T> Tensor<T> sinusoidal_positions(std::int64_t length, std::int64_t d);

/// (heads, L, S): -slope_h (i - j) with slope_h = 2^(-8 h / heads), h = 1 ... heads, for attn_bias; causal: -inf where
/// j > i. Press et al. 2021, arXiv:2108.12409. Throws Error unless heads is positive.
template <class T> Tensor<T> alibi_bias(std::int64_t heads, std::int64_t L, std::int64_t S, bool causal = true);

}  // namespace xgrad
