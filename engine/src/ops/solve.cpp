// SPDX-License-Identifier: BSD-3-Clause
// Inverses, equations, determinants.
#include <cmath>
#include <limits>

#include "kernels/factors.hpp"
#include "ops/matrices.hpp"
#include "ops/product.hpp"
#include "xgrad/ops/decompositions.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad {
namespace {

using detail::column_count;
using detail::leading_axes;
using detail::product;
using detail::row_count;

/// LU factors of a batch of square matrices.
template <class T> struct Factors {
  std::size_t count, size;
  Storage<T> lu;
  Storage<int> pivots;

  explicit Factors(const Tensor<T>& a)
      : count(leading_axes(a.shape()).size()), size(row_count(a.shape())), lu(a.storage()), pivots(count * size),
        first_zero_(count) {
    detail::for_factors(count, size * size * size, [this](std::size_t i) {
      first_zero_[i] = size == 0 ? 0 : detail::factor_lu(size, matrix(i), pivots.data() + i * size);
    });
  }
  Factors share() const { return Factors(count, size, lu.share(), pivots.share()); }

  T* matrix(std::size_t i) { return lu.data() + i * size * size; }
  const T* matrix(std::size_t i) const { return lu.data() + i * size * size; }
  const int* exchanges(std::size_t i) const { return pivots.data() + i * size; }

  void check_invertible(const char* name, const Shape& shape) const {
    for (std::size_t i = 0; i < count; ++i)
      XGRAD_CHECK(first_zero_[i] == 0, name, ": ", detail::nth_matrix(leading_axes(shape), i), " of ", shape,
                  " is singular: its pivot ", first_zero_[i], " is exactly zero");
  }

 private:
  Factors(std::size_t n, std::size_t m, Storage<T> factors, Storage<int> exchanged)
      : count(n), size(m), lu(std::move(factors)), pivots(std::move(exchanged)) {}

  Storage<int> first_zero_;  // pivot that is 0, from 1; 0 if none is
};

/// x of a' x = b with the factors of a, where ' transposes if asked for; b has matrices. All gradients are made of the
/// same factors.
template <class T>
Tensor<T> solve_factored(const Tensor<T>& a, const Factors<T>& factors, const Tensor<T>& b, bool transposed) {
  const Shape batch = broadcast_shapes(leading_axes(a.shape()), leading_axes(b.shape()), "solve");
  const std::size_t n = factors.size, k = column_count(b.shape());
  const Shape shape = detail::with_matrix(batch, n, k);
  Storage<T> value(shape.size());
  if (shape.size() > 0)
    detail::for_factors(batch.size(), n * n * k, [&](std::size_t i) {
      const std::size_t from = detail::broadcast_place(leading_axes(b.shape()), batch, i);
      const std::size_t by = detail::broadcast_place(leading_axes(a.shape()), batch, i);
      std::copy_n(b.data() + from * n * k, n * k, value.data() + i * n * k);
      detail::solve_lu(transposed, n, k, factors.matrix(by), factors.exchanges(by), value.data() + i * n * k);
    });
  return record<T>(
      "solve", shape, std::move(value), kSaveInput | kSaveOutput,
      [factors = factors.share(), transposed](Node<T>& node, const Tensor<T>& g) {
        const Tensor<T> x = node.output(), db = solve_factored(node.input(0), factors, g, !transposed);
        if (node.wants(0)) node.give(0, -(transposed ? product(x, false, db, true) : product(db, false, x, true)));
        node.give(1, db);
      },
      a, b);
}

/// x of a' x = b or x a' = b for triangular a; b has matrices.
template <class T>
Tensor<T> solve_triangles(const Tensor<T>& a, const Tensor<T>& b, TriangularOptions options, bool transposed) {
  const Shape batch = broadcast_shapes(leading_axes(a.shape()), leading_axes(b.shape()), "solve_triangular");
  const std::size_t n = row_count(a.shape()), rows = row_count(b.shape()), cols = column_count(b.shape());
  const Shape shape = detail::with_matrix(batch, rows, cols);
  Storage<T> value(shape.size());
  if (shape.size() > 0)
    detail::for_factors(batch.size(), n * rows * cols, [&](std::size_t i) {
      const std::size_t from = detail::broadcast_place(leading_axes(b.shape()), batch, i);
      const std::size_t by = detail::broadcast_place(leading_axes(a.shape()), batch, i);
      std::copy_n(b.data() + from * rows * cols, rows * cols, value.data() + i * rows * cols);
      detail::solve_triangle(options.left, options.upper, transposed, options.unitriangular, rows, cols,
                             a.data() + by * n * n, value.data() + i * rows * cols);
    });
  return record<T>(
      "solve_triangular", shape, std::move(value), kSaveInput | kSaveOutput,
      [options, transposed](Node<T>& node, const Tensor<T>& g) {
        const Tensor<T> x = node.output(), db = solve_triangles(node.input(0), g, options, !transposed);
        if (node.wants(0)) {
          const bool first_is_db = options.left != transposed;
          const Tensor<T> da = product(first_is_db ? db : x, !options.left, first_is_db ? x : db, options.left);
          const std::int64_t beside = options.unitriangular ? 1 : 0;
          node.give(0, -(options.upper ? triu(da, beside) : tril(da, -beside)));
        }
        node.give(1, db);
      },
      a, b);
}

/// g, one number for each matrix, beside the matrices' elements.
template <class T> Tensor<T> for_each_element(const Tensor<T>& g) {
  return reshape(g, detail::with_matrix(g.shape(), 1, 1));
}

/// The cofactors det(a) a^-T. Near singular matrices they come from a = u diag(s) v^T, which needs no inverse:
/// det(u) det(v) u diag(products of the other s) v^T.
template <class T> void cofactors(std::size_t n, const T* a, T* result) {
  Storage<T> copy(n * n);
  Storage<int> pivots(n);
  std::copy_n(a, n * n, copy.data());
  detail::factor_lu(n, copy.data(), pivots.data());
  T determinant = detail::lu_sign(n, copy.data(), pivots.data()), smallest = std::abs(copy[0]), largest = smallest;
  for (std::size_t i = 0; i < n; ++i) {
    const T pivot = std::abs(copy[i * n + i]);
    determinant *= pivot;
    smallest = std::min(smallest, pivot);
    largest = std::max(largest, pivot);
  }
  if (smallest > std::sqrt(std::numeric_limits<T>::epsilon()) * largest) {
    detail::invert_lu(n, copy.data(), pivots.data());
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) result[i * n + j] = determinant * copy[j * n + i];
    return;
  }
  Storage<T> u(n * n), s(n), vh(n * n), others(n);
  std::copy_n(a, n * n, copy.data());
  detail::factor_svd(n, n, copy.data(), u.data(), s.data(), vh.data());
  T sign = 1;
  for (const T* rotation : {u.data(), vh.data()}) {
    std::copy_n(rotation, n * n, copy.data());
    detail::factor_lu(n, copy.data(), pivots.data());
    sign *= detail::lu_sign(n, copy.data(), pivots.data());
  }
  for (std::size_t i = 0; i < n; ++i) {
    others[i] = sign;
    for (std::size_t j = 0; j < n; ++j)
      if (j != i) others[i] *= s[j];
  }
  std::fill_n(result, n * n, T{0});
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t k = 0; k < n; ++k)
      for (std::size_t j = 0; j < n; ++j) result[i * n + j] += u[i * n + k] * others[k] * vh[k * n + j];
}

}  // namespace

