// SPDX-License-Identifier: BSD-3-Clause
// What is asked of attention, checked, and its formula in recorded operations for second derivatives.
#include "xgrad/ops/attention.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "ops/attention.hpp"
#include "ops/broadcast.hpp"
#include "ops/matrices.hpp"
#include "xgrad/ops/dropout.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/linalg.hpp"
#include "xgrad/ops/reduce.hpp"
#include "xgrad/ops/shape.hpp"
#include "xgrad/ops/softmax.hpp"

namespace xgrad {
namespace {

using detail::AttentionLayout;
using detail::AttentionOperands;
using detail::AttentionPlan;

/// 1 where a key counts for a query, 0 elsewhere, broadcasting to the scores; undefined if all do.
template <class T> Tensor<T> counting(const AttentionPlan& p, const Tensor<T>& bias) {
  Tensor<T> result;
  const auto add = [&result](const Tensor<T>& part) { result = result.defined() ? result * part : part; };
  if (p.mask) add(detail::indicator<T>(*p.mask));
  if (p.causal) {
    Tensor<T> lower = Tensor<T>::zeros({static_cast<std::int64_t>(p.queries), static_cast<std::int64_t>(p.keys)});
    for (std::size_t i = 0; i < p.queries; ++i)
      std::fill_n(const_cast<T*>(lower.data()) + i * p.keys, std::min(i + 1, p.keys), T{1});
    add(lower);
  }
  if (bias.defined())
    add(where(bias.detach() == -std::numeric_limits<double>::infinity(), 0, Tensor<T>::ones(bias.shape())));
  return result;
}

/// The same result from recorded operations, on q, k, v of shape (..., L, E) with one head of k and v for each of q.
template <class T>
Tensor<T> composed_attention(const AttentionPlan& p, const Tensor<T>& q, const Tensor<T>& k, const Tensor<T>& v,
                             const Tensor<T>& bias) {
  Tensor<T> scores = matmul(q, transpose(k)) * p.scale;
  const Tensor<T> counts = counting(p, bias);
  if (bias.defined()) scores = scores + detail::where(counts, bias, Tensor<T>::zeros({}));
  // Far below any score, but finite: a row where nothing counts is made 0 afterwards.
  if (counts.defined()) scores = detail::where(counts, scores, Tensor<T>(std::numeric_limits<T>::lowest() / 4));
  Tensor<T> probabilities = softmax(scores);
  if (counts.defined()) probabilities = probabilities * counts;
  return matmul(dropout(probabilities, p.dropout, true, p.key), v);
}

/// x (..., heads, S, E) with each head `group` times in a row.
template <class T> Tensor<T> repeat_heads(const Tensor<T>& x, std::size_t group) {
  if (group == 1) return x;
  const std::size_t heads = x.rank() - 3;
  Shape repeated = x.shape().inserted(heads + 1, static_cast<std::int64_t>(group)), merged = x.shape();
  merged[heads] *= static_cast<std::int64_t>(group);
  return reshape(expand(unsqueeze(x, static_cast<std::int64_t>(heads) + 1), repeated), merged);
}

template <class T> void check_options(const char* name, const AttentionOptions<T>& options) {
  XGRAD_CHECK(options.dropout_p >= 0 && options.dropout_p <= 1, name, ": dropout_p is ", options.dropout_p,
              "; expected 0 to 1");
  XGRAD_CHECK(!options.is_causal || (!options.attn_mask && !options.attn_bias.defined()), name,
              ": is_causal together with attn_mask or attn_bias; put the causal mask into the one that you give");
}

template <class T> void apply_options(AttentionPlan& p, const AttentionOptions<T>& options) {
  p.scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(std::max<std::size_t>(p.size, 1))));
  p.causal = options.is_causal;
  p.dropout = options.dropout_p;
  if (p.dropout > 0) p.key = options.key ? *options.key : next_random_key();
}

/// `mask` with its last two axes present and the last in full.
Shape mask_shape(const char* name, const char* what, const Shape& mask, const Shape& scores) {
  Shape shape = mask;
  while (shape.rank() < 2) shape = shape.inserted(0, 1);
  XGRAD_CHECK(shape.rank() <= scores.rank() && broadcast_shapes(shape, scores, name) == scores, name, ": ", what,
              " of shape ", mask, " does not broadcast to the scores ", scores);
  shape[shape.rank() - 1] = scores.back();
  return shape;
}

Mask full_last_axis(const Mask& mask, const Shape& shape) {
  if (mask.size() == shape.size()) return Mask(shape, mask.values());
  Mask result(shape);
  const std::size_t cols = static_cast<std::size_t>(shape.back());
  for (std::size_t i = 0; i < mask.size(); ++i) std::fill_n(result.data() + i * cols, cols, mask.data()[i]);
  return result;
}

/// The mask into the plan; returns the bias as backward's input.
template <class T> Tensor<T> apply_masks(const char* name, AttentionPlan& p, const AttentionOptions<T>& options) {
  if (options.attn_mask)
    p.mask = full_last_axis(*options.attn_mask, mask_shape(name, "attn_mask", options.attn_mask->shape(), p.scores));
  if (!options.attn_bias.defined()) return {};
  return expand(options.attn_bias, mask_shape(name, "attn_bias", options.attn_bias.shape(), p.scores));
}

