// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/tensor.hpp"

namespace xgrad {

/// exp(x) / sum(exp(x)) along one axis, without overflow. A row of only -inf is NaN.
template <class T> Tensor<T> softmax(const Tensor<T>& x, std::int64_t axis = -1);
/// log(softmax(x)) without overflow or underflow.
template <class T> Tensor<T> log_softmax(const Tensor<T>& x, std::int64_t axis = -1);

}  // namespace xgrad
