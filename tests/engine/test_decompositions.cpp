// SPDX-License-Identifier: BSD-3-Clause
// Dense linear algebra: large matrices and batches against their definitions, singular ones, empty ones, refusals.
#include <cmath>
#include <cstring>

#include "engine/refused.hpp"
#include "xgrad/xgrad.hpp"

#include <doctest/doctest.h>

using namespace xgrad;

namespace {

template <class T> Tensor<T> noise(const Shape& shape) {
  Tensor<T> x = Tensor<T>::empty(shape);
  nn::initialize_uniform(x, -1, 1, RandomKey{7, 0, 0});
  return x;
}
template <class T> double distance(const Tensor<T>& a, const Tensor<T>& b) {
  REQUIRE(a.shape() == b.shape());
  return static_cast<double>(amax(abs(a - b)).item());
}

}  // namespace

TEST_CASE_TEMPLATE("decompositions of large matrices and of batches", T, float, double) {
  const double tolerance = std::is_same_v<T, float> ? 2e-3 : 1e-10;
  for (const Shape& shape : {Shape{150, 150}, Shape{40, 9, 9}}) {
    const std::int64_t n = shape.back();
    const auto x = noise<T>(shape), b = noise<T>({n, 7});
    const auto regular = x + 20 * eye<T>(n), symmetric = x + mT(x), positive = matmul(x, mT(x)) + eye<T>(n);
    CHECK(distance(matmul(regular, inverse(regular)), expand(eye<T>(n), shape)) < tolerance);
    const auto solution = solve(regular, b);
    CHECK(distance(matmul(regular, solution), expand(b, solution.shape())) < tolerance);
    const auto l = cholesky(positive);
    CHECK(distance(matmul(l, mT(l)), positive) < tolerance);
    CHECK(distance(l, tril(l)) == 0);
    CHECK(distance(matmul(l, solve_triangular(l, x)), x) < tolerance);
    CHECK(distance(matmul(solve_triangular(l, x, {.left = false}), l), x) < tolerance);
    const auto [w, v] = eigh(symmetric);
    CHECK(distance(matmul(v * unsqueeze(w, -2), mT(v)), symmetric) < tolerance);
    const auto determinant = slogdet(positive);
    CHECK(distance(determinant.logabsdet, 2 * sum(log(diagonal(l, 0, -2, -1)), -1)) < 10 * tolerance);
    CHECK(distance(matmul(matrix_exp(x), matrix_exp(-x)), expand(eye<T>(n), shape)) < (n > 10 ? 1e4 : 1) * tolerance);
    for (const auto& part : {x, slice(x, -2, 0, n / 2), slice(x, -1, 0, n / 2)}) {
      const auto [q, r] = qr(part);
      CHECK(distance(matmul(q, r), part) < tolerance);
      CHECK(distance(matmul(mT(q), q), expand(eye<T>(q.shape().back()), matmul(mT(q), q).shape())) < tolerance);
      CHECK(distance(r, triu(r)) == 0);
      const auto [u, s, vh] = svd(part);
      CHECK(distance(matmul(u * unsqueeze(s, -2), vh), part) < tolerance);
      const auto p = pinv(part);
      CHECK(distance(matmul(part, matmul(p, part)), part) < tolerance);
    }
  }
}

TEST_CASE("dense linear algebra does not depend on the number of threads") {
  const int before = num_threads();
  for (const auto& x : {noise<float>({64, 24, 24}), noise<float>({300, 300})}) {
    std::vector<Tensor<float>> results[2];
    for (const int threads : {1, 2}) {
      set_num_threads(threads);
      const auto a = parameter(x + 30 * eye<float>(x.shape().back()));
      for (const auto& y : {inverse(a), solve(a, x), qr(a).q, svd(a).s, matrix_exp(x)}) {
        results[threads - 1].push_back(y);
        if (y.requires_grad()) results[threads - 1].push_back(grad(sum(y * y), a));
      }
    }
    for (std::size_t i = 0; i < results[0].size(); ++i)
      CHECK(std::memcmp(results[0][i].data(), results[1][i].data(), results[0][i].size() * sizeof(float)) == 0);
  }
  set_num_threads(before);
}

