// SPDX-License-Identifier: BSD-3-Clause
#include <cmath>
#include <limits>

#include "xgrad/xgrad.hpp"

#include <doctest/doctest.h>

using namespace xgrad;

TEST_CASE("of equal elements the first in a window receives the gradient") {
  const auto x = parameter(Tensor<double>({1, 1, 3, 3}, {1, 2, 2, 2, 2, 1, 0, 2, 2}));
  const auto [values, places] = max_pool2d_with_indices(x, 2, {.stride = 1});
  const std::int64_t expected[] = {1, 1, 3, 4};
  for (std::size_t i = 0; i < 4; ++i) CHECK(places.data()[i] == expected[i]);
  sum(values).backward();
  CHECK(x.grad().data()[1] == 2);
  CHECK(x.grad().data()[3] == 1);
  CHECK(x.grad().data()[2] == 0);
  // With padding on every side, too.
  const auto ones = Tensor<float>::ones({1, 1, 3, 3});
  const auto padded = max_pool2d_with_indices(ones, 3, {.stride = 1, .padding = 1}).indices;
  const std::int64_t first[] = {0, 0, 1, 0, 0, 1, 3, 3, 4};
  for (std::size_t i = 0; i < 9; ++i) CHECK(padded.data()[i] == first[i]);
}

TEST_CASE("pooling of NaN and infinities") {
  const float nan = std::nanf(""), inf = std::numeric_limits<float>::infinity();
  const Tensor<float> x({1, 1, 6}, {1, nan, 2, 3, -inf, -inf});
  const auto [values, places] = max_pool1d_with_indices(x, 2);
  CHECK(std::isnan(values.data()[0]));
  CHECK(places.data()[0] == 1);
  CHECK(values.data()[1] == 3);
  CHECK(values.data()[2] == -inf);
  CHECK(places.data()[2] == 4);
  // What lies beside a window does not leak into it.
  const Tensor<float> y({1, 1, 3}, {inf, 1, nan});
  const auto up = upsample_bilinear(y, 5, true);
  CHECK(up.data()[0] == inf);
  CHECK(up.data()[2] == 1);
  const auto mean = avg_pool1d(y, 2, {.stride = 1, .padding = 1});
  CHECK(mean.data()[0] == inf);
  CHECK(std::isnan(mean.data()[3]));
}

TEST_CASE("pooling of large arrays does not depend on the number of threads; float follows double") {
  const int before = num_threads();
  const auto run = [&]<class T>(T, int threads) {
    set_num_threads(threads);
    auto x = Tensor<T>::empty({7, 5, 41, 33});
    for (std::size_t i = 0; i < x.size(); ++i) x.mutable_data()[i] = static_cast<T>(uniform({1, 2, 0}, i));
    x.set_requires_grad();
    const auto y = max_pool2d(x, 3, {.stride = 2, .padding = 1});
    const auto z = avg_pool2d(y, 2, {.stride = 1}) * upsample_bilinear(avg_pool2d(y, 2, {.stride = 1}), {20, 16});
    sum(z).backward();
    return std::pair(z, x.grad());
  };
  const auto [z1, g1] = run(0.0f, 1);
  const auto [z2, g2] = run(0.0f, 2);
  const auto [wide, wide_gradient] = run(0.0, 2);
  set_num_threads(before);
  for (std::size_t i = 0; i < z1.size(); ++i) {
    REQUIRE(z1.data()[i] == z2.data()[i]);
    REQUIRE(z1.data()[i] == doctest::Approx(wide.data()[i]).epsilon(1e-5));
  }
  for (std::size_t i = 0; i < g1.size(); ++i) {
    REQUIRE(g1.data()[i] == g2.data()[i]);
    REQUIRE(g1.data()[i] == doctest::Approx(wide_gradient.data()[i]).epsilon(1e-5));
  }
}

TEST_CASE("an lp pool of zeros has gradient 0, and no sample gives no result") {
  const auto x = parameter(Tensor<double>::zeros({1, 1, 4}));
  sum(lp_pool1d(x, 2, 2)).backward();
  for (const double g : x.grad().values()) CHECK(g == 0);
  const auto none = parameter(Tensor<float>::ones({0, 3, 4, 4}));
  const auto y = max_pool2d(none, 2);
  CHECK(y.shape() == Shape{0, 3, 2, 2});
  sum(y).backward();
  CHECK(none.grad().shape() == none.shape());
  CHECK(avg_pool2d(none, 2).shape() == Shape{0, 3, 2, 2});
}

TEST_CASE("pooling that does not fit is refused with what was found") {
  const auto t = [](const Shape& shape) { return Tensor<float>::ones(shape); };
  const auto refused = [](const auto& call, const char* words) {
    CHECK_THROWS_WITH_AS(call(), doctest::Contains(words), Error);
  };
  refused([&] { max_pool2d(t({8, 784}), 2); }, "max_pool2d: x has shape (8, 784); expected (N, C, H, W) or (C, H, W)");
  refused([&] { max_pool2d(t({1, 1, 2, 9}), 3); }, "is 2 long with its padding, a window 3");
  refused([&] { max_pool2d(t({1, 1, 4, 4}), 2, {.padding = 2}); }, "padding is 2; expected 0 to half of the kernel, 2");
  refused([&] { max_pool2d(t({1, 1, 4, 4}), 0); }, "kernel 0; expected numbers >= 1");
  refused([&] { max_pool1d(t({1, 1, 3}), 2, {.padding = 1, .dilation = 4}); }, "a window misses x of shape (1, 1, 3)");
  refused([&] { max_pool1d(t({1, 1, 4}), {2, 2}); }, "kernel 2 x 2 has 2 numbers; expected 1 or 1");
  refused([&] { avg_pool2d(t({1, 1, 0, 4}), 2); }, "expected spatial axes that are not empty");
  refused([&] { avg_pool2d(t({1, 1, 4, 4}), 2, {.divisor = -1}); }, "divisor is -1; expected > 0");
  refused([&] { lp_pool2d(t({1, 1, 4, 4}), 0, 2); }, "p is 0; expected > 0");
  refused([&] { adaptive_avg_pool2d(t({1, 1, 4, 4}), 0); }, "size 0; expected numbers >= 1");
  refused([&] { global_avg_pool(t({4, 4})); }, "global_avg_pool: x has shape (4, 4); expected (N, C, spatial...)");
  refused(
      [&] {
        upsample_nearest(t({4, 4}), 2);
      },
      "upsample_nearest: x has shape (4, 4); expected (N, C, L) or (N, C, H, W)");
}
