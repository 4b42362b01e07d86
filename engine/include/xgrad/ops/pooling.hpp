// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Pooling and resampling of the last one (..1d) or two (..2d) axes of x (N, C, spatial...) or (C, spatial...).
// All throw Error for a shape of another rank, and for settings that leave no result, naming them.
#include "xgrad/ops/reduce.hpp"
#include "xgrad/ops/spatial.hpp"
#include "xgrad/tensor.hpp"

namespace xgrad {

struct MaxPoolOptions {
  PerAxis stride = 0;      ///< 0: as the kernel
  PerAxis padding = 0;     ///< of -inf; at most half of the kernel
  PerAxis dilation = 1;    ///< distance between a window's elements
  bool ceil_mode = false;  ///< also windows that end outside, unless they start behind x
};
/// The largest element of each window; the first of equals alone receives the gradient, a NaN wins. Along each axis
/// L' = floor((L + 2 padding - dilation (kernel - 1) - 1) / stride) + 1, or ceil.
template <class T> Tensor<T> max_pool1d(const Tensor<T>& x, const PerAxis& kernel, const MaxPoolOptions& options = {});
template <class T> Tensor<T> max_pool2d(const Tensor<T>& x, const PerAxis& kernel, const MaxPoolOptions& options = {});
/// The same with the place of each largest element in its plane (row-major).
template <class T>
ValuesAndIndices<T> max_pool1d_with_indices(const Tensor<T>& x, const PerAxis& kernel,
                                            const MaxPoolOptions& options = {});
template <class T>
ValuesAndIndices<T> max_pool2d_with_indices(const Tensor<T>& x, const PerAxis& kernel,
                                            const MaxPoolOptions& options = {});

struct AvgPoolOptions {
  PerAxis stride = 0;   ///< 0: as the kernel
  PerAxis padding = 0;  ///< of zeros; at most half of the kernel
  bool ceil_mode = false;
  bool count_include_pad = true;  ///< whether the padding counts in the divisor
  double divisor = 0;             ///< divides each window's sum; 0: the number of its elements
};
/// The mean of each window. Sizes as max_pool.
template <class T> Tensor<T> avg_pool1d(const Tensor<T>& x, const PerAxis& kernel, const AvgPoolOptions& options = {});
template <class T> Tensor<T> avg_pool2d(const Tensor<T>& x, const PerAxis& kernel, const AvgPoolOptions& options = {});

struct LpPoolOptions {
  PerAxis stride = 0;  ///< 0: as the kernel
  bool ceil_mode = false;
};
/// (sum of |x|^p over each window)^(1/p), gradient 0 where it is 0. Throws Error unless p > 0.
template <class T>
Tensor<T> lp_pool1d(const Tensor<T>& x, double p, const PerAxis& kernel, const LpPoolOptions& options = {});
template <class T>
Tensor<T> lp_pool2d(const Tensor<T>& x, double p, const PerAxis& kernel, const LpPoolOptions& options = {});

/// The mean, or the largest element, of `size` windows along each axis that together cover x: window i of `size` spans
/// [floor(i L / size), ceil((i + 1) L / size)); they may overlap.
template <class T> Tensor<T> adaptive_avg_pool1d(const Tensor<T>& x, const PerAxis& size);
template <class T> Tensor<T> adaptive_avg_pool2d(const Tensor<T>& x, const PerAxis& size);
template <class T> Tensor<T> adaptive_max_pool1d(const Tensor<T>& x, const PerAxis& size);
template <class T> Tensor<T> adaptive_max_pool2d(const Tensor<T>& x, const PerAxis& size);
/// The mean over all spatial axes of x (N, C, spatial...), which stay with size 1.
template <class T> Tensor<T> global_avg_pool(const Tensor<T>& x);

/// x (N, C, L) or (N, C, H, W) resampled to `size`: the element at floor(i L / size).
template <class T> Tensor<T> upsample_nearest(const Tensor<T>& x, const PerAxis& size);
/// Linear interpolation along each axis: at (i + 0.5) L / size - 0.5, limited to x; with align_corners at
/// i (L - 1) / (size - 1), so that the ends fall on one another.
template <class T> Tensor<T> upsample_bilinear(const Tensor<T>& x, const PerAxis& size, bool align_corners = false);

}  // namespace xgrad
