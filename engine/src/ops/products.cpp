// SPDX-License-Identifier: BSD-3-Clause
// Products of many kinds, all made of matrix products.
#include <algorithm>
#include <tuple>

#include "ops/product.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/linalg.hpp"
#include "xgrad/ops/reduce.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad {
namespace {

using Places = std::vector<std::int64_t>;

std::int64_t size_of(const Shape& shape, const Places& axes) {
  std::int64_t product = 1;
  for (const std::int64_t axis : axes) product *= shape[static_cast<std::size_t>(axis)];
  return product;
}

Places joined(Places places, const Places& second, const Places& third) {
  places.insert(places.end(), second.begin(), second.end());
  places.insert(places.end(), third.begin(), third.end());
  return places;
}

/// The axes in neither list.
Places others(std::size_t rank, const Places& first, const Places& second) {
  Places rest;
  for (std::int64_t axis = 0; axis < static_cast<std::int64_t>(rank); ++axis)
    if (std::find(first.begin(), first.end(), axis) == first.end() &&
        std::find(second.begin(), second.end(), axis) == second.end())
      rest.push_back(axis);
  return rest;
}

/// A batch of matrices, transposed if that spares a copy.
template <class T> struct Matrices {
  Tensor<T> values;
  bool transposed;
};
template <class T>
Matrices<T> as_matrices(const Tensor<T>& x, const Places& batch, const Places& rows, const Places& cols) {
  const Places swapped = joined(batch, cols, rows);
  const bool transposed = std::is_sorted(swapped.begin(), swapped.end());
  const std::int64_t m = size_of(x.shape(), rows), n = size_of(x.shape(), cols);
  const Tensor<T> values = transposed ? x : permute(x, joined(batch, rows, cols));
  return {reshape(values, Shape{size_of(x.shape(), batch), transposed ? n : m, transposed ? m : n}), transposed};
}

template <class T>
Tensor<T> add_product(const char* name, const Tensor<T>& c, Tensor<T> product, double beta, double alpha) {
  XGRAD_CHECK(c.rank() <= product.rank() && broadcast_shapes(c.shape(), product.shape(), name) == product.shape(), name,
              ": c of shape ", c.shape(), " does not expand to the product's ", product.shape());
  if (alpha != 1) product = product * alpha;
  if (beta == 0) return product;
  return product + (beta == 1 ? c : c * beta);
}

}  // namespace

template <class T>
Tensor<T> detail::contract(const Tensor<T>& a, const Tensor<T>& b, const AxisPairs& batch, const AxisPairs& summed) {
  const Places free_a = others(a.rank(), batch.a, summed.a), free_b = others(b.rank(), batch.b, summed.b);
  Shape shape;
  for (const std::int64_t axis : joined(batch.a, free_a, {}))
    shape.push_back(a.shape()[static_cast<std::size_t>(axis)]);
  for (const std::int64_t axis : free_b) shape.push_back(b.shape()[static_cast<std::size_t>(axis)]);
  const auto [x, x_transposed] = as_matrices(a, batch.a, free_a, summed.a);
  const auto [y, y_transposed] = as_matrices(b, batch.b, summed.b, free_b);
  const std::int64_t batches = x.shape()[0], m = size_of(a.shape(), free_a), n = size_of(b.shape(), free_b);
  const std::int64_t k = size_of(a.shape(), summed.a);
  // Without sums a product is elementwise; many products of vectors are one pass and one reduction.
  if (summed.a.empty()) return reshape(reshape(x, Shape{batches, m, 1}) * reshape(y, Shape{batches, 1, n}), shape);
  if (m == 1 && n == 1 && batches > 1)
    return reshape(sum(reshape(x, Shape{batches, k}) * reshape(y, Shape{batches, k}), 1), shape);
  if (batches != 1) return reshape(product(x, x_transposed, y, y_transposed), shape);
  const auto matrix = [](const Tensor<T>& one) { return reshape(one, one.shape().erased(0)); };
  return reshape(product(matrix(x), x_transposed, matrix(y), y_transposed), shape);
}

