// SPDX-License-Identifier: BSD-3-Clause
#include <cmath>

#include "xgrad/xgrad.hpp"

#include <doctest/doctest.h>

using namespace xgrad;
using Tensors = std::vector<Tensor<double>>;

namespace {

const Tensor<double> kX({3}, {0.3, -0.7, 1.2});
const Tensor<double> kA({2, 3}, {1, 2, 3, -1, 0.5, 2});

/// f(x, a) = a tanh(x): its Jacobian in x is a_ij (1 - tanh(x_j)^2).
Tensor<double> f(const Tensors& in) { return matmul(in[1], tanh(in[0])); }

double slope(std::size_t j) { return 1 - std::pow(std::tanh(kX.data()[j]), 2); }

}  // namespace

TEST_CASE("products with the Jacobian from both sides") {
  const Tensor<double> v({2}, {2, -1}), t({3}, {0.5, 1, -2});
  const auto left = vjp<double>(f, {kX, kA}, v);
  const auto right = jvp<double>(f, {kX, kA}, {t, Tensor<double>::zeros({2, 3})});
  for (std::size_t j = 0; j < 3; ++j) {
    CHECK(left.gradients[0].data()[j] == doctest::Approx((2 * kA.data()[j] - kA.data()[3 + j]) * slope(j)));
    CHECK(left.gradients[1].data()[j] == doctest::Approx(2 * std::tanh(kX.data()[j])));
  }
  for (std::size_t i = 0; i < 2; ++i) {
    double expected = 0;
    for (std::size_t j = 0; j < 3; ++j) expected += kA.data()[3 * i + j] * slope(j) * t.data()[j];
    CHECK(right.tangent.data()[i] == doctest::Approx(expected));
    CHECK(right.value.data()[i] == left.value.data()[i]);
  }
  CHECK(!left.value.requires_grad());
  CHECK_THROWS_WITH_AS(vjp<double>(f, {kX, kA}, kX), doctest::Contains("v has shape (3,); expected (2,)"), Error);
  CHECK_THROWS_WITH_AS(jvp<double>(f, {kX, kA}, {t}), doctest::Contains("1 vectors for 2 inputs"), Error);
}

TEST_CASE("Jacobians have the shape of the result, then of the input") {
  const auto j = jacobian<double>(f, {kX, kA});
  CHECK(j[0].shape() == Shape{2, 3});
  CHECK(j[1].shape() == Shape{2, 2, 3});
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t k = 0; k < 3; ++k) {
      CHECK(j[0].data()[3 * i + k] == doctest::Approx(kA.data()[3 * i + k] * slope(k)));
      CHECK(j[1].data()[6 * i + 3 * (1 - i) + k] == 0);
    }
  // Differentiable: the gradient of the sum of the Jacobian of x^3 is 6 x.
  const auto x = parameter(kX);
  const auto cube = jacobian([](const Tensor<double>& a) { return a * a * a; }, x, {.create_graph = true});
  sum(cube).backward();
  for (std::size_t k = 0; k < 3; ++k) CHECK(x.grad().data()[k] == doctest::Approx(6 * kX.data()[k]));
  CHECK_THROWS_WITH_AS(jacobian([](const Tensor<double>& a) { return a; }, kX, {.create_graph = true}),
                       doctest::Contains("does not"), Error);
  CHECK(jacobian([](const Tensor<double>& a) { return detach(a); }, kX).data()[0] == 0);  // independent of x
}

TEST_CASE("Hessians and their products") {
  // Rosenbrock's function.
  const auto rosenbrock = [](const Tensor<double>& p) {
    const auto x = slice(p, 0, 0, 1), y = slice(p, 0, 1, 2);
    return sum(square(1 - x) + 100 * square(y - square(x)));
  };
  const Tensor<double> p({2}, {0.5, -0.3}), v({2}, {2, 3});
  const auto h = hessian(rosenbrock, p);
  const double expected[] = {2 - 400 * (-0.3) + 1200 * 0.25, -400 * 0.5, -400 * 0.5, 200};
  for (std::size_t i = 0; i < 4; ++i) CHECK(h.data()[i] == doctest::Approx(expected[i]));
  const auto product = hvp<double>([&](const Tensors& in) { return rosenbrock(in[0]); }, {p}, {v});
  for (std::size_t i = 0; i < 2; ++i)
    CHECK(product.gradients[0].data()[i] == doctest::Approx(2 * expected[2 * i] + 3 * expected[2 * i + 1]));
  CHECK(product.value.item() == doctest::Approx(0.25 + 100 * 0.55 * 0.55));
  CHECK_THROWS_WITH_AS(hessian([](const Tensor<double>& a) { return a; }, p), doctest::Contains("expected one element"),
                       Error);
  const auto linear = hvp<double>([](const Tensors& in) { return sum(in[0] * 3); }, {p}, {v});
  CHECK(linear.gradients[0].data()[0] == 0);
}

TEST_CASE("gradients of each sample") {
  nn::Linear<double> model(3, 2);
  const Tensor<double> x({4, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 0, 1});
  Tensors parameters;
  for (const auto& named : model.named_parameters()) parameters.push_back(named.tensor);
  const auto all = per_sample_gradients(sum(square(model(x)), 1), parameters);
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    const std::size_t size = parameters[k].size();
    for (std::int64_t i = 0; i < 4; ++i) {
      const auto alone = grad(sum(square(model(slice(x, 0, i, i + 1)))), parameters[k]);
      for (std::size_t j = 0; j < size; ++j)
        CHECK(all[k].data()[static_cast<std::size_t>(i) * size + j] == doctest::Approx(alone.data()[j]));
    }
    CHECK(!parameters[k].has_grad());
  }
  CHECK_THROWS_WITH_AS(per_sample_gradients(Tensor<double>(1.0), parameters), doctest::Contains("Reduction::none"),
                       Error);
}

TEST_CASE("a picture of the graph names operations, shapes and parameters") {
  nn::Linear<float> model(3, 2);
  const Tensor<float> x({1, 3}, {1, 2, 3});
  const auto loss = sum(relu(model(x)));
  const std::string dot = to_dot(loss, model.named_parameters());
  for (const char* part : {"digraph xgrad", "linear\\n(1, 2)", "relu\\n(1, 2)", "sum\\n()", "weight\\n(2, 3)",
                           "bias\\n(2,)", "constant\\n(1, 3)", "lightblue", " -> "})
    CHECK_MESSAGE(dot.find(part) != std::string::npos, part << " in " << dot);
  loss.backward();
  CHECK(to_dot(loss).find(" -> ") == std::string::npos);
  CHECK(to_dot(loss, {{"a \"b\" \\ c", loss}}).find(R"(label="a \"b\" \\ c\n)") != std::string::npos);
}
