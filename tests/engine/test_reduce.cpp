// SPDX-License-Identifier: BSD-3-Clause
// Reductions: emptiness, NaN and infinities, ties, ranges, threads, refusals.
#include <cmath>
#include <cstring>

#include "xgrad/xgrad.hpp"

#include <doctest/doctest.h>

using namespace xgrad;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
const double kNaN = std::nan("");

Tensor<double> vector(std::initializer_list<double> values) {
  return Tensor<double>(Shape{static_cast<std::int64_t>(values.size())}, values);
}
std::vector<double> gradient(const Tensor<double>& y, const Tensor<double>& x) {
  const Tensor<double> g = grad(y, x);
  return {g.values().begin(), g.values().end()};
}
template <class T> Tensor<T> noise(const Shape& shape) {
  Tensor<T> x = Tensor<T>::empty(shape);
  for (std::size_t i = 0; i < x.size(); ++i) x.mutable_data()[i] = static_cast<T>(normal({3, 1, 4}, i));
  return x;
}

}  // namespace

TEST_CASE("reductions over nothing") {
  const auto empty = Tensor<double>::ones({2, 0, 3});
  CHECK(sum(empty).item() == 0);
  CHECK(prod(empty).item() == 1);
  CHECK(norm(empty).item() == 0);
  CHECK(norm(empty, 3).item() == 0);
  CHECK(std::isnan(mean(empty).item()));
  CHECK(std::isnan(var(empty).item()));
  CHECK(logsumexp(empty).item() == -kInf);
  CHECK(sum(empty, 1).shape() == Shape{2, 3});
  CHECK(sum(empty, 1).data()[5] == 0);
  CHECK(prod(empty, 1, true).shape() == Shape{2, 1, 3});
  CHECK(sum(empty, 0).shape() == Shape{0, 3});
  CHECK(amax(empty, 0).shape() == Shape{0, 3});
  CHECK(all(Mask(Shape{0})));
  CHECK(!any(Mask(Shape{0})));
  CHECK(all(Mask(Shape{2, 0}), 1).data()[1]);
  CHECK(count_nonzero(Mask(Shape{2, 0}), 1).data()[1] == 0);
  const auto x = parameter(empty);
  sum(x, 1).backward(Tensor<double>::ones({2, 3}));
  CHECK(x.grad().shape() == Shape{2, 0, 3});
}

TEST_CASE("NaN wins in extremes, and infinities are ordinary numbers") {
  for (const auto& x : {vector({1, kNaN, 3}), vector({kNaN, 5, 1}), vector({1, 2, kNaN})}) {
    CHECK(std::isnan(amax(x).item()));
    CHECK(std::isnan(amin(x).item()));
    CHECK(std::isnan(max(x, 0).values.item()));
    CHECK(std::isnan(x.data()[argmin(x).data()[0]]));
    CHECK(std::isnan(norm(x).item()));
    CHECK(std::isnan(sum(x).item()));
  }
  CHECK(argmax(vector({1, kNaN, kNaN})).data()[0] == 1);  // the first NaN
  CHECK(amax(vector({-kInf, -kInf})).item() == -kInf);
  CHECK(amin(vector({kInf, kInf})).item() == kInf);
  CHECK(std::isnan(sum(vector({kInf, -kInf})).item()));
  CHECK(norm(vector({kInf, 1})).item() == kInf);
  CHECK(norm(vector({kInf, 1}), 3).item() == kInf);
  CHECK(count_nonzero(vector({0, kNaN, 2})).data()[0] == 2);
  // Down columns too, where the kernel is another one.
  const Tensor<double> columns({2, 3}, {1, kNaN, 3, kNaN, 5, -kInf});
  const auto largest = amax(columns, 0);
  CHECK(std::isnan(largest.data()[0]));
  CHECK(std::isnan(largest.data()[1]));
  CHECK(largest.data()[2] == 3);
  CHECK(argmax(columns, 0).data()[0] == 1);
  CHECK(argmax(columns, 0).data()[1] == 0);
}

TEST_CASE("a NaN reaches all gradients of logsumexp") {
  const auto x = parameter(vector({kNaN, 1}));
  for (const double g : gradient(logsumexp(x), x)) CHECK(std::isnan(g));
}

TEST_CASE("ties: shared evenly by amax, amin and norms to infinity, the first alone by max and min") {
  const auto x = parameter(vector({3, -1, 3, -3}));
  CHECK(gradient(amax(x), x) == std::vector<double>{0.5, 0, 0.5, 0});
  CHECK(gradient(max(x, 0).values, x) == std::vector<double>{1, 0, 0, 0});
  CHECK(gradient(norm(x, kInf), x) == std::vector<double>{1.0 / 3, 0, 1.0 / 3, -1.0 / 3});
  const auto y = parameter(vector({2, 1, 1}));
  CHECK(gradient(amin(y), y) == std::vector<double>{0, 0.5, 0.5});
  CHECK(gradient(min(y, 0, true).values, y) == std::vector<double>{0, 1, 0});
  CHECK(argmin(y).data()[0] == 1);
}

TEST_CASE("the gradient of a product where elements are zero") {
  const auto at = [](const Tensor<double>& value) {
    const auto x = parameter(value);
    return gradient(prod(x), x);
  };
  CHECK(at(vector({2, 3, 4})) == std::vector<double>{12, 8, 6});
  CHECK(at(vector({2, 0, 4})) == std::vector<double>{0, 8, 0});
  CHECK(at(vector({0, 3, 0})) == std::vector<double>{0, 0, 0});
  CHECK(at(vector({0})) == std::vector<double>{1});
  // The second derivative with respect to both zeros is the product of the rest.
  const auto x = parameter(vector({0, 3, 0, 5}));
  const auto first = grad(prod(x), x, {.create_graph = true});
  CHECK(gradient(sum(slice(first, 0, 0, 1)), x) == std::vector<double>{0, 0, 15, 0});
}

