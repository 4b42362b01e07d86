// SPDX-License-Identifier: BSD-3-Clause
// Searching sorted arrays, distinct elements.
#include <algorithm>

#include "ops/rows.hpp"
#include "xgrad/ops/shape.hpp"
#include "xgrad/ops/sort.hpp"

namespace xgrad {
namespace {

template <class T> Indices searched(const char* name, const Tensor<T>& sorted, const Tensor<T>& values, bool right) {
  bool fits = sorted.rank() == 1 || (sorted.rank() > 1 && sorted.rank() == values.rank());
  for (std::size_t i = 0; fits && i + 1 < sorted.rank(); ++i) fits = sorted.shape()[i] == values.shape()[i];
  XGRAD_CHECK(fits, name, ": sorted of shape ", sorted.shape(), " for values of shape ", values.shape(),
              "; expected one axis, or the values' leading axes");
  const auto size = static_cast<std::size_t>(sorted.shape().back());
  const std::size_t rows = size == 0 ? 1 : sorted.size() / size;
  const auto out_of_order = [](T a, T b) { return a > b || (a != a && b == b); };  // a NaN is last
  for (std::size_t r = 0; r < rows; ++r) {
    const T* row = sorted.data() + r * size;
    const T* end = row + size;
    const T* at = std::adjacent_find(row, end, out_of_order);
    XGRAD_CHECK(at == end, name, ": the values of row ", r, " fall after position ", at - row,
                "; expected them in increasing order (sort them first)");
  }
  Indices result(values.shape());
  const std::size_t each = rows == 0 ? 0 : values.size() / rows;  // searched in each row
  const bool shared = sorted.rank() == 1;
  detail::for_rows(values.size(), 8, [&](std::size_t first, std::size_t count) {
    for (std::size_t i = first; i < first + count; ++i) {
      const T* row = sorted.data() + (shared ? 0 : i / each * size);
      const T value = values.data()[i];
      // Not (element >= value) rather than element < value: a NaN stands behind everything.
      const T* place = right ? std::partition_point(row, row + size, [=](T element) { return !(element > value); })
                             : std::partition_point(row, row + size, [=](T element) { return !(element >= value); });
      result.data()[i] = place - row;
    }
  });
  return result;
}

}  // namespace

template <class T> Indices searchsorted(const Tensor<T>& sorted, const Tensor<T>& values, bool right) {
  return searched("searchsorted", sorted, values, right);
}
template <class T> Indices bucketize(const Tensor<T>& x, const Tensor<T>& boundaries, bool right) {
  XGRAD_CHECK(boundaries.rank() == 1, "bucketize: boundaries of shape ", boundaries.shape(), "; expected one axis");
  return searched("bucketize", boundaries, x, right);
}

template <class T> Unique<T> unique(const Tensor<T>& x) {
  const auto [sorted, order] = sort(reshape(x.detach(), Shape{static_cast<std::int64_t>(x.size())}));
  const T* values = sorted.data();
  const auto begins = [values](std::size_t i) { return i == 0 || !(values[i] == values[i - 1]); };
  std::int64_t count = 0;
  for (std::size_t i = 0; i < x.size(); ++i) count += begins(i);
  Unique<T> result{Tensor<T>::empty(Shape{count}), Indices(x.shape()), Indices(Shape{count})};
  T* distinct = result.values.mutable_data();
  std::int64_t at = -1;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (begins(i)) {
      distinct[++at] = values[i];
      result.counts.data()[at] = 0;
    }
    ++result.counts.data()[at];
    result.inverse.data()[order.data()[i]] = at;
  }
  return result;
}

#define XGRAD_INSTANTIATE(T)                                               \
  template Indices searchsorted(const Tensor<T>&, const Tensor<T>&, bool); \
  template Indices bucketize(const Tensor<T>&, const Tensor<T>&, bool);    \
  template Unique<T> unique(const Tensor<T>&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
