// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Normalisation. `weight` and `bias` scale and shift the normalised values and may be left undefined; eps is added to
// the variance. Means and variances are collected in double. All throw Error, naming the shapes, unless they fit.
#include "xgrad/tensor.hpp"

namespace xgrad {

/// weight (x - mean) / sqrt(variance + eps) + bias for each channel of x (N, C) or (N, C, spatial...); weight, bias and
/// the running statistics have shape (C). Ioffe, Szegedy 2015, arXiv:1502.03167
/// Training takes mean and (biased) variance over the batch and moves the running ones, where defined, by
/// running = (1 - momentum) running + momentum batch, with the unbiased variance. Otherwise the running ones are used.
/// Throws Error when training with one value per channel, or without running statistics when not training.
template <class T>
Tensor<T> batch_norm(const Tensor<T>& x, const Tensor<T>& running_mean, const Tensor<T>& running_var,
                     const Tensor<T>& weight = {}, const Tensor<T>& bias = {}, bool training = false,
                     double momentum = 0.1, double eps = 1e-5);

/// Over the last axes, whose sizes are `normalized_shape`; weight and bias are of that shape. Ba et al. 2016,
/// arXiv:1607.06450
template <class T>
Tensor<T> layer_norm(const Tensor<T>& x, const Shape& normalized_shape, const Tensor<T>& weight = {},
                     const Tensor<T>& bias = {}, double eps = 1e-5);

/// weight x / sqrt(mean(x^2) + eps) over the last axes, as layer_norm. Zhang, Sennrich 2019, arXiv:1910.07467
template <class T>
Tensor<T> rms_norm(const Tensor<T>& x, const Shape& normalized_shape, const Tensor<T>& weight = {}, double eps = 1e-6);

/// Over each of `groups` groups of channels of each sample of x (N, C, spatial...); weight and bias (C). Wu, He 2018,
/// arXiv:1803.08494
template <class T>
Tensor<T> group_norm(const Tensor<T>& x, std::int64_t groups, const Tensor<T>& weight = {}, const Tensor<T>& bias = {},
                     double eps = 1e-5);

/// Over the positions of each channel of each sample of x (N, C, spatial...); weight and bias (C). Ulyanov et al. 2016,
/// arXiv:1607.08022. Throws Error for one position.
template <class T>
Tensor<T> instance_norm(const Tensor<T>& x, const Tensor<T>& weight = {}, const Tensor<T>& bias = {},
                        double eps = 1e-5);

/// x / max(norm, eps) with the p-norm along one axis; p = infinity is allowed. Throws Error unless p > 0.
template <class T> Tensor<T> normalize(const Tensor<T>& x, double p = 2, std::int64_t axis = 1, double eps = 1e-12);

/// g v / |v| with the Euclidean norm over all axes but `axis`; g has size 1 in all others. Salimans, Kingma 2016,
/// arXiv:1602.07868
template <class T> Tensor<T> weight_norm(const Tensor<T>& v, const Tensor<T>& g, std::int64_t axis = 0);

/// x / (k + alpha / size (sum of x^2 over `size` neighbouring channels))^beta of x (N, C, spatial...). Krizhevsky et
/// al. 2012, NIPS
template <class T>
Tensor<T> local_response_norm(const Tensor<T>& x, std::int64_t size, double alpha = 1e-4, double beta = 0.75,
                              double k = 1);

}  // namespace xgrad
