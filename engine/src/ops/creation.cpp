// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/ops/creation.hpp"

#include <algorithm>
#include <cmath>

#include "ops/rows.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad {
namespace {

/// A tensor of value(i), i counting the elements.
template <class T, class Value> Tensor<T> tensor_of(const Shape& shape, const Value& value) {
  Storage<T> storage(shape.size());
  detail::fill_each(storage.data(), storage.size(), value);
  return Tensor<T>(shape, std::move(storage));
}

/// A matrix of value(row, column).
template <class T, class Value>
Tensor<T> matrix_of(const char* name, std::int64_t rows, std::int64_t columns, const Value& value) {
  XGRAD_CHECK(rows >= 0 && columns >= 0, name, ": ", rows, " x ", columns, "; expected sizes >= 0");
  return tensor_of<T>(Shape{rows, columns}, [&](std::size_t i) {
    return value(static_cast<std::int64_t>(i) / columns, static_cast<std::int64_t>(i) % columns);
  });
}

}  // namespace

template <class T, class From> Tensor<T> cast(const Tensor<From>& x) {
  XGRAD_CHECK(!x.requires_grad(), "cast: the tensor of shape ", x.shape(),
              " requires a gradient, which would be lost; detach() it first");
  return tensor_of<T>(x.shape(), [data = x.data()](std::size_t i) { return data[i]; });
}

template <class T> Tensor<T> cast(const Indices& x) {
  return tensor_of<T>(x.shape(), [data = x.data()](std::size_t i) { return data[i]; });
}

template <class T> Tensor<T> arange(double start, double stop, double step) {
  XGRAD_CHECK(step != 0, "arange: step is 0; expected a step from ", start, " towards ", stop);
  const double count = std::ceil((stop - start) / step);
  XGRAD_CHECK(count >= 0 && count < 0x1p53, "arange: step ", step, " does not lead from ", start, " to ", stop);
  return tensor_of<T>(Shape{static_cast<std::int64_t>(count)},
                      [=](std::size_t i) { return start + static_cast<double>(i) * step; });
}

template <class T> Tensor<T> linspace(double start, double stop, std::int64_t count) {
  XGRAD_CHECK(count >= 0, "linspace: count is ", count, "; expected >= 0");
  const double step = count > 1 ? (stop - start) / static_cast<double>(count - 1) : 0;
  // From both ends, so that both are met exactly.
  return tensor_of<T>(Shape{count}, [=](std::size_t i) {
    const auto place = static_cast<std::int64_t>(i);
    return place == 0 || place < count / 2 ? start + static_cast<double>(place) * step
                                           : stop - static_cast<double>(count - 1 - place) * step;
  });
}

template <class T> Tensor<T> logspace(double start, double stop, std::int64_t count, double base) {
  const Tensor<double> powers = linspace<double>(start, stop, count);
  return tensor_of<T>(powers.shape(), [base, data = powers.data()](std::size_t i) { return std::pow(base, data[i]); });
}

template <class T> Tensor<T> eye(std::int64_t rows, std::int64_t columns) {
  return matrix_of<T>("eye", rows, columns == -1 ? rows : columns,
                      [](std::int64_t row, std::int64_t column) { return row == column; });
}

template <class T> Tensor<T> tri(std::int64_t rows, std::int64_t columns, std::int64_t offset) {
  return matrix_of<T>("tri", rows, columns == -1 ? rows : columns,
                      [offset](std::int64_t row, std::int64_t column) { return column <= row + offset; });
}

template <class T> Tensor<T> one_hot(const Indices& indices, std::int64_t classes) {
  XGRAD_CHECK(classes > 0, "one_hot: ", classes, " classes; expected at least one");
  Tensor<T> result = Tensor<T>::zeros(indices.shape().inserted(indices.shape().rank(), classes));
  T* data = result.mutable_data();
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const std::int64_t index = indices.data()[i];
    XGRAD_CHECK(index >= 0 && index < classes, "one_hot: index ", index, " at position ", i, "; expected one in [0, ",
                classes, ")");
    data[i * static_cast<std::size_t>(classes) + static_cast<std::size_t>(index)] = 1;
  }
  return result;
}

template <class T> std::vector<Tensor<T>> meshgrid(const std::vector<Tensor<T>>& vectors, Indexing indexing) {
  XGRAD_CHECK(!vectors.empty(), "meshgrid: the list is empty; expected at least one vector");
  const auto axis_of = [&](std::size_t k) {
    return indexing == Indexing::xy && vectors.size() > 1 && k < 2 ? 1 - k : k;
  };
  std::vector<std::int64_t> sizes(vectors.size());
  for (std::size_t k = 0; k < vectors.size(); ++k) {
    XGRAD_CHECK(vectors[k].rank() <= 1, "meshgrid: input ", k, " has shape ", vectors[k].shape(),
                "; expected rank 0 or 1");
    sizes[axis_of(k)] = static_cast<std::int64_t>(vectors[k].size());
  }
  const Shape shape(sizes);
  std::vector<Tensor<T>> grids;
  for (std::size_t k = 0; k < vectors.size(); ++k) {
    std::vector<std::int64_t> alone(vectors.size(), 1);
    alone[axis_of(k)] = sizes[axis_of(k)];
    grids.push_back(expand(reshape(vectors[k], Shape(alone)), shape));
  }
  return grids;
}

#define XGRAD_INSTANTIATE(T)                                         \
  template Tensor<T> cast(const Tensor<float>&);                     \
  template Tensor<T> cast(const Tensor<double>&);                    \
  template Tensor<T> cast(const Indices&);                           \
  template Tensor<T> arange(double, double, double);                 \
  template Tensor<T> linspace(double, double, std::int64_t);         \
  template Tensor<T> logspace(double, double, std::int64_t, double); \
  template Tensor<T> eye(std::int64_t, std::int64_t);                \
  template Tensor<T> tri(std::int64_t, std::int64_t, std::int64_t);  \
  template Tensor<T> one_hot(const Indices&, std::int64_t);          \
  template std::vector<Tensor<T>> meshgrid(const std::vector<Tensor<T>>&, Indexing);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
