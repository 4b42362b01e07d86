// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/nn/activation.hpp"
#include "xgrad/nn/init.hpp"
#include "xgrad/nn/module.hpp"
#include "xgrad/ops/dropout.hpp"
#include "xgrad/ops/linalg.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad::nn {

/// A layer whose operation can apply an activation to its result in the same pass.
template <class T> class ActivatedModule : public Module<T> {
 public:
  virtual bool computes(Activation activation) const = 0;
  virtual Tensor<T> forward_with(const Tensor<T>& x, Activation activation) = 0;
  Tensor<T> forward(const Tensor<T>& x) override { return forward_with(x, Activation::none); }
};

struct LinearOptions {
  bool bias = true;
};

/// x weight^T + bias: (..., in) -> (..., out). Parameters weight (out, in) and bias (out), both begin uniform in
/// +-1 / sqrt(in), as PyTorch's. Throws Error unless in and out are positive.
template <class T> class Linear : public ActivatedModule<T> {
 public:
  Linear(std::int64_t in, std::int64_t out, LinearOptions options = {});
  bool computes(Activation) const override { return true; }
  Tensor<T> forward_with(const Tensor<T>& x, Activation activation) override {
    return linear(x, weight, bias, activation);
  }

  Tensor<T> weight, bias;  ///< handles on the parameters; bias is undefined without one
};

#define XGRAD_LAYER(name, type, parameter, value, expression)             \
  template <class T> class name : public Module<T> {                      \
   public:                                                                \
    explicit name(type parameter = value) : parameter##_(parameter) {}    \
    Tensor<T> forward(const Tensor<T>& x) override { return expression; } \
                                                                          \
   private:                                                               \
    type parameter##_;                                                    \
  };
/// Zero elements, or whole channels, with probability p while training.
XGRAD_LAYER(Dropout, double, p, 0.5, dropout(x, p_, this->is_training()))
XGRAD_LAYER(Dropout2d, double, p, 0.5, dropout2d(x, p_, this->is_training()))
XGRAD_LAYER(AlphaDropout, double, p, 0.5, alpha_dropout(x, p_, this->is_training()))
/// Merges all axes from `start` on: (N, C, H, W) -> (N, C H W).
XGRAD_LAYER(Flatten, std::int64_t, start, 1, flatten(x, start_))
#undef XGRAD_LAYER

/// Cuts one axis into several of the given sizes, of which one may be -1: the reverse of Flatten.
template <class T> class Unflatten : public Module<T> {
 public:
  Unflatten(std::int64_t axis, std::vector<std::int64_t> sizes) : axis_(axis), sizes_(std::move(sizes)) {}
  Tensor<T> forward(const Tensor<T>& x) override { return unflatten(x, axis_, sizes_); }

 private:
  std::int64_t axis_;
  std::vector<std::int64_t> sizes_;
};

/// (N, C r^2, H, W) -> (N, C, H r, W r). Shi et al. 2016, arXiv:1609.05158
template <class T> class PixelShuffle : public Module<T> {
 public:
  explicit PixelShuffle(std::int64_t r) : r_(r) {}
  Tensor<T> forward(const Tensor<T>& x) override { return pixel_shuffle(x, r_); }

 private:
  std::int64_t r_;
};
/// The reverse of PixelShuffle.
template <class T> class PixelUnshuffle : public Module<T> {
 public:
  explicit PixelUnshuffle(std::int64_t r) : r_(r) {}
  Tensor<T> forward(const Tensor<T>& x) override { return pixel_unshuffle(x, r_); }

 private:
  std::int64_t r_;
};

/// Modules one after the other, named "0", "1", ... A Linear followed by ReLU, Tanh, Sigmoid or the exact GELU,
/// and a convolution followed by ReLU, run as one operation.
template <class T> class Sequential : public Module<T> {
 public:
  Sequential() = default;
  template <class... Modules>
  requires(std::is_base_of_v<Module<T>, Modules>&&...) explicit Sequential(Modules... modules) {
    (append(std::make_shared<Modules>(std::move(modules))), ...);
  }
  void append(std::shared_ptr<Module<T>> module);
  std::size_t size() const { return modules_.size(); }
  Module<T>& operator[](std::size_t i) { return *modules_[i]; }
  Tensor<T> forward(const Tensor<T>& x) override;

 private:
  std::vector<std::shared_ptr<Module<T>>> modules_;
  std::vector<Activation> fused_;  // the activation behind a layer that computes it in its own pass
};

extern template class Linear<float>;
extern template class Linear<double>;
extern template class Sequential<float>;
extern template class Sequential<double>;

}  // namespace xgrad::nn