template <class T> Tensor<T> inverse(const Tensor<T>& a) {
  detail::check_square("inverse", a.shape());
  Factors<T> factors(a);
  factors.check_invertible("inverse", a.shape());
  detail::for_factors(factors.count, factors.size * factors.size * factors.size, [&](std::size_t i) {
    if (factors.size > 0) detail::invert_lu(factors.size, factors.matrix(i), factors.exchanges(i));
  });
  return record<T>(
      "inverse", a.shape(), std::move(factors.lu), kSaveOutput,
      [](Node<T>& n, const Tensor<T>& g) {
        const Tensor<T> y = n.output();
        n.give(0, -product(product(y, true, g, false), false, y, true));
      },
      a);
}

template <class T> Tensor<T> solve(const Tensor<T>& a, const Tensor<T>& b) {
  detail::check_square("solve", a.shape());
  const bool vectors = b.rank() == 1 || (b.rank() + 1 == a.rank() && b.shape() == a.shape().erased(a.rank() - 1));
  XGRAD_CHECK(b.rank() >= 1 && (vectors ? b.shape().back() : b.shape()[b.rank() - 2]) == a.shape().back(), "solve: a ",
              a.shape(), " and b ", b.shape(), " do not fit; expected b (..., ", a.shape().back(), ", K) or (..., ",
              a.shape().back(), ")");
  const Factors<T> factors(a);
  factors.check_invertible("solve", a.shape());
  if (!vectors) return solve_factored(a, factors, b, false);
  return squeeze(solve_factored(a, factors, unsqueeze(b, -1), false), -1);
}

