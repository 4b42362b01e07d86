// SPDX-License-Identifier: BSD-3-Clause
#include "ops/attention.hpp"

#include "kernels/gemm.hpp"
#include "kernels/kernels.hpp"
#include "ops/broadcast.hpp"
#include "ops/dropout_mask.hpp"
#include "ops/matrices.hpp"
#include "xgrad/threads.hpp"

namespace xgrad::detail {
namespace {

/// One block of queries of one head.
struct Block {
  std::size_t head;  // of batches x heads
  std::size_t first, rows, cols;

  Block(const AttentionPlan& p, std::size_t head_, std::size_t index)
      : head(head_), first(index * p.block()), rows(std::min(p.block(), p.queries - first)),
        cols(p.causal ? std::min(p.keys, first + rows) : p.keys) {}
};

/// The offset of the block's first row in an operand of a layout; keys and values begin at row 0.
std::size_t query_place(const AttentionPlan& p, const AttentionLayout& layout, const Block& b) {
  return b.head / p.heads * layout.batch + b.head % p.heads * layout.head + b.first * layout.row;
}
std::size_t key_place(const AttentionPlan& p, const AttentionLayout& layout, const Block& b) {
  return b.head / p.heads * layout.batch + b.head % p.heads / p.group() * layout.head;
}

/// scores = scale q k^T, and what is to be done with them; `keys` is k^T.
template <class T>
ScoreRows<T> score(const AttentionPlan& p, const Block& b, const AttentionOperands<const T>& x, const Shape& bias,
                   const RightFactor<T>& keys, T* scores) {
  keys.multiply(b.rows, b.cols, static_cast<T>(p.scale), {x.q + query_place(p, p.q, b), p.q.row},
                Rows<T>{scores, b.cols}, false);
  ScoreRows<T> rows{scores, b.rows, b.cols, nullptr, 0, nullptr, 0, p.causal, b.first};
  // Masks have the keys' axis in full; the queries' may broadcast.
  const auto locate = [&](const Shape& shape, const auto* data, const auto*& place, std::size_t& stride) {
    const bool per_query = shape[shape.rank() - 2] != 1;
    const std::size_t matrix = broadcast_place(leading_axes(shape), leading_axes(p.scores), b.head);
    stride = per_query ? p.keys : 0;
    place = data + matrix * (per_query ? p.queries : 1) * p.keys + b.first * stride;
  };
  if (x.bias) locate(bias, x.bias, rows.bias, rows.bias_stride);
  if (p.mask) locate(p.mask->shape(), p.mask->data(), rows.keep, rows.keep_stride);
  return rows;
}

/// x with the mask of dropout on the probabilities.
template <class T> void drop_block(const AttentionPlan& p, const Block& b, T* x) {
  for (std::size_t r = 0; r < b.rows; ++r, x += b.cols)
    drop(x, x, (b.head * p.queries + b.first + r) * p.keys, b.cols, p.dropout, p.key);
}

/// body(task) for all tasks, on several threads if the work is worth it.
template <class Body> void for_tasks(std::size_t tasks, std::size_t work, const Body& body) {
  if (work >= kParallelWork) return parallel_for(tasks, body);
  for (std::size_t task = 0; task < tasks; ++task) body(task);
}

/// k^T or v^T of the head of k and v that block b meets, for `rows` queries.
template <class T>
RightFactor<T> transposed_factor(const AttentionPlan& p, const Block& b, const AttentionLayout& layout,
                                 std::size_t size, const T* x, std::size_t rows) {
  return {rows, true, size, p.keys, {x + key_place(p, layout, b), layout.row}};
}

template <class T> void fill_rows(T* x, std::size_t stride, std::size_t rows, std::size_t cols) {
  for (std::size_t r = 0; r < rows; ++r) std::fill_n(x + r * stride, cols, T{0});
}

}  // namespace

template <class T>
void attention_forward(const AttentionPlan& p, const AttentionOperands<const T>& x, const Shape& bias, T* o, T* lse) {
  constexpr std::size_t kManyHeads = 16;
  // All queries that meet a head of k and v, or a block of them where heads are few.
  const std::size_t heads = p.batches * p.key_heads, blocks = p.group() * p.blocks();
  if (blocks == 0) return;
  const std::size_t cuts = heads >= kManyHeads ? 1 : blocks;
  for_tasks(heads * cuts, p.work(), [&](std::size_t task) {
    const SerialScope serial;
    const std::size_t begin = task / cuts * blocks + task % cuts * (blocks / cuts), end = begin + blocks / cuts;
    const auto block = [&p](std::size_t i) { return Block(p, i / p.blocks(), i % p.blocks()); };
    const auto keys = transposed_factor(p, block(begin), p.k, p.size, x.k, (end - begin) * p.block());
    Storage<T> scores(p.block() * p.keys);
    for (std::size_t i = begin; i < end; ++i) {
      const Block b = block(i);
      kernels<T>().attention_rows(score(p, b, x, bias, keys, scores.data()), lse + b.head * p.queries + b.first);
      if (p.dropout > 0) drop_block(p, b, scores.data());
      gemm(false, false, b.rows, p.value_size, b.cols, T{1}, {scores.data(), b.cols},
           {x.v + key_place(p, p.v, b), p.v.row}, Rows<T>{o + query_place(p, p.o, b), p.o.row}, false);
    }
  });
}

template <class T>
void attention_backward(const AttentionPlan& p, const AttentionOperands<const T>& x, const Shape& bias, const T* g,
                        const T* lse, const AttentionOperands<T>& d) {
  using Rows = detail::Rows<T>;
  const auto& kernels = detail::kernels<T>();
  const std::size_t group = p.group();
  const bool scores_wanted = d.q || d.k || d.bias;
  // A task owns a head of k and v, whose gradients sum over queries.
  for_tasks(p.batches * p.key_heads, p.work(), [&](std::size_t task) {
    const SerialScope serial;
    const Block whole(p, task * group, 0);
    const auto keys = transposed_factor(p, whole, p.k, p.size, x.k, group * p.queries);
    const auto values =
        scores_wanted ? transposed_factor(p, whole, p.v, p.value_size, x.v, group * p.queries) : RightFactor<T>();
    if (d.k) fill_rows(d.k + key_place(p, p.k, whole), p.k.row, p.keys, p.size);
    if (d.v) fill_rows(d.v + key_place(p, p.v, whole), p.v.row, p.keys, p.value_size);
    Storage<T> scores(p.block() * p.keys), gradients(scores_wanted ? p.block() * p.keys : 0);
    for (std::size_t i = 0; i < group * p.blocks(); ++i) {
      const Block b(p, task * group + i / p.blocks(), i % p.blocks());
      const detail::Rows<const T> go{g + query_place(p, p.o, b), p.o.row}, probabilities{scores.data(), b.cols},
          ds{gradients.data(), b.cols};
      kernels.attention_again_rows(score(p, b, x, bias, keys, scores.data()), lse + b.head * p.queries + b.first);
      if (scores_wanted) {
        values.multiply(b.rows, b.cols, T{1}, go, Rows{gradients.data(), b.cols}, false);
        if (p.dropout > 0) drop_block(p, b, gradients.data());
        kernels.softmax_backward_rows(scores.data(), gradients.data(), gradients.data(), b.rows, b.cols);
      }
      if (d.v) {
        if (p.dropout > 0) drop_block(p, b, scores.data());
        gemm(true, false, b.cols, p.value_size, b.rows, T{1}, probabilities, go,
             Rows{d.v + key_place(p, p.v, b), p.v.row}, true);
      }
      if (d.q)
        gemm(false, false, b.rows, p.size, b.cols, static_cast<T>(p.scale), ds, {x.k + key_place(p, p.k, b), p.k.row},
             Rows{d.q + query_place(p, p.q, b), p.q.row}, false);
      if (d.k)
        gemm(true, false, b.cols, p.size, b.rows, static_cast<T>(p.scale), ds, {x.q + query_place(p, p.q, b), p.q.row},
             Rows{d.k + key_place(p, p.k, b), p.k.row}, true);
      if (d.bias)  // not causal: whole rows
        std::copy_n(gradients.data(), b.rows * b.cols, d.bias + (b.head * p.queries + b.first) * p.keys);
    }
  });
}

#define XGRAD_INSTANTIATE(T)                                                                                        \
  template void attention_forward(const AttentionPlan&, const AttentionOperands<const T>&, const Shape&, T*, T*);   \
  template void attention_backward(const AttentionPlan&, const AttentionOperands<const T>&, const Shape&, const T*, \
                                   const T*, const AttentionOperands<T>&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad::detail
