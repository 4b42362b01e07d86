// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <optional>

#include "xgrad/nn/module.hpp"
#include "xgrad/ops/normalization.hpp"

namespace xgrad::nn {

struct BatchNormOptions {
  double eps = 1e-5;
  std::optional<double> momentum = 0.1;  ///< of the newest batch; nullopt: the running values are plain averages
  bool affine = true;                    ///< with parameters weight (ones at first) and bias (zeros)
};

/// batch_norm of `channels` channels. While training it normalises by the batch and moves its buffers running_mean
/// (zeros at first) and running_var (ones); in evaluation it uses them. Throws Error unless channels is positive.
template <class T> class BatchNorm : public Module<T> {
 public:
  explicit BatchNorm(std::int64_t channels, const BatchNormOptions& options = {});
  Tensor<T> forward(const Tensor<T>& x) override;

  Tensor<T> weight, bias;  ///< handles on the parameters; undefined unless affine
  Tensor<T> running_mean, running_var;

 private:
  BatchNormOptions options_;
  Tensor<T> batches_;  // seen so far; only without momentum
};
/// BatchNorm of (N, C) or (N, C, L).
template <class T> class BatchNorm1d : public BatchNorm<T> {
 public:
  using BatchNorm<T>::BatchNorm;
  Tensor<T> forward(const Tensor<T>& x) override {
    XGRAD_CHECK(x.rank() == 2 || x.rank() == 3, "BatchNorm1d: x has shape ", x.shape(),
                "; expected (N, C) or (N, C, L)");
    return BatchNorm<T>::forward(x);
  }
};
/// BatchNorm of (N, C, H, W).
template <class T> class BatchNorm2d : public BatchNorm<T> {
 public:
  using BatchNorm<T>::BatchNorm;
  Tensor<T> forward(const Tensor<T>& x) override {
    XGRAD_CHECK(x.rank() == 4, "BatchNorm2d: x has shape ", x.shape(), "; expected (N, C, H, W)");
    return BatchNorm<T>::forward(x);
  }
};

/// While it lives, the batch norms of this thread that train average their batches' statistics evenly, whatever their
/// momentum: those of other parameters than they were gathered with (torch.optim.swa_utils.update_bn).
///
///     AverageStatistics statistics;
///     for (const auto& x : batches) { statistics.next_batch(); model(x); }
class AverageStatistics {
 public:
  AverageStatistics() = default;
  ~AverageStatistics() { weight_ = 0; }
  AverageStatistics(const AverageStatistics&) = delete;
  AverageStatistics& operator=(const AverageStatistics&) = delete;

  void next_batch() { weight_ = 1 / static_cast<double>(++batches_); }
  /// Of the present batch; 0 outside.
  static double weight() { return weight_; }

 private:
  static thread_local double weight_;
  std::int64_t batches_ = 0;
};

struct NormOptions {
  double eps = 1e-5;
  bool affine = true;  ///< with parameters weight (ones at first) and bias (zeros)
};

/// layer_norm over the last axes, of sizes `normalized_shape`.
template <class T> class LayerNorm : public Module<T> {
 public:
  explicit LayerNorm(const Shape& normalized_shape, const NormOptions& options = {});
  Tensor<T> forward(const Tensor<T>& x) override { return layer_norm(x, shape_, weight, bias, options_.eps); }

  Tensor<T> weight, bias;

 private:
  Shape shape_;
  NormOptions options_;
};

/// rms_norm over the last axes; affine: with a parameter weight (ones at first).
template <class T> class RMSNorm : public Module<T> {
 public:
  explicit RMSNorm(const Shape& normalized_shape, const NormOptions& options = {.eps = 1e-6});
  Tensor<T> forward(const Tensor<T>& x) override { return rms_norm(x, shape_, weight, options_.eps); }

  Tensor<T> weight;

 private:
  Shape shape_;
  NormOptions options_;
};

/// group_norm of `channels` channels in `groups` groups. Throws Error unless groups divides channels.
template <class T> class GroupNorm : public Module<T> {
 public:
  GroupNorm(std::int64_t groups, std::int64_t channels, const NormOptions& options = {});
  Tensor<T> forward(const Tensor<T>& x) override { return group_norm(x, groups_, weight, bias, options_.eps); }

  Tensor<T> weight, bias;

 private:
  std::int64_t groups_;
  NormOptions options_;
};

/// instance_norm of `channels` channels; without parameters unless affine.
template <class T> class InstanceNorm : public Module<T> {
 public:
  explicit InstanceNorm(std::int64_t channels, const NormOptions& options = {.affine = false});
  Tensor<T> forward(const Tensor<T>& x) override { return instance_norm(x, weight, bias, options_.eps); }

  Tensor<T> weight, bias;

 private:
  NormOptions options_;
};

#define XGRAD_EXTERN(name)           \
  extern template class name<float>; \
  extern template class name<double>;
XGRAD_EXTERN(BatchNorm)
XGRAD_EXTERN(LayerNorm)
XGRAD_EXTERN(RMSNorm)
XGRAD_EXTERN(GroupNorm)
XGRAD_EXTERN(InstanceNorm)
#undef XGRAD_EXTERN

}  // namespace xgrad::nn