template <class T> Tensor<T> solve_triangular(const Tensor<T>& a, const Tensor<T>& b, TriangularOptions options) {
  detail::check_square("solve_triangular", a.shape());
  detail::check_matrices("solve_triangular", b.shape());
  XGRAD_CHECK((options.left ? row_count(b.shape()) : column_count(b.shape())) == row_count(a.shape()),
              "solve_triangular: a ", a.shape(), " and b ", b.shape(), " do not fit; ",
              options.left ? "the rows of b must be as many as those of a"
                           : "the columns of b must be as many as those of a");
  const std::size_t n = row_count(a.shape());
  for (std::size_t i = 0; i < leading_axes(a.shape()).size() && !options.unitriangular; ++i)
    for (std::size_t j = 0; j < n; ++j)
      XGRAD_CHECK(a.data()[(i * n + j) * n + j] != 0,
                  "solve_triangular: ", detail::nth_matrix(leading_axes(a.shape()), i), " of ", a.shape(),
                  " is singular: its diagonal element ", j, " is zero");
  return solve_triangles(a, b, options, false);
}

template <class T> Tensor<T> det(const Tensor<T>& a) {
  detail::check_square("det", a.shape());
  const Factors<T> factors(a);
  const std::size_t n = factors.size;
  const Shape batch = leading_axes(a.shape());
  Storage<T> value(factors.count);
  for (std::size_t i = 0; i < factors.count; ++i) {
    value[i] = detail::lu_sign(n, factors.matrix(i), factors.exchanges(i));
    for (std::size_t j = 0; j < n; ++j) value[i] *= std::abs(factors.matrix(i)[j * n + j]);
  }
  return record<T>(
      "det", batch, std::move(value), kSaveInput | kSaveOutput,
      [](Node<T>& node, const Tensor<T>& g) {
        if (is_grad_enabled()) return node.give(0, for_each_element(g * node.output()) * mT(inverse(node.input(0))));
        const Shape& shape = node.input_shape(0);
        const std::size_t size = row_count(shape), matrices = g.size();
        Tensor<T> derivative = Tensor<T>::empty(shape);
        T* place = derivative.mutable_data();
        const T* matrix = node.input_data(0);
        detail::for_factors(matrices, 16 * size * size * size, [&](std::size_t i) {
          if (size > 0) cofactors(size, matrix + i * size * size, place + i * size * size);
        });
        node.give(0, for_each_element(g) * derivative);
      },
      a);
}

template <class T> SignAndLogabsdet<T> slogdet(const Tensor<T>& a) {
  detail::check_square("slogdet", a.shape());
  const Factors<T> factors(a);
  const std::size_t n = factors.size;
  const Shape batch = leading_axes(a.shape());
  Storage<T> sign(factors.count), logarithm(factors.count);
  for (std::size_t i = 0; i < factors.count; ++i) {
    sign[i] = detail::lu_sign(n, factors.matrix(i), factors.exchanges(i));
    double total = 0;
    for (std::size_t j = 0; j < n; ++j) total += std::log(std::abs(static_cast<double>(factors.matrix(i)[j * n + j])));
    logarithm[i] = static_cast<T>(total);
  }
  return {Tensor<T>(batch, std::move(sign)),
          record<T>(
              "slogdet", batch, std::move(logarithm), kSaveInput,
              [](Node<T>& node, const Tensor<T>& g) { node.give(0, for_each_element(g) * mT(inverse(node.input(0)))); },
              a)};
}

template <class T> Tensor<T> logdet(const Tensor<T>& a) {
  detail::check_square("logdet", a.shape());
  const auto [sign, logabsdet] = slogdet(a);
  return logabsdet + log(sign);
}

#define XGRAD_INSTANTIATE(T)                                                                  \
  template Tensor<T> inverse(const Tensor<T>&);                                               \
  template Tensor<T> solve(const Tensor<T>&, const Tensor<T>&);                               \
  template Tensor<T> solve_triangular(const Tensor<T>&, const Tensor<T>&, TriangularOptions); \
  template Tensor<T> det(const Tensor<T>&);                                                   \
  template SignAndLogabsdet<T> slogdet(const Tensor<T>&);                                     \
  template Tensor<T> logdet(const Tensor<T>&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
