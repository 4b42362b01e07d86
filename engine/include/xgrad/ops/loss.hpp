// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Losses. Predictions and targets must have equal shapes: a silent broadcast of (N, 1) against (N) is a classic bug, so
// it is an Error that names both. The mean divides by the number of elements unless stated otherwise.
#include "xgrad/tensor.hpp"

namespace xgrad {

enum class Reduction { mean, sum, none };

/// (x - target)^2
template <class T>
Tensor<T> mse_loss(const Tensor<T>& x, const Tensor<T>& target, Reduction reduction = Reduction::mean);
/// |x - target|, gradient 0 where equal
template <class T>
Tensor<T> l1_loss(const Tensor<T>& x, const Tensor<T>& target, Reduction reduction = Reduction::mean);
/// d^2 / (2 beta) where |d| < beta, else |d| - beta / 2; beta = 0 is l1_loss. Throws Error for beta < 0.
template <class T>
Tensor<T> smooth_l1_loss(const Tensor<T>& x, const Tensor<T>& target, double beta = 1,
                         Reduction reduction = Reduction::mean);
/// d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2). Throws Error unless delta > 0.
template <class T>
Tensor<T> huber_loss(const Tensor<T>& x, const Tensor<T>& target, double delta = 1,
                     Reduction reduction = Reduction::mean);

template <class T> struct BceOptions {
  Tensor<T> weight = {};      ///< of each element; broadcasts to x
  Tensor<T> pos_weight = {};  ///< factor of the positive part; broadcasts to x
  Reduction reduction = Reduction::mean;
};
/// Binary cross entropy of logits x against targets in [0, 1], stable for any x.
template <class T>
Tensor<T> bce_with_logits_loss(const Tensor<T>& x, const Tensor<T>& target, const BceOptions<T>& options = {});

template <class T> struct NllOptions {
  Tensor<T> weight = {};             ///< (C): of each class; the mean divides by the weights of the targets
  std::int64_t ignore_index = -100;  ///< targets of this value count nothing
  Reduction reduction = Reduction::mean;
};
/// -weight[target] * x[target], x log-probabilities (N, C), (N, C, d...) or (C); target of that shape without C.
/// If every target is ignored the mean is NaN. Throws Error for a class outside [0, C), naming its place.
template <class T> Tensor<T> nll_loss(const Tensor<T>& x, const Indices& target, const NllOptions<T>& options = {});

template <class T> struct CrossEntropyOptions {
  Tensor<T> weight = {};             ///< (C)
  std::int64_t ignore_index = -100;  ///< for class targets only
  double label_smoothing = 0;        ///< in [0, 1]: the share of the target spread evenly over all classes
  Reduction reduction = Reduction::mean;
};
/// nll_loss(log_softmax(x), target) in one pass. Shapes as nll_loss.
template <class T>
Tensor<T> cross_entropy(const Tensor<T>& x, const Indices& target, const CrossEntropyOptions<T>& options = {});
/// Against probabilities of x's shape; the mean divides by the number of samples.
template <class T>
Tensor<T> cross_entropy(const Tensor<T>& x, const Tensor<T>& target, const CrossEntropyOptions<T>& options = {});

}  // namespace xgrad
