// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/random.hpp"
#include "xgrad/tensor.hpp"

namespace xgrad {

/// exp(x) / sum(exp(x)) along one axis, without overflow. A row of only -inf is NaN.
template <class T> Tensor<T> softmax(const Tensor<T>& x, std::int64_t axis = -1);
/// softmax(-x)
template <class T> Tensor<T> softmin(const Tensor<T>& x, std::int64_t axis = -1);
/// log(softmax(x)) without overflow or underflow.
template <class T> Tensor<T> log_softmax(const Tensor<T>& x, std::int64_t axis = -1);
/// A random one-hot vector along the axis, of class probabilities softmax(x), or its relaxation: softmax((x + G) / tau)
/// with G standard Gumbel noise. `hard`: exactly one-hot, with the gradient of the relaxation. Throws Error unless tau
/// > 0. Jang et al. 2016, arXiv:1611.01144
template <class T>
Tensor<T> gumbel_softmax(const Tensor<T>& x, double tau, bool hard, std::int64_t axis, RandomKey key);
/// With the next key of this thread's generator (see manual_seed, set_random_step).
template <class T>
Tensor<T> gumbel_softmax(const Tensor<T>& x, double tau = 1, bool hard = false, std::int64_t axis = -1);

namespace detail {
/// `value` with the gradient of x, of equal shapes: the straight-through estimator. Bengio et al. 2013, arXiv:1308.3432
template <class T> Tensor<T> straight_through(const Tensor<T>& value, const Tensor<T>& x);
}  // namespace detail

}  // namespace xgrad
