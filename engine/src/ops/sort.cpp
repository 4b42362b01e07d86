// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/ops/sort.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/axis.hpp"
#include "ops/rows.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad {
namespace {

using detail::AxisLayout;

template <class T> struct Entry {
  T value;
  std::uint32_t index;
};

/// entries[from, to) become what they are when all `size` are sorted: in an order that is total, so it does not matter
/// how.
template <class T, class Before>
void order_part(Entry<T>* entries, std::size_t size, std::size_t from, std::size_t to, Before before) {
  if (from >= to) return;
  if (from > 0) std::nth_element(entries, entries + from, entries + size, before);
  if (to < size) std::nth_element(entries + from, entries + to, entries + size, before);
  std::sort(entries + from, entries + to, before);
}

/// A column's entries: the numbers to be sorted and the NaNs, which stand at the end, in front if descending.
template <class T>
void order_column(const T* x, std::size_t step, std::size_t size, Entry<T>* entries, std::size_t from, std::size_t to,
                  bool descending) {
  std::size_t nans = 0;
  for (std::size_t k = 0; k < size; ++k) nans += x[k * step] != x[k * step];
  const std::size_t begin = descending ? nans : 0, count = size - nans;
  std::size_t number = begin, nan = descending ? 0 : count;
  for (std::size_t k = 0; k < size; ++k) {
    const T value = x[k * step];
    entries[value == value ? number++ : nan++] = {value, static_cast<std::uint32_t>(k)};
  }
  const std::size_t first = std::clamp(from, begin, begin + count) - begin;
  const std::size_t last = std::clamp(to, begin, begin + count) - begin;
  const auto lower_index = [](const Entry<T>& a, const Entry<T>& b) { return a.value == b.value && a.index < b.index; };
  if (descending)
    order_part(entries + begin, count, first, last,
               [=](const Entry<T>& a, const Entry<T>& b) { return a.value > b.value || lower_index(a, b); });
  else
    order_part(entries + begin, count, first, last,
               [=](const Entry<T>& a, const Entry<T>& b) { return a.value < b.value || lower_index(a, b); });
}

/// Where the elements of ranks [from, to) stand in each column: laid out like x, with to - from places on the axis.
template <class T>
Indices ranked(const char* name, const Tensor<T>& x, std::size_t axis, std::size_t from, std::size_t to,
               bool descending) {
  const AxisLayout layout(x.shape(), axis);
  XGRAD_CHECK(layout.size <= std::numeric_limits<std::uint32_t>::max(), name, ": axis of ", layout.size,
              " elements; at most 4294967295 are supported");
  Shape shape = x.shape();
  if (shape.rank() > 0) shape[axis] = static_cast<std::int64_t>(to - from);
  Indices result(shape);
  Storage<Entry<T>> buffer(x.size());
  Entry<T>* all = buffer.data();
  detail::for_rows(layout.columns(), layout.size, [&](std::size_t first, std::size_t count) {
    for (std::size_t c = first; c < first + count; ++c) {
      Entry<T>* entries = all + c * layout.size;
      order_column(x.data() + layout.start(c), layout.inner, layout.size, entries, from, to, descending);
      std::int64_t* place = result.data() + c / layout.inner * (to - from) * layout.inner + c % layout.inner;
      for (std::size_t k = from; k < to; ++k) place[(k - from) * layout.inner] = entries[k].index;
    }
  });
  return result;
}

std::size_t size_of(const Shape& shape, std::size_t axis) {
  return shape.rank() == 0 ? 1 : static_cast<std::size_t>(shape[axis]);
}

Shape without(const Shape& shape, std::size_t axis) { return shape.rank() == 0 ? shape : shape.erased(axis); }

/// The elements at places that have size 1 on the axis, without the axis unless keepdims.
template <class T>
ValuesAndIndices<T> chosen(const char* name, const Tensor<T>& x, std::size_t axis, const Indices& at, bool keepdims) {
  const Indices places = keepdims ? at : Indices(without(at.shape(), axis), at.values());
  return {detail::pick(name, x, axis, places), places};
}

/// The places, but the first NaN's in columns that have one.
template <class T> Indices or_first_nan(const Tensor<T>& x, std::size_t axis, Indices places) {
  if (x.rank() == 0) return places;
  const auto along = static_cast<std::int64_t>(axis);
  const auto [largest, at] = max(x.detach(), along, true);
  const AxisLayout layout(places.shape(), axis);
  for (std::size_t c = 0; c < layout.columns(); ++c)
    if (const T value = largest.data()[c]; value != value)
      for (std::size_t k = 0; k < layout.size; ++k) places.data()[layout.start(c) + k * layout.inner] = at.data()[c];
  return places;
}

/// The last place of the longest run of equal elements in each sorted column.
template <class T> Indices ends_of_longest_runs(const Tensor<T>& x, std::size_t axis, const Indices& order) {
  const AxisLayout layout(x.shape(), axis);
  Shape shape = x.shape();
  if (shape.rank() > 0) shape[axis] = 1;
  Indices result(shape);
  for (std::size_t c = 0; c < layout.columns(); ++c) {
    const std::size_t start = layout.start(c);
    const auto index = [&](std::size_t k) { return order.data()[start + k * layout.inner]; };
    const auto value = [&](std::size_t k) {
      return x.data()[start + static_cast<std::size_t>(index(k)) * layout.inner];
    };
    std::size_t run = 1, longest = 1, end = 0;
    for (std::size_t k = 1; k < layout.size; ++k) {
      run = value(k) == value(k - 1) ? run + 1 : 1;
      if (run > longest) {
        longest = run;
        end = k;
      }
    }
    result.data()[c] = index(end);
  }
  return result;
}

}  // namespace

