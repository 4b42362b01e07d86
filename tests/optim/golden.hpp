// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The common input of tests/reference/optim/golden.json: theta_0[k] = cos(k), gradients g_t[k] = sin(1 + 0.5 t + k) +
// 0.3 cos(1.3 t + 0.7 k^2), ten steps.
#include <nlohmann/json.hpp>

#include "optim/trajectory.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/reduce.hpp"
#include "xgrad/optim/optimizer.hpp"

#include <doctest/doctest.h>

namespace golden {

using namespace xgrad;
using Json = nlohmann::json;

using test::filled;

inline NamedTensors<double> start(const Shape& shape) {
  return {{"p0", parameter(filled(shape, [](double k) { return std::cos(k); }))}};
}
inline Tensor<double> gradient(double t, const Shape& shape) { return test::gradient(t, 0, shape); }

/// Where an optimizer asks for the curvature: that of <gradient, p> or, for a Hessian, of <gradient, p^2> / 2.
inline void give_curvature(optim::Optimizer<double>& optimizer) {
  if (!optimizer.wants_curvature()) return;
  optimizer.estimate_curvature([&] {
    Tensor<double> total = 0.0;
    for (const auto& [name, p] : optimizer.parameters())
      total = total + (optimizer.curvature() == optim::Curvature::hessian ? 0.5 * sum(p.grad() * square(p))
                                                                          : sum(p.grad() * p));
    return total;
  });
}

/// The parameter after ten steps.
inline Tensor<double> run(const Json& config, const Shape& shape = {2, 3}, int steps = 10) {
  NamedTensors<double> parameters = start(shape);
  const auto optimizer = optim::make<double>(config, parameters);
  for (int t = 1; t <= steps; ++t) {
    parameters[0].tensor.set_grad(gradient(t, shape));
    give_curvature(*optimizer);
    optimizer->step();
  }
  return parameters[0].tensor;
}

/// centered: v - mean^2 cancels, two correct orders of evaluation differ by 6.5e-11 there.
inline double tolerance_of(const Json& config, double otherwise) {
  return config.contains("centered") ? 1e-8 : otherwise;
}

inline void compare(const Json& config, const std::vector<double>& expected, double tolerance, const Shape& shape) {
  CAPTURE(config.dump());
  const Tensor<double> theta = run(config, shape);
  for (std::size_t k = 0; k < expected.size(); ++k)
    CHECK_MESSAGE(std::abs(theta.data()[k] - expected[k]) <= tolerance * std::max(1.0, std::abs(expected[k])),
                  "element " << k << ": " << theta.data()[k] << " against " << expected[k]);
}

}  // namespace golden
