// SPDX-License-Identifier: BSD-3-Clause
// Factors of matrices, and what is made of them. A decomposition with several results is one node whose value holds
// them side by side, so that backward runs once with all their gradients.
#include "xgrad/ops/decompositions.hpp"

#include <cmath>
#include <limits>

#include "kernels/factors.hpp"
#include "ops/matrices.hpp"
#include "ops/product.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/linalg.hpp"
#include "xgrad/ops/reduce.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad {
namespace {

using detail::column_count;
using detail::leading_axes;
using detail::product;
using detail::row_count;
using detail::with_matrix;

template <class T> Tensor<T> identity(std::size_t n) {
  return diag_embed(Tensor<T>::ones({static_cast<std::int64_t>(n)}));
}

/// The next `rows` x `cols` matrices of results side by side; moves `at` on.
template <class T> Tensor<T> part(const Tensor<T>& packed, std::int64_t& at, std::size_t rows, std::size_t cols) {
  const auto count = static_cast<std::int64_t>(rows * cols);
  at += count;
  const Shape batch = packed.shape().erased(packed.rank() - 1);
  return reshape(narrow(packed, -1, at - count, count), with_matrix(batch, rows, cols));
}
template <class T> QR<T> unpack_qr(const Tensor<T>& packed, std::size_t m, std::size_t n) {
  std::int64_t at = 0;
  const Tensor<T> q = part(packed, at, m, n);
  return {q, part(packed, at, n, n)};
}
template <class T> Eigh<T> unpack_eigh(const Tensor<T>& packed, std::size_t n) {
  std::int64_t at = 0;
  const Tensor<T> w = squeeze(part(packed, at, 1, n), -2);
  return {w, part(packed, at, n, n)};
}
template <class T> SVD<T> unpack_svd(const Tensor<T>& packed, std::size_t m, std::size_t n) {
  const std::size_t k = std::min(m, n);
  std::int64_t at = 0;
  const Tensor<T> u = part(packed, at, m, k), s = squeeze(part(packed, at, 1, k), -2);
  return {u, s, part(packed, at, k, n)};
}

/// One decomposition for each matrix of a: factor(copy of the matrix, place of its results) returns 0, or what
/// describe(matrix, that) then tells.
template <class T, class Factor, class Describe>
Storage<T> decompose(const Tensor<T>& a, std::size_t results, const Factor& factor, const Describe& describe) {
  const std::size_t m = row_count(a.shape()), n = column_count(a.shape()), count = leading_axes(a.shape()).size();
  Storage<T> value(count * results), copies(a.storage());
  Storage<int> failures(count, 0);
  if (m * n > 0)
    detail::for_factors(count, 4 * m * n * std::min(m, n), [&](std::size_t i) {
      failures[i] = factor(copies.data() + i * m * n, value.data() + i * results);
    });
  for (std::size_t i = 0; i < count; ++i)
    if (failures[i] != 0) describe(detail::nth_matrix(leading_axes(a.shape()), i), failures[i]);
  return value;
}
Shape packed_shape(const Shape& a, std::size_t results) {
  return with_matrix(leading_axes(a), 1, results).erased(a.rank() - 2);
}

/// 1 / (values[j] - values[i]); 0 where they are equal, where eigenvectors have no gradient.
template <class T> Tensor<T> inverse_gaps(const Tensor<T>& values) {
  const Tensor<T> gaps = unsqueeze(values, -2) - unsqueeze(values, -1);
  return where(gaps == 0, 0, 1 / where(gaps == 0, 1, gaps));
}

template <class T> Tensor<T> symmetrised(const Tensor<T>& x) { return (x + mT(x)) * 0.5; }

}  // namespace

template <class T> Tensor<T> cholesky(const Tensor<T>& a) {
  detail::check_square("cholesky", a.shape());
  const std::size_t n = row_count(a.shape());
  Storage<T> value = decompose(
      a, n * n,
      [n](T* matrix, T* l) {
        const int minor = detail::factor_cholesky(n, matrix);
        std::copy_n(matrix, n * n, l);
        return minor;
      },
      [&a](const std::string& matrix, int minor) {
        fail("cholesky: ", matrix, " of ", a.shape(), " is not positive definite: its leading minor of order ", minor,
             " is not positive");
      });
  return record<T>(
      "cholesky", a.shape(), std::move(value), kSaveOutput,
      [](Node<T>& node, const Tensor<T>& g) {
        const Tensor<T> l = node.output(), lower = product(l, true, g, false);
        const Tensor<T> halved = (tril(lower) + tril(lower, -1)) * 0.5;
        const Tensor<T> left = solve_triangular(mT(l), halved, {.upper = true});
        node.give(0, symmetrised(solve_triangular(l, left, {.left = false})));
      },
      a);
}

