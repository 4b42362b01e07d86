// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/nn/module.hpp"
#include "xgrad/ops/pooling.hpp"

namespace xgrad::nn {

#define XGRAD_LAYER(name, Options, function)                                                                  \
  template <class T> class name : public Module<T> {                                                          \
   public:                                                                                                    \
    explicit name(const PerAxis& kernel, const Options& options = {}) : kernel_(kernel), options_(options) {} \
    Tensor<T> forward(const Tensor<T>& x) override { return function(x, kernel_, options_); }                 \
                                                                                                              \
   private:                                                                                                   \
    PerAxis kernel_;                                                                                          \
    Options options_;                                                                                         \
  };
XGRAD_LAYER(MaxPool1d, MaxPoolOptions, max_pool1d)
XGRAD_LAYER(MaxPool2d, MaxPoolOptions, max_pool2d)
XGRAD_LAYER(AvgPool1d, AvgPoolOptions, avg_pool1d)
XGRAD_LAYER(AvgPool2d, AvgPoolOptions, avg_pool2d)
#undef XGRAD_LAYER
#define XGRAD_LAYER(name, function)                                               \
  template <class T> class name : public Module<T> {                              \
   public:                                                                        \
    explicit name(const PerAxis& size) : size_(size) {}                           \
    Tensor<T> forward(const Tensor<T>& x) override { return function(x, size_); } \
                                                                                  \
   private:                                                                       \
    PerAxis size_;                                                                \
  };
XGRAD_LAYER(AdaptiveAvgPool2d, adaptive_avg_pool2d)
XGRAD_LAYER(AdaptiveMaxPool2d, adaptive_max_pool2d)
#undef XGRAD_LAYER

template <class T> class GlobalAvgPool : public Module<T> {
 public:
  Tensor<T> forward(const Tensor<T>& x) override { return global_avg_pool(x); }
};

enum class Interpolation { nearest, bilinear };

/// Enlarges the spatial axes of (N, C, L) or (N, C, H, W) `factor` times. Throws Error unless factor is positive.
template <class T> class Upsample : public Module<T> {
 public:
  explicit Upsample(std::int64_t factor, Interpolation how = Interpolation::nearest) : factor_(factor), how_(how) {
    XGRAD_CHECK(factor > 0, "Upsample: factor is ", factor, "; expected >= 1");
  }
  Tensor<T> forward(const Tensor<T>& x) override {
    XGRAD_CHECK(x.rank() == 3 || x.rank() == 4, "Upsample: x has shape ", x.shape(),
                "; expected (N, C, L) or (N, C, H, W)");
    const PerAxis size =
        x.rank() == 3 ? PerAxis{x.shape()[2] * factor_} : PerAxis{x.shape()[2] * factor_, x.shape()[3] * factor_};
    return how_ == Interpolation::nearest ? upsample_nearest(x, size) : upsample_bilinear(x, size);
  }

 private:
  std::int64_t factor_;
  Interpolation how_;
};

}  // namespace xgrad::nn
