// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Activations as layers; what they compute: ops/activation.hpp, ops/softmax.hpp.
#include "xgrad/nn/module.hpp"
#include "xgrad/ops/activation.hpp"
#include "xgrad/ops/softmax.hpp"

namespace xgrad::nn {

#define XGRAD_LAYER(name, expression)                                     \
  template <class T> class name : public Module<T> {                      \
   public:                                                                \
    Tensor<T> forward(const Tensor<T>& x) override { return expression; } \
  };
XGRAD_LAYER(ReLU, relu(x))
XGRAD_LAYER(ReLU6, relu6(x))
XGRAD_LAYER(SELU, selu(x))
XGRAD_LAYER(Sigmoid, sigmoid(x))
XGRAD_LAYER(LogSigmoid, log_sigmoid(x))
XGRAD_LAYER(Tanh, tanh(x))
XGRAD_LAYER(Tanhshrink, tanhshrink(x))
XGRAD_LAYER(SiLU, silu(x))
XGRAD_LAYER(Mish, mish(x))
XGRAD_LAYER(Softsign, softsign(x))
XGRAD_LAYER(Hardsigmoid, hardsigmoid(x))
XGRAD_LAYER(Hardswish, hardswish(x))
#undef XGRAD_LAYER
#define XGRAD_LAYER(name, type, parameter, value, expression)             \
  template <class T> class name : public Module<T> {                      \
   public:                                                                \
    explicit name(type parameter = value) : parameter##_(parameter) {}    \
    Tensor<T> forward(const Tensor<T>& x) override { return expression; } \
    type parameter() const { return parameter##_; }                       \
                                                                          \
   private:                                                               \
    type parameter##_;                                                    \
  };
XGRAD_LAYER(LeakyReLU, double, negative_slope, 0.01, leaky_relu(x, negative_slope_))
XGRAD_LAYER(ELU, double, alpha, 1, elu(x, alpha_))
XGRAD_LAYER(CELU, double, alpha, 1, celu(x, alpha_))
XGRAD_LAYER(GELU, bool, tanh_approximation, false, tanh_approximation_ ? gelu_tanh(x) : gelu(x))
XGRAD_LAYER(Softshrink, double, lambda, 0.5, softshrink(x, lambda_))
XGRAD_LAYER(Hardshrink, double, lambda, 0.5, hardshrink(x, lambda_))
XGRAD_LAYER(GLU, std::int64_t, axis, -1, glu(x, axis_))
XGRAD_LAYER(Softmax, std::int64_t, axis, -1, softmax(x, axis_))
XGRAD_LAYER(Softmin, std::int64_t, axis, -1, softmin(x, axis_))
XGRAD_LAYER(LogSoftmax, std::int64_t, axis, -1, log_softmax(x, axis_))
#undef XGRAD_LAYER
#define XGRAD_LAYER(name, p, value_p, q, value_q, expression)                   \
  template <class T> class name : public Module<T> {                            \
   public:                                                                      \
    explicit name(double p = value_p, double q = value_q) : p##_(p), q##_(q) {} \
    Tensor<T> forward(const Tensor<T>& x) override { return expression; }       \
                                                                                \
   private:                                                                     \
    double p##_, q##_;                                                          \
  };
XGRAD_LAYER(Hardtanh, lo, -1, hi, 1, hardtanh(x, lo_, hi_))
XGRAD_LAYER(Softplus, beta, 1, threshold, 20, softplus(x, beta_, threshold_))
XGRAD_LAYER(RReLU, lower, 1.0 / 8, upper, 1.0 / 3, rrelu(x, lower_, upper_, this->is_training()))
#undef XGRAD_LAYER

/// x where x > limit, else value.
template <class T> class Threshold : public Module<T> {
 public:
  Threshold(double limit, double value) : limit_(limit), value_(value) {}
  Tensor<T> forward(const Tensor<T>& x) override { return threshold(x, limit_, value_); }

 private:
  double limit_, value_;
};

/// prelu with a parameter weight (channels), one for each channel (axis 1) or one for all. Throws Error unless channels
/// > 0.
template <class T> class PReLU : public Module<T> {
 public:
  explicit PReLU(std::int64_t channels = 1, double initial = 0.25) {
    XGRAD_CHECK(channels > 0, "PReLU: ", channels, " channels; expected at least one");
    weight = this->register_parameter("weight", Tensor<T>::full({channels}, static_cast<T>(initial)));
  }
  Tensor<T> forward(const Tensor<T>& x) override { return prelu(x, weight); }

  Tensor<T> weight;  ///< a handle on the parameter
};

}  // namespace xgrad::nn
