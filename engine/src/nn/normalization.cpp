// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/nn/normalization.hpp"

namespace xgrad::nn {
namespace {

Shape check_channels(const char* name, std::int64_t channels) {
  XGRAD_CHECK(channels > 0, name, ": ", channels, " channels; expected at least 1");
  return {channels};
}

}  // namespace

thread_local double AverageStatistics::weight_ = 0;

template <class T> BatchNorm<T>::BatchNorm(std::int64_t channels, const BatchNormOptions& options) : options_(options) {
  const Shape shape = check_channels("BatchNorm", channels);
  if (options.affine) {
    weight = this->register_parameter("weight", Tensor<T>::ones(shape));
    bias = this->register_parameter("bias", Tensor<T>::zeros(shape));
  }
  running_mean = this->register_buffer("running_mean", Tensor<T>::zeros(shape));
  running_var = this->register_buffer("running_var", Tensor<T>::ones(shape));
  if (!options.momentum) batches_ = this->register_buffer("num_batches_tracked", Tensor<T>::zeros({}));
}

template <class T> Tensor<T> BatchNorm<T>::forward(const Tensor<T>& x) {
  double momentum = options_.momentum.value_or(0);
  if (this->is_training() && batches_.defined()) {
    T& seen = *batches_.mutable_data();
    seen += 1;
    momentum = 1 / static_cast<double>(seen);
  }
  if (AverageStatistics::weight() > 0) momentum = AverageStatistics::weight();
  return batch_norm(x, running_mean, running_var, weight, bias, this->is_training(), momentum, options_.eps);
}

template <class T>
LayerNorm<T>::LayerNorm(const Shape& normalized_shape, const NormOptions& options)
    : shape_(normalized_shape), options_(options) {
  if (!options.affine) return;
  weight = this->register_parameter("weight", Tensor<T>::ones(shape_));
  bias = this->register_parameter("bias", Tensor<T>::zeros(shape_));
}

template <class T>
RMSNorm<T>::RMSNorm(const Shape& normalized_shape, const NormOptions& options)
    : shape_(normalized_shape), options_(options) {
  if (options.affine) weight = this->register_parameter("weight", Tensor<T>::ones(shape_));
}

template <class T>
GroupNorm<T>::GroupNorm(std::int64_t groups, std::int64_t channels, const NormOptions& options)
    : groups_(groups), options_(options) {
  const Shape shape = check_channels("GroupNorm", channels);
  XGRAD_CHECK(groups > 0 && channels % groups == 0, "GroupNorm: groups is ", groups, "; expected a divisor of the ",
              channels, " channels");
  if (!options.affine) return;
  weight = this->register_parameter("weight", Tensor<T>::ones(shape));
  bias = this->register_parameter("bias", Tensor<T>::zeros(shape));
}

template <class T>
InstanceNorm<T>::InstanceNorm(std::int64_t channels, const NormOptions& options) : options_(options) {
  const Shape shape = check_channels("InstanceNorm", channels);
  if (!options.affine) return;
  weight = this->register_parameter("weight", Tensor<T>::ones(shape));
  bias = this->register_parameter("bias", Tensor<T>::zeros(shape));
}

#define XGRAD_INSTANTIATE(name) \
  template class name<float>;   \
  template class name<double>;
XGRAD_INSTANTIATE(BatchNorm)
XGRAD_INSTANTIATE(LayerNorm)
XGRAD_INSTANTIATE(RMSNorm)
XGRAD_INSTANTIATE(GroupNorm)
XGRAD_INSTANTIATE(InstanceNorm)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad::nn
