// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Block copies between two arrays with strides of any sign: what every movement of elements is made of.
#include <array>
#include <cstddef>
#include <cstdint>

namespace xgrad::detail {

/// Pairs of places in two arrays. Index (i0, i1, ...), each below its size, stands for the place
/// from + i0 from_stride[0] + i1 from_stride[1] + ... of the source and likewise `to` of the target, in elements.
/// Stride 0 repeats an element; no axis at all is one pair.
struct Box {
  static constexpr std::size_t kMaxRank = 8;
  using Numbers = std::array<std::int64_t, kMaxRank>;

  std::size_t rank = 0;
  std::int64_t from = 0, to = 0;
  Numbers size{}, from_stride{}, to_stride{};
};

/// y[to] = x[from] for all pairs.
template <class T> void copy_box(const Box& box, const T* x, T* y);
/// y[to] += x[from] for all pairs, always in the same order. `overlapping`: a place of y may occur more than once.
template <class T> void add_box(const Box& box, const T* x, T* y, bool overlapping);

}  // namespace xgrad::detail
