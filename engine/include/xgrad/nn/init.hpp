// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <string>
#include <string_view>

#include "xgrad/random.hpp"
#include "xgrad/tensor.hpp"

namespace xgrad::nn {

/// The key of the next parameter to be initialised by this thread; manual_seed() starts over.
RandomKey next_init_key();

/// How a weight begins. fan_in = in * kernel size, fan_out = out * kernel size of a weight (out, in, kernel...).
enum class Init {
  kaiming_uniform,  ///< +-gain sqrt(3 / fan_in). He et al. 2015, arXiv:1502.01852
  kaiming_normal,   ///< deviation gain / sqrt(fan_in)
  xavier_uniform,   ///< +-gain sqrt(6 / (fan_in + fan_out)). Glorot, Bengio 2010, AISTATS
  xavier_normal,    ///< deviation gain sqrt(2 / (fan_in + fan_out))
  uniform,          ///< +-gain / sqrt(fan_in), PyTorch's default for linear layers
  normal,           ///< deviation gain
  trunc_normal,     ///< the same, none further than two deviations from 0
  orthogonal,       ///< gain times orthonormal rows or columns, whichever are fewer. Saxe et al. 2013, arXiv:1312.6120
  zeros,
  ones,
};
/// Fills `weight` in place; each element is a function of the key and its place. Default gains as in PyTorch: sqrt(2)
/// for kaiming, else 1.
template <class T> void initialize(Tensor<T> weight, Init init, RandomKey key);
template <class T> void initialize(Tensor<T> weight, Init init, RandomKey key, double gain);
/// Normal, none outside [low, high]: the inverse of the distribution function. Throws Error unless deviation > 0 and
/// low < high.
template <class T>
void initialize_trunc_normal(Tensor<T> weight, double mean, double deviation, double low, double high, RandomKey key);
/// The gain that keeps the variance behind a nonlinearity: 1 for "linear" and "sigmoid", 5/3 for "tanh", sqrt(2) for
/// "relu", sqrt(2 / (1 + slope^2)) for "leaky_relu", 3/4 for "selu". Throws Error for another name.
double init_gain(std::string_view nonlinearity, double slope = 0.01);
/// Uniform in [low, high).
template <class T> void initialize_uniform(Tensor<T> weight, double low, double high, RandomKey key);

}  // namespace xgrad::nn
