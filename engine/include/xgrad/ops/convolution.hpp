// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Convolutions (cross-correlations, as everywhere in machine learning). Results do not depend on the number of threads.
// In single precision they may be oneDNN's, which chooses its sums' order by the processor.
#include "xgrad/ops/linalg.hpp"
#include "xgrad/ops/spatial.hpp"
#include "xgrad/tensor.hpp"

namespace xgrad {

struct ConvOptions {
  PerAxis stride = 1;
  ConvPadding padding = 0;
  PerAxis dilation = 1;     ///< distance between a window's elements
  std::int64_t groups = 1;  ///< divides both channel counts; each group of channels sees only its own
};

/// y[n, o, i] = bias[o] + sum over channels c and window places u of x[n, c, i stride + u dilation - padding]
/// weight[o, c, u], zero outside of x: x (N, C, L), weight (O, C / groups, K), bias (O) or undefined -> (N, O, L') with
/// L' = floor((L + 2 padding - dilation (K - 1) - 1) / stride) + 1. x may lack the axis N; the result does too.
/// `activation` (none or relu) is applied in the same pass.
/// Throws Error, naming the shapes, unless they fit and the padded x holds at least one window.
template <class T>
Tensor<T> conv1d(const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias = {},
                 const ConvOptions& options = {}, Activation activation = Activation::none);
/// The same over two axes: x (N, C, H, W), weight (O, C / groups, KH, KW).
template <class T>
Tensor<T> conv2d(const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias = {},
                 const ConvOptions& options = {}, Activation activation = Activation::none);
/// The same over three axes: x (N, C, D, H, W), weight (O, C / groups, KD, KH, KW).
template <class T>
Tensor<T> conv3d(const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias = {},
                 const ConvOptions& options = {}, Activation activation = Activation::none);

struct ConvTransposeOptions {
  PerAxis stride = 1;
  PerAxis padding = 0;         ///< taken away at both ends of the result
  PerAxis output_padding = 0;  ///< added behind the result; less than stride or dilation
  PerAxis dilation = 1;
  std::int64_t groups = 1;
};

/// The transposed map of conv1d with the same settings (what its gradient does), plus bias: x (N, C, L), weight
/// (C, O / groups, K) -> (N, O, L') with L' = (L - 1) stride - 2 padding + dilation (K - 1) + output_padding + 1.
/// Zeiler et al. 2010, "Deconvolutional networks". Throws Error as conv1d.
template <class T>
Tensor<T> conv_transpose1d(const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias = {},
                           const ConvTransposeOptions& options = {});
/// The same over two axes: x (N, C, H, W), weight (C, O / groups, KH, KW).
template <class T>
Tensor<T> conv_transpose2d(const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias = {},
                           const ConvTransposeOptions& options = {});
/// The same over three axes.
template <class T>
Tensor<T> conv_transpose3d(const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias = {},
                           const ConvTransposeOptions& options = {});

struct WindowOptions {
  PerAxis stride = 1;
  PerAxis padding = 0;
  PerAxis dilation = 1;
};
/// Every window of x (N, C, H, W) as a column (im2col): (N, C KH KW, windows), zero outside of x.
template <class T> Tensor<T> unfold2d(const Tensor<T>& x, const PerAxis& kernel, const WindowOptions& options = {});
/// Adds the columns (N, C KH KW, windows) up into an image of `size` (col2im): (N, C, H, W). The reverse of unfold2d
/// but for the windows' overlaps, which add up.
template <class T>
Tensor<T> fold2d(const Tensor<T>& columns, const PerAxis& size, const PerAxis& kernel,
                 const WindowOptions& options = {});

}  // namespace xgrad
