// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/nn/layers.hpp"
#include "xgrad/ops/convolution.hpp"

namespace xgrad::nn {

struct ConvLayerOptions {
  PerAxis stride = 1;
  ConvPadding padding = 0;
  PerAxis dilation = 1;
  std::int64_t groups = 1;
  bool bias = true;
};

/// conv1d (axes = 1) or conv2d (2) of `in` to `out` channels. Parameters weight (out, in / groups, kernel...) and bias
/// (out), both begin uniform in +-1 / sqrt(in / groups * kernel), as PyTorch's. Throws Error unless the sizes are
/// positive and groups divides both channel counts.
template <class T, std::size_t axes> class Convolution : public ActivatedModule<T> {
 public:
  Convolution(std::int64_t in, std::int64_t out, const PerAxis& kernel, const ConvLayerOptions& options = {});
  bool computes(Activation activation) const override { return activation == Activation::relu; }
  Tensor<T> forward_with(const Tensor<T>& x, Activation activation) override;

  Tensor<T> weight, bias;  ///< handles on the parameters; bias is undefined without one

 private:
  ConvOptions options_;
};
template <class T> using Conv1d = Convolution<T, 1>;
template <class T> using Conv2d = Convolution<T, 2>;

struct ConvTransposeLayerOptions {
  PerAxis stride = 1, padding = 0, output_padding = 0, dilation = 1;
  std::int64_t groups = 1;
  bool bias = true;
};

/// conv_transpose2d of `in` to `out` channels. Parameters weight (in, out / groups, kernel, kernel) and bias (out),
/// begin as Convolution's.
template <class T> class ConvTranspose2d : public Module<T> {
 public:
  ConvTranspose2d(std::int64_t in, std::int64_t out, const PerAxis& kernel,
                  const ConvTransposeLayerOptions& options = {});
  Tensor<T> forward(const Tensor<T>& x) override { return conv_transpose2d(x, weight, bias, options_); }

  Tensor<T> weight, bias;  ///< handles on the parameters; bias is undefined without one

 private:
  ConvTransposeOptions options_;
};

extern template class Convolution<float, 1>;
extern template class Convolution<double, 1>;
extern template class Convolution<float, 2>;
extern template class Convolution<double, 2>;
extern template class ConvTranspose2d<float>;
extern template class ConvTranspose2d<double>;

}  // namespace xgrad::nn
