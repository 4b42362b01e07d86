// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/nn/init.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/factors.hpp"
#include "ops/matrices.hpp"
#include "ops/rows.hpp"
#include "xgrad/functions/special.hpp"

namespace xgrad::nn {
namespace {

template <class T, class Value> void fill(Tensor<T> weight, Value value) {
  detail::fill_each(weight.mutable_data(), weight.size(), value);
}

/// Columns of Q of a normal matrix, those of R's diagonal made positive: uniform over all such matrices.
template <class T> void fill_orthogonal(Tensor<T> weight, RandomKey key, double gain) {
  XGRAD_CHECK(weight.rank() >= 2, "initialize: an orthogonal weight of shape ", weight.shape(),
              "; expected at least two axes");
  const auto rows = static_cast<std::size_t>(weight.shape()[0]), cols = rows == 0 ? 0 : weight.size() / rows;
  const std::size_t longer = std::max(rows, cols), shorter = std::min(rows, cols);
  if (shorter == 0) return;
  Storage<double> q(longer * shorter), r(shorter * shorter);
  detail::fill_each(q.data(), q.size(), [key](std::size_t i) { return normal(key, i); });
  detail::for_factors(1, 0, [&](std::size_t) { detail::factor_qr(longer, shorter, q.data(), r.data()); });
  fill(weight, [&](std::size_t i) {
    const std::size_t row = rows >= cols ? i / cols : i % cols, column = rows >= cols ? i % cols : i / cols;
    return (r[column * shorter + column] < 0 ? -gain : gain) * q[row * shorter + column];
  });
}

}  // namespace

template <class T>
void initialize_trunc_normal(Tensor<T> weight, double mean, double deviation, double low, double high, RandomKey key) {
  XGRAD_CHECK(deviation > 0 && low < high, "initialize_trunc_normal: deviation ", deviation, ", from ", low, " to ",
              high, "; expected a positive deviation and an interval");
  // erf(z) is uniform between those of the ends.
  const auto share = [&](double x) { return std::erf((x - mean) / (deviation * std::numbers::sqrt2)); };
  const double first = share(low), last = share(high);
  fill(weight, [=](std::size_t i) {
    const xsimd::batch<double> end(first + (last - first) * uniform(key, i));
    return std::clamp(mean + deviation * std::numbers::sqrt2 * simd::erfinv(end).get(0), low, high);
  });
}

double init_gain(std::string_view nonlinearity, double slope) {
  if (nonlinearity == "linear" || nonlinearity == "sigmoid") return 1;
  if (nonlinearity == "tanh") return 5.0 / 3;
  if (nonlinearity == "relu") return std::numbers::sqrt2;
  if (nonlinearity == "leaky_relu") return std::sqrt(2 / (1 + slope * slope));
  if (nonlinearity == "selu") return 0.75;
  fail("init_gain: \"", nonlinearity, "\"; expected linear, sigmoid, tanh, relu, leaky_relu or selu");
}

template <class T> void initialize_uniform(Tensor<T> weight, double low, double high, RandomKey key) {
  fill(weight, [=](std::size_t i) { return low + (high - low) * uniform(key, i); });
}

template <class T> void initialize(Tensor<T> weight, Init init, RandomKey key, double gain) {
  const Shape& shape = weight.shape();
  double fan_out = shape.rank() > 0 ? static_cast<double>(shape[0]) : 1, fan_in = shape.rank() > 1 ? 1 : fan_out;
  for (std::size_t i = 1; i < shape.rank(); ++i) fan_in *= static_cast<double>(shape[i]);
  if (shape.rank() > 2) fan_out *= fan_in / static_cast<double>(shape[1]);
  fan_in = std::max(fan_in, 1.0);
  const auto within = [&](double bound) { initialize_uniform(weight, -bound, bound, key); };
  const auto deviating = [&](double deviation) {
    fill(weight, [=](std::size_t i) { return deviation * normal(key, i); });
  };
  switch (init) {
    case Init::kaiming_uniform: return within(gain * std::sqrt(3 / fan_in));
    case Init::kaiming_normal: return deviating(gain / std::sqrt(fan_in));
    case Init::xavier_uniform: return within(gain * std::sqrt(6 / (fan_in + fan_out)));
    case Init::xavier_normal: return deviating(gain * std::sqrt(2 / (fan_in + fan_out)));
    case Init::uniform: return within(gain / std::sqrt(fan_in));
    case Init::normal: return deviating(gain);
    case Init::trunc_normal: return initialize_trunc_normal(weight, 0, gain, -2 * gain, 2 * gain, key);
    case Init::orthogonal: return fill_orthogonal(weight, key, gain);
    case Init::zeros: return fill(weight, [](std::size_t) { return 0.0; });
    case Init::ones: return fill(weight, [](std::size_t) { return 1.0; });
  }
}

template <class T> void initialize(Tensor<T> weight, Init init, RandomKey key) {
  const bool kaiming = init == Init::kaiming_uniform || init == Init::kaiming_normal;
  initialize(weight, init, key, kaiming ? std::numbers::sqrt2 : 1.0);
}

template void initialize_trunc_normal(Tensor<float>, double, double, double, double, RandomKey);
template void initialize_trunc_normal(Tensor<double>, double, double, double, double, RandomKey);
template void initialize_uniform(Tensor<float>, double, double, RandomKey);
template void initialize_uniform(Tensor<double>, double, double, RandomKey);
template void initialize(Tensor<float>, Init, RandomKey, double);
template void initialize(Tensor<double>, Init, RandomKey, double);
template void initialize(Tensor<float>, Init, RandomKey);
template void initialize(Tensor<double>, Init, RandomKey);

}  // namespace xgrad::nn