template <class T> Tensor<T> bmm(const Tensor<T>& a, const Tensor<T>& b) {
  XGRAD_CHECK(a.rank() == 3 && b.rank() == 3 && a.shape()[0] == b.shape()[0] && a.shape()[2] == b.shape()[1],
              "bmm: ", a.shape(), " @ ", b.shape(), "; expected (B, M, K) @ (B, K, N); matmul broadcasts");
  return detail::product(a, false, b, false);
}

template <class T>
Tensor<T> addmm(const Tensor<T>& c, const Tensor<T>& a, const Tensor<T>& b, double beta, double alpha) {
  XGRAD_CHECK(a.rank() == 2 && b.rank() == 2 && a.shape()[1] == b.shape()[0], "addmm: ", a.shape(), " @ ", b.shape(),
              "; expected (M, K) @ (K, N)");
  return add_product("addmm", c, detail::product(a, false, b, false), beta, alpha);
}

template <class T>
Tensor<T> baddbmm(const Tensor<T>& c, const Tensor<T>& a, const Tensor<T>& b, double beta, double alpha) {
  return add_product("baddbmm", c, bmm(a, b), beta, alpha);
}

template <class T> Tensor<T> dot(const Tensor<T>& a, const Tensor<T>& b) {
  XGRAD_CHECK(a.rank() == 1 && a.shape() == b.shape(), "dot: shapes ", a.shape(), " and ", b.shape(),
              "; expected two vectors of the same size (matmul, tensordot and sum(a * b) take others)");
  return detail::contract(a, b, {}, {{0}, {0}});
}

template <class T> Tensor<T> vdot(const Tensor<T>& a, const Tensor<T>& b) { return dot(a, b); }

template <class T> Tensor<T> inner(const Tensor<T>& a, const Tensor<T>& b) {
  if (a.rank() == 0 || b.rank() == 0) return a * b;
  XGRAD_CHECK(a.shape().back() == b.shape().back(), "inner: shapes ", a.shape(), " and ", b.shape(),
              "; the last axes must have the same size");
  return detail::contract(a, b, {},
                          {{static_cast<std::int64_t>(a.rank()) - 1}, {static_cast<std::int64_t>(b.rank()) - 1}});
}

template <class T> Tensor<T> outer(const Tensor<T>& a, const Tensor<T>& b) {
  XGRAD_CHECK(a.rank() == 1 && b.rank() == 1, "outer: shapes ", a.shape(), " and ", b.shape(),
              "; expected two vectors");
  return detail::contract(a, b, {}, {});
}

template <class T>
Tensor<T> tensordot(const Tensor<T>& a, const Tensor<T>& b, const Places& axes_a, const Places& axes_b) {
  XGRAD_CHECK(axes_a.size() == axes_b.size(), "tensordot: ", axes_a.size(), " axes of the first, ", axes_b.size(),
              " of the second; expected pairs");
  detail::AxisPairs summed;
  for (std::size_t i = 0; i < axes_a.size(); ++i) {
    XGRAD_CHECK(a.rank() > 0 && b.rank() > 0, "tensordot: a scalar has no axis to sum over");
    const std::size_t x = a.shape().axis(axes_a[i], "tensordot"), y = b.shape().axis(axes_b[i], "tensordot");
    XGRAD_CHECK(a.shape()[x] == b.shape()[y], "tensordot: axis ", axes_a[i], " of ", a.shape(), " has size ",
                a.shape()[x], ", axis ", axes_b[i], " of ", b.shape(), " has ", b.shape()[y], "; expected the same");
    for (const auto& [places, place, shape] :
         {std::tuple(&summed.a, x, a.shape()), std::tuple(&summed.b, y, b.shape())}) {
      const auto axis = static_cast<std::int64_t>(place);
      XGRAD_CHECK(std::find(places->begin(), places->end(), axis) == places->end(), "tensordot: axis ", axis, " of ",
                  shape, " is named twice");
      places->push_back(axis);
    }
  }
  return detail::contract(a, b, {}, summed);
}

