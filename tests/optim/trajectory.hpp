// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The parameters and gradients that the reference trajectories and golden values were made with.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "xgrad/optim/optimizer.hpp"

namespace xgrad::test {

/// A file of tests/reference/optim.
inline nlohmann::json reference(const std::string& name) {
  std::ifstream file(std::string(XGRAD_SOURCE_DIR) + "/tests/reference/optim/" + name);
  XGRAD_CHECK(file, "tests/reference/optim/", name, " is missing");
  return nlohmann::json::parse(file);
}
inline Shape shape_of(const nlohmann::json& sizes) {
  const auto list = sizes.get<std::vector<std::int64_t>>();
  return Shape(std::span<const std::int64_t>(list));
}

inline Tensor<double> filled(const Shape& shape, auto value) {
  Tensor<double> result = Tensor<double>::empty(shape);
  for (std::size_t k = 0; k < result.size(); ++k) result.mutable_data()[k] = value(static_cast<double>(k));
  return result;
}

/// Element k of parameter p's gradient at step t.
inline double gradient(double t, double p, double k) {
  return std::sin(1 + 0.5 * t + k + p) + 0.3 * std::cos(1.3 * t + 0.7 * k * k);
}
inline Tensor<double> gradient(double t, double p, const Shape& shape) {
  return filled(shape, [&](double k) { return gradient(t, p, k); });
}

// One element at a time, for transcriptions of formulas: ten steps of six elements.
inline constexpr int kSteps = 10;
inline constexpr std::size_t kElements = 6;

/// What `step(p, g, t, state)` makes of the six elements; each one's state of four numbers begins at 0.
template <class Step> std::vector<double> evaluate(const Step& step) {
  std::vector<double> result;
  for (std::size_t k = 0; k < kElements; ++k) {
    double p = std::cos(static_cast<double>(k)), state[4] = {};
    for (int t = 1; t <= kSteps; ++t) step(p, gradient(t, 0, static_cast<double>(k)), static_cast<double>(t), state);
    result.push_back(p);
  }
  return result;
}

/// The same by an optimizer; `before(optimizer, t)` is called ahead of each step.
inline std::vector<double> ours(const nlohmann::json& config, auto before) {
  NamedTensors<double> all = {{"p", parameter(filled({2, 3}, [](double k) { return std::cos(k); }))}};
  const auto optimizer = optim::make<double>(config, all);
  for (int t = 1; t <= kSteps; ++t) {
    all[0].tensor.set_grad(gradient(t, 0, Shape{2, 3}));
    before(*optimizer, t);
    optimizer->step();
  }
  return {all[0].tensor.data(), all[0].tensor.data() + kElements};
}
inline std::vector<double> ours(const nlohmann::json& config) {
  return ours(config, [](optim::Optimizer<double>&, int) {});
}

/// The greatest distance; infinite where a value is not a number.
inline double distance(const std::vector<double>& a, const std::vector<double>& b) {
  double worst = 0;
  for (std::size_t k = 0; k < kElements; ++k) {
    const double d = std::abs(a[k] - b[k]);
    worst = std::isnan(d) ? std::numeric_limits<double>::infinity() : std::max(worst, d);
  }
  return worst;
}

inline void average(double& mean, double beta, double x) { mean = beta * mean + (1 - beta) * x; }
/// Adam's two means, by its default betas.
inline void adam_means(double g, double* s) {
  average(s[0], 0.9, g);
  average(s[1], 0.999, g * g);
}
inline double correction(double beta, double t) { return 1 - std::pow(beta, t); }
inline double sign(double x) { return (x > 0) - (x < 0); }

}  // namespace xgrad::test