/// An uninitialised gradient of input k and its place, if wanted.
template <class T> T* fresh_gradient(Node<T>& n, std::size_t k, Tensor<T>& gradient) {
  if (!n.wants(k)) return nullptr;
  gradient = Tensor<T>::empty(n.input_shape(k));
  return const_cast<T*>(gradient.data());
}

constexpr SavedMask kSaveFour = 15;

}  // namespace

template <class T>
Tensor<T> scaled_dot_product_attention(const Tensor<T>& q_, const Tensor<T>& k_, const Tensor<T>& v_,
                                       const AttentionOptions<T>& options) {
  const char* const name = "scaled_dot_product_attention";
  const auto refuse = [&](const char* expected) {
    fail(name, ": q ", q_.shape(), ", k ", k_.shape(), ", v ", v_.shape(), " do not fit; expected ", expected);
  };
  if (q_.rank() < 2 || k_.rank() < 2 || v_.rank() < 2) refuse("(..., L, E), (..., S, E), (..., S, Ev)");
  if (q_.shape().back() != k_.shape().back()) refuse("the same last axis E in q and k");
  if (k_.size(-2) != v_.size(-2)) refuse("the same number of keys S (the axis before the last) in k and v");
  check_options(name, options);

  AttentionPlan p{};
  p.queries = static_cast<std::size_t>(q_.size(-2));
  p.keys = static_cast<std::size_t>(k_.size(-2));
  p.size = static_cast<std::size_t>(q_.shape().back());
  p.value_size = static_cast<std::size_t>(v_.shape().back());
  // Leading axes: all broadcast, but the heads of grouped queries.
  const Shape q_leading = detail::leading_axes(q_.shape());
  Shape key_leading = broadcast_shapes(detail::leading_axes(k_.shape()), detail::leading_axes(v_.shape()), name),
        leading = q_leading;
  p.heads = p.key_heads = 1;
  if (options.enable_gqa) {
    if (q_leading.rank() == 0 || key_leading.rank() != q_leading.rank())
      refuse("with enable_gqa as many axes in each, at least (heads, L, E)");
    const std::int64_t heads = q_leading.back(), key_heads = key_leading.back();
    if (key_heads < 1 || heads < 1 || heads % key_heads != 0) refuse("with enable_gqa a multiple of k's heads in q");
    const std::size_t axis = q_leading.rank() - 1;
    leading = broadcast_shapes(q_leading.erased(axis), key_leading.erased(axis), name).inserted(axis, heads);
    key_leading = leading;
    key_leading[axis] = key_heads;
  } else {
    leading = key_leading = broadcast_shapes(q_leading, key_leading, name);
  }
  if (leading.rank() > 0) {
    p.heads = static_cast<std::size_t>(leading.back());
    p.key_heads = static_cast<std::size_t>(key_leading.back());
  }
  p.batches = p.heads == 0 ? 0 : leading.size() / p.heads;
  const auto matrices = [](const Shape& of, std::int64_t rows, std::int64_t cols) {
    return of.inserted(of.rank(), rows).inserted(of.rank() + 1, cols);
  };
  const Tensor<T> q = expand(q_, matrices(leading, q_.size(-2), q_.shape().back()));
  const Tensor<T> k = expand(k_, matrices(key_leading, k_.size(-2), k_.shape().back()));
  const Tensor<T> v = expand(v_, matrices(key_leading, v_.size(-2), v_.shape().back()));
  const auto dense = [](std::size_t heads, std::size_t rows, std::size_t cols) {
    return AttentionLayout{heads * rows * cols, rows * cols, cols};
  };
  p.q = dense(p.heads, p.queries, p.size);
  p.k = dense(p.key_heads, p.keys, p.size);
  p.v = dense(p.key_heads, p.keys, p.value_size);
  p.o = dense(p.heads, p.queries, p.value_size);
  p.scores = matrices(leading, q.size(-2), k.size(-2));
  apply_options(p, options);
  const Tensor<T> bias = apply_masks(name, p, options);

  const Shape shape = matrices(leading, q.size(-2), v.shape().back());
  Storage<T> value(shape.size()), lse(p.batches * p.heads * p.queries);
  detail::attention_forward<T>(p, {q.data(), k.data(), v.data(), bias.defined() ? bias.data() : nullptr},
                               bias.defined() ? bias.shape() : Shape{}, value.data(), lse.data());
  auto vjp = [p, lse = std::move(lse)](Node<T>& n, const Tensor<T>& g) {
    const bool biased = n.input_count == 4;
    if (is_grad_enabled())
      return n.substitute(composed_attention(p, n.input(0), repeat_heads(n.input(1), p.group()),
                                             repeat_heads(n.input(2), p.group()), biased ? n.input(3) : Tensor<T>()),
                          g);
    std::array<Tensor<T>, 4> d;
    AttentionOperands<T> places{};
    places.q = fresh_gradient(n, 0, d[0]);
    places.k = fresh_gradient(n, 1, d[1]);
    places.v = fresh_gradient(n, 2, d[2]);
    if (biased && n.wants(3)) {
      d[3] = Tensor<T>::empty(p.scores);
      places.bias = const_cast<T*>(d[3].data());
    }
    detail::attention_backward<T>(
        p, {n.input_data(0), n.input_data(1), n.input_data(2), biased ? n.input_data(3) : nullptr},
        biased ? n.input_shape(3) : Shape{}, g.data(), lse.data(), places);
    for (std::size_t i = 0; i < d.size(); ++i)
      if (d[i].defined()) n.give(i, std::move(d[i]));
  };
  if (bias.defined()) return record<T>(name, shape, std::move(value), kSaveFour, std::move(vjp), q, k, v, bias);
  return record<T>(name, shape, std::move(value), kSaveFour, std::move(vjp), q, k, v);
}

