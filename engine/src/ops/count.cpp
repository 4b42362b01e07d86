// SPDX-License-Identifier: BSD-3-Clause
// Counting: true elements, occurrences, histograms.
#include <algorithm>
#include <cmath>

#include "ops/axis.hpp"
#include "ops/blocks.hpp"
#include "ops/reduction.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/sort.hpp"

namespace xgrad {
namespace {

/// How many elements of the mask are true along the axes of `r`.
Indices count_true(const Mask& mask, const detail::Reduction& r) {
  Indices counts(r.shape);
  std::fill_n(counts.data(), counts.size(), 0);
  detail::Box::Numbers strides = detail::dense_strides(r.kept);
  for (std::size_t i = 0; i < r.kept.rank(); ++i)
    if (r.reduced[i]) strides[i] = 0;
  const std::size_t cols = mask.shape().rank() == 0 ? 1 : static_cast<std::size_t>(mask.shape().back());
  const std::int64_t step = mask.shape().rank() == 0 ? 0 : strides[mask.shape().rank() - 1];
  detail::for_each_row(mask.shape(), strides, [&](std::size_t row, std::int64_t offset) {
    const bool* from = mask.data() + row * cols;
    std::int64_t* to = counts.data() + offset;
    if (step == 0)
      *to += std::count(from, from + cols, true);
    else
      for (std::size_t j = 0; j < cols; ++j) to[j] += from[j];
  });
  return counts;
}

/// Each count compared with a number.
template <class Holds> Mask compared(const Indices& counts, Holds holds) {
  Mask mask(counts.shape());
  std::transform(counts.data(), counts.data() + counts.size(), mask.data(), holds);
  return mask;
}

/// How many numbers have to be counted: one more than the largest.
std::int64_t bins_for(const Indices& x, std::int64_t minlength) {
  XGRAD_CHECK(minlength >= 0, "bincount: minlength is ", minlength, "; expected >= 0");
  std::int64_t bins = minlength;
  for (std::size_t i = 0; i < x.size(); ++i) {
    XGRAD_CHECK(x.data()[i] >= 0, "bincount: ", x.data()[i], " at position ", i, "; expected >= 0");
    bins = std::max(bins, x.data()[i] + 1);
  }
  return bins;
}

}  // namespace

Indices count_nonzero(const Mask& mask, const Axes& axes, bool keepdims) {
  return count_true(mask, {mask.shape(), axes, keepdims, "count_nonzero"});
}
template <class T> Indices count_nonzero(const Tensor<T>& x, const Axes& axes, bool keepdims) {
  return count_nonzero(Mask(x != 0), axes, keepdims);
}

bool all(const Mask& mask) {
  return std::find(mask.data(), mask.data() + mask.size(), false) == mask.data() + mask.size();
}
bool any(const Mask& mask) {
  return std::find(mask.data(), mask.data() + mask.size(), true) != mask.data() + mask.size();
}
Mask all(const Mask& mask, const Axes& axes, bool keepdims) {
  const detail::Reduction r(mask.shape(), axes, keepdims, "all");
  return compared(count_true(mask, r), [&](std::int64_t n) { return n == static_cast<std::int64_t>(r.count); });
}
Mask any(const Mask& mask, const Axes& axes, bool keepdims) {
  return compared(count_true(mask, {mask.shape(), axes, keepdims, "any"}), [](std::int64_t n) { return n > 0; });
}

Indices bincount(const Indices& x, std::int64_t minlength) {
  Indices counts(Shape{bins_for(x, minlength)});
  std::fill_n(counts.data(), counts.size(), 0);
  for (const std::int64_t number : x.values()) ++counts.data()[number];
  return counts;
}
template <class T> Tensor<T> bincount(const Indices& x, const Tensor<T>& weights, std::int64_t minlength) {
  XGRAD_CHECK(weights.shape() == x.shape(), "bincount: weights of shape ", weights.shape(), "; expected ", x.shape(),
              ", the numbers'");
  const Indices places(x.shape(), x.values());  // a copy: backward reads it, and the caller's array may change
  return detail::add_blocks("bincount", Shape{bins_for(x, minlength)}, weights, {places});
}

template <class T> Tensor<T> histc(const Tensor<T>& x, std::int64_t bins, double low, double high) {
  XGRAD_CHECK(bins > 0, "histc: ", bins, " bins; expected at least one");
  if (low == high && x.size() > 0) {
    low = static_cast<double>(amin(x.detach()).item());
    high = static_cast<double>(amax(x.detach()).item());
  }
  if (low == high) {  // nothing, or all alike
    low -= 1;
    high += 1;
  }
  XGRAD_CHECK(std::isfinite(low) && std::isfinite(high) && low < high, "histc: range from ", low, " to ", high,
              "; expected finite numbers, the first not larger");
  Tensor<T> counts = Tensor<T>::zeros(Shape{bins});
  T* count = counts.mutable_data();
  const double scale = static_cast<double>(bins) / (high - low);
  for (const T element : x.values()) {
    const auto value = static_cast<double>(element);
    if (!(value >= low && value <= high)) continue;
    ++count[std::min(static_cast<std::int64_t>((value - low) * scale), bins - 1)];
  }
  return counts;
}

template Tensor<float> bincount(const Indices&, const Tensor<float>&, std::int64_t);
template Tensor<double> bincount(const Indices&, const Tensor<double>&, std::int64_t);
template Tensor<float> histc(const Tensor<float>&, std::int64_t, double, double);
template Tensor<double> histc(const Tensor<double>&, std::int64_t, double, double);
template Indices count_nonzero(const Tensor<float>&, const Axes&, bool);
template Indices count_nonzero(const Tensor<double>&, const Axes&, bool);

}  // namespace xgrad
