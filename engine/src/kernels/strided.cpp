// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/strided.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <type_traits>

#include "kernels/kernels.hpp"
#include "xgrad/threads.hpp"

namespace xgrad::detail {
namespace {

constexpr std::int64_t kBlock = 16384;  // elements that make a second thread worth its start
constexpr std::int64_t kShortRun = 16;  // elements below which a call costs more than a loop

template <class T> constexpr std::int64_t kTile = 64 / sizeof(T);  // elements of a cache line

struct Axis {
  std::int64_t size, from, to;
};

/// The same pairs with axes ordered for the target: largest stride first, none negative, no axis of size 1, neighbours
/// merged where they lie behind one another in both arrays; at least two axes.
Box in_target_order(const Box& box) {
  std::array<Axis, Box::kMaxRank> axes;
  std::size_t count = 0;
  Box result{.from = box.from, .to = box.to};
  for (std::size_t i = 0; i < box.rank; ++i) {
    Axis axis{box.size[i], box.from_stride[i], box.to_stride[i]};
    if (axis.size == 1) continue;
    if (axis.to < 0) {
      result.from += (axis.size - 1) * axis.from;
      result.to += (axis.size - 1) * axis.to;
      axis.from = -axis.from;
      axis.to = -axis.to;
    }
    std::size_t place = count++;
    for (; place > 0 && axes[place - 1].to < axis.to; --place) axes[place] = axes[place - 1];
    axes[place] = axis;
  }
  std::size_t merged = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Axis axis = axes[i];
    if (merged > 0 && axes[merged - 1].from == axis.from * axis.size && axes[merged - 1].to == axis.to * axis.size)
      axes[merged - 1] = {axes[merged - 1].size * axis.size, axis.from, axis.to};
    else
      axes[merged++] = axis;
  }
  const auto push = [&result](const Axis& axis) {
    result.size[result.rank] = axis.size;
    result.from_stride[result.rank] = axis.from;
    result.to_stride[result.rank++] = axis.to;
  };
  for (std::size_t missing = merged; missing < 2; ++missing) push({1, 0, 0});
  for (std::size_t i = 0; i < merged; ++i) push(axes[i]);
  return result;
}

/// Moves the axis whose elements are neighbours in the source beside the innermost, to be crossed with it in tiles.
/// True if there is one, and the innermost has enough elements.
bool bring_crossing_axis(Box& box) {
  constexpr std::int64_t kNarrow = 8;
  const std::size_t inner = box.rank - 1;
  if (std::abs(box.from_stride[inner]) <= 1 || box.to_stride[inner] != 1 || box.size[inner] < kNarrow) return false;
  for (std::size_t i = inner; i-- > 0;) {
    if (std::abs(box.from_stride[i]) != 1) continue;
    for (Box::Numbers* numbers : {&box.size, &box.from_stride, &box.to_stride})
      std::rotate(numbers->begin() + i, numbers->begin() + i + 1, numbers->begin() + inner);
    return true;
  }
  return false;
}

template <bool add, class T> void put(T& y, T x) {
  if constexpr (add)
    y += x;
  else
    y = x;
}

/// n elements that are neighbours in both arrays.
template <bool add, class T> void run(const T* x, T* y, std::int64_t n) {
  if (n < kShortRun) {
    for (std::int64_t j = 0; j < n; ++j) put<add>(y[j], x[j]);
  } else if constexpr (add) {
    kernels<T>().add_in_place(y, x, static_cast<std::size_t>(n));
  } else {
    std::memcpy(y, x, static_cast<std::size_t>(n) * sizeof(T));
  }
}

using Four [[gnu::vector_size(16)]] = float;

Four load(const float* p) {
  Four v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
void store(float* p, Four v) { std::memcpy(p, &v, sizeof v); }

/// y[i * to_row + j] = x[i + j * from] for a whole tile, four by four in registers.
void whole_tile(const float* x, std::int64_t from, float* y, std::int64_t to_row) {
  for (std::int64_t i = 0; i < kTile<float>; i += 4)
    for (std::int64_t j = 0; j < kTile<float>; j += 4) {
      const float* source = x + i + j * from;
      const Four a = load(source), b = load(source + from), c = load(source + 2 * from), d = load(source + 3 * from);
      const Four low_ab = __builtin_shufflevector(a, b, 0, 4, 1, 5),
                 high_ab = __builtin_shufflevector(a, b, 2, 6, 3, 7);
      const Four low_cd = __builtin_shufflevector(c, d, 0, 4, 1, 5),
                 high_cd = __builtin_shufflevector(c, d, 2, 6, 3, 7);
      float* target = y + i * to_row + j;
      store(target, __builtin_shufflevector(low_ab, low_cd, 0, 1, 4, 5));
      store(target + to_row, __builtin_shufflevector(low_ab, low_cd, 2, 3, 6, 7));
      store(target + 2 * to_row, __builtin_shufflevector(high_ab, high_cd, 0, 1, 4, 5));
      store(target + 3 * to_row, __builtin_shufflevector(high_ab, high_cd, 2, 3, 6, 7));
    }
}

/// y[i * to_row + j] = x[i * from_row + j * from] for a small block, where from_row is 1 or -1: whole cache lines are
/// read and written once each, whatever the distance between them.
template <bool add, class T>
void tile(const T* x, std::int64_t from_row, std::int64_t from, T* y, std::int64_t to_row, std::int64_t rows,
          std::int64_t cols) {
  if constexpr (!add && std::is_same_v<T, float>)
    if (from_row == 1 && rows == kTile<T> && cols == kTile<T>) return whole_tile(x, from, y, to_row);
  T block[kTile<T> * kTile<T>];
  for (std::int64_t j = 0; j < cols; ++j)
    for (std::int64_t i = 0; i < rows; ++i) block[i * kTile<T> + j] = x[i * from_row + j * from];
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < cols; ++j) put<add>(y[i * to_row + j], block[i * kTile<T> + j]);
}

/// The two innermost axes, at one place of the others.
template <bool add, class T> void plane(const Box& box, bool crossing, const T* x, T* y) {
  const std::size_t outer = box.rank - 2, inner = box.rank - 1;
  const std::int64_t rows = box.size[outer], cols = box.size[inner];
  const std::int64_t from_row = box.from_stride[outer], to_row = box.to_stride[outer];
  const std::int64_t from = box.from_stride[inner], to = box.to_stride[inner];
  if (from == 1 && to == 1) {
    for (std::int64_t i = 0; i < rows; ++i) run<add>(x + i * from_row, y + i * to_row, cols);
  } else if (from == -1 && to == 1) {
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t j = 0; j < cols; ++j) put<add>(y[i * to_row + j], x[i * from_row - j]);
  } else if (crossing) {
    constexpr std::int64_t kSize = kTile<T>;
    for (std::int64_t i = 0; i < rows; i += kSize)
      for (std::int64_t j = 0; j < cols; j += kSize) {
        const T* source = x + i * from_row + j * from;
        T* target = y + i * to_row + j;
        if (rows - i >= kSize && cols - j >= kSize)
          tile<add>(source, from_row, from, target, to_row, kSize, kSize);
        else
          tile<add>(source, from_row, from, target, to_row, std::min(kSize, rows - i), std::min(kSize, cols - j));
      }
  } else {
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t j = 0; j < cols; ++j) put<add>(y[i * to_row + j * to], x[i * from_row + j * from]);
  }
}