template <class T> QR<T> qr(const Tensor<T>& a) {
  detail::check_matrices("qr", a.shape());
  const std::size_t m = row_count(a.shape()), n = column_count(a.shape());
  if (m < n) {  // the square part in front decides q
    const auto square = static_cast<std::int64_t>(m), rest = static_cast<std::int64_t>(n - m);
    const QR<T> front = qr(narrow(a, -1, 0, square));
    return {front.q, concat<T>({front.r, product(front.q, true, narrow(a, -1, square, rest), false)}, -1)};
  }
  const std::size_t results = m * n + n * n;
  Storage<T> value = decompose(
      a, results,
      [m, n](T* matrix, T* place) {
        detail::factor_qr(m, n, matrix, place + m * n);
        std::copy_n(matrix, m * n, place);
        return 0;
      },
      [](const std::string&, int) {});
  const Tensor<T> packed = record<T>(
      "qr", packed_shape(a.shape(), results), std::move(value), kSaveOutput,
      [m, n](Node<T>& node, const Tensor<T>& g) {
        const auto [q, r] = unpack_qr(node.output(), m, n);
        const auto [gq, gr] = unpack_qr(g, m, n);
        const Tensor<T> both = product(r, false, triu(gr), true) - product(gq, true, q, false);
        const Tensor<T> mirrored = tril(both) + mT(tril(both, -1));
        node.give(0, solve_triangular(mT(r), gq + product(q, false, mirrored, false), {.left = false}));
      },
      a);
  return unpack_qr(packed, m, n);
}

template <class T> Eigh<T> eigh(const Tensor<T>& a) {
  detail::check_square("eigh", a.shape());
  const std::size_t n = row_count(a.shape()), results = n + n * n;
  Storage<T> value = decompose(
      a, results, [n](T* matrix, T* place) { return detail::factor_eigh(n, matrix, place, place + n); },
      [&a](const std::string& matrix, int) {
        fail("eigh: ", matrix, " of ", a.shape(), " did not converge; are its elements finite?");
      });
  const Tensor<T> packed = record<T>(
      "eigh", packed_shape(a.shape(), results), std::move(value), kSaveOutput,
      [n](Node<T>& node, const Tensor<T>& g) {
        const auto [w, v] = unpack_eigh(node.output(), n);
        const auto [gw, gv] = unpack_eigh(g, n);
        const Tensor<T> inner = diag_embed(gw) + inverse_gaps(w) * product(v, true, gv, false);
        node.give(0, symmetrised(product(product(v, false, inner, false), false, v, true)));
      },
      a);
  return unpack_eigh(packed, n);
}

template <class T> SVD<T> svd(const Tensor<T>& a) {
  detail::check_matrices("svd", a.shape());
  const std::size_t m = row_count(a.shape()), n = column_count(a.shape()), k = std::min(m, n);
  const std::size_t results = m * k + k + k * n;
  Storage<T> value = decompose(
      a, results,
      [m, n, k](T* matrix, T* place) {
        return detail::factor_svd(m, n, matrix, place, place + m * k, place + m * k + k);
      },
      [&a](const std::string& matrix, int) {
        fail("svd: ", matrix, " of ", a.shape(), " did not converge; are its elements finite?");
      });
  const Tensor<T> packed = record<T>(
      "svd", packed_shape(a.shape(), results), std::move(value), kSaveOutput,
      [m, n](Node<T>& node, const Tensor<T>& g) {
        const auto [u, s, vh] = unpack_svd(node.output(), m, n);
        const auto [gu, gs, gvh] = unpack_svd(g, m, n);
        const Tensor<T> rows = unsqueeze(s, -1), cols = unsqueeze(s, -2), gaps = inverse_gaps(s * s);
        const Tensor<T> of_u = product(u, true, gu, false), of_v = product(vh, false, gvh, true);
        const Tensor<T> inner = gaps * (of_u - mT(of_u)) * cols + rows * (gaps * (of_v - mT(of_v))) + diag_embed(gs);
        Tensor<T> da = product(product(u, false, inner, false), false, vh, false);
        if (m > n) {  // what leaves the space of u
          const Tensor<T> out = gu - product(u, false, of_u, false);
          da = da + product(out / cols, false, vh, false);
        }
        if (m < n) {
          const Tensor<T> out = gvh - product(of_v, true, vh, false);
          da = da + product(u, false, out / rows, false);
        }
        node.give(0, da);
      },
      a);
  return unpack_svd(packed, m, n);
}