template <class T> Tensor<T> tensordot(const Tensor<T>& a, const Tensor<T>& b, std::int64_t count) {
  const auto rank_a = static_cast<std::int64_t>(a.rank()), rank_b = static_cast<std::int64_t>(b.rank());
  XGRAD_CHECK(count >= 0 && count <= rank_a && count <= rank_b, "tensordot: over ", count, " axes of shapes ",
              a.shape(), " and ", b.shape(), "; expected 0 to ", std::min(rank_a, rank_b));
  Places axes_a, axes_b;
  for (std::int64_t i = 0; i < count; ++i) {
    axes_a.push_back(rank_a - count + i);
    axes_b.push_back(i);
  }
  return tensordot(a, b, axes_a, axes_b);
}

template <class T>
Tensor<T> bilinear(const Tensor<T>& a, const Tensor<T>& b, const Tensor<T>& weight, const Tensor<T>& bias) {
  XGRAD_CHECK(weight.rank() == 3, "bilinear: weight has shape ", weight.shape(), "; expected (O, I, J)");
  XGRAD_CHECK(a.rank() >= 1 && b.rank() >= 1 && a.shape().back() == weight.shape()[1] &&
                  b.shape().back() == weight.shape()[2] &&
                  a.shape().erased(a.rank() - 1) == b.shape().erased(b.rank() - 1),
              "bilinear: ", a.shape(), " and ", b.shape(), " do not fit weight ", weight.shape(),
              " (O, I, J); expected (..., I) and (..., J)");
  XGRAD_CHECK(!bias.defined() || bias.shape() == Shape{weight.shape()[0]}, "bilinear: bias of shape ", bias.shape(),
              "; expected (", weight.shape()[0], ",) for weight ", weight.shape());
  const Tensor<T> y = einsum<T>("...i,oij,...j->...o", {a, weight, b});
  return bias.defined() ? y + bias : y;
}

template <class T> Tensor<T> kron(const Tensor<T>& a, const Tensor<T>& b) {
  const std::size_t rank = std::max(a.rank(), b.rank());
  XGRAD_CHECK(2 * rank <= Shape::kMaxRank, "kron: shapes ", a.shape(), " and ", b.shape(), "; at most ",
              Shape::kMaxRank / 2, " axes are supported");
  Shape spread_a, spread_b, shape;  // a's and b's axes in turn
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t m = i + a.rank() < rank ? 1 : a.shape()[i + a.rank() - rank];
    const std::int64_t n = i + b.rank() < rank ? 1 : b.shape()[i + b.rank() - rank];
    spread_a.push_back(m);
    spread_a.push_back(1);
    spread_b.push_back(1);
    spread_b.push_back(n);
    shape.push_back(m * n);
  }
  return reshape(reshape(a, spread_a) * reshape(b, spread_b), shape);
}

template <class T> Tensor<T> trace(const Tensor<T>& x) {
  XGRAD_CHECK(x.rank() == 2, "trace: shape ", x.shape(),
              "; expected a matrix (for a batch: sum(diagonal(x, 0, -2, -1), -1))");
  return sum(diagonal(x));
}

#define XGRAD_INSTANTIATE(T)                                                                                   \
  template Tensor<T> detail::contract(const Tensor<T>&, const Tensor<T>&, const AxisPairs&, const AxisPairs&); \
  template Tensor<T> bmm(const Tensor<T>&, const Tensor<T>&);                                                  \
  template Tensor<T> addmm(const Tensor<T>&, const Tensor<T>&, const Tensor<T>&, double, double);              \
  template Tensor<T> baddbmm(const Tensor<T>&, const Tensor<T>&, const Tensor<T>&, double, double);            \
  template Tensor<T> dot(const Tensor<T>&, const Tensor<T>&);                                                  \
  template Tensor<T> vdot(const Tensor<T>&, const Tensor<T>&);                                                 \
  template Tensor<T> inner(const Tensor<T>&, const Tensor<T>&);                                                \
  template Tensor<T> outer(const Tensor<T>&, const Tensor<T>&);                                                \
  template Tensor<T> tensordot(const Tensor<T>&, const Tensor<T>&, const Places&, const Places&);              \
  template Tensor<T> tensordot(const Tensor<T>&, const Tensor<T>&, std::int64_t);                              \
  template Tensor<T> bilinear(const Tensor<T>&, const Tensor<T>&, const Tensor<T>&, const Tensor<T>&);         \
  template Tensor<T> kron(const Tensor<T>&, const Tensor<T>&);                                                 \
  template Tensor<T> trace(const Tensor<T>&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
