// SPDX-License-Identifier: BSD-3-Clause
// Products: empty inputs, what is ignored, what is refused.
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/refused.hpp"
#include "xgrad/xgrad.hpp"

#include <doctest/doctest.h>

using namespace xgrad;

namespace {

Tensor<double> ones(const Shape& shape) { return Tensor<double>::ones(shape); }

template <class T> Tensor<T> noise(const Shape& shape, std::uint32_t stream) {
  Tensor<T> x = Tensor<T>::empty(shape);
  nn::initialize_uniform(x, -1, 1, RandomKey{5, stream, 0});
  return x;
}

}  // namespace

TEST_CASE("products over nothing are zero, of nothing empty") {
  CHECK(matmul(ones({2, 0}), ones({0, 3})).data()[5] == 0);
  CHECK(dot(ones({0}), ones({0})).item() == 0);
  CHECK(bmm(ones({0, 2, 3}), ones({0, 3, 1})).shape() == Shape{0, 2, 1});
  CHECK(outer(ones({0}), ones({3})).shape() == Shape{0, 3});
  CHECK(tensordot(ones({2, 0}), ones({0, 3}), 1).data()[0] == 0);
  CHECK(trace(ones({0, 0})).item() == 0);
  CHECK(kron(ones({0, 2}), ones({2, 2})).shape() == Shape{0, 4});
  CHECK(einsum<double>("bij,bjk->bik", {ones({0, 2, 3}), ones({0, 3, 2})}).shape() == Shape{0, 2, 2});
  CHECK(einsum<double>("ij,jk->ik", {ones({2, 0}), ones({0, 2})}).data()[3] == 0);
  CHECK(einsum<double>("...i,...i->...", {ones({1, 2}), ones({0, 2})}).shape() == Shape{0});
  CHECK(array_equal(matmul(Tensor<double>::ones({2, 3, 0}), Tensor<double>::ones({0, 4})),
                    Tensor<double>::zeros({2, 3, 4})));
  const auto b = parameter(Tensor<double>::ones({4}));
  const auto y = linear(Tensor<double>::ones({2, 3, 0}), parameter(Tensor<double>::ones({4, 0})), b);
  CHECK(array_equal(y, Tensor<double>::ones({2, 3, 4})));
  sum(y).backward();
  CHECK(array_equal(b.grad(), Tensor<double>::full({4}, 6)));
}

TEST_CASE_TEMPLATE("products of all sizes and their gradients, which transpose, by the definition", T, float, double) {
  const std::int64_t sizes[] = {1, 2, 4, 7, 8, 16, 33, 130};
  // The last ones go through several pieces of each factor.
  std::vector<std::array<std::int64_t, 3>> products = {{40, 1050, 300}, {97, 20, 513}, {513, 64, 257}, {38, 523, 40}};
  for (const std::int64_t m : sizes)
    for (const std::int64_t n : sizes)
      for (const std::int64_t k : sizes) products.push_back({m, n, k});
  std::size_t wrong = 0;
  for (const auto& [m, n, k] : products) {
    const auto a = parameter(noise<T>({m, k}, 0)), b = parameter(noise<T>({k, n}, 1)), g = noise<T>({m, n}, 2);
    const auto y = matmul(a, b);
    y.backward(g, true);
    y.backward(g);  // added in place
    const auto differ = [](const T* value, const T* x, std::int64_t step_x, const T* z, std::int64_t step_z,
                           std::int64_t count, double scale) {
      double sum = 0;
      for (std::int64_t i = 0; i < count; ++i)
        sum += static_cast<double>(x[i * step_x]) * static_cast<double>(z[i * step_z]);
      return std::abs(static_cast<double>(*value) - scale * sum) >
             static_cast<double>(500 + 10 * count) * std::numeric_limits<T>::epsilon();
    };
    const auto da = a.grad(), db = b.grad();
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < n; ++j)
        wrong += differ(y.data() + i * n + j, a.data() + i * k, 1, b.data() + j, n, k, 1);
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < k; ++j)
        wrong += differ(da.data() + i * k + j, g.data() + i * n, 1, b.data() + j * n, 1, n, 2);
    for (std::int64_t i = 0; i < k; ++i)
      for (std::int64_t j = 0; j < n; ++j)
        wrong += differ(db.data() + i * n + j, a.data() + i, k, g.data() + j, n, m, 2);
  }
  CHECK(wrong == 0);
}

TEST_CASE("a factor of 0 ignores the added matrix") {
  const auto c = Tensor<double>::full({2, 2}, std::nan(""));
  CHECK(addmm(c, ones({2, 3}), ones({3, 2}), 0, 2).data()[3] == 6);
  CHECK(baddbmm(c, ones({1, 2, 3}), ones({1, 3, 2}), 0).data()[3] == 3);
}

