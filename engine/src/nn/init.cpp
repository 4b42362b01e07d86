// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/nn/init.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "ops/rows.hpp"

namespace xgrad::nn {
namespace {

template <class T, class Value> void fill(Tensor<T> weight, Value value) {
  detail::fill_each(weight.mutable_data(), weight.size(), value);
}

}  // namespace

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
    case Init::zeros: return fill(weight, [](std::size_t) { return 0.0; });
    case Init::ones: return fill(weight, [](std::size_t) { return 1.0; });
  }
}

template <class T> void initialize(Tensor<T> weight, Init init, RandomKey key) {
  const bool kaiming = init == Init::kaiming_uniform || init == Init::kaiming_normal;
  initialize(weight, init, key, kaiming ? std::numbers::sqrt2 : 1.0);
}

template void initialize_uniform(Tensor<float>, double, double, RandomKey);
template void initialize_uniform(Tensor<double>, double, double, RandomKey);
template void initialize(Tensor<float>, Init, RandomKey, double);
template void initialize(Tensor<double>, Init, RandomKey, double);
template void initialize(Tensor<float>, Init, RandomKey);
template void initialize(Tensor<double>, Init, RandomKey);

}  // namespace xgrad::nn