TEST_CASE("norms at zero, and numbers whose squares leave the range") {
  for (const double p : {0.0, 0.5, 1.0, 2.0, 3.0, kInf}) {
    CAPTURE(p);
    const auto x = parameter(Tensor<double>::zeros({3}));
    CHECK(norm(x, p).item() == 0);
    CHECK(gradient(norm(x, p), x) == std::vector<double>{0, 0, 0});
    const auto single = parameter(vector({0, 2, 0}));
    const auto g = gradient(norm(single, p), single);
    CHECK(g[0] == 0);
    CHECK(g[1] == (p == 0 ? 0 : 1));
  }
  CHECK(norm(Tensor<float>({2}, {3e30f, 4e30f})).item() == doctest::Approx(5e30));
  CHECK(norm(Tensor<float>({2}, {3e-30f, 4e-30f})).item() == doctest::Approx(5e-30));
  CHECK(norm(vector({3e200, 4e200})).item() == doctest::Approx(5e200));
  CHECK(norm(Tensor<float>({2}, {3e30f, 4e30f}), 3).item() == doctest::Approx(std::cbrt(91) * 1e30));
  CHECK(norm(Tensor<float>({2, 2}, {3e30f, 4e30f, 3, 4}), 2, 1).data()[1] == 5);
  CHECK(norm(vector({2, 0}), -1).item() == 0);
}

TEST_CASE("var: one element, a large mean, correction beyond the count") {
  CHECK(std::isnan(var(vector({4})).item()));
  CHECK(var(vector({4}), {}, 0).item() == 0);
  CHECK(std::isnan(var(vector({4, 5}), {}, 3).item()));
  const auto x = noise<float>({100'000}) + 1e4;
  CHECK(var(x).item() == doctest::Approx(1).epsilon(0.02));
  const auto constant = parameter(Tensor<double>::ones({4}));
  CHECK(gradient(xgrad::std(constant), constant) == std::vector<double>{0, 0, 0, 0});
}

TEST_CASE("cosine similarity of nothing but zeros is 0") {
  const auto zero = parameter(Tensor<double>::zeros({1, 3}));
  const auto y = cosine_similarity(zero, Tensor<double>::ones({1, 3}));
  CHECK(y.item() == 0);
  for (const double g : gradient(y, zero)) CHECK(std::isfinite(g));
}

TEST_CASE("long float sums stay exact to a few units, and do not depend on threads") {
  const int before = num_threads();
  for (const Shape& shape : {Shape{1'000'003}, Shape{70'001, 5}, Shape{3, 70'001}, Shape{600, 7, 40}}) {
    CAPTURE(shape.to_string());
    const auto x = noise<float>(shape);
    const auto results = [&](int threads) {
      set_num_threads(threads);
      std::vector<Tensor<float>> all_of{sum(x),     sum(x, 0), sum(x, -1), var(x),  var(x, 0),
                                        norm(x, 2), amax(x),   amax(x, 0), prod(x), mean(x, -1)};
      if (shape.rank() == 3) all_of.push_back(sum(x, {0, 2}));
      return all_of;
    };
    const auto one = results(1), three = results(3);
    for (std::size_t i = 0; i < one.size(); ++i) {
      CAPTURE(i);
      CHECK(std::memcmp(one[i].data(), three[i].data(), one[i].size() * sizeof(float)) == 0);
    }
    double exact = 0, absolute = 0;
    for (const float v : x.values()) {
      exact += v;
      absolute += std::abs(v);
    }
    CHECK(std::abs(one[0].item() - exact) < 1e-6 * absolute);
    CHECK(sum(Tensor<float>::full(shape, 0.1f)).item() ==
          doctest::Approx(0.1 * static_cast<double>(x.size())).epsilon(2e-6));
  }
  set_num_threads(before);
}

TEST_CASE("reductions refuse") {
  const auto x = Tensor<double>::ones({2, 3});
  CHECK_THROWS_WITH_AS(sum(x, {0, 0}), "sum: axis 0 of shape (2, 3) is named twice", Error);
  CHECK_THROWS_WITH_AS(sum(x, std::vector<std::int64_t>(9, 0)), "Axes: 9 axes; at most 8 are supported", Error);
  CHECK_THROWS_WITH_AS(prod(x, 2), "prod: axis 2 is outside shape (2, 3); expected -2 to 1", Error);
  CHECK_THROWS_WITH_AS(norm(x, kNaN), "norm: p is NaN; expected a number or an infinity", Error);
  CHECK_THROWS_WITH_AS(norm(Tensor<double>::ones({0}), kInf),
                       "norm: shape (0,) has no elements to choose from along these axes", Error);
  CHECK_THROWS_WITH_AS(max(Tensor<double>::ones({2, 0}), 1),
                       "max: axis 1 of shape (2, 0) has no elements to choose from", Error);
  CHECK_THROWS_WITH_AS(argmin(Tensor<double>::ones({0})), "argmin: axis 0 of shape (0,) has no elements to choose from",
                       Error);
  CHECK_THROWS_WITH_AS(cosine_similarity(x, Tensor<double>::ones({2, 2})),
                       doctest::Contains("cosine_similarity: shapes (2, 3) and (2, 2) do not broadcast"), Error);
}