template <class T>
Tensor<T> packed_attention(const Tensor<T>& x, std::int64_t heads, const AttentionOptions<T>& options) {
  const char* const name = "packed_attention";
  XGRAD_CHECK(heads > 0 && x.rank() == 3 && x.shape().back() % (3 * heads) == 0, name, ": x ", x.shape(), " for ",
              heads, " heads; expected (N, L, 3 E) with E a multiple of the heads");
  XGRAD_CHECK(!options.enable_gqa, name, ": enable_gqa; q, k and v have the same heads here");
  check_options(name, options);
  AttentionPlan p{};
  const std::int64_t embedding = x.shape().back() / 3;
  const auto width = static_cast<std::size_t>(embedding);
  p.batches = static_cast<std::size_t>(x.shape()[0]);
  p.heads = p.key_heads = static_cast<std::size_t>(heads);
  p.queries = p.keys = static_cast<std::size_t>(x.shape()[1]);
  p.size = p.value_size = width / p.heads;
  p.q = p.k = p.v = {p.queries * 3 * width, p.size, 3 * width};
  p.o = {p.queries * width, p.size, width};
  p.scores = Shape{x.shape()[0], heads, x.shape()[1], x.shape()[1]};
  apply_options(p, options);
  const Tensor<T> bias = apply_masks(name, p, options);

  const Shape shape{x.shape()[0], x.shape()[1], embedding};
  Storage<T> value(shape.size()), lse(p.batches * p.heads * p.queries);
  const auto parts = [width](auto* base, auto* bias_data) {
    using Element = std::remove_pointer_t<decltype(base)>;
    return AttentionOperands<Element>{base, base + width, base + 2 * width, bias_data};
  };
  detail::attention_forward<T>(p, parts(x.data(), bias.defined() ? bias.data() : nullptr),
                               bias.defined() ? bias.shape() : Shape{}, value.data(), lse.data());
  auto vjp = [p, parts, heads, lse = std::move(lse)](Node<T>& n, const Tensor<T>& g) {
    const bool biased = n.input_count == 2;
    const Shape& packed = n.input_shape(0);
    const std::int64_t batches = packed[0], length = packed[1], size = packed[2] / 3 / heads;
    if (is_grad_enabled()) {
      // (N, L, 3 E) -> (3, N, heads, L, E / heads)
      const Tensor<T> split = permute(reshape(n.input(0), Shape{batches, length, 3, heads, size}), {2, 0, 3, 1, 4});
      const auto part = [&](std::int64_t i) { return squeeze(slice(split, 0, i, i + 1), 0); };
      const Tensor<T> y = composed_attention(p, part(0), part(1), part(2), biased ? n.input(1) : Tensor<T>());
      return n.substitute(reshape(permute(y, {0, 2, 1, 3}), n.shape), g);
    }
    Tensor<T> dx = Tensor<T>::empty(packed), d_bias;
    T* bias_place = nullptr;
    if (biased && n.wants(1)) {
      d_bias = Tensor<T>::empty(p.scores);
      bias_place = const_cast<T*>(d_bias.data());
    }
    detail::attention_backward<T>(p, parts(n.input_data(0), biased ? n.input_data(1) : nullptr),
                                  biased ? n.input_shape(1) : Shape{}, g.data(), lse.data(),
                                  parts(const_cast<T*>(dx.data()), bias_place));
    n.give(0, std::move(dx));
    if (d_bias.defined()) n.give(1, std::move(d_bias));
  };
  if (bias.defined()) return record<T>(name, shape, std::move(value), kSaveFour, std::move(vjp), x, bias);
  return record<T>(name, shape, std::move(value), kSaveFour, std::move(vjp), x);
}

#define XGRAD_INSTANTIATE(T)                                                                            \
  template Tensor<T> scaled_dot_product_attention(const Tensor<T>&, const Tensor<T>&, const Tensor<T>&, \
                                                  const AttentionOptions<T>&);                          \
  template Tensor<T> packed_attention(const Tensor<T>&, std::int64_t, const AttentionOptions<T>&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
