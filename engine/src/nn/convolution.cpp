// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/nn/convolution.hpp"

#include <cmath>

namespace xgrad::nn {
namespace {

/// The shape (first, second, kernel...) of a weight.
Shape weight_shape(const char* name, std::int64_t in, std::int64_t out, std::int64_t groups, const PerAxis& kernel,
                   std::size_t axes, bool transposed) {
  XGRAD_CHECK(in > 0 && out > 0, name, ": channels in ", in, ", out ", out, "; expected positive numbers");
  XGRAD_CHECK(groups > 0 && in % groups == 0 && out % groups == 0, name, ": groups is ", groups,
              "; expected a divisor of the channels in ", in, " and out ", out);
  XGRAD_CHECK(kernel.count() == 1 || kernel.count() == axes, name, ": kernel ", kernel, "; expected 1 or ", axes,
              " numbers");
  Shape shape = transposed ? Shape{in, out / groups} : Shape{out, in / groups};
  for (std::size_t axis = 0; axis < axes; ++axis) {
    XGRAD_CHECK(kernel[axis] > 0, name, ": kernel ", kernel, "; expected positive numbers");
    shape.push_back(kernel[axis]);
  }
  return shape;
}

template <class T> void begin(const Tensor<T>& weight) { initialize(weight, Init::uniform, next_init_key()); }

/// Uniform in +-1 / sqrt(fan_in), as the weight.
template <class T> void begin_bias(const Tensor<T>& bias, const Tensor<T>& weight) {
  const auto fan_in = static_cast<double>(weight.size()) / static_cast<double>(weight.shape()[0]);
  initialize_uniform(bias, -1 / std::sqrt(fan_in), 1 / std::sqrt(fan_in), next_init_key());
}

}  // namespace

template <class T, std::size_t axes>
Convolution<T, axes>::Convolution(std::int64_t in, std::int64_t out, const PerAxis& kernel,
                                  const ConvLayerOptions& options)
    : options_{options.stride, options.padding, options.dilation, options.groups} {
  const char* name = axes == 1 ? "Conv1d" : "Conv2d";
  weight = this->register_parameter("weight",
                                    Tensor<T>::empty(weight_shape(name, in, out, options.groups, kernel, axes, false)));
  begin(weight);
  if (!options.bias) return;
  bias = this->register_parameter("bias", Tensor<T>::empty({out}));
  begin_bias(bias, weight);
}

template <class T, std::size_t axes>
Tensor<T> Convolution<T, axes>::forward_with(const Tensor<T>& x, Activation activation) {
  if constexpr (axes == 1)
    return conv1d(x, weight, bias, options_, activation);
  else
    return conv2d(x, weight, bias, options_, activation);
}

template <class T>
ConvTranspose2d<T>::ConvTranspose2d(std::int64_t in, std::int64_t out, const PerAxis& kernel,
                                    const ConvTransposeLayerOptions& options)
    : options_{options.stride, options.padding, options.output_padding, options.dilation, options.groups} {
  weight = this->register_parameter(
      "weight", Tensor<T>::empty(weight_shape("ConvTranspose2d", in, out, options.groups, kernel, 2, true)));
  begin(weight);
  if (!options.bias) return;
  bias = this->register_parameter("bias", Tensor<T>::empty({out}));
  begin_bias(bias, weight);
}

template class Convolution<float, 1>;
template class Convolution<double, 1>;
template class Convolution<float, 2>;
template class Convolution<double, 2>;
template class ConvTranspose2d<float>;
template class ConvTranspose2d<double>;

}  // namespace xgrad::nn