template <bool add, class T> void planes(const Box& box, bool crossing, const T* x, T* y) {
  x += box.from;
  y += box.to;
  Box::Numbers index{};
  for (;;) {
    plane<add>(box, crossing, x, y);
    std::size_t axis = box.rank - 2;
    for (;;) {
      if (axis == 0) return;
      --axis;
      x += box.from_stride[axis];
      y += box.to_stride[axis];
      if (++index[axis] < box.size[axis]) break;
      x -= box.size[axis] * box.from_stride[axis];
      y -= box.size[axis] * box.to_stride[axis];
      index[axis] = 0;
    }
  }
}

/// True if places of y that belong to different indices of the outermost axis are different.
bool outermost_is_disjoint(const Box& box) {
  std::int64_t reach = 0;
  for (std::size_t i = 1; i < box.rank; ++i) reach += box.to_stride[i] * (box.size[i] - 1);
  return box.to_stride[0] > reach;
}

template <bool add, class T> void all(const Box& given, const T* x, T* y, bool overlapping) {
  std::int64_t total = 1;
  for (std::size_t i = 0; i < given.rank; ++i) total *= given.size[i];
  if (total == 0) return;
  Box box = in_target_order(given);
  const bool crossing = bring_crossing_axis(box);
  const std::int64_t length = box.size[0] == 1 ? box.size[1] : box.size[0];
  if (total < 2 * kBlock || length == 1 || (overlapping && !outermost_is_disjoint(box)))
    return planes<add>(box, crossing, x, y);
  const std::size_t axis = box.size[0] == 1 ? 1 : 0;
  const std::int64_t block = std::max<std::int64_t>(kBlock / (total / length), 1);
  parallel_for(static_cast<std::size_t>((length + block - 1) / block), [&](std::size_t task) {
    const std::int64_t start = static_cast<std::int64_t>(task) * block;
    Box part = box;
    part.size[axis] = std::min(block, length - start);
    part.from += start * box.from_stride[axis];
    part.to += start * box.to_stride[axis];
    planes<add>(part, crossing, x, y);
  });
}

}  // namespace

template <class T> void copy_box(const Box& box, const T* x, T* y) { all<false>(box, x, y, false); }
template <class T> void add_box(const Box& box, const T* x, T* y, bool overlapping) {
  all<true>(box, x, y, overlapping);
}

template void copy_box(const Box&, const float*, float*);
template void copy_box(const Box&, const double*, double*);
template void add_box(const Box&, const float*, float*, bool);
template void add_box(const Box&, const double*, double*, bool);

}  // namespace xgrad::detail
