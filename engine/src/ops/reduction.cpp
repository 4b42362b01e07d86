// SPDX-License-Identifier: BSD-3-Clause
// Cuts a reduction into blocks for the kernels. The cut depends on the shapes only, never on the number of threads, and
// partial results are reduced in block order: so the result does not depend on threads either.
#include "ops/reduction.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "ops/axis.hpp"
#include "ops/rows.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad {

Axes::Axes(std::span<const std::int64_t> axes) : count_(axes.size()) {
  XGRAD_CHECK(count_ <= Shape::kMaxRank, "Axes: ", count_, " axes; at most ", Shape::kMaxRank, " are supported");
  std::copy(axes.begin(), axes.end(), axes_.begin());
}

AxisFlags Axes::selected(const Shape& shape, const char* operation) const {
  AxisFlags flags;
  if (count_ == 0) return flags.set();
  for (std::size_t i = 0; i < count_; ++i) {
    const std::size_t place = shape.axis(axes_[i], operation);
    if (shape.rank() == 0) continue;  // axis 0 or -1 of a scalar: nothing to reduce
    XGRAD_CHECK(!flags[place], operation, ": axis ", axes_[i], " of shape ", shape, " is named twice");
    flags[place] = true;
  }
  return flags;
}

namespace detail {
namespace {

Reducer of_partial_results(Reducer reducer) { return reducer == Reducer::square_sum ? Reducer::sum : reducer; }

constexpr std::size_t kNarrow = 64;

/// One block's columns. Narrow ones are read as rows of several rows, so that vectors are full.
template <class T>
void reduce_block(Reducer reducer, const T* x, std::size_t stride, const T* shift, T* y, std::size_t rows,
                  std::size_t cols) {
  const auto& k = kernels<T>();
  const std::size_t fold = kNarrow / cols;
  if (stride != cols || fold < 2 || rows < 4 * fold) return k.reduce_columns(reducer, x, stride, shift, y, rows, cols);
  T wide[2 * kNarrow], shifts[kNarrow];  // the folded rows, and those left over
  for (std::size_t i = 0; shift && i < fold; ++i) std::copy_n(shift, cols, shifts + i * cols);
  const std::size_t whole = rows / fold, rest = rows % fold;
  k.reduce_columns(reducer, x, fold * cols, shift ? shifts : nullptr, wide, whole, fold * cols);
  if (rest > 0) k.reduce_columns(reducer, x + whole * fold * cols, cols, shift, wide + fold * cols, rest, cols);
  k.reduce_columns(of_partial_results(reducer), wide, cols, nullptr, y, fold + (rest > 0), cols);
}

/// y = x, outer x size x inner, reduced over its middle axis; no size is 0.
template <class T>
void reduce_axis(Reducer reducer, const T* x, const T* shift, T* y, std::size_t outer, std::size_t size,
                 std::size_t inner) {
  constexpr std::size_t kRow = 32768, kCols = 4096, kWork = 16384;
  const std::size_t rows_of_block = 256 * std::max<std::size_t>(1, kNarrow / inner);
  const auto& k = kernels<T>();
  if (inner == 1) {
    const std::size_t parts = (size + kRow - 1) / kRow;
    if (parts == 1)
      return for_rows(outer, size, [&](std::size_t first, std::size_t count) {
        k.reduce_rows(reducer, x + first * size, shift ? shift + first : nullptr, y + first, count, size);
      });
    Storage<T> partial(outer * parts);
    T* place = partial.data();
    parallel_for(outer * parts, [&](std::size_t task) {
      const std::size_t row = task / parts, first = task % parts * kRow;
      k.reduce_rows(reducer, x + row * size + first, shift ? shift + row : nullptr, place + task, 1,
                    std::min(kRow, size - first));
    });
    return k.reduce_rows(of_partial_results(reducer), partial.data(), nullptr, y, outer, parts);
  }
  const std::size_t parts = (size + rows_of_block - 1) / rows_of_block, tiles = (inner + kCols - 1) / kCols;
  const std::size_t tasks = outer * parts * tiles;
  const std::size_t group = std::max<std::size_t>(1, kWork / (std::min(size, rows_of_block) * std::min(inner, kCols)));
  Storage<T> partial(parts == 1 ? 0 : outer * parts * inner);
  T* place = parts == 1 ? y : partial.data();
  parallel_for((tasks + group - 1) / group, [&](std::size_t share) {
    for (std::size_t task = share * group; task < std::min(tasks, (share + 1) * group); ++task) {
      const std::size_t o = task / (parts * tiles), row = task / tiles % parts * rows_of_block,
                        col = task % tiles * kCols;
      reduce_block(reducer, x + (o * size + row) * inner + col, inner, shift ? shift + o * inner + col : nullptr,
                   place + task / tiles * inner + col, std::min(rows_of_block, size - row),
                   std::min(kCols, inner - col));
    }
  });
  if (parts > 1) reduce_axis<T>(of_partial_results(reducer), partial.data(), nullptr, y, outer, parts, inner);
}

template <class T> T over_nothing(Reducer reducer) {
  constexpr T infinity = std::numeric_limits<T>::infinity();
  switch (reducer) {
    case Reducer::product: return 1;
    case Reducer::maximum: return -infinity;
    case Reducer::minimum: return infinity;
    case Reducer::sum:
    case Reducer::square_sum: break;
  }
  return 0;
}

}  // namespace

Reduction::Reduction(const Shape& x, const Axes& axes, bool keepdims, const char* operation)
    : reduced(axes.selected(x, operation)), kept(x) {
  for (std::size_t i = 0; i < x.rank(); ++i)
    if (reduced[i]) {
      count *= static_cast<std::size_t>(x[i]);
      kept[i] = 1;
      if (keepdims) shape.push_back(1);
    } else {
      shape.push_back(x[i]);
    }
}

template <class T>
Storage<T> reduce(Reducer reducer, const Tensor<T>& x, const AxisFlags& reduced, const Tensor<T>& shift) {
  Shape shape = x.shape();
  if (x.size() == 0) {
    for (std::size_t i = 0; i < shape.rank(); ++i)
      if (reduced[i]) shape[i] = 1;
    return Storage<T>(shape.size(), over_nothing<T>(reducer));
  }
  Storage<T> value = x.storage().share();
  bool first = true;
  const auto pass = [&](std::size_t size, std::size_t inner) {
    Storage<T> next(value.size() / size);
    Tensor<T> shift_of_pass;
    if (first && shift.defined()) {
      const NoGrad no_grad;
      shift_of_pass = expand(shift, shape);
    }
    const T* from = shift_of_pass.defined() ? shift_of_pass.data() : nullptr;
    if (size == 1)  // each element is its own result: one row of columns
      reduce_axis(reducer, value.data(), from, next.data(), 1, 1, next.size());
    else
      reduce_axis(reducer, value.data(), from, next.data(), next.size() / inner, size, inner);
    value = std::move(next);
    reducer = of_partial_results(reducer);
    first = false;
  };
  // One run of neighbouring axes after the other, the last first: it leaves the least to do.
  std::size_t inner = 1;
  for (std::size_t end = shape.rank(); end > 0;) {
    if (!reduced[end - 1]) {
      inner *= static_cast<std::size_t>(shape[--end]);
      continue;
    }
    std::size_t size = 1;
    for (; end > 0 && reduced[end - 1]; --end) size *= static_cast<std::size_t>(std::exchange(shape[end - 1], 1));
    pass(size, inner);
  }
  if (first) pass(1, 1);
  return value;
}

template <class T> Storage<T> sum_to_storage(const Tensor<T>& x, const Shape& shape) {
  AxisFlags reduced;
  const std::size_t missing = x.rank() - shape.rank();
  for (std::size_t i = 0; i < x.rank(); ++i) reduced[i] = i < missing || shape[i - missing] != x.shape()[i];
  return reduce(Reducer::sum, x, reduced);
}

template Storage<float> sum_to_storage(const Tensor<float>&, const Shape&);
template Storage<double> sum_to_storage(const Tensor<double>&, const Shape&);
template Storage<float> reduce(Reducer, const Tensor<float>&, const AxisFlags&, const Tensor<float>&);
template Storage<double> reduce(Reducer, const Tensor<double>&, const AxisFlags&, const Tensor<double>&);

}  // namespace detail
}  // namespace xgrad
