// SPDX-License-Identifier: BSD-3-Clause
// Activations at kinks and with wrong shapes; those with randomness.
#include <cmath>
#include <limits>

#include "engine/at.hpp"

#include <doctest/doctest.h>

using namespace xgrad;

#define F(...) [](const auto& x) { return __VA_ARGS__; }

TEST_CASE("activations at their kinks") {
  CHECK(at(F(hardsigmoid(x)), 3) == std::pair(1.0, 0.0));
  CHECK(at(F(hardsigmoid(x)), -3) == std::pair(0.0, 0.0));
  CHECK(at(F(hardswish(x)), 3) == std::pair(3.0, 1.0));
  CHECK(at(F(hardswish(x)), -3).second == 0);
  CHECK(at(F(softshrink(x)), 0.5) == std::pair(0.0, 0.0));
  CHECK(at(F(hardshrink(x)), -0.5) == std::pair(0.0, 0.0));
  CHECK(at(F(threshold(x, 1, 7)), 1) == std::pair(7.0, 0.0));
  CHECK(at(F(celu(x, 2)), 0).second == 1);
  CHECK(at(F(negative_scaled(x, Tensor<double>(0.3))), 0) == std::pair(0.0, 0.3));
  CHECK(at(F(tanhshrink(x)), 1e-9).second == doctest::Approx(1e-18));  // not 1 - 1
  // The branch not taken may not spoil the second derivative.
  CHECK(second_derivative_at(F(celu(x)), 800) == 0);
  CHECK(second_derivative_at(F(elu(x)), 800) == 0);
  CHECK(std::isfinite(second_derivative_at(F(mish(x)), -800)));
  CHECK(std::isfinite(second_derivative_at(F(silu(x)), -800)));
  const double nan = std::nan("");
  CHECK(std::isnan(at(F(softshrink(x)), nan).first));
  CHECK(std::isnan(at(F(hardshrink(x)), nan).first));
  CHECK(std::isnan(at(F(threshold(x, 0, 1)), nan).first));
  CHECK(std::isnan(at(F(hardsigmoid(x)), nan).first));
  CHECK(std::isnan(at(F(celu(x)), nan).first));
  CHECK(std::isnan(at(F(negative_scaled(x, Tensor<double>(2.0))), nan).first));
}

TEST_CASE("activations refuse what does not fit") {
  const auto x = Tensor<float>::ones({2, 3});
  CHECK_THROWS_WITH_AS(
      prelu(x, Tensor<float>::ones({2})),
      "prelu: weight of shape (2,) for x of shape (2, 3); expected one element, or one for each channel (axis 1)",
      Error);
  CHECK_THROWS_WITH_AS(glu(x), "glu: axis -1 of shape (2, 3) has size 3; expected an even size", Error);
  CHECK_THROWS_WITH_AS(glu(Tensor<float>(1.0f)), doctest::Contains("expected an even size"), Error);
  CHECK_THROWS_WITH_AS(rrelu(x, 0.4, 0.1), "rrelu: slopes from 0.4 to 0.1; expected lower <= upper", Error);
  CHECK_THROWS_WITH_AS(gumbel_softmax(x, 0), "gumbel_softmax: tau is 0; expected > 0", Error);
}

TEST_CASE("softmax of extremes") {
  const float inf = std::numeric_limits<float>::infinity();
  CHECK(std::isnan(softmax(Tensor<float>({2}, {-inf, -inf})).data()[0]));  // as PyTorch
  CHECK(softmax(Tensor<float>({2}, {-inf, 1})).data()[1] == 1);
  CHECK(log_softmax(Tensor<float>({2}, {-1e30f, 0})).data()[0] == -1e30f);
  CHECK(softmax(Tensor<float>::ones({0, 3})).shape() == Shape{0, 3});
  CHECK(softmax(Tensor<float>::ones({3, 0})).shape() == Shape{3, 0});
}

TEST_CASE("rrelu in training: slopes between the bounds, the same in backward") {
  const auto x = parameter(Tensor<double>::full({1000}, -2));
  const auto y = rrelu(x, 0.1, 0.3, true, RandomKey{1, 2, 3});
  sum(y).backward();
  double least = 1, most = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    CHECK(y.data()[i] == -2 * x.grad().data()[i]);
    least = std::min(least, x.grad().data()[i]);
    most = std::max(most, x.grad().data()[i]);
  }
  CHECK(least >= 0.1);
  CHECK(least < 0.11);
  CHECK(most < 0.3);
  CHECK(most > 0.29);
}

TEST_CASE("gumbel_softmax: classes with their probabilities; hard ones are one-hot with the soft gradient") {
  const std::int64_t rows = 20'000;
  const auto logits = parameter(expand(log(Tensor<double>({3}, {0.2, 0.5, 0.3})), {rows, 3}));
  const auto y = gumbel_softmax(logits, 0.5, true, -1, RandomKey{1, 2, 3});
  for (const double v : y.values()) CHECK((v == 0 || v == 1));
  const auto share = mean(y, 0);
  CHECK(share.data()[0] == doctest::Approx(0.2).epsilon(0.02));
  CHECK(share.data()[1] == doctest::Approx(0.5).epsilon(0.02));
  const auto soft = gumbel_softmax(logits, 0.5, false, -1, RandomKey{1, 2, 3});
  const auto weights = Tensor<double>({3}, {1, 2, 4});
  const auto of_hard = grad(sum(y * weights), logits), of_soft = grad(sum(soft * weights), logits);
  CHECK(array_equal(of_hard, of_soft));
  // Along another axis.
  CHECK(array_equal(sum(gumbel_softmax(transpose(logits), 1, true, 0, RandomKey{}), 0), Tensor<double>::ones({rows})));
}

TEST_CASE("layers of activations") {
  nn::PReLU<double> prelu_layer(3);
  CHECK(prelu_layer.named_parameters()[0].name == "weight");
  const auto x = Tensor<double>({1, 3}, {-4, 2, -8});
  const auto y = prelu_layer(x);
  CHECK(y.data()[0] == -1);
  CHECK(y.data()[1] == 2);
  sum(y).backward();
  CHECK(prelu_layer.weight.grad().data()[2] == -8);
  CHECK(nn::GLU<double>()(Tensor<double>({2}, {3, 0})).item() == 1.5);
  CHECK(nn::Hardtanh<double>(-1, 2)(x).data()[1] == 2);
  CHECK(nn::Threshold<double>(0, -7)(x).data()[0] == -7);
  CHECK(nn::GELU<double>(true)(x).data()[1] == gelu_tanh(x).data()[1]);
  nn::RReLU<double> random_slopes;
  random_slopes.eval();
  CHECK(random_slopes(x).data()[0] == doctest::Approx(-4 * (1.0 / 8 + 1.0 / 3) / 2));
}