TEST_CASE("the determinant has a gradient at singular matrices, too") {
  const auto a = parameter(Tensor<double>({2, 3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
  const auto d = det(a);
  CHECK(d.data()[0] == doctest::Approx(0));
  CHECK(d.data()[1] == 0);
  sum(d).backward();
  const double cofactors[] = {-3, 6, -3, 6, -12, 6, -3, 6, -3, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  for (std::size_t i = 0; i < 18; ++i) CHECK(a.grad().data()[i] == doctest::Approx(cofactors[i]).epsilon(1e-12));
  const auto [sign, logabsdet] = slogdet(Tensor<double>::zeros({2, 2}));
  CHECK(sign.item() == 0);
  CHECK(logabsdet.item() == -std::numeric_limits<double>::infinity());
  CHECK(logdet(Tensor<double>::zeros({2, 2})).item() == -std::numeric_limits<double>::infinity());
  CHECK(std::isnan(logdet(Tensor<double>({1, 1}, {-2})).item()));
}

TEST_CASE("equal eigenvalues: what does not depend on the choice of vectors has finite gradients") {
  const auto a = parameter(2 * eye<double>(3));
  const auto [w, v] = eigh(a);
  sum(matmul(v * unsqueeze(square(w), -2), mT(v)) * eye<double>(3)).backward();  // the trace of a^2
  CHECK(distance(a.grad(), 4 * eye<double>(3)) < 1e-12);
}

TEST_CASE("the pseudo-inverse of a matrix without full rank") {
  const Tensor<double> a({2, 2}, {1, 1, 1, 1});
  CHECK(distance(pinv(a), a * 0.25) < 1e-15);
  CHECK(distance(pinv(Tensor<double>::zeros({2, 3})), Tensor<double>::zeros({3, 2})) == 0);
  CHECK(distance(pinv(Tensor<double>({2, 2}, {1, 0, 0, 1e-3}), 1e-2), Tensor<double>({2, 2}, {1, 0, 0, 0})) == 0);
  CHECK(distance(lstsq(a, Tensor<double>({2, 1}, {1, 3})), Tensor<double>({2, 1}, {1, 1})) < 1e-15);
}

TEST_CASE("dense linear algebra of nothing") {
  const auto none = Tensor<double>::zeros({0, 0}), no_matrices = Tensor<double>::zeros({0, 3, 3});
  CHECK(inverse(none).shape() == Shape{0, 0});
  CHECK(det(none).item() == 1);
  CHECK(logdet(none).item() == 0);
  CHECK(solve(no_matrices, Tensor<double>::zeros({3, 2})).shape() == Shape{0, 3, 2});
  CHECK(solve(eye<double>(3), Tensor<double>::zeros({3, 0})).shape() == Shape{3, 0});
  CHECK(cholesky(no_matrices).shape() == Shape{0, 3, 3});
  CHECK(eigh(no_matrices).eigenvalues.shape() == Shape{0, 3});
  CHECK(qr(Tensor<double>::zeros({3, 0})).q.shape() == Shape{3, 0});
  CHECK(svd(Tensor<double>::zeros({0, 3})).vh.shape() == Shape{0, 3});
  CHECK(pinv(Tensor<double>::zeros({0, 3})).shape() == Shape{3, 0});
  CHECK(matrix_exp(none).shape() == Shape{0, 0});
  CHECK(std::isnan(matrix_exp(Tensor<double>::full({2, 2}, std::nan(""))).data()[0]));
}

TEST_CASE("dense linear algebra refused") {
  const auto a = Tensor<double>::ones({2, 3}), singular = Tensor<double>::ones({2, 2});
  CHECK(refused([&] { inverse(a); }) == "inverse: shape (2, 3); expected square matrices in the last two axes");
  CHECK(refused([&] { qr(Tensor<double>::ones({3})); }) == "qr: shape (3,); expected matrices in the last two axes");
  CHECK(refused([&] { inverse(singular); }) ==
        "inverse: the matrix of (2, 2) is singular: its pivot 2 is exactly zero");
  CHECK(refused([&] {
          solve(stack<double>({eye<double>(2), singular}), a);
        }) == "solve: the matrix at (1,) of (2, 2, 2) is singular: its pivot 2 is exactly zero");
  CHECK(refused([&] { solve(eye<double>(3), a); }) ==
        "solve: a (3, 3) and b (2, 3) do not fit; expected b (..., 3, K) or (..., 3)");
  CHECK(refused([&] {
          solve_triangular(Tensor<double>({2, 2}, {1, 0, 5, 0}), a);
        }) == "solve_triangular: the matrix of (2, 2) is singular: its diagonal element 1 is zero");
  CHECK(refused([&] { solve_triangular(eye<double>(3), a); }) ==
        "solve_triangular: a (3, 3) and b (2, 3) do not fit; the rows of b must be as many as those of a");
  CHECK(refused([&] {
          cholesky(Tensor<double>({2, 2}, {4, 2, 2, 1}));
        }) == "cholesky: the matrix of (2, 2) is not positive definite: its leading minor of order 2 is not positive");
  CHECK(refused([&] { cholesky(-eye<double>(2)); }) ==
        "cholesky: the matrix of (2, 2) is not positive definite: its leading minor of order 1 is not positive");
  CHECK(refused([&] {
          lstsq(a, Tensor<double>::ones({3, 1}));
        }) == "lstsq: a (2, 3) and b (3, 1) do not fit; they must have the same number of rows");
  CHECK(refused([&] { matrix_power(singular, -1); }) ==
        "inverse: the matrix of (2, 2) is singular: its pivot 2 is exactly zero");
  CHECK_THROWS_WITH_AS(eigh(Tensor<double>({2, 2}, {std::nan(""), 1, 2, 3})),
                       doctest::Contains("are its elements finite?"), Error);
}