template <class T> ValuesAndIndices<T> sort(const Tensor<T>& x, std::int64_t axis, bool descending) {
  const std::size_t place = x.shape().axis(axis, "sort");
  const Indices indices = ranked("sort", x, place, 0, size_of(x.shape(), place), descending);
  return {detail::pick("sort", x, place, indices), indices};
}

template <class T> Indices argsort(const Tensor<T>& x, std::int64_t axis, bool descending) {
  const std::size_t place = x.shape().axis(axis, "argsort");
  return ranked("argsort", x, place, 0, size_of(x.shape(), place), descending);
}

template <class T> ValuesAndIndices<T> topk(const Tensor<T>& x, std::int64_t k, std::int64_t axis, bool largest) {
  const std::size_t place = x.shape().axis(axis, "topk");
  const std::size_t size = size_of(x.shape(), place);
  XGRAD_CHECK(k >= 0 && k <= static_cast<std::int64_t>(size), "topk: k is ", k, " for axis ", axis, " of shape ",
              x.shape(), "; expected 0 to ", size);
  XGRAD_CHECK(x.rank() > 0 || k == 1, "topk: k is 0 for a scalar; expected 1");
  const Indices indices = ranked("topk", x, place, 0, static_cast<std::size_t>(k), largest);
  return {detail::pick("topk", x, place, indices), indices};
}

template <class T> ValuesAndIndices<T> kthvalue(const Tensor<T>& x, std::int64_t k, std::int64_t axis, bool keepdims) {
  const std::size_t place = x.shape().axis(axis, "kthvalue");
  const std::size_t size = size_of(x.shape(), place);
  XGRAD_CHECK(k >= 1 && k <= static_cast<std::int64_t>(size), "kthvalue: k is ", k, " for axis ", axis, " of shape ",
              x.shape(), "; expected 1 to ", size);
  const auto rank = static_cast<std::size_t>(k);
  return chosen("kthvalue", x, place, ranked("kthvalue", x, place, rank - 1, rank, false), keepdims);
}

template <class T> ValuesAndIndices<T> mode(const Tensor<T>& x, std::int64_t axis, bool keepdims) {
  const std::size_t place = x.shape().axis(axis, "mode");
  const std::size_t size = size_of(x.shape(), place);
  XGRAD_CHECK(size > 0, "mode: axis ", axis, " of shape ", x.shape(), " has no elements to choose from");
  const Indices order = ranked("mode", x, place, 0, size, false);
  return chosen("mode", x, place, ends_of_longest_runs(x, place, order), keepdims);
}

