// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <string>

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
  zeros,
  ones,
};
/// Fills `weight` in place; each element is a function of the key and its place. Default gains as in PyTorch: sqrt(2)
/// for kaiming, else 1.
template <class T> void initialize(Tensor<T> weight, Init init, RandomKey key);
template <class T> void initialize(Tensor<T> weight, Init init, RandomKey key, double gain);
/// Uniform in [low, high).
template <class T> void initialize_uniform(Tensor<T> weight, double low, double high, RandomKey key);

}  // namespace xgrad::nn