TEST_CASE_TEMPLATE("products do not depend on the number of threads", T, float, double) {
  const int before = num_threads();
  const std::int64_t sizes[][3] = {{64, 64, 64},    {128, 10, 256}, {1, 512, 784},   {64, 256, 256},
                                   {128, 512, 784}, {512, 1, 700},  {300, 301, 302}, {10, 10, 5000}};
  for (const auto& size : sizes) {
    const std::int64_t m = size[0], n = size[1], k = size[2];
    CAPTURE(m);
    CAPTURE(n);
    CAPTURE(k);
    std::vector<Tensor<T>> results[3];
    for (const int threads : {1, 2, 3}) {
      set_num_threads(threads);
      const auto a = parameter(noise<T>({m, k}, 0)), b = parameter(noise<T>({k, n}, 1));
      const auto y = matmul(a, b), z = bmm(expand(a, Shape{3, m, k}), expand(b, Shape{3, k, n}));
      (sum(y * y) + sum(z * z)).backward();
      results[threads - 1] = {y, z, a.grad(), b.grad()};
    }
    for (const auto& other : {results[1], results[2]})
      for (std::size_t i = 0; i < other.size(); ++i)
        CHECK(std::memcmp(results[0][i].data(), other[i].data(), other[i].size() * sizeof(T)) == 0);
  }
  set_num_threads(before);
}

TEST_CASE("einsum chooses the pair with the smallest result") {
  // From the left, the first product would have 30000 x 30000 elements.
  const auto x = ones({1, 30000}), y = ones({30000, 1}), z = ones({1, 30000});
  const auto result = einsum<double>("ij,jk,kl->il", {y, x, y});
  CHECK(result.shape() == Shape{30000, 1});
  CHECK(result.data()[7] == 30000);
  CHECK(einsum<double>("ij,jk,kl->il", {x, y, z}).data()[7] == 30000);
}

TEST_CASE("products refused") {
  CHECK(refused([&] {
          bmm(ones({2, 3}), ones({3, 4}));
        }) == "bmm: (2, 3) @ (3, 4); expected (B, M, K) @ (B, K, N); matmul broadcasts");
  CHECK(refused([&] {
          bmm(ones({1, 2, 3}), ones({2, 3, 4}));
        }) == "bmm: (1, 2, 3) @ (2, 3, 4); expected (B, M, K) @ (B, K, N); matmul broadcasts");
  CHECK(refused([&] {
          addmm(ones({3, 4}), ones({2, 3}), ones({3, 4}));
        }) ==
        "addmm: shapes (3, 4) and (2, 4) do not broadcast: 3 against 2 at axis 0; sizes, aligned at the right, must be "
        "equal or 1");
  CHECK(refused([&] {
          addmm(ones({2, 4}), ones({1, 3}), ones({3, 4}));
        }) == "addmm: c of shape (2, 4) does not expand to the product's (1, 4)");
  CHECK(refused([&] { dot(ones({2}), ones({3})); }) ==
        "dot: shapes (2,) and (3,); expected two vectors of the same size (matmul, tensordot and sum(a * b) take "
        "others)");
  CHECK(refused([&] {
          inner(ones({2, 3}), ones({2}));
        }) == "inner: shapes (2, 3) and (2,); the last axes must have the same size");
  CHECK(refused([&] { outer(ones({2, 3}), ones({2})); }) == "outer: shapes (2, 3) and (2,); expected two vectors");
  CHECK(refused([&] {
          tensordot(ones({2, 3}), ones({2}), {1}, {0});
        }) == "tensordot: axis 1 of (2, 3) has size 3, axis 0 of (2,) has 2; expected the same");
  CHECK(refused([&] {
          tensordot(ones({2, 2}), ones({2, 2}), {0, -2}, {0, 1});
        }) == "tensordot: axis 0 of (2, 2) is named twice");
  CHECK(refused([&] { tensordot(ones({2}), ones({2}), 2); }) ==
        "tensordot: over 2 axes of shapes (2,) and (2,); expected 0 to 1");
  CHECK(refused([&] {
          bilinear(ones({2, 3}), ones({2, 4}), ones({5, 4, 3}));
        }) == "bilinear: (2, 3) and (2, 4) do not fit weight (5, 4, 3) (O, I, J); expected (..., I) and (..., J)");
  CHECK(refused([&] { trace(ones({2})); }) ==
        "trace: shape (2,); expected a matrix (for a batch: sum(diagonal(x, 0, -2, -1), -1))");
  const auto a = ones({2, 3}), b = ones({3, 4});
  const auto words = [&](const char* spec) { return refused([&] { einsum<double>(spec, {a, b}); }); };
  CHECK(words("ij->i") == "einsum: \"ij->i\" names 1 operands; got 2");
  CHECK(words("ij,jkl") == "einsum: operand 1 of shape (3, 4) has 2 axes; \"ij,jkl\" names 3");
  CHECK(words("ijk...,jk") == "einsum: operand 0 of shape (2, 3) has 2 axes; \"ijk...,jk\" names 3 and further ones");
  CHECK(words("ij,ik") == "einsum: letter 'i' of \"ij,ik\" has size 2 and, in operand 1 of shape (3, 4), size 3");
  CHECK(words("...,...") ==
        "einsum: an axis under \"...\" of \"...,...\" has size 2 and, in operand 1 of shape (3, 4), size 3");
  CHECK(words("ij,jk->iz") == "einsum: output letter 'z' of \"ij,jk->iz\" is in no operand");
  CHECK(words("ij,jk->ii") == "einsum: output letter 'i' of \"ij,jk->ii\" is repeated");
  CHECK(words("i1,jk") == "einsum: '1' in \"i1,jk\"; expected letters, \"...\", commas and at most one \"->\"");
  CHECK(words("ij,jk->i->k") ==
        "einsum: '-' in \"ij,jk->i->k\"; expected letters, \"...\", commas and at most one \"->\"");
  CHECK(words("......,jk") == "einsum: \"...\" twice in \"......\" of \"......,jk\"");
}
