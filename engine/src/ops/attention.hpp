// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Attention without the square: a block of queries at a time meets all its keys, so the scores of a block stay in the
// second-level cache; backward computes the probabilities again from the logsumexp of their rows.
#include <algorithm>
#include <optional>

#include "xgrad/random.hpp"
#include "xgrad/tensor.hpp"

namespace xgrad::detail {

/// Where the matrices of one operand lie: elements from one to the next.
struct AttentionLayout {
  std::size_t batch, head, row;
};

/// What attention does, without its operands' elements.
struct AttentionPlan {
  std::size_t batches, heads, key_heads;  // key_heads divides heads: grouped queries
  std::size_t queries, keys, size, value_size;
  AttentionLayout q, k, v, o;
  double scale;
  bool causal;
  double dropout;
  RandomKey key;
  Shape scores;  // (..., L, S): batches x heads matrices
  std::optional<Mask> mask;

  /// Queries of a block.
  std::size_t block() const {
    constexpr std::size_t kScores = 32'768;  // elements of a block of scores; backward holds two
    const std::size_t fitting = std::max<std::size_t>(kScores / std::max<std::size_t>(keys, 1), 16);
    // Shorter blocks leave out more of what lies above the diagonal.
    const std::size_t most = causal ? std::min<std::size_t>(queries, 32) : queries;
    return std::min(fitting, std::max<std::size_t>(most, 1));
  }
  std::size_t blocks() const { return (queries + block() - 1) / block(); }
  /// Heads of q that share one of k and v.
  std::size_t group() const { return key_heads == 0 ? 0 : heads / key_heads; }
  std::size_t work() const { return batches * heads * queries * keys * (size + value_size); }
};

/// The elements of q, k, v and the bias, or their gradients; null where absent.
template <class T> struct AttentionOperands { T *q, *k, *v, *bias; };

/// o and the logsumexp of each row of scores; `bias` is the shape of x.bias.
template <class T>
void attention_forward(const AttentionPlan& plan, const AttentionOperands<const T>& x, const Shape& bias, T* o, T* lse);
/// Overwrites the gradients in `d` that are not null, from g, the gradient of o; that of the bias has the shape of the
/// scores.
template <class T>
void attention_backward(const AttentionPlan& plan, const AttentionOperands<const T>& x, const Shape& bias, const T* g,
                        const T* lse, const AttentionOperands<T>& d);

}  // namespace xgrad::detail
