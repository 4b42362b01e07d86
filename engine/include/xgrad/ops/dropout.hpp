// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/random.hpp"
#include "xgrad/tensor.hpp"

namespace xgrad {

/// Each element is 0 with probability p, else divided by 1 - p (Srivastava et al. 2014, JMLR 15). Not training, or p =
/// 0: x itself. The mask is a function of `key` and the element's place: it is recomputed in backward, never stored.
/// Throws Error unless 0 <= p <= 1.
template <class T> Tensor<T> dropout(const Tensor<T>& x, double p, bool training, RandomKey key);
/// With the next key of this thread's generator (see manual_seed, set_random_step).
template <class T> Tensor<T> dropout(const Tensor<T>& x, double p = 0.5, bool training = true);

/// Zeroes whole channels of x (N, C, spatial...) with probability p and scales the others. Tompson et al. 2015,
/// arXiv:1411.4280
template <class T> Tensor<T> dropout2d(const Tensor<T>& x, double p, bool training, RandomKey key);
template <class T> Tensor<T> dropout2d(const Tensor<T>& x, double p = 0.5, bool training = true);
/// Sets elements to selu's lower limit with probability p, then scales and shifts all so that mean 0 and variance 1
/// stay as they are. p = 1 gives zeros. Klambauer et al. 2017, arXiv:1706.02515
template <class T> Tensor<T> alpha_dropout(const Tensor<T>& x, double p, bool training, RandomKey key);
template <class T> Tensor<T> alpha_dropout(const Tensor<T>& x, double p = 0.5, bool training = true);

}  // namespace xgrad