template <class T> Tensor<T> pinv(const Tensor<T>& a, double rtol) {
  detail::check_matrices("pinv", a.shape());
  const std::size_t m = row_count(a.shape()), n = column_count(a.shape());
  const double smallest =
      rtol >= 0 ? rtol : static_cast<double>(std::numeric_limits<T>::epsilon()) * static_cast<double>(std::max(m, n));
  const Shape shape = with_matrix(leading_axes(a.shape()), n, m);
  Tensor<T> value = Tensor<T>::zeros(shape);
  if (shape.size() > 0) {
    const NoGrad no_grad;
    const auto [u, s, vh] = svd(a);
    const auto counts = s > amax(s, -1, true) * smallest;
    const Tensor<T> inverted = where(counts, 1 / where(counts, s, 1), 0);
    value = product(vh, true, unsqueeze(inverted, -1) * mT(u), false);
  }
  // Golub, Pereyra 1973, doi:10.1137/0710036
  return record<T>(
      "pinv", shape, value.storage().share(), kSaveInput | kSaveOutput,
      [](Node<T>& node, const Tensor<T>& g) {
        const Tensor<T> x = node.input(0), p = node.output();
        const Tensor<T> from_left = product(g, true, product(p, false, p, true), false);
        const Tensor<T> from_right = product(product(p, true, p, false), false, g, true);
        node.give(0, from_left - product(x, false, product(p, false, from_left, false), false) + from_right -
                         product(product(from_right, false, p, false), false, x, false) -
                         product(product(p, true, g, false), false, p, true));
      },
      a);
}

template <class T> Tensor<T> lstsq(const Tensor<T>& a, const Tensor<T>& b, double rtol) {
  detail::check_matrices("lstsq", a.shape());
  detail::check_matrices("lstsq", b.shape());
  XGRAD_CHECK(row_count(a.shape()) == row_count(b.shape()), "lstsq: a ", a.shape(), " and b ", b.shape(),
              " do not fit; they must have the same number of rows");
  return matmul(pinv(a, rtol), b);
}

template <class T> Tensor<T> matrix_power(const Tensor<T>& a, std::int64_t n) {
  detail::check_square("matrix_power", a.shape());
  if (n == 0) return expand(identity<T>(row_count(a.shape())), a.shape());
  Tensor<T> power = n < 0 ? inverse(a) : a, result;
  for (std::uint64_t rest = n < 0 ? -static_cast<std::uint64_t>(n) : static_cast<std::uint64_t>(n);;) {
    if (rest & 1) result = result.defined() ? matmul(result, power) : power;
    rest >>= 1;
    if (rest == 0) return result;
    power = matmul(power, power);
  }
}

template <class T> Tensor<T> matrix_exp(const Tensor<T>& a) {
  detail::check_square("matrix_exp", a.shape());
  const std::size_t n = row_count(a.shape());
  if (a.size() == 0) return a;
  // Halved until the largest norm of the batch is one that the approximation of order 13 is exact for.
  constexpr double kLargestNorm = 5.371920351148152;
  double norm = 0;
  {
    const NoGrad no_grad;
    norm = static_cast<double>(amax(sum(abs(a), -2)).item());
  }
  const int halvings =
      std::isfinite(norm) && norm > kLargestNorm ? static_cast<int>(std::ceil(std::log2(norm / kLargestNorm))) : 0;
  const double b[] = {64764752532480000.0,
                      32382376266240000.0,
                      7771770303897600.0,
                      1187353796428800.0,
                      129060195264000.0,
                      10559470521600.0,
                      670442572800.0,
                      33522128640.0,
                      1323241920.0,
                      40840800.0,
                      960960.0,
                      16380.0,
                      182.0,
                      1.0};
  const auto c = [&b](std::size_t i) { return b[i] / b[0]; };
  const Tensor<T> x = a * std::ldexp(1.0, -halvings), one = identity<T>(n);
  const Tensor<T> x2 = matmul(x, x), x4 = matmul(x2, x2), x6 = matmul(x4, x2);
  const Tensor<T> odd =
      matmul(x, matmul(x6, x6 * c(13) + x4 * c(11) + x2 * c(9)) + x6 * c(7) + x4 * c(5) + x2 * c(3) + one * c(1));
  const Tensor<T> even =
      matmul(x6, x6 * c(12) + x4 * c(10) + x2 * c(8)) + x6 * c(6) + x4 * c(4) + x2 * c(2) + one * c(0);
  Tensor<T> result = solve(even - odd, even + odd);
  for (int i = 0; i < halvings; ++i) result = matmul(result, result);
  return result;
}

#define XGRAD_INSTANTIATE(T)                                            \
  template Tensor<T> cholesky(const Tensor<T>&);                        \
  template QR<T> qr(const Tensor<T>&);                                  \
  template Eigh<T> eigh(const Tensor<T>&);                              \
  template SVD<T> svd(const Tensor<T>&);                                \
  template Tensor<T> pinv(const Tensor<T>&, double);                    \
  template Tensor<T> lstsq(const Tensor<T>&, const Tensor<T>&, double); \
  template Tensor<T> matrix_power(const Tensor<T>&, std::int64_t);      \
  template Tensor<T> matrix_exp(const Tensor<T>&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