template <class T> ValuesAndIndices<T> median(const Tensor<T>& x, std::int64_t axis, bool keepdims) {
  const std::size_t place = x.shape().axis(axis, "median");
  const std::size_t size = size_of(x.shape(), place);
  XGRAD_CHECK(size > 0, "median: axis ", axis, " of shape ", x.shape(), " has no elements to choose from");
  const std::size_t middle = (size - 1) / 2;
  const Indices at = ranked("median", x, place, middle, middle + 1, false);
  return chosen("median", x, place, or_first_nan(x, place, at), keepdims);
}
template <class T> Tensor<T> median(const Tensor<T>& x) { return median(flatten(x), 0).values; }

template <class T>
Tensor<T> quantile(const Tensor<T>& x, double q, std::int64_t axis, bool keepdims, Interpolation interpolation) {
  const std::size_t place = x.shape().axis(axis, "quantile");
  const std::size_t size = size_of(x.shape(), place);
  XGRAD_CHECK(q >= 0 && q <= 1, "quantile: q is ", q, "; expected 0 to 1");
  XGRAD_CHECK(size > 0, "quantile: axis ", axis, " of shape ", x.shape(), " has no elements to choose from");
  double position = q * static_cast<double>(size - 1);
  switch (interpolation) {
    case Interpolation::lower: position = std::floor(position); break;
    case Interpolation::higher: position = std::ceil(position); break;
    case Interpolation::nearest: position = std::nearbyint(position); break;  // a half: the even one
    case Interpolation::midpoint: position = 0.5 * (std::floor(position) + std::ceil(position)); break;
    case Interpolation::linear: break;
  }
  const auto below = static_cast<std::size_t>(position);
  const double weight = position - static_cast<double>(below);
  const std::size_t end = below + (weight > 0 ? 2 : 1);
  const Indices at = or_first_nan(x, place, ranked("quantile", x, place, below, end, false));
  Tensor<T> y = detail::pick("quantile", x, place, at);
  if (weight > 0) {
    const auto along = static_cast<std::int64_t>(place);
    const Tensor<T> low = slice(y, along, 0, 1);
    y = low + (slice(y, along, 1) - low) * weight;
  }
  return keepdims ? y : reshape(y, without(y.shape(), place));
}
template <class T> Tensor<T> quantile(const Tensor<T>& x, double q) { return quantile(flatten(x), q, 0); }
template <class T>
Tensor<T> quantile(const Tensor<T>& x, const std::vector<double>& q, std::int64_t axis, bool keepdims,
                   Interpolation interpolation) {
  XGRAD_CHECK(!q.empty(), "quantile: the list of q is empty; expected at least one");
  std::vector<Tensor<T>> each;
  for (const double one : q) each.push_back(quantile(x, one, axis, keepdims, interpolation));
  return stack(each);
}

#define XGRAD_INSTANTIATE(T)                                                                 \
  template ValuesAndIndices<T> sort(const Tensor<T>&, std::int64_t, bool);                   \
  template Indices argsort(const Tensor<T>&, std::int64_t, bool);                            \
  template ValuesAndIndices<T> topk(const Tensor<T>&, std::int64_t, std::int64_t, bool);     \
  template ValuesAndIndices<T> kthvalue(const Tensor<T>&, std::int64_t, std::int64_t, bool); \
  template ValuesAndIndices<T> mode(const Tensor<T>&, std::int64_t, bool);                   \
  template ValuesAndIndices<T> median(const Tensor<T>&, std::int64_t, bool);                 \
  template Tensor<T> median(const Tensor<T>&);                                               \
  template Tensor<T> quantile(const Tensor<T>&, double, std::int64_t, bool, Interpolation);  \
  template Tensor<T> quantile(const Tensor<T>&, double);                                     \
  template Tensor<T> quantile(const Tensor<T>&, const std::vector<double>&, std::int64_t, bool, Interpolation);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
