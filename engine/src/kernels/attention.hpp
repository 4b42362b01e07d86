// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What lies between the two products of attention, and the rotation of positions.
#include "kernels/reduce.hpp"

namespace xgrad::inline XGRAD_ISA {
namespace simd {

using xgrad::detail::ScoreRows;

/// Adds the bias and sets what does not count to -inf in row r; returns how many leading keys may count at all.
template <class T> std::size_t mask_row(const ScoreRows<T>& block, std::size_t r, T* scores) {
  const std::size_t seen = block.causal && block.first + r + 1 < block.cols ? block.first + r + 1 : block.cols;
  if (block.bias) add_in_place(scores, block.bias + r * block.bias_stride, seen);
  if (block.keep) {
    const bool* keep = block.keep + r * block.keep_stride;
    for (std::size_t j = 0; j < seen; ++j) {
      const T score = scores[j];  // loaded before the choice: else the loop is not vectorised
      scores[j] = keep[j] ? score : -infinity<T>();
    }
  }
  return seen;
}

template <class T> void clear(T* x, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) x[i] = 0;
}

template <class T> [[gnu::flatten]] void attention_rows(const ScoreRows<T>& block, T* lse) {
  T* scores = block.scores;
  for (std::size_t r = 0; r < block.rows; ++r, scores += block.cols) {
    const std::size_t seen = mask_row(block, r, scores);
    const T largest = row_maximum(scores, seen);
    if (largest == -infinity<T>()) {  // no key counts
      clear(scores, block.cols);
      lse[r] = infinity<T>();
      continue;
    }
    const T sum = row_exp_sum(scores, largest, seen, scores);
    const T scale = T{1} / sum;
    for_columns<T>(seen, [&](std::size_t j, std::size_t n) {
      store_up_to(scores + j, Batch<T>(load_up_to(scores + j, n) * scale), n);
    });
    clear(scores + seen, block.cols - seen);
    lse[r] = largest + static_cast<T>(__builtin_log(static_cast<double>(sum)));
  }
}

template <class T> [[gnu::flatten]] void attention_again_rows(const ScoreRows<T>& block, const T* lse) {
  T* scores = block.scores;
  for (std::size_t r = 0; r < block.rows; ++r, scores += block.cols) {
    const std::size_t seen = mask_row(block, r, scores);
    const Batch<T> shift(lse[r]);
    for_columns<T>(seen, [&](std::size_t j, std::size_t n) {
      store_up_to(scores + j, Batch<T>(xsimd::exp(load_up_to(scores + j, n) - shift)), n);
    });
    clear(scores + seen, block.cols - seen);
  }
}

template <class T>
void rotate_rows(const T* x, T* y, const T* cos_sin, T sign, std::size_t rows, std::size_t half, bool interleaved) {
  for (std::size_t r = 0; r < rows; ++r, x += 2 * half, y += 2 * half, cos_sin += 2 * half) {
    const T* sine = cos_sin + half;
    const auto rotate = [&](std::size_t i, std::size_t a, std::size_t b) {
      const T first = x[a], second = x[b], c = cos_sin[i], s = sign * sine[i];
      y[a] = first * c - second * s;
      y[b] = first * s + second * c;
    };
    if (interleaved)
      for (std::size_t i = 0; i < half; ++i) rotate(i, 2 * i, 2 * i + 1);
    else
      for (std::size_t i = 0; i < half; ++i) rotate(i, i, i + half);
  }
}

}  // namespace simd
}  // namespace xgrad::inline XGRAD_ISA
